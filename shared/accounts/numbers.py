"""The numbers of accounts (`Rowpost_Id`): given by us, each once.

The table belongs to the applications: they insert accounts as they always did, without a number,
and it may have an IDENTITY of its own. Numbers are counted in our own table, under the lock of its
row, so that one that was an account's once never becomes another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from shared.database.database import Database
from shared.database.statements.one_row import update_one_without
from shared.database.tables import accounts, service

_COUNT = update(service).where(service.c.Id == 1)
_WITHOUT = select(func.count()).select_from(accounts).where(accounts.c.Rowpost_Id.is_(None))
_HIGHEST = select(func.max(accounts.c.Rowpost_Id))
NUMBER_ONE = update_one_without(accounts, accounts.c.Rowpost_Id).values(
    Rowpost_Id=bindparam("number")
)


def insert_account(connection: Connection, columns: Mapping[str, Any]) -> int:
    """Insert an account with these columns; answers its number."""
    number = _next(connection)
    connection.execute(insert(accounts), {**columns, "Rowpost_Id": number})
    return number


def number_new_accounts(database: Database) -> None:
    """Give a number to each account that somebody else inserted.

    Raises DatabaseUnreachable.
    """
    with database.read() as connection:
        if not connection.scalar(_WITHOUT):
            return
    database.run(number_accounts)


def number_accounts(connection: Connection) -> None:
    """The same, in a transaction that writes."""
    without: int = connection.scalar(_WITHOUT) or 0
    if without:
        first = _next(connection, without)
        connection.execute(NUMBER_ONE, [{"number": first + place} for place in range(without)])


def _next(connection: Connection, count: int = 1) -> int:
    """The first of so many numbers in a row. The lock of the row keeps others from counting until
    the commit."""
    connection.execute(_COUNT.values(LastAccountId=service.c.LastAccountId + count))
    last = connection.scalar(select(service.c.LastAccountId).where(service.c.Id == 1)) or count
    first = last - count + 1
    # Above any that somebody put there by hand.
    highest = connection.scalar(_HIGHEST) or 0
    if highest >= first:
        first = highest + 1
        connection.execute(_COUNT.values(LastAccountId=highest + count))
    return first
