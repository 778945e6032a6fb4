"""Operations: the names by which a mail service knows what was asked of it.

One is written down with the mark, before anything leaves. When a sender dies, or the service's
answer is lost, whoever finds the email unknown asks the service by that name.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    case,
    exists,
    insert,
    literal,
    literal_column,
    select,
    update,
)

from shared.database.columns.times import in_days, utc_now
from shared.database.tables import entries, operations
from shared.outbox.conditions import is_current, state_is
from shared.outbox.states import Flag

FIRST_QUESTION_SECONDS = 30.0
MOST_QUESTIONS = 12
"""That were answered; about six hours of them."""
PUT_OFF_SECONDS = 120.0
GIVE_UP_AFTER_DAYS = 3.0
_LONGEST_WAIT = 3_600.0


class OpenOperation(NamedTuple):
    """An email whose outcome is unknown, and what to ask about it.

    asked: how often the service had no answer to it. is_old: nobody asks any more after this.
    """

    id: int
    operation: str
    account: str
    email_id: int
    asked: int
    is_old: bool


_later = operations.alias("later")
_is_last = (
    ~select(literal(1))
    .where(_later.c.Number == operations.c.Number, _later.c.Id > operations.c.Id)
    .exists()
)
NOTE = insert(operations).values(
    Number=bindparam("number"),
    Operation=bindparam("operation"),
    Account=bindparam("account"),
    AskAfter=utc_now(literal(FIRST_QUESTION_SECONDS)),
)
_open = operations.join(entries, entries.c.Number == operations.c.Number)
_is_due = and_(state_is(Flag.UNKNOWN), is_current, operations.c.AskAfter <= utc_now(), _is_last)
ACCOUNTS = (
    select(operations.c.Account)
    .distinct()
    .select_from(_open)
    .where(_is_due, operations.c.Account.is_not(None))
)
OPEN = (
    select(
        operations.c.Id,
        operations.c.Operation,
        operations.c.Account,
        entries.c.EmailId,
        operations.c.Asked,
        # As a number: T-SQL selects no conditions.
        case(
            (operations.c.StartedAt <= in_days(literal(-GIVE_UP_AFTER_DAYS)), literal_column("1")),
            else_=literal_column("0"),
        ).label("is_old"),
    )
    .select_from(_open)
    .where(_is_due, operations.c.Account == bindparam("account"))
    .order_by(operations.c.AskAfter)
    .limit(bindparam("most"))
)
ASK_AGAIN = (
    update(operations)
    .where(operations.c.Id == bindparam("operation_id"))
    .values(
        Asked=operations.c.Asked + 1,
        AskAfter=utc_now(bindparam("seconds")),
    )
)
PUT_OFF = (
    update(operations)
    .where(operations.c.Id == bindparam("operation_id"))
    .values(AskAfter=utc_now(bindparam("seconds")))
)
ASK_NO_MORE = (
    update(operations).where(operations.c.Id == bindparam("operation_id")).values(AskAfter=None)
)
OF = (
    select(entries.c.EmailId, operations.c.Number)
    .select_from(operations.join(entries, entries.c.Number == operations.c.Number))
    .where(operations.c.Operation == bindparam("operation"))
)
still_asked = exists(literal_column("1")).where(
    operations.c.Number == entries.c.Number, operations.c.AskAfter.is_not(None)
)
"""Whether the outcome of an entry may yet resolve itself."""


def note_operation(connection: Connection, number: int, operation: str, account: str) -> None:
    """Write down what is about to be done with the email of this entry."""
    connection.execute(NOTE, {"number": number, "operation": operation, "account": account})


def accounts_to_ask(connection: Connection) -> list[str]:
    """The codes of the accounts whose services are to be asked something now."""
    return [str(code) for code in connection.execute(ACCOUNTS).scalars()]


def open_operations(connection: Connection, account: str, most: int) -> list[OpenOperation]:
    """What this account's service is to be asked now: of each unknown email its last operation."""
    rows = connection.execute(OPEN, {"account": account, "most": most})
    return [OpenOperation(*row[:-1], bool(row.is_old)) for row in rows]


def ask_again(connection: Connection, asked: OpenOperation) -> None:
    """The service did not know yet: ask later, and no more after about six hours."""
    if asked.is_old or asked.asked + 1 >= MOST_QUESTIONS:
        ask_no_more(connection, asked)
        return
    wait = min(FIRST_QUESTION_SECONDS * 2.0 ** (asked.asked + 1), _LONGEST_WAIT)
    connection.execute(ASK_AGAIN, {"operation_id": asked.id, "seconds": wait})


def put_off(connection: Connection, asked: OpenOperation, seconds: float = 0.0) -> None:
    """The service said nothing of it: ask later, for three days, and no sooner than in so many
    seconds."""
    if asked.is_old:
        ask_no_more(connection, asked)
        return
    wait = min(max(seconds, PUT_OFF_SECONDS), _LONGEST_WAIT)
    connection.execute(PUT_OFF, {"operation_id": asked.id, "seconds": wait})


def ask_no_more(connection: Connection, asked: OpenOperation) -> None:
    """There is an answer."""
    connection.execute(ASK_NO_MORE, {"operation_id": asked.id})


def email_of(connection: Connection, operation: str) -> int | None:
    """The email that this operation sent."""
    row = connection.execute(OF, {"operation": operation}).first()
    return None if row is None else int(row.EmailId)
