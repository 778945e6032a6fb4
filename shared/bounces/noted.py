"""What came back, as it was written down: by its page, by its email, and until it is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    func,
    literal_column,
    null,
    select,
    update,
)

from shared.bounces.consequence import FOR_A_PERSON, OF_NO_EMAIL, Done, Filing
from shared.bounces.report import Kind
from shared.database.columns.times import in_days, utc_now
from shared.database.statements.changes import changed
from shared.database.tables import bounces

MOST_TOLD = 10
"""So often the same is told of an email and its recipient. Who got an email can write as many
reports about it as he likes."""
MOST_OF_NO_EMAIL = 5_000
"""So many are kept of each sort of what is about no email: anybody can write to such a mailbox."""
_BATCH = 1_000
_MOST_OF_AN_EMAIL = 200
_MOST_UNFILED = 200
NEWEST = 2**63 - 1


class Bounce(NamedTuple):
    """What a message said of one recipient. `excerpt`: its beginning, where it was not understood.
    `email_id` None: it is about none of ours."""

    id: int
    at: datetime
    mailbox_id: int
    kind: Kind
    email_id: int | None
    recipient: str | None
    code: int | None
    enhanced_code: str | None
    reason: str | None
    done: Done
    excerpt: str | None


_COLUMNS = (
    bounces.c.Id,
    bounces.c.At,
    bounces.c.MailboxId,
    bounces.c.Kind,
    bounces.c.EmailId,
    bounces.c.Recipient,
    bounces.c.Code,
    bounces.c.EnhancedCode,
    bounces.c.Reason,
    bounces.c.Done,
    bounces.c.Excerpt,
)
PAGE = select(*_COLUMNS).where(bounces.c.Id > bindparam("after")).order_by(bounces.c.Id)
LATEST = select(*_COLUMNS).where(bounces.c.Id < bindparam("before")).order_by(bounces.c.Id.desc())
_is_kind = bounces.c.Kind == bindparam("kind")
_is_for_a_person = bounces.c.Done.in_([literal_column(f"'{each}'") for each in FOR_A_PERSON])
PAGE_OF_KIND = PAGE.where(_is_kind)
LATEST_OF_KIND = LATEST.where(_is_kind)
LATEST_FOR_A_PERSON = LATEST.where(_is_for_a_person)
OF_EMAIL = (
    select(*_COLUMNS)
    .where(bounces.c.EmailId == bindparam("email_id"))
    .order_by(bounces.c.Id)
    .limit(_MOST_OF_AN_EMAIL)
)
KNOWN_PLACES = select(bounces.c.Place).where(
    bounces.c.MailboxId == bindparam("mailbox_id"),
    bounces.c.Place.in_(bindparam("places", expanding=True)),
)
UNFILED = (
    select(bounces.c.Id, bounces.c.Place, bounces.c.Filing)
    .where(bounces.c.MailboxId == bindparam("mailbox_id"), bounces.c.Filing.is_not(None))
    .order_by(bounces.c.Id)
    .limit(_MOST_UNFILED)
)
FILED = (
    update(bounces).where(bounces.c.Id.in_(bindparam("ids", expanding=True))).values(Filing=null())
)
LEFT = (
    update(bounces)
    .where(bounces.c.MailboxId == bindparam("mailbox_id"), bounces.c.Filing.is_not(None))
    .values(Filing=null())
)
SAID_BEFORE: Select[Any] = (
    select(literal_column("1"))
    .where(
        bounces.c.Recipient == bindparam("recipient"),
        bounces.c.Done == literal_column("'once'"),
        bounces.c.At < bindparam("today"),
    )
    .limit(1)
)
TOLD: Select[Any] = (
    select(literal_column("1"))
    .where(
        bounces.c.EmailId == bindparam("email_id"),
        bounces.c.Recipient == bindparam("recipient"),
        bounces.c.Kind == bindparam("kind"),
    )
    .limit(MOST_TOLD)
)
NOW = select(utc_now())
OLDEST = select(func.min(bounces.c.Id))
OLD = select(func.max(bounces.c.Id)).where(
    bounces.c.Id < bindparam("end"), bounces.c.At < in_days(bindparam("days"))
)
FORGET = delete(bounces).where(bounces.c.Id <= bindparam("last"))
_is_done = bounces.c.Done == bindparam("done")
NEWEST_BEYOND = select(bounces.c.Id).where(_is_done).order_by(bounces.c.Id.desc()).limit(1)
FORGET_BEYOND = delete(bounces).where(
    bounces.c.Id.in_(
        select(bounces.c.Id)
        .where(_is_done, bounces.c.Id <= bindparam("newest"), bounces.c.Filing.is_(None))
        .order_by(bounces.c.Id)
        .limit(_BATCH)
    )
)


def bounces_after(
    connection: Connection, after: int, kind: Kind | None, limit: int
) -> list[Bounce]:
    """Up to `limit` beyond the number `after`, the oldest first; of this kind, or of all."""
    statement = PAGE if kind is None else PAGE_OF_KIND
    return _read(connection, statement.limit(limit), {"after": after}, kind)


def latest_bounces(
    connection: Connection, before: int, kind: Kind | None, limit: int
) -> list[Bounce]:
    """The same of those below the number `before`, the latest first."""
    statement = LATEST if kind is None else LATEST_OF_KIND
    return _read(connection, statement.limit(limit), {"before": before}, kind)


def not_understood(connection: Connection, before: int, limit: int) -> list[Bounce]:
    """The same of those that a person should look at."""
    return _read(connection, LATEST_FOR_A_PERSON.limit(limit), {"before": before}, None)


def bounces_of(connection: Connection, email_id: int) -> list[Bounce]:
    """What came back of an email, the oldest first, up to 200."""
    return _read(connection, OF_EMAIL, {"email_id": email_id}, None)


class Unfiled(NamedTuple):
    """A message that is recorded and lies where it was read."""

    bounce_id: int
    place: str
    filing: Filing


def known_places(connection: Connection, mailbox_id: int, places: Sequence[str]) -> frozenset[str]:
    """At which of these places of the mailbox, up to a thousand, a message lies that is
    recorded."""
    values = {"mailbox_id": mailbox_id, "places": list(places)}
    return frozenset(connection.scalars(KNOWN_PLACES, values))


def unfiled(connection: Connection, mailbox_id: int) -> list[Unfiled]:
    """Messages of the mailbox that are to be filed, up to 200, the oldest first."""
    rows = connection.execute(UNFILED, {"mailbox_id": mailbox_id})
    return [Unfiled(row.Id, row.Place, Filing(row.Filing)) for row in rows]


def note_filed(connection: Connection, bounce_ids: Sequence[int]) -> None:
    """These lie where they belong."""
    connection.execute(FILED, {"ids": list(bounce_ids)})


def leave_unfiled(connection: Connection, mailbox_id: int) -> None:
    """What is to be filed stays where it lies: the mailbox is another one from now on, and the same
    place another message's."""
    connection.execute(LEFT, {"mailbox_id": mailbox_id})


