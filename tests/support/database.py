"""A database for a test: migrated, empty, running. SQLite, or the SQL Server of DATABASE_URL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, delete, insert, literal, select, text, update

from shared.database import migrations
from shared.database.database import Database
from shared.database.engine import file_url, open_engine
from shared.database.tables import emails, metadata, service
from shared.database.times import utc_now
from shared.settings import Settings

SQL_SERVER = os.environ.get("DATABASE_URL", "")


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy, since a copy is faster than a migration."""
    file = tmp_path_factory.mktemp("migrated") / "rowpost.db"
    engine = open_engine(file_url(file))
    migrations.upgrade(engine)
    engine.dispose()
    return file


@pytest.fixture
def sqlite_database(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """A fresh SQLite database, whatever DATABASE_URL says."""
    file = tmp_path / "rowpost.db"
    shutil.copyfile(migrated_file, file)
    database = Database(open_engine(file_url(file)))
    yield database
    database.close()


@pytest.fixture(scope="session")
def sql_server() -> Iterator[Database]:
    """The SQL Server of DATABASE_URL, migrated once."""
    engine = open_engine(SQL_SERVER, trusted_servers=Settings().trusted_servers)
    migrations.upgrade(engine)
    database = Database(engine)
    yield database
    database.close()


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Database:
    """An empty, running database: the SQL Server of DATABASE_URL if it is set, else SQLite."""
    if not SQL_SERVER:
        sqlite: Database = request.getfixturevalue("sqlite_database")
        return sqlite
    server: Database = request.getfixturevalue("sql_server")
    empty(server)
    return server


def empty(database: Database) -> None:
    """Delete every row of the seed's and of Rowpost's tables; the service runs."""
    with database.write() as connection:
        for table in metadata.tables.values():
            connection.execute(delete(table))
        connection.execute(insert(service), {"Id": 1, "State": "running"})


def address_of(database: Database) -> str:
    """The database's SQLAlchemy address, for another process."""
    return database.engine.url.render_as_string(hide_password=False)


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


def let_leases_run_out(database: Database) -> None:
    """Every lease ended a second ago, by the database's clock."""
    _move(database, "dd_LeaseUntil")


def let_retries_come_due(database: Database) -> None:
    """Every email that waits for a time has waited long enough, by the database's clock."""
    _move(database, "dd_NextAttemptDate")


def _move(database: Database, column: str) -> None:
    moved = update(emails).where(emails.c[column].is_not(None))
    with database.write() as connection:
        connection.execute(moved.values({column: utc_now(literal(-1.0))}))
