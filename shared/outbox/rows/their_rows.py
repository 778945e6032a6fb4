"""What Rowpost writes into an application's queue table: the only module that does.

No statement here has an OUTPUT, which a table with triggers refuses (334), and none of them is
part of a transaction that the next email waits for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    null,
    or_,
    update,
)

from shared.database.columns.times import local_time
from shared.database.statements.changes import changed
from shared.database.statements.locks import briefly, passing_over_locked
from shared.database.statements.prepared import PreparedUpdate
from shared.database.tables import emails, entries
from shared.outbox.conditions import is_current, state_is
from shared.outbox.rows.their_table import their_table
from shared.outbox.states import ENDED, NEW_LETTERS, Flag, Letter
from shared.settings import settings

_ID = emails.c.dd_srno == bindparam("email_id")
IDS: BindParameter[int] = bindparam("ids", expanding=True)

says_new: ColumnElement[bool] = emails.c.dd_SendFlag.in_(
    [literal_column(f"'{letter}'") for letter in NEW_LETTERS]
)
_taken = emails.c.dd_SendFlag == literal_column(f"'{Letter.TAKEN}'")

INSERT = insert(emails)
TAKE = briefly(
    update(emails)
    .where(emails.c.dd_srno.in_(IDS), or_(says_new, emails.c.dd_SendFlag.is_(None)))
    .values(dd_SendFlag=literal_column(f"'{Letter.TAKEN}'"))
)
# Between the first and the last stand rows of others, inserted and not committed, too.
TAKE_ENTERED = briefly(
    passing_over_locked(
        update(emails)
        .where(
            emails.c.dd_SendFlag == literal_column(f"'{Letter.NEW}'"),
            emails.c.dd_srno.between(bindparam("low"), bindparam("high")),
            exists().where(
                entries.c.EmailId == emails.c.dd_srno,
                is_current,
                entries.c.Number > bindparam("before"),
            ),
        )
        .values(dd_SendFlag=literal_column(f"'{Letter.TAKEN}'")),
        emails,
    )
)
GIVE_LETTER = briefly(
    update(emails)
    .where(_ID, emails.c.dd_SendFlag == bindparam("before"))
    .values(dd_SendFlag=bindparam("letter"))
)
_settles_unknown = and_(
    emails.c.dd_SendFlag == literal_column(f"'{Letter.UNKNOWN}'"),
    state_is(Flag.SENT, Flag.FAILED, Flag.UNKNOWN),
)


@lru_cache(maxsize=16)
def telling(
    reason_width: int | None, reason_required: bool, local_dates: bool = False
) -> PreparedUpdate:
    """Tell rows what their entries know: the end, over P (or what settles a U), or a try that
    failed for now. `reason_width` in characters, of a table that is narrower than ours;
    `local_dates`: as the server's own clock shows them (`ROWPOST_LEGACY_DATES`)."""
    reason: ColumnElement[Any] = entries.c.Reason
    if reason_width is not None and reason_width < _REASON_WIDTH:
        reason = func.substring(reason, 1, reason_width)
    if reason_required:
        reason = func.coalesce(reason, "")
    has_ended = state_is(*ENDED)
    sent_at: ColumnElement[Any] = entries.c.SentAt
    last_tried_at: ColumnElement[Any] = entries.c.LastTriedAt
    if local_dates:
        sent_at, last_tried_at = local_time(sent_at), local_time(last_tried_at)
    return PreparedUpdate(
        lambda numbers: briefly(
            update(emails)
            .where(
                emails.c.dd_srno == entries.c.EmailId,
                entries.c.Number.in_(numbers),
                entries.c.WriteAfter.is_not(None),
                or_(_taken, _settles_unknown),
            )
            .values(
                dd_SendFlag=case((has_ended, entries.c.State), else_=emails.c.dd_SendFlag),
                dd_SentDate=case((has_ended, sent_at), else_=emails.c.dd_SentDate),
                dd_BounceReason=reason,
                dd_RetryCount=entries.c.Retries,
                dd_LastRetryDate=last_tried_at,
            )
        )
    )


EMPTY = briefly(
    update(emails)
    .where(_ID, emails.c.dd_SendFlag == bindparam("letter"))
    .values(dd_bodyText="", dd_document=null())
)
REMOVE = briefly(delete(emails).where(_ID, emails.c.dd_SendFlag == bindparam("letter")))
_REASON = "dd_BounceReason"
_REASON_WIDTH = 500


def insert_row(connection: Connection, columns: Mapping[str, Any]) -> int:
    """Insert a row that Rowpost has already; answers its id."""
    row = {"dd_RetryCount": 0, **columns, "dd_SendFlag": Letter.TAKEN.value}
    key = connection.execute(INSERT, row).inserted_primary_key
    if key is None or key[0] is None:
        raise LookupError("the database gave no number for the new row")
    return int(key[0])


def take(connection: Connection, ids: Sequence[int]) -> None:
    """N becomes P in these rows."""
    changed(connection, TAKE, {"ids": list(ids)})


def take_entered(connection: Connection, low: int, high: int, before: int) -> int:
    """N becomes P in those of these rows that have an entry since `before`; answers how many."""
    return changed(connection, TAKE_ENTERED, {"low": low, "high": high, "before": before})


def give_letter(connection: Connection, email_id: int, before: Letter, letter: Letter) -> bool:
    """Put a letter in place of another one; whether that stood there."""
    values = {"email_id": email_id, "before": before.value, "letter": letter.value}
    return changed(connection, GIVE_LETTER, values) == 1


def tell(connection: Connection, numbers: Sequence[int]) -> None:
    """Tell the rows of these entries what is known, unless another letter than P stands there."""
    table = their_table(connection)
    local_dates = settings().legacy_dates == "local"
    statement = telling(table.widths.get(_REASON), _REASON in table.required, local_dates)
    statement.run(connection, numbers)


def empty(connection: Connection, email_id: int, letter: str) -> bool:
    """Remove body and document of a row in which this letter stands; whether one did."""
    return changed(connection, EMPTY, {"email_id": email_id, "letter": letter}) == 1


def remove(connection: Connection, email_id: int, letter: str) -> bool:
    """Remove a row in which this letter stands; whether one did."""
    return changed(connection, REMOVE, {"email_id": email_id, "letter": letter}) == 1
