"""What Rowpost writes into an application's queue table: the only module that does.

No statement here has an OUTPUT, which a table with triggers refuses (334), and none of them is
part of a transaction that the next email waits for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    delete,
    insert,
    literal_column,
    null,
    or_,
    update,
)

from shared.database.changes import changed
from shared.database.dialects.dialect_of import dialect_of
from shared.database.tables import emails
from shared.database.widths import cut
from shared.outbox.states import NEW_LETTERS, Letter
from shared.outbox.their_table import their_table
from shared.settings import settings

_ID = emails.c.dd_srno == bindparam("email_id")
IDS: BindParameter[int] = bindparam("ids", expanding=True)

says_new: ColumnElement[bool] = emails.c.dd_SendFlag.in_(
    [literal_column(f"'{letter}'") for letter in NEW_LETTERS]
)
_taken = emails.c.dd_SendFlag == literal_column(f"'{Letter.TAKEN}'")

INSERT = insert(emails)
TAKE = (
    update(emails)
    .where(emails.c.dd_srno.in_(IDS), or_(says_new, emails.c.dd_SendFlag.is_(None)))
    .values(dd_SendFlag=literal_column(f"'{Letter.TAKEN}'"))
)
GIVE_LETTER = (
    update(emails)
    .where(_ID, emails.c.dd_SendFlag == bindparam("before"))
    .values(dd_SendFlag=bindparam("letter"))
)
# U becomes Y by a reply that came late, or by a decision.
END = (
    update(emails)
    .where(
        _ID,
        or_(_taken, emails.c.dd_SendFlag == bindparam("former")),
    )
    .values(
        dd_SendFlag=bindparam("letter"),
        dd_SentDate=bindparam("sent_at", type_=emails.c.dd_SentDate.type),
        dd_BounceReason=bindparam("reason", type_=emails.c.dd_BounceReason.type),
        dd_RetryCount=bindparam("retries", type_=emails.c.dd_RetryCount.type),
        dd_LastRetryDate=bindparam("last_tried_at", type_=emails.c.dd_LastRetryDate.type),
    )
)
PROGRESS = (
    update(emails)
    .where(_ID, _taken)
    .values(
        dd_BounceReason=bindparam("reason", type_=emails.c.dd_BounceReason.type),
        dd_RetryCount=bindparam("retries", type_=emails.c.dd_RetryCount.type),
        dd_LastRetryDate=bindparam("last_tried_at", type_=emails.c.dd_LastRetryDate.type),
    )
)
EMPTY = (
    update(emails)
    .where(_ID, emails.c.dd_SendFlag == bindparam("letter"))
    .values(dd_bodyText="", dd_document=null())
)
REMOVE = delete(emails).where(_ID, emails.c.dd_SendFlag == bindparam("letter"))
_REASON = "dd_BounceReason"
_DATES = ("sent_at", "last_tried_at")


def insert_row(connection: Connection, columns: Mapping[str, Any]) -> int:
    """Insert a row that Rowpost has already; answers its id."""
    row = {"dd_RetryCount": 0, **columns, "dd_SendFlag": Letter.TAKEN.value}
    key = connection.execute(INSERT, row).inserted_primary_key
    if key is None or key[0] is None:
        raise LookupError("the database gave no number for the new row")
    return int(key[0])


def take(connection: Connection, ids: Sequence[int]) -> None:
    """N becomes P in these rows."""
    connection.execute(TAKE, {"ids": list(ids)})


def give_letter(connection: Connection, email_id: int, before: Letter, letter: Letter) -> bool:
    """Put a letter in place of another one; whether that stood there."""
    values = {"email_id": email_id, "before": before.value, "letter": letter.value}
    return changed(connection, GIVE_LETTER, values) == 1


def write_ends(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Tell these rows their end, unless another letter than P stands there (or `former`)."""
    connection.execute(END, [_fitting(connection, row) for row in rows])


def write_progress(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Tell these rows of a try that failed for now."""
    connection.execute(PROGRESS, [_fitting(connection, row) for row in rows])


def _fitting(connection: Connection, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The reason as the column can hold it: cut to its width, empty where it takes no NULL."""
    table = their_table(connection)
    row = {**row, **{name: _as_kept(row.get(name), connection) for name in _DATES if name in row}}
    reason, width = row["reason"], table.widths.get(_REASON)
    if reason is None:
        return {**row, "reason": ""} if _REASON in table.required else row
    return row if width is None or len(reason) <= width else {**row, "reason": cut(reason, width)}


def _as_kept(time: datetime | None, connection: Connection) -> datetime | None:
    """In UTC, or as the server's own clock shows it (`ROWPOST_LEGACY_DATES=local`)."""
    if time is None or settings().legacy_dates == "utc":
        return time
    return time + dialect_of(connection).offset(connection, time)


def empty(connection: Connection, email_id: int, letter: str) -> bool:
    """Remove body and document of a row in which this letter stands; whether one did."""
    return changed(connection, EMPTY, {"email_id": email_id, "letter": letter}) == 1


def remove(connection: Connection, email_id: int, letter: str) -> bool:
    """Remove a row in which this letter stands; whether one did."""
    return changed(connection, REMOVE, {"email_id": email_id, "letter": letter}) == 1
