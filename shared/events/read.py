"""Reading events in order: the API's pages, and what webhooks go by."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, func, select

from shared.database.tables import events
from shared.events.event import Event, EventType, NumberedEvent

LOOKED_AT = 10_000
"""So many events are looked through for one page, however few are of the wanted types."""

BOUNDS = select(
    select(func.min(events.c.Id)).scalar_subquery(), select(func.max(events.c.Id)).scalar_subquery()
)
"""The lowest and the highest number. SQLite finds either by the key, but both at once only by
reading all that is between."""
PAGE = (
    select(events)
    .where(events.c.Id > bindparam("after"), events.c.Id <= bindparam("until"))
    .order_by(events.c.Id)
)
PAGE_OF_TYPES = PAGE.where(events.c.Type.in_(bindparam("types", expanding=True)))


class EventPage(NamedTuple):
    """Some events, the oldest first; `next` is where the following page begins, and stays what it
    was while nothing new has happened."""

    items: list[NumberedEvent]
    next: int


def read_events(
    connection: Connection, after: int, types: Collection[EventType], limit: int
) -> EventPage:
    """The events beyond the number `after`, of these types, or of all where none is named."""
    first, last = connection.execute(BOUNDS).one()
    if first is None or last <= after:
        return EventPage([], after)
    begin = max(after, first - 1)
    until = min(last, begin + LOOKED_AT)
    values: dict[str, Any] = {"after": begin, "until": until}
    if types:
        values["types"] = [event_type.value for event_type in types]
    statement = PAGE_OF_TYPES if types else PAGE
    found = connection.execute(statement.limit(limit), values).all()
    items = [numbered(row) for row in found]
    return EventPage(items, items[-1].id if len(items) == limit else until)


def latest_events(
    connection: Connection, before: int | None, only: EventType | None, limit: int
) -> EventPage:
    """The latest events, the latest first, of those below the number `before`; `next` is the
    `before` of the following page, and no more than 1 at the end."""
    first, last = connection.execute(BOUNDS).one()
    if first is None:
        return EventPage([], 0)
    until = last if before is None else min(last, before - 1)
    begin = max(first - 1, until - LOOKED_AT)
    values: dict[str, Any] = {"after": begin, "until": until}
    if only is not None:
        values["types"] = [only.value]
    statement = (PAGE if only is None else PAGE_OF_TYPES).order_by(None)
    latest = statement.order_by(events.c.Id.desc()).limit(limit)
    items = [numbered(row) for row in connection.execute(latest, values)]
    reached = items[-1].id if len(items) == limit else begin + 1
    return EventPage(items, reached if reached > first else 0)


def last_number(connection: Connection) -> int:
    """The number of the latest event; 0 before there is one."""
    return connection.execute(BOUNDS).one()[1] or 0


def numbered(row: Row[Any]) -> NumberedEvent:
    """The event of a row of the table."""
    return NumberedEvent(
        row.Id,
        row.At,
        Event(
            EventType(row.Type),
            row.EmailId,
            row.Recipient,
            row.Account,
            row.Code,
            row.EnhancedCode,
            row.Reason,
        ),
    )
