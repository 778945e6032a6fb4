"""Who gets nothing for now, or nothing of a list any more: why, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

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
from shared.unsubscribing.unsubscribed import (
    Unsubscribed,
    subscribe_again,
    unsubscribed_from,
    who_unsubscribed_from_any,
)

pages = Pages()

HERE = "/console/suppressions"
_AT_ONCE = 50


class Search(SnakeInput):
    address: str = Field("", max_length=320)
    after: str = Field("", max_length=320)
    off_after: str = Field("", max_length=320)
    off_list: str = Field("", max_length=50)


class Removal(SnakeInput):
    address: str = Field(min_length=1, max_length=320)


class Return(Removal):
    list: str = Field(min_length=1, max_length=50)


@pages.page("console/suppressions", who=Role.VIEWER)
def suppressions(visit: Visit[None, Search]) -> Page:
    """List the addresses that get nothing for now, and who has unsubscribed."""
    address, after = visit.query.address.strip(), visit.query.after
    found: list[Suppression]
    off: Sequence[Unsubscribed]
    with application().database().read() as connection:
        if address:
            found = list(suppressed_among(connection, [address]).values())
            off = unsubscribed_from(connection, address)
        else:
            found = list_suppressions(connection, after, _AT_ONCE + 1)
            last = (visit.query.off_after, visit.query.off_list)
            off = who_unsubscribed_from_any(connection, last, _AT_ONCE + 1)
    return visit.show(
        "suppressions.html",
        found=found[:_AT_ONCE],
        further=found[_AT_ONCE - 1].address if len(found) > _AT_ONCE else None,
        off=off[:_AT_ONCE],
        further_off=off[_AT_ONCE - 1] if len(off) > _AT_ONCE else None,
        query=visit.query,
        ask_removal=_ask_removal,
        ask_return=_ask_return,
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


@pages.form(
    "console/suppressions/lists",
    who=Role.OPERATOR,
    shown_by=suppressions,
    asks=lambda visit: _ask_return(visit.form.address, visit.form.list),
)
def put_back_on_the_list(visit: Visit[Return]) -> Redirect:
    """Put an address back on a list."""
    address, list_name = visit.form.address, visit.form.list
    again = partial(subscribe_again, address=address, list_name=list_name)
    if not application().database().run(again):
        raise ApiError(404, "address_not_unsubscribed", "This address is on the list already.")
    return visit.go(HERE, f"{address} gets the emails of the list {list_name} again.")


def _ask_return(address: str, list_name: str) -> Question:
    return Question(
        f"Put {address} back on the list {list_name}? Only whoever has the address may wish that.",
        "Put back",
    )


def _ask_removal(address: str) -> Question:
    return Question(
        f"Send to {address} again? If its mail server still refuses it, that harms your sender's "
        "reputation.",
        "Send again",
    )
