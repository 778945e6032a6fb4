"""The queue's rows column by column, whatever its rules say: for the tests of the queue itself.

All others say what they mean in the words of `tests.support.emails`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select, text, update

from shared.database.database import Database
from shared.database.tables import emails


def insert_row(database: Database, **columns: Any) -> int:
    """Insert an email as an application does, by plain SQL with a column list; its number."""
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
    """Insert so many equal emails; their numbers in order."""
    return [insert_row(database, **columns) for _ in range(number)]


def email_row(database: Database, email_id: int) -> Row[Any]:
    """The email's row as it stands."""
    with database.read() as connection:
        return connection.execute(select(emails).where(emails.c.dd_srno == email_id)).one()


def flags(database: Database, ids: Sequence[int] | None = None) -> str:
    """The states of these emails (None: all), one letter each, in the order of their numbers."""
    question = select(emails.c.dd_SendFlag).order_by(emails.c.dd_srno)
    if ids is not None:
        question = question.where(emails.c.dd_srno.in_(list(ids)))
    with database.read() as connection:
        return "".join(str(flag) for flag in connection.scalars(question))


def change(database: Database, email_id: int, **columns: Any) -> None:
    """Write these columns of an email, whatever the queue's rules say."""
    with database.write() as connection:
        connection.execute(update(emails).where(emails.c.dd_srno == email_id).values(columns))
