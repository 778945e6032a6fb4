"""A database for a test: migrated, empty, running. SQLite, or the SQL Server of DATABASE_URL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, insert, inspect, text

from shared.database import migrations
from shared.database.database import Database
from shared.database.engine import file_url, open_engine
from shared.database.tables import metadata, relocation, service
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
    """The database of DATABASE_URL, whatever it is called and held: its tables are made anew."""
    engine = open_sql_server()
    make_anew(engine)
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


def open_sql_server() -> Engine:
    """The database of DATABASE_URL, as it is."""
    return open_engine(SQL_SERVER, trusted_servers=Settings().trusted_servers)


def make_anew(engine: Engine) -> None:
    """Drop the seed's and all of Rowpost's tables, and make those of a fresh database."""
    drop_tables(engine)
    migrations.upgrade(engine)


def drop_tables(engine: Engine) -> None:
    """Drop the seed's and all of Rowpost's tables, also those that it has no more."""
    there = inspect(engine).get_table_names()
    ours = [name for name in there if name in metadata.tables or name.startswith("Rowpost_")]
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        for name in ours:
            connection.execute(text(f"DROP TABLE {name}"))


@contextmanager
def database_in(file: Path) -> Iterator[Database]:
    """The SQLite database of another process, which goes on working with it."""
    database = Database(open_engine(file_url(file)))
    try:
        yield database
    finally:
        database.close()


def empty(database: Database) -> None:
    """Delete every row of the seed's and of Rowpost's tables; the service runs."""
    with database.write() as connection:
        for table in metadata.tables.values():
            connection.execute(delete(table))
        connection.execute(insert(service), {"Id": 1, "State": "running"})
        connection.execute(insert(relocation), {"Id": 1})


def address_of(database: Database) -> str:
    """The database's SQLAlchemy address, for another process."""
    return database.engine.url.render_as_string(hide_password=False)
