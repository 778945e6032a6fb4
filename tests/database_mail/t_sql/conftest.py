"""The SQL Server of DATABASE_URL with Database Mail in it; without one there is no such test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.database.database import Database
from standalone import database_mail
from tests.database_mail.t_sql.caller import Caller, autocommit
from tests.support.database import SQL_SERVER, empty, open_sql_server

collect_ignore_glob = [] if SQL_SERVER else ["test_server_*.py"]


@pytest.fixture(scope="session")
def nothing_left() -> None:
    """Of a run that was broken off: there are servers that drop no table that a view reads."""
    database = Database(open_sql_server())
    with autocommit(database) as connection:
        database_mail.remove(connection)
    database.close()


@pytest.fixture(scope="module")
def installed(nothing_left: None, sql_server: Database) -> Iterator[Database]:
    """With the procedures and views, made twice: a script may be run again."""
    with autocommit(sql_server) as connection:
        database_mail.install(connection)
        database_mail.install(connection, "msdb")
    yield sql_server
    with autocommit(sql_server) as connection:
        database_mail.remove(connection)


@pytest.fixture
def caller(installed: Database) -> Iterator[Caller]:
    """Somebody who may do everything, in an empty database whose profile `Ops` is for everybody."""
    empty(installed)
    with session(installed) as made:
        made.prepare()
        yield made


@pytest.fixture
def another(caller: Caller, installed: Database) -> Iterator[Caller]:
    """A second session of the same."""
    with session(installed) as made:
        yield made


@contextmanager
def session(database: Database) -> Iterator[Caller]:
    """A connection that nobody has used, and nobody will: calls change what a session is."""
    with database.engine.raw_connection() as raw:
        yield Caller(raw)
        raw.invalidate()
