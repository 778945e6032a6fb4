"""Health tells of options of the database that an administrator should change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.app import Application
from shared.database.adoption.server_options import ServerOptions
from shared.monitoring.health import Health
from shared.settings import Settings

WELL = Health(
    at=datetime(2026, 1, 31, tzinfo=UTC),
    overview=None,
    database_problem=None,
    driver="ODBC Driver 18 for SQL Server",
    secrets="Key Vault",
    secrets_problem=None,
    storage="Azure Storage",
    storage_problem=None,
    accounts=None,
)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ServerOptions(False, forced_delayed_durability=False), "READ_COMMITTED_SNAPSHOT ON"),
        (ServerOptions(True, forced_delayed_durability=True), "DELAYED_DURABILITY = ALLOWED"),
    ],
    ids=["readers wait for writers", "commits are forgotten"],
)
def test_an_option_that_is_not_well_is_told_with_the_statement_that_helps(
    options: ServerOptions, words: str
) -> None:
    health = replace(WELL, option_problems=tuple(options.problems))

    assert health.status == "degraded"
    (problem,) = health.problems
    assert words in problem


def test_sqlite_has_no_such_option(tmp_path: Path) -> None:
    app = Application(Settings(data=tmp_path, database_url=None, storage=None))

    assert app.health.check().option_problems == ()
    app.close()


def test_a_database_with_its_options_as_they_should_be_is_healthy() -> None:
    options = ServerOptions(True, forced_delayed_durability=False)

    assert replace(WELL, option_problems=tuple(options.problems)).status == "healthy"
