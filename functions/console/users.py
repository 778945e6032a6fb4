"""Who may log in: listed, added, changed and removed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from functions.login import Password
from functions.users import NewUser, told
from shared.api.models import SnakeInput
from shared.app import application
from shared.console.page import Page, Redirect
from shared.console.pages import Pages, Question, Visit
from shared.console.session import session_cookie
from shared.features.database_mail import former_users
from shared.security import tokens
from shared.security.logins import Login, UnknownLogin
from shared.security.roles import Role

pages = Pages()

HERE = "/console/users"
_LONGEST_NAME = 200


class WhichUser(SnakeInput):
    username: str = Field("", max_length=_LONGEST_NAME)


class OtherRole(WhichUser):
    role: Role


class OtherPassword(WhichUser):
    password: Password = Field(repr=False)


@pages.page("console/users", who=Role.ADMIN)
def users(visit: Visit) -> Page:
    """List who may log in."""
    return visit.show("users.html", users=application().logins.everybody())


@pages.form("console/users", who=Role.ADMIN, shown_by=users)
def add_user(visit: Visit[NewUser]) -> Redirect:
    """Let somebody else log in."""
    form = visit.form
    application().logins.add(form.username, form.password, form.role)
    return visit.go(HERE, told(f"{form.username} may log in now.", form.password))


@pages.page("console/users/user", who=Role.ADMIN)
def user(visit: Visit[None, WhichUser]) -> Page:
    """Show what may be changed of a user."""
    login = application().logins.find(visit.typed.value("username", visit.query.username), 0)
    if login is None:
        raise UnknownLogin("There is no such user any more.")
    return visit.show(
        "user.html",
        user=login,
        itself=login.username == visit.caller.username,
        ask_logout=_ask_logout(login.username),
        ask_remove=_ask_remove(login.username),
    )


@pages.form("console/users/role", who=Role.ADMIN, shown_by=user)
def change_role(visit: Visit[OtherRole]) -> Redirect:
    """Give a user another role, which ends the user's sessions."""
    form = visit.form
    login = application().logins.change(form.username, role=form.role)
    if form.username == visit.caller.username:
        there = HERE if login.role is Role.ADMIN else "/console"
        return logged_in_again(visit, there, login)
    return visit.go(HERE, f"{form.username} is {form.role.value} now, and has to log in again.")


@pages.form("console/users/password", who=Role.ADMIN, shown_by=user)
def change_password(visit: Visit[OtherPassword]) -> Redirect:
    """Give a user another password, which ends the user's sessions."""
    form = visit.form
    login = application().logins.change(form.username, form.password)
    if form.username == visit.caller.username:
        return logged_in_again(visit, HERE, login)
    said = f"{form.username} has another password, and has to log in again."
    return visit.go(HERE, told(said, form.password))


@pages.form(
    "console/users/logout",
    who=Role.ADMIN,
    shown_by=user,
    asks=lambda visit: _ask_logout(visit.form.username),
)
def end_sessions(visit: Visit[WhichUser]) -> Redirect:
    """End a user's sessions."""
    application().logins.end_sessions(visit.form.username)
    return visit.go(HERE, f"{visit.form.username} is logged out everywhere.")


@pages.form(
    "console/users/remove",
    who=Role.ADMIN,
    shown_by=user,
    asks=lambda visit: _ask_remove(visit.form.username),
)
def remove_user(visit: Visit[WhichUser]) -> Redirect:
    """Let a user log in no more."""
    removed = f"{visit.form.username} is removed."
    if not former_users.remove_user(application(), visit.form.username):
        removed = f"{removed} {former_users.GRANTS_ARE_LEFT}"
    return visit.go(HERE, removed)


def logged_in_again(visit: Visit[Any, Any], there: str, login: Login) -> Redirect:
    """On to a page with a session that begins now, in place of the one that has just ended."""
    issued = tokens.issue(application().signing, login, datetime.now(UTC))
    return visit.go(there).with_headers({"Set-Cookie": session_cookie(visit.url, issued)})


def _ask_logout(username: str) -> Question:
    return Question(f"Log {username} out everywhere?", "Log out")


def _ask_remove(username: str) -> Question:
    return Question(f"Remove {username}? All sessions of this user end within a minute.", "Remove")
