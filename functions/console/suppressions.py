"""The suppression list: who gets nothing for now, why, and since when."""

from __future__ import annotations

from pydantic import Field

from shared.api.errors import ApiError
from shared.api.models import SnakeInput
from shared.app import application
from shared.console.page import Page, Redirect
from shared.console.pages import Pages, Question, Visit
from shared.outbox.suppressions import (
    Suppression,
    list_suppressions,
    remove_suppression,
    suppressed_among,
)
from shared.security.roles import Role

pages = Pages()

HERE = "/console/suppressions"
_AT_ONCE = 50


class Search(SnakeInput):
    address: str = Field("", max_length=320)
    after: str = Field("", max_length=320)


class Removal(SnakeInput):
    address: str = Field(min_length=1, max_length=320)


@pages.page("console/suppressions", who=Role.VIEWER)
def suppressions(visit: Visit[None, Search]) -> Page:
    """List the addresses that get nothing for now."""
    address, after = visit.query.address.strip(), visit.query.after
    found: list[Suppression]
    with application().database().read() as connection:
        if address:
            found = list(suppressed_among(connection, [address]).values())
        else:
            found = list_suppressions(connection, after, _AT_ONCE + 1)
    return visit.show(
        "suppressions.html",
        found=found[:_AT_ONCE],
        further=found[_AT_ONCE - 1].address if len(found) > _AT_ONCE else None,
        query=visit.query,
        ask_removal=_ask_removal,
    )


@pages.form(
    "console/suppressions",
    who=Role.OPERATOR,
    shown_by=suppressions,
    asks=lambda visit: _ask_removal(visit.form.address),
)
def allow_address(visit: Visit[Removal]) -> Redirect:
    """Let an address get emails again."""
    address = visit.form.address
    if not application().database().run(lambda connection: remove_suppression(connection, address)):
        raise ApiError(404, "address_not_suppressed", "This address is not on the list any more.")
    return visit.go(HERE, f"{address} gets emails again.")


def _ask_removal(address: str) -> Question:
    return Question(
        f"Send to {address} again? If its mail server still refuses it, that harms your sender's "
        "reputation.",
        "Send again",
    )
