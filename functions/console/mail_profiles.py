"""Mail profiles of Database Mail, and who may use them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.accounts.errors import BadAccountValue
from shared.accounts.shown import shown_accounts
from shared.api.models import SnakeInput
from shared.app import application
from shared.console.page import Page, Redirect
from shared.console.pages import Pages, Question, Visit
from shared.features.database_mail import administration
from shared.features.database_mail.profiles import PUBLIC, caller_principal
from shared.security.roles import Role

pages = Pages()

HERE = "/console/mail-profiles"
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
# How each kind of them is named in the table of principals.
KINDS = {
    "public": "Everybody",
    "login": "A user of Rowpost, by name",
    "key": "A key, by its number",
    "user": "A user of the database, by name",
}


class NewProfile(SnakeInput):
    name: str = Field(min_length=1, max_length=128)
    description: str | None = Field(None, max_length=256)
    first: Number
    second: Number | None = None
    third: Number | None = None


class WhichProfile(SnakeInput):
    id: Number


class Allowed(WhichProfile):
    kind: Literal["public", "login", "key", "user"] = "public"
    who: str = Field("", max_length=128)
    default: str = ""


class Forbidden(WhichProfile):
    principal: str = Field(min_length=1, max_length=200)


@pages.page("console/mail-profiles", who=Role.VIEWER)
def mail_profiles(visit: Visit) -> Page:
    """List the profiles, their accounts in order, and who may use them."""
    with application().database().read() as connection:
        profiles = administration.shown_profiles(connection)
    accounts = shown_accounts(application())
    return visit.show(
        "mail_profiles.html",
        profiles=profiles,
        accounts={account.id: account.settings.name for account in accounts},
        choices=[(profile.id, profile.name) for profile in profiles],
        kinds=list(KINDS.items()),
        named=_named,
    )


@pages.form("console/mail-profiles", who=Role.ADMIN, shown_by=mail_profiles)
def add_mail_profile(visit: Visit[NewProfile]) -> Redirect:
    """Make a profile."""
    form = visit.form
    accounts = [each for each in (form.first, form.second, form.third) if each is not None]
    application().database().run(
        lambda connection: administration.add_profile(
            connection, form.name, form.description, accounts, visit.caller.identity
        )
    )
    return visit.go(HERE, f"The profile {form.name} is there. Say who may use it.")


@pages.form(
    "console/mail-profiles/remove",
    who=Role.ADMIN,
    shown_by=mail_profiles,
    asks=Question("Remove this profile? What waits for it is held.", "Remove it"),
)
def remove_mail_profile(visit: Visit[WhichProfile]) -> Redirect:
    """Remove a profile."""
    number = visit.form.id
    application().database().run(
        lambda connection: administration.remove_profile(connection, number)
    )
    return visit.go(HERE, "The profile is removed.")


@pages.form("console/mail-profiles/allow", who=Role.ADMIN, shown_by=mail_profiles)
def allow_mail_profile(visit: Visit[Allowed]) -> Redirect:
    """Let somebody use a profile."""
    form = visit.form
    principal = _principal(form.kind, form.who.strip())
    application().database().run(
        lambda connection: administration.allow(
            connection,
            form.id,
            principal,
            default=bool(form.default),
            by=visit.caller.identity,
        )
    )
    return visit.go(HERE, f"{_named(principal)} may use it.")


@pages.form("console/mail-profiles/forbid", who=Role.ADMIN, shown_by=mail_profiles)
def forbid_mail_profile(visit: Visit[Forbidden]) -> Redirect:
    """Let somebody use a profile no more."""
    form = visit.form
    application().database().run(
        lambda connection: administration.forbid(connection, form.id, form.principal)
    )
    return visit.go(HERE, f"{_named(form.principal)} may not use it any more.")


def _principal(kind: str, who: str) -> str:
    if kind == PUBLIC:
        return PUBLIC
    if not who:
        raise BadAccountValue("who", "Give the name, or of a key its number.")
    return f"user:{who}" if kind == "user" else caller_principal(f"{kind}:{who}")


def _named(principal: str) -> str:
    """A principal in words."""
    kind, _, who = principal.removeprefix("caller:").partition(":")
    words = {"public": "Everybody", "login": "User", "key": "Key", "user": "Database user"}
    return f"{words.get(kind, kind)} {who}".strip()
