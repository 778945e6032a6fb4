"""The suppression list: addresses that a mail server has refused for good.

Who has unsubscribed from a list is not here: that is `GET /api/unsubscribed`.
"""

from __future__ import annotations

from pydantic import Field

from shared.api.endpoint import Request, Routes
from shared.api.errors import ApiError
from shared.api.models import QueryNumber, SnakeAnswer, SnakeInput, Timestamp
from shared.app import application
from shared.outbox.suppressions import list_suppressions, remove_suppression
from shared.security.roles import Role

routes = Routes({"address": "The address, whole."})


class SuppressionQuery(SnakeInput):
    cursor: str = Field("", max_length=320)
    """`next_cursor` of the page before; left out, the first page."""
    limit: QueryNumber = Field(50, ge=1, le=500)
    """How many addresses at most."""


class SuppressedAddress(SnakeAnswer):
    address: str
    """The address, in small letters."""
    reason: str
    """What the mail server said when it refused it; of a bounce or a complaint, its kind first."""
    email_id: int | None
    """The number of the email that was refused, came back or was complained about; null where that
    is not known."""
    since: Timestamp
    """When that was; of several times, the last."""
    until: Timestamp
    """When it may get emails again by itself, 30 days later."""


class SuppressionPage(SnakeAnswer):
    items: list[SuppressedAddress]
    """The addresses, in their order."""
    next_cursor: str | None
    """To be given as `cursor` for the next page; null: this is the last."""


class SuppressionRemoved(SnakeAnswer):
    message: str = "Address removed from the suppression list"
    """The same in words."""
    address: str
    """The address as it was named."""


@routes.get("api/suppressions", who=Role.VIEWER)
def suppressed_addresses(request: Request[None, SuppressionQuery]) -> SuppressionPage:
    """List the addresses that get nothing for now, and what put them here."""
    limit = request.query.limit
    with application().database().read() as connection:
        found = list_suppressions(connection, request.query.cursor, limit + 1)
    return SuppressionPage(
        items=[SuppressedAddress(**one._asdict()) for one in found[:limit]],
        next_cursor=found[limit - 1].address if len(found) > limit else None,
    )


@routes.delete("api/suppressions/{*address}", who=Role.OPERATOR, errors={404})
def allow_address(request: Request) -> SuppressionRemoved:
    """Let an address get emails again."""
    address = request.path.get("address", "")
    if not application().database().run(lambda connection: remove_suppression(connection, address)):
        raise ApiError(
            404, "address_not_suppressed", "This address is not on the list: check its spelling."
        )
    return SuppressionRemoved(address=address)
