"""Log in to the console, go on with what was typed before, log out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.api.admission import Who
from shared.api.endpoint import Room
from shared.api.login import LOGIN_LIMIT, log_in
from shared.api.models import SnakeInput
from shared.app import application
from shared.console.page import Page, Redirect
from shared.console.pages import LOGIN, Pages, Visit, fields_of, own_address
from shared.console.session import (
    FORM_TOKEN,
    ended_session,
    is_plain_loopback,
    session_cookie,
    token_for,
)

pages = Pages()

# What was typed before comes along, each byte as three.
_MOST = 256 * 1024


class Credentials(SnakeInput):
    username: Annotated[str, Field(min_length=1, max_length=100)]
    password: Annotated[str, Field(min_length=1, max_length=1000, repr=False)]
    next: str = Field("/console", max_length=2_000)
    kept: str = Field("", repr=False)


class WhereTo(SnakeInput):
    next: str = Field("/console", max_length=2_000)
    left: str = ""


@pages.page("console/login", who=Who.ANYONE, room=Room.LOGIN)
def login_page(visit: Visit[None, WhereTo]) -> Page:
    """Ask for user name and password."""
    message = "You are logged out, on every device." if visit.query.left else ""
    if _can_not_keep_a_session(visit):
        message = "Open the console by HTTPS, or on the machine itself: a login would not be kept."
    return visit.show(
        "login.html",
        next=own_address(visit.typed.value("next", visit.query.next)),
        kept=visit.typed.value("kept"),
        message=visit.typed.message or message,
    )


@pages.form(
    "console/login",
    who=Who.ANYONE,
    shown_by=login_page,
    room=Room.LOGIN,
    limits=(LOGIN_LIMIT,),
    body_limit=_MOST,
)
def log_in_here(visit: Visit[Credentials]) -> Page | Redirect:
    """Begin a session, and go on where it is wanted."""
    form = visit.form
    _, issued = log_in(form.username, form.password, visit.caller.origin)
    cookie = {"Set-Cookie": session_cookie(visit.url, issued)}
    there = own_address(form.next)
    if not form.kept:
        return visit.go(there).with_headers(cookie)
    typed = [one for one in fields_of(form.kept.encode()) if one[0] != FORM_TOKEN]
    page = visit.show("go_on.html", there=there, kept=typed, form_token=token_for(issued.token))
    return page.with_headers(cookie)


@pages.form("console/logout", who=Who.ANY_LOGIN, room=Room.LOGIN)
def log_out(visit: Visit) -> Redirect:
    """End all sessions of the user."""
    application().logins.end_sessions(visit.caller.username)
    return visit.go(f"{LOGIN}?left=yes").with_headers({"Set-Cookie": ended_session(visit.url)})


def _can_not_keep_a_session(visit: Visit[None, WhereTo]) -> bool:
    """Whether a browser would not send the cookie back: plain HTTP, and not to this machine."""
    return visit.url.startswith("http://") and not is_plain_loopback(visit.url)
