"""Retention: what has ended long ago loses its content, and later its record.

Only emails that Rowpost itself has ended carry the date that counts here: one that waits, is under
way or unknown, or was ended by somebody else, is never touched.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    null,
    select,
    union_all,
    update,
)

from shared.database.tables import contacts, emails, service
from shared.database.times import in_days, utc_now
from shared.outbox.attachments import release_attachments
from shared.outbox.conditions import IDS, ended
from shared.outbox.removal import forget
from shared.outbox.states import Flag

_BATCH = 50
# An hour, longer than any transaction that ends emails: what it dates comes to light late.
_SETTLES_AFTER_DAYS = 1 / 24

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_ENDED = (Flag.SENT, Flag.FAILED, Flag.CANCELLED)
_then = in_days(bindparam("days"))
_emptied_until = select(service.c.EmptiedUntil).where(service.c.Id == 1).scalar_subquery()

WITH_CONTENT = union_all(
    *(
        select(
            select(emails.c.dd_srno)
            .where(
                ended(flag),
                emails.c.dd_EndedDate >= bindparam("since"),
                emails.c.dd_EndedDate < _then,
                emails.c.dd_EmptiedDate.is_(None),
            )
            .order_by(emails.c.dd_EndedDate)
            .limit(_BATCH)
            .subquery()
            .c.dd_srno
        )
        for flag in _ENDED
    )
)
WITH_RECORD = union_all(
    *(
        select(
            select(emails.c.dd_srno)
            .where(ended(flag), emails.c.dd_EndedDate < _then)
            .order_by(emails.c.dd_EndedDate)
            .limit(_BATCH)
            .subquery()
            .c.dd_srno
        )
        for flag in _ENDED
    )
)
EMPTY = (
    update(emails)
    .where(emails.c.dd_srno.in_(IDS), ended(*_ENDED))
    .values(
        dd_bodyText="",
        dd_TextAlternative=null(),
        dd_document=null(),
        dd_EmptiedDate=utc_now(),
    )
)
NOTE = update(service).where(service.c.Id == 1).values(EmptiedUntil=_then)
EMPTY_CONTACT = update(contacts).where(contacts.c.EmailId.in_(IDS)).values(Message="")
RECORD = delete(emails).where(emails.c.dd_srno.in_(IDS), ended(*_ENDED))


def empty_old(connection: Connection, days: float) -> int:
    """Remove body and document of emails that ended so many days ago; one small batch.

    Answers how many it emptied. Their record stays, with the time in `dd_EmptiedDate`.
    """
    since = connection.scalar(select(_emptied_until)) or _LONG_AGO
    ids = list(connection.scalars(WITH_CONTENT, {"days": -days, "since": since}))
    if not ids:
        connection.execute(NOTE, {"days": -days - _SETTLES_AFTER_DAYS})
        return 0
    connection.execute(EMPTY, {"ids": ids})
    connection.execute(EMPTY_CONTACT, {"ids": ids})
    release_attachments(connection, ids)
    return len(ids)


def remove_old(connection: Connection, days: float) -> int:
    """Remove all that is known of emails that ended so many days ago; one small batch.

    Answers how many it removed.
    """
    ids = list(connection.scalars(WITH_RECORD, {"days": -days}))
    if ids:
        release_attachments(connection, ids)
        forget(connection, ids)
        connection.execute(RECORD, {"ids": ids})
    return len(ids)
