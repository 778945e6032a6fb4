"""The SQL Server of DATABASE_URL with Database Mail in it; without one there is no such test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.database.database import Database
from standalone import database_mail
from tests.database_mail.t_sql.caller import Caller, autocommit
from tests.support.database import SQL_SERVER, empty

collect_ignore_glob = [] if SQL_SERVER else ["test_server_*.py"]


@pytest.fixture(scope="module")
def installed(sql_server: Database) -> Iterator[Database]:
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
    with installed.engine.raw_connection() as raw:
        made = Caller(raw)
        made.prepare()
        yield made


@pytest.fixture
def another(caller: Caller, installed: Database) -> Iterator[Caller]:
    """A second session of the same."""
    with installed.engine.raw_connection() as raw:
        yield Caller(raw)
