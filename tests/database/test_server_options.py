"""Options of SQL Server that Rowpost looks at, and what it says of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event

from shared.database.adoption.server_options import (
    _OPTIONS,
    _TURN_SNAPSHOT_ON,
    DURABILITY_IS_DELAYED,
    SNAPSHOT_IS_OFF,
    DelayedDurabilityForced,
    ServerOptions,
    options_in_catalog,
    read_server_options,
    refuse_forced_delayed_durability,
)
from shared.database.database import Database
from tests.support.t_sql import t_sql

WELL = ServerOptions(read_committed_snapshot=True, forced_delayed_durability=False)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Connection]:
    """SQLite with a `sys.databases` of two databases, of which ours is `mail`."""
    engine = create_engine(f"sqlite:///{tmp_path / 'mail.db'}")

    @event.listens_for(engine, "connect")
    def like_a_server(connection: Any, _: Any) -> None:
        connection.create_function("DB_NAME", 0, lambda: "mail")
        connection.execute("ATTACH ':memory:' AS sys")

    with engine.connect() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE sys.databases (name, database_id, is_read_committed_snapshot_on, "
            "delayed_durability_desc)"
        )
        connection.exec_driver_sql("INSERT INTO sys.databases VALUES ('master', 1, 0, 'DISABLED')")
        yield connection
    engine.dispose()


def with_options(catalog: Connection, snapshot: int, durability: str) -> Connection:
    catalog.exec_driver_sql(
        "INSERT INTO sys.databases VALUES ('mail', 5, ?, ?)", (snapshot, durability)
    )
    return catalog


def test_the_questions_are_t_sql_that_asks_by_name_and_waits_for_nobody() -> None:
    assert t_sql(_OPTIONS) == (
        "SELECT is_read_committed_snapshot_on, delayed_durability_desc "
        "FROM sys.databases WHERE name = DB_NAME()"
    )
    assert _TURN_SNAPSHOT_ON == (
        "ALTER DATABASE CURRENT SET READ_COMMITTED_SNAPSHOT ON WITH NO_WAIT"
    )


@pytest.mark.parametrize(
    ("snapshot", "durability", "options"),
    [
        (1, "DISABLED", WELL),
        (1, "ALLOWED", WELL),
        (0, "DISABLED", ServerOptions(False, forced_delayed_durability=False)),
        (1, "FORCED", ServerOptions(True, forced_delayed_durability=True)),
    ],
)
def test_the_options_are_those_of_our_database(
    catalog: Connection, snapshot: int, durability: str, options: ServerOptions
) -> None:
    assert options_in_catalog(with_options(catalog, snapshot, durability)) == options


def test_each_option_that_is_not_well_is_told_with_what_to_do() -> None:
    assert list(WELL.problems) == []
    assert list(ServerOptions(False, forced_delayed_durability=True).problems) == [
        DURABILITY_IS_DELAYED,
        SNAPSHOT_IS_OFF,
    ]
    assert "ALTER DATABASE CURRENT SET DELAYED_DURABILITY = ALLOWED" in DURABILITY_IS_DELAYED
    assert _TURN_SNAPSHOT_ON in SNAPSHOT_IS_OFF


def test_sqlite_has_none_of_them_and_is_never_refused(sqlite_database: Database) -> None:
    with sqlite_database.read() as connection:
        assert read_server_options(connection) is None
        refuse_forced_delayed_durability(connection)


def test_a_server_that_forgets_commits_is_refused_and_one_that_may_is_not(
    catalog: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog.dialect, "name", "mssql")
    refuse_forced_delayed_durability(with_options(catalog, 1, "ALLOWED"))

    catalog.exec_driver_sql("UPDATE sys.databases SET delayed_durability_desc = 'FORCED'")
    with pytest.raises(DelayedDurabilityForced, match="DELAYED_DURABILITY is FORCED"):
        refuse_forced_delayed_durability(catalog)
