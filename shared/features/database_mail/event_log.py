"""The event log of Database Mail: the tries of its emails, and who started or cleared what.

Tries are read from where they stand anyway, and nothing is written for the log beside them: what
LoggingLevel leaves out, or somebody has cleared, is not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select

from shared.database.tables import (
    accounts,
    attempts,
    mail_items,
    mail_log,
    mail_log_cleared,
)
from shared.features.database_mail.configuration import EventType, configuration
from shared.outbox.sending.finish import Outcome

LOOKED_AT = 5_000
"""So many tries are looked at for a page: of other emails there may be very many."""


class Event(NamedTuple):
    """One line of the log. Numbers of tries are odd, those of others even."""

    log_id: int
    event_type: EventType
    log_date: datetime
    description: str
    process_id: int | None
    mailitem_id: int | None
    account_id: int | None


class Place(NamedTuple):
    """Where a page ends: the tries and the other events below these numbers come next."""

    attempt: int | None = None
    other: int | None = None


class Page(NamedTuple):
    """Events, the latest first, and where the next page begins; None: this is the last."""

    events: list[Event]
    after: Place | None


def event_type(outcome: str) -> EventType:
    """What kind of event a try is. Pure."""
    match outcome:
        case Outcome.SENT:
            return EventType.SUCCESS
        case Outcome.FAILED:
            return EventType.ERROR
    return EventType.WARNING


def described(outcome: str, account: str | None, at: datetime, reply: str | None) -> str:
    """A try in the words of Database Mail. Pure."""
    if outcome == Outcome.SENT:
        return f"Mail successfully sent by {account or ''}."
    return (
        "The mail could not be sent to the recipients because of the mail server failure. "
        f"(Sending Mail using Account {account or ''} ({at.isoformat()[:19]}). "
        f"Exception Message: {reply or ''})"
    )


def page(connection: Connection, place: Place, limit: int, requested_by: str | None = None) -> Page:
    """Up to so many events from there on; `requested_by`: of this caller's emails alone."""
    shown = configuration(connection).shown
    cleared = _cleared(connection)
    tries, last_try = _tries(connection, place.attempt, limit + 1, requested_by)
    others = [] if requested_by else list(_others(connection, place.other, limit + 1))
    found = sorted(
        [*tries, *others], key=lambda event: (event.log_date, event.log_id), reverse=True
    )
    taken = found[:limit]
    after = Place(
        _lowest(taken, 1, place.attempt) if len(found) > limit else last_try,
        _lowest(taken, 0, place.other),
    )
    ends = len(found) <= limit and last_try is None
    kept = [event for event in taken if event.event_type in shown and not _hidden(event, cleared)]
    return Page(kept, None if ends else after)


def _lowest(events: list[Event], kind: int, otherwise: int | None) -> int | None:
    numbers = [event.log_id // 2 for event in events if event.log_id % 2 == kind]
    return min(numbers, default=otherwise)


def _hidden(event: Event, cleared: Mapping[str, datetime]) -> bool:
    until = cleared.get(event.event_type.value)
    return until is not None and event.log_date < until


def _cleared(connection: Connection) -> dict[str, datetime]:
    rows = connection.execute(select(mail_log_cleared.c.EventType, mail_log_cleared.c.Until))
    return {row.EventType: row.Until for row in rows}


def _tries(
    connection: Connection, before: int | None, limit: int, requested_by: str | None
) -> tuple[list[Event], int | None]:
    """Tries of emails of Database Mail, and up to which number was looked; None: all of them."""
    below = () if before is None else (attempts.c.Id < before,)
    some = select(attempts).where(*below).order_by(attempts.c.Id.desc()).limit(LOOKED_AT).subquery()
    own = () if requested_by is None else (mail_items.c.RequestedBy == requested_by,)
    account_id = (
        select(func.min(accounts.c.Rowpost_Id))
        .where(accounts.c.ParamCode == some.c.Account)
        .correlate(some)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(some, mail_items.c.EmailId, account_id.label("Rowpost_Id"))
        .select_from(
            some.join(mail_items, mail_items.c.Number == some.c.Number).outerjoin(
                accounts, accounts.c.ParamCode == some.c.Account
            )
        )
        .where(*own)
        .order_by(some.c.Id.desc())
        .limit(limit)
    ).all()
    if len(rows) == limit:
        return [_try(row) for row in rows], rows[-1].Id
    looked = connection.execute(select(func.min(some.c.Id), func.count())).one()
    return [_try(row) for row in rows], looked[0] if looked[1] == LOOKED_AT else None


def _try(row: Row[Any]) -> Event:
    return Event(
        2 * row.Id + 1,
        event_type(row.Outcome),
        row.At,
        described(row.Outcome, row.Account, row.At, row.Reply),
        None,
        row.EmailId,
        row.Rowpost_Id,
    )


def _others(connection: Connection, before: int | None, limit: int) -> Iterator[Event]:
    below = () if before is None else (mail_log.c.Id < before,)
    rows = connection.execute(
        select(mail_log).where(*below).order_by(mail_log.c.Id.desc()).limit(limit)
    )
    known = {each.value: each for each in EventType}
    for row in rows:
        yield Event(
            2 * row.Id,
            known.get(row.EventType, EventType.INFORMATION),
            row.At,
            row.Description,
            row.ProcessId,
            row.EmailId,
            row.AccountId,
        )
