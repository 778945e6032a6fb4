"""Keys for programs: listed, made and revoked."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from functions.keys import KeyToMake
from shared.accounts.shown import shown_accounts
from shared.api.models import QueryNumber, SnakeInput
from shared.app import application
from shared.console.page import Page, Redirect
from shared.console.pages import Pages, Question, Visit
from shared.console.session import parts_of
from shared.security.roles import Role

pages = Pages()

HERE = "/console/keys"
_AT_ONCE = 100


class KeyPlace(SnakeInput):
    after: QueryNumber = Field(0, ge=0, le=2**31 - 1)


class WhichKey(SnakeInput):
    id: Annotated[int, Field(ge=1, le=2**31 - 1)]
    name: str = Field("", max_length=200)


@pages.page("console/keys", who=Role.ADMIN)
def keys(visit: Visit[None, KeyPlace]) -> Page:
    """List the keys, revoked ones too."""
    found = application().keys.page(visit.query.after, _AT_ONCE + 1)
    accounts = shown_accounts(application())
    return visit.show(
        "keys.html",
        keys=found[:_AT_ONCE],
        further=found[_AT_ONCE - 1].id if len(found) > _AT_ONCE else None,
        accounts={
            account.id: f"{account.settings.name} ({account.settings.email_address})"
            for account in accounts
        },
        ask_revoke=_ask_revoke,
    )


@pages.form("console/keys", who=Role.ADMIN, shown_by=keys)
def make_key(visit: Visit[KeyToMake]) -> Page:
    """Make a key and show it, this once."""
    form = visit.form
    made = application().keys.make(form.name, form.smtp_config_id, form.role, visit.caller.identity)
    parts = parts_of(visit.url)
    origin = f"{parts.scheme}://{parts.netloc}"
    return visit.show("key_made.html", name=form.name, key=made.text, origin=origin)


@pages.form(
    "console/keys/revoke",
    who=Role.ADMIN,
    shown_by=keys,
    asks=lambda visit: _ask_revoke(visit.form.name),
)
def revoke_key(visit: Visit[WhichKey]) -> Redirect:
    """Revoke a key."""
    application().keys.revoke(visit.form.id)
    return visit.go(HERE, "The key is revoked: within 30 seconds it opens nothing, anywhere.")


def _ask_revoke(name: str) -> Question:
    return Question(
        f"Revoke the key {name}? The program that has it can send no more, within 30 seconds, and "
        "it cannot be made good again.",
        "Revoke",
    )
