"""One-click unsubscribe: what a link in an email leads to, and who is off which list."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from html import escape
from pathlib import Path
from string import Template
from typing import ClassVar

from pydantic import Field
from sqlalchemy import Connection

from shared.api.admission import Who
from shared.api.endpoint import Request, Routes
from shared.api.errors import ApiError
from shared.api.models import File, QueryNumber, SnakeAnswer, SnakeInput, Timestamp
from shared.app import application
from shared.events.event import Event, EventType
from shared.events.record import record
from shared.monitoring.logs import masked
from shared.security.roles import Role
from shared.unsubscribing.links import BadLink, Subscription
from shared.unsubscribing.unsubscribed import (
    DEFAULT_LIST,
    Unsubscribed,
    subscribe_again,
    unsubscribe,
    unsubscribed_from,
    who_unsubscribed,
)

routes = Routes(
    {
        "token": "The encrypted link: whose it is, and of which list.",
        "list": "The list, as the emails name it.",
        "address": "The address, whole.",
    }
)

_PAGE = Path(__file__).with_name("static") / "unsubscribe.html"
# Nothing is loaded, the button posts to where the page came from, and no other page frames it.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
_BUTTON = """<form method="post">
<input type="hidden" name="List-Unsubscribe" value="One-Click">
<button>Unsubscribe</button>
</form>"""


class UnsubscribePage(File):
    media_types: ClassVar[tuple[str, ...]] = ("text/html",)
    content_type: str = "text/html"


class UnsubscribedQuery(SnakeInput):
    list: str = Field(DEFAULT_LIST, min_length=1, max_length=50)
    """The list, as the emails name it."""
    address: str = Field("", max_length=320)
    """One address, whole: the lists that it is off, whichever `list` is named."""
    cursor: str = Field("", max_length=320)
    """`next_cursor` of the page before; left out, the first page."""
    limit: QueryNumber = Field(50, ge=1, le=500)
    """How many addresses at most."""


class UnsubscribedAddress(SnakeAnswer):
    address: str
    """The address."""
    list: str
    """The list that it is off."""
    email_id: int | None
    """The number of the email whose link was used; null where it is gone."""
    since: Timestamp
    """Since when."""


class UnsubscribedList(SnakeAnswer):
    items: list[UnsubscribedAddress]
    """The addresses, in their order."""
    next_cursor: str | None
    """To be given as `cursor` for the next page; null: this is the last."""


class SubscribedAgain(SnakeAnswer):
    message: str = "The address is on the list again"
    """The same in words."""
    address: str
    """The address."""
    list: str
    """The list that it is on again."""


@routes.get("unsubscribe/{token}", who=Who.ANYONE, errors={404})
def show_unsubscribe(request: Request) -> UnsubscribePage:
    """Show a page with a button to unsubscribe; looking at it changes nothing."""
    # Programs that look for harm follow every link of an email.
    subscription = _subscription(request)
    return _page(f"Do you want no more of these emails at {_shown(subscription)}?", _BUTTON)


@routes.post("unsubscribe/{token}", who=Who.ANYONE, errors={404})
def take_off_the_list(request: Request) -> UnsubscribePage:
    """Unsubscribe with one click (RFC 8058), by a mail reader's button or the page's own."""
    subscription = _subscription(request)
    here = application()
    if here.database().run(partial(_unsubscribed, subscription=subscription)):
        here.waker.tell()
    return _page(f"Done: {_shown(subscription)} gets no more of these emails.", "")


@routes.get("api/unsubscribed", who=Role.VIEWER)
def unsubscribed_addresses(request: Request[None, UnsubscribedQuery]) -> UnsubscribedList:
    """List the addresses that have unsubscribed from a list, or the lists that one is off."""
    query = request.query
    with application().database().read() as connection:
        if query.address:
            return UnsubscribedList(
                items=_listed(unsubscribed_from(connection, query.address)), next_cursor=None
            )
        found = who_unsubscribed(connection, query.list, query.cursor, query.limit + 1)
    return UnsubscribedList(
        items=_listed(found[: query.limit]),
        next_cursor=found[query.limit - 1].address if len(found) > query.limit else None,
    )


@routes.delete("api/unsubscribed/{list}/{*address}", who=Role.OPERATOR, errors={404})
def put_back_on_the_list(request: Request) -> SubscribedAgain:
    """Put an address back on a list, if its owner wants that."""
    address, list_name = request.path.get("address", ""), request.path.get("list", "")
    again = partial(subscribe_again, address=address, list_name=list_name)
    if not application().database().run(again):
        raise ApiError(
            404,
            "address_not_unsubscribed",
            "This address has not unsubscribed from this list: check both.",
        )
    return SubscribedAgain(address=address, list=list_name)


def _listed(found: Sequence[Unsubscribed]) -> list[UnsubscribedAddress]:
    return [
        UnsubscribedAddress(
            address=gone.address, list=gone.list_name, email_id=gone.email_id, since=gone.since
        )
        for gone in found
    ]


def _unsubscribed(connection: Connection, subscription: Subscription) -> bool:
    """Whether that is new."""
    is_new = unsubscribe(connection, subscription)
    if is_new:
        reason = f'unsubscribed from the list "{subscription.list_name}"'
        event = Event(
            EventType.UNSUBSCRIBED, subscription.email_id, subscription.address, reason=reason
        )
        record(connection, [event])
    return is_new


def _subscription(request: Request) -> Subscription:
    try:
        return application().unsubscribe_key.links().read(request.path.get("token", ""))
    except BadLink as error:
        raise ApiError(404, "not_found", f"{error} Take the link from the email itself.") from None


def _shown(subscription: Subscription) -> str:
    """Whoever an email was forwarded to reads no address there."""
    return masked(subscription.address)


def _page(words: str, button: str) -> UnsubscribePage:
    html = Template(_template()).substitute(words=escape(words), button=button)
    return UnsubscribePage(content=html.encode()).with_headers(_HEADERS)


@cache
def _template() -> str:
    return _PAGE.read_text("utf-8")
