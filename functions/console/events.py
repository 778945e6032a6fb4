"""What happened to emails and accounts, the latest first."""

from __future__ import annotations

from pydantic import Field

from shared.api.models import QueryNumber, SnakeInput
from shared.app import application
from shared.console.page import Page
from shared.console.pages import Pages, Visit
from shared.events.event import EventType
from shared.events.read import latest_events
from shared.security.roles import Role

pages = Pages()

_AT_ONCE = 50


class Search(SnakeInput):
    type: EventType | None = None
    before: QueryNumber | None = Field(None, ge=1, le=2**63 - 1)


@pages.page("console/events", who=Role.VIEWER)
def events(visit: Visit[None, Search]) -> Page:
    """List what happened."""
    wanted = visit.query
    with application().database().read() as connection:
        found = latest_events(connection, wanted.before, wanted.type, _AT_ONCE)
    return visit.show(
        "events.html",
        found=found.items,
        further=found.next if found.next > 1 else None,
        types=[("", "all"), *((each.value, each.value) for each in EventType)],
        query=wanted,
    )
