"""What visitors wrote, in their table beside the queue: written, found, listed, counted.

What stands in the table is an email's for as long as that email is there. Lists and counts look at
no more than LOOKED_AT of the latest, so that asking costs the same however many there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    bindparam,
    func,
    insert,
    select,
    true,
    update,
)

from shared.database.columns.times import utc_now
from shared.database.tables import contacts, entries
from shared.features.contact.errors import ContactNotFound
from shared.features.contact.message import Words
from shared.features.contact.states import FLAGS, ContactStatus, status_of
from shared.outbox.attachments import StoredAttachment, attachments_of
from shared.outbox.conditions import state_is
from shared.outbox.entries import current_number
from shared.outbox.states import Flag

LOOKED_AT = 10_000
_COLUMN = {
    "full_name": contacts.c.FullName,
    "email": contacts.c.Email,
    "phone": contacts.c.Phone,
    "job_profession": contacts.c.JobProfession,
    "subject": contacts.c.Subject,
    "message": contacts.c.Message,
    "filename": contacts.c.Filename,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredContact:
    """What a visitor wrote, and what became of it. `file` is what the email really carries."""

    id: str
    email_id: int
    words: Words
    number: int
    """Of its email's entry."""
    file: StoredAttachment | None
    status: ContactStatus
    created_at: datetime | None
    updated_at: datetime | None
    sent_at: datetime | None
    retries: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """`after` is the number of the email where the next page begins; None: this was the last."""

    contacts: tuple[StoredContact, ...]
    after: int | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are by status. `capped`: there are more, and only the latest count."""

    by_status: Mapping[ContactStatus, int]
    capped: bool


def write(connection: Connection, email_id: int, contact_id: str, words: Words) -> None:
    """Keep what a visitor wrote beside the email that says it."""
    number = current_number(connection, email_id)
    connection.execute(insert(contacts), {"Number": number, "Id": contact_id, **_columns_of(words)})


def rewrite(connection: Connection, email_id: int, words: Words) -> None:
    """Put these words in place of the former ones."""
    connection.execute(
        update(contacts)
        .where(contacts.c.Number == current_number(connection, email_id))
        .values(**_columns_of(words), ChangedAt=utc_now())
    )


def find(connection: Connection, contact_id: str) -> StoredContact:
    """What has this id. Raises ContactNotFound."""
    row = connection.execute(
        _ALL.where(contacts.c.Id == bindparam("id")), {"id": contact_id}
    ).one_or_none()
    if row is None:
        raise ContactNotFound(f"nothing that was written has the id {contact_id}")
    return _with_files(connection, [row])[0]


def page(
    connection: Connection, status: ContactStatus | None, after: int | None, limit: int
) -> Page:
    """Up to `limit` of them in this status (None: all) below that number, the latest first."""
    most = limit + 1 if status is None else LOOKED_AT
    looked_at = _latest(after, most)
    in_status = true() if status is None else state_is(*FLAGS[status])
    rows = connection.execute(
        _ALL.join(looked_at, looked_at.c.Number == contacts.c.Number)
        .where(in_status)
        .order_by(contacts.c.Number.desc())
        .limit(limit + 1)
    ).all()
    found = tuple(_with_files(connection, rows[:limit]))
    if len(rows) > limit:
        return Page(found, found[-1].number)
    number, last = connection.execute(
        select(func.count(), func.min(looked_at.c.Number)).select_from(looked_at)
    ).one()
    return Page(found, last if number == most else None)


def counts(connection: Connection) -> Counts:
    """How many of the latest stand where."""
    looked_at = _latest(None, LOOKED_AT)
    rows = connection.execute(
        select(entries.c.State, func.count())
        .join_from(looked_at, entries, entries.c.Number == looked_at.c.Number)
        .group_by(entries.c.State)
    )
    found: Counter[ContactStatus] = Counter()
    for flag, number in rows:
        found[status_of(flag)] += number
    return Counts(found, found.total() >= LOOKED_AT)


def failed(connection: Connection, most: int) -> list[int]:
    """The numbers of the latest emails that failed and can be tried again."""
    looked_at = _latest(None, LOOKED_AT)
    return list(
        connection.scalars(
            select(entries.c.EmailId)
            .join_from(looked_at, entries, entries.c.Number == looked_at.c.Number)
            .where(state_is(Flag.FAILED), entries.c.EmptiedAt.is_(None))
            .order_by(entries.c.Number.desc())
            .limit(most)
        )
    )


_ALL: Select[Any] = select(
    contacts,
    entries.c.State,
    entries.c.EmailId,
    entries.c.CreatedAt,
    entries.c.SentAt,
    entries.c.LastTriedAt,
    entries.c.EndedAt,
    entries.c.Retries,
    entries.c.Reason,
).join_from(contacts, entries, entries.c.Number == contacts.c.Number)


def _latest(after: int | None, most: int) -> Any:
    below = () if after is None else (contacts.c.Number < after,)
    return (
        select(contacts.c.Number)
        .where(*below)
        .order_by(contacts.c.Number.desc())
        .limit(most)
        .subquery()
    )


def _columns_of(words: Words) -> dict[str, str | None]:
    return {_COLUMN[name].name: value for name, value in asdict(words).items()}


def _with_files(connection: Connection, rows: Sequence[Row[Any]]) -> list[StoredContact]:
    files = attachments_of(connection, [row.Number for row in rows]) if rows else {}
    return [_contact(row, next(iter(files.get(row.Number, ())), None)) for row in rows]


def _contact(row: Row[Any], file: StoredAttachment | None) -> StoredContact:
    times = (
        row.CreatedAt,
        row.ChangedAt,
        row.LastTriedAt,
        row.SentAt,
        row.EndedAt,
    )
    return StoredContact(
        id=row.Id,
        email_id=row.EmailId,
        number=row.Number,
        words=Words(**{name: row._mapping[column] for name, column in _COLUMN.items()}),
        file=file,
        status=status_of(row.State),
        created_at=row.CreatedAt,
        updated_at=max((time for time in times if time is not None), default=None),
        sent_at=row.SentAt,
        retries=row.Retries,
        reason=row.Reason,
    )
