"""The queue's rows and entries column by column, whatever its rules say: for the tests of the queue
itself.

All others say what they mean in the words of `tests.support.emails`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select, text, update

from shared.database.database import Database
from shared.database.tables import emails, entries
from tests.support.emails import admitted, states


def insert_row(database: Database, **columns: Any) -> int:
    """Insert an email as an application does, by plain SQL with a column list; its id."""
    values = {"dd_toEmailid": "ann@example.com", "dd_subject": "Hello", "dd_bodyText": "Hi Ann"}
    values |= columns
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    with database.write() as connection:
        connection.execute(
            text(f"INSERT INTO Digital_Emaildetails ({names}) VALUES ({places})"), values
        )
        return int(connection.scalar(text("SELECT MAX(dd_srno) FROM Digital_Emaildetails")) or 0)


def insert_rows(database: Database, number: int, **columns: Any) -> list[int]:
    """Insert so many equal emails; their ids in order."""
    return [insert_row(database, **columns) for _ in range(number)]


def email_row(database: Database, email_id: int) -> Row[Any]:
    """The email's row as it stands."""
    with database.read() as connection:
        return connection.execute(select(emails).where(emails.c.dd_srno == email_id)).one()


def entry_of(database: Database, email_id: int) -> Row[Any]:
    """The email's current entry as it stands."""
    with database.read() as connection:
        question = select(entries).where(entries.c.EmailId == email_id, entries.c.IsCurrent == 1)
        return connection.execute(question).one()


def flags(database: Database, ids: Sequence[int] | None = None) -> str:
    """The states of these emails (None: all), one letter each, in the order of their ids."""
    return states(database, ids)


def change(database: Database, email_id: int, **columns: Any) -> None:
    """Write these columns of an email's row, whatever the queue's rules say."""
    with database.write() as connection:
        connection.execute(update(emails).where(emails.c.dd_srno == email_id).values(columns))


def change_entry(database: Database, email_id: int, **columns: Any) -> None:
    """Write these columns of an email's entry, whatever the queue's rules say; an email that was
    not admitted yet is, now."""
    admitted(database, email_id)
    with database.write() as connection:
        connection.execute(update(entries).where(entries.c.EmailId == email_id).values(columns))