def said_on_another_day(connection: Connection, recipient: str) -> bool:
    """Whether an earlier day (UTC) has said of the address what needs to be said twice."""
    today = connection.execute(NOW).scalar_one().replace(hour=0, minute=0, second=0, microsecond=0)
    values = {"recipient": recipient, "today": today}
    return connection.execute(SAID_BEFORE, values).first() is not None


def is_told_often(connection: Connection, email_id: int, recipient: str, kind: Kind) -> bool:
    """Whether MOST_TOLD messages have said this of the email and its recipient."""
    values = {"email_id": email_id, "recipient": recipient, "kind": kind.value}
    return len(connection.execute(TOLD, values).all()) == MOST_TOLD


def forget_old_bounces(connection: Connection, days: float) -> int:
    """Remove what came back so many days ago; one batch, answers how many."""
    oldest = connection.scalar(OLDEST)
    if oldest is None:
        return 0
    old = connection.scalar(OLD, {"end": oldest + _BATCH, "days": -days})
    return 0 if old is None else changed(connection, FORGET, {"last": old})


def forget_beyond_the_latest(connection: Connection) -> int:
    """Remove what is about no email and not to be filed, beyond the latest of its sort; one batch
    of each, answers how many."""
    removed = 0
    for done in OF_NO_EMAIL:
        values = {"done": done.value}
        newest = connection.scalar(NEWEST_BEYOND.offset(MOST_OF_NO_EMAIL), values)
        if newest is not None:
            removed += changed(connection, FORGET_BEYOND, {**values, "newest": newest})
    return removed


def _read(
    connection: Connection, statement: Select[Any], values: dict[str, Any], kind: Kind | None
) -> list[Bounce]:
    if kind is not None:
        values["kind"] = kind.value
    return [_bounce(row) for row in connection.execute(statement, values)]


def _bounce(row: Row[Any]) -> Bounce:
    return Bounce(
        id=row.Id,
        at=row.At,
        mailbox_id=row.MailboxId,
        kind=Kind(row.Kind),
        email_id=row.EmailId,
        recipient=row.Recipient,
        code=row.Code,
        enhanced_code=row.EnhancedCode,
        reason=row.Reason,
        done=Done(row.Done),
        excerpt=row.Excerpt,
    )
