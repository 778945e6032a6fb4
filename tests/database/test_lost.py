"""What a deployment of others drops of ours is noticed, and made again (docs/adopt.md)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from shared.app import Application
from shared.database import migrations
from shared.database.database import Database
from shared.database.engine import file_url
from shared.database.migrations import sqlserver
from shared.database.migrations.lost import standing_steps
from shared.database.migrations.steps import Kind, standing, steps_of
from shared.outbox.admission.admit import admit
from shared.settings import Settings
from tests.database.schema import tables_of
from tests.database.server import Server
from tests.support.accounts import answered_by
from tests.support.rows import flags, insert_rows
from tests.support.t_sql_statements import note

ADDRESS = "mssql+pyodbc://server/database"
INDEX = "IX_Rowpost_New"


def execute(database: Database, *statements: str) -> None:
    with database.write() as connection:
        for statement in statements:
            connection.execute(text(statement))


def gone(database: Database) -> list[tuple[Kind, str]]:
    with database.read() as connection:
        return [(each.kind, each.name) for each in migrations.lost(connection)]


@pytest.fixture
def app(migrated_file: Path, tmp_path: Path) -> Iterator[Application]:
    (tmp_path / "rowpost.db").write_bytes(migrated_file.read_bytes())
    app = Application(Settings(ROWPOST_DATA=tmp_path, DATABASE_URL=None))
    yield app
    app.close()


def test_of_a_database_as_it_was_made_nothing_is_gone(database: Database) -> None:
    assert gone(database) == []


def test_without_the_index_emails_are_admitted_all_the_same_and_it_can_be_made_again(
    database: Database,
) -> None:
    on = " ON dbo.Digital_Emaildetails" if database.engine.dialect.name == "mssql" else ""
    execute(database, f"DROP INDEX {INDEX}{on}")
    insert_rows(database, 3)

    assert gone(database) == [(Kind.INDEX, INDEX)]
    assert admit(database, answered_by([None])).admitted == 3
    assert flags(database) == "NNN"

    migrations.complete(database.engine)
    assert gone(database) == []


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (f"DROP INDEX {INDEX}", (Kind.INDEX, INDEX)),
        ("DROP INDEX IX_Rowpost_Current", (Kind.INDEX, "IX_Rowpost_Current")),
        ("DROP TABLE Rowpost_Held", (Kind.TABLE, "Rowpost_Held")),
        ("DROP TABLE Rowpost_Service", (Kind.TABLE, "Rowpost_Service")),
        (
            "ALTER TABLE tbl_EMailParameters DROP COLUMN Rowpost_Preset",
            (Kind.COLUMN, "Rowpost_Preset"),
        ),
        (
            "ALTER TABLE Rowpost_Service DROP COLUMN RunSince",
            (Kind.COLUMN, "RunSince"),
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_sqlite_what_is_gone_is_made_again_as_it_was(
    sqlite_database: Database, statement: str, what: tuple[Kind, str]
) -> None:
    engine = sqlite_database.engine
    before = tables_of(engine)
    execute(sqlite_database, statement)
    assert gone(sqlite_database) == [what]

    assert [(each.kind, each.name) for each in migrations.complete(engine)] == [what]

    assert gone(sqlite_database) == []
    assert tables_of(engine) == before
    assert migrations.complete(engine) == ()


def test_sqlite_the_printed_script_makes_it_again_though_the_version_is_the_last(
    sqlite_database: Database,
) -> None:
    address = sqlite_database.engine.url
    execute(sqlite_database, f"DROP INDEX {INDEX}", "DROP TABLE Rowpost_Held")

    script = migrations.as_sql(file_url(Path(str(address.database))), migrations.HEAD)
    with closing(sqlite3.connect(str(address.database))) as connection:
        connection.executescript(script)

    assert gone(sqlite_database) == []


def test_sqlite_the_printed_script_makes_a_table_with_the_columns_that_came_later(
    sqlite_database: Database,
) -> None:
    engine = sqlite_database.engine
    before = tables_of(engine)
    execute(sqlite_database, "DROP TABLE Rowpost_Service")

    script = migrations.as_sql(file_url(Path(str(engine.url.database))), migrations.HEAD)
    with closing(sqlite3.connect(str(engine.url.database))) as connection:
        connection.executescript(script)

    assert tables_of(engine) == before


def test_an_index_that_another_one_replaced_is_not_gone() -> None:
    steps = steps_of(
        "CREATE INDEX A ON T (x);\nCREATE INDEX B ON T (x);\nDROP INDEX A;\nDROP INDEX B;\n"
        "CREATE INDEX B ON T (y);\n"
    )

    assert [step.sql for step in standing(steps)] == ["CREATE INDEX B ON T (y)"]


def test_a_column_that_is_gone_stops_work() -> None:
    ours = migrations.Lost(Kind.COLUMN, "RunSince", "Rowpost_Service")
    of_accounts = migrations.Lost(Kind.COLUMN, "Rowpost_Preset", "tbl_EMailParameters")

    assert str(ours).startswith("The column Rowpost_Service.RunSince is gone: work stops. Make")
    assert "accounts can't be read" in str(of_accounts)


def test_a_database_of_another_version_has_lost_nothing(sqlite_database: Database) -> None:
    execute(
        sqlite_database,
        f"DROP INDEX {INDEX}",
        "UPDATE Rowpost_Migrations SET version_num = '2099_1'",
    )

    assert gone(sqlite_database) == []


def test_health_names_the_index_that_is_gone_and_what_makes_it_again(app: Application) -> None:
    assert app.health.check().lost == ()
    execute(app.database(), f"DROP INDEX {INDEX}")

    found = app.health.check()

    assert found.status == "degraded"
    (problem,) = found.lost
    assert problem.startswith("The index IX_Rowpost_New of Digital_Emaildetails is gone: work goes")
    assert "rowpost migrate" in problem
    assert problem in found.problems


@pytest.mark.parametrize("table", ["Rowpost_Emails", "Rowpost_Service"])
def test_health_names_the_table_that_is_gone_also_where_nothing_works_without_it(
    app: Application, table: str
) -> None:
    execute(app.database(), f"DROP TABLE {table}")

    found = app.health.check()

    assert found.status == "unhealthy"
    assert f"The table {table} is gone" in str(found.database_problem)


def test_a_server_is_asked_once_for_all_that_was_made() -> None:
    made = [step for step in standing_steps("mssql") if step.kind not in (Kind.ROWS, Kind.GRANT)]
    places = [place for place, step in enumerate(made) if step.name in (INDEX, "Rowpost_Held")]
    server = Server(ADDRESS, gone=places)
    server.version_num = migrations.HEAD

    with server.engine().connect() as connection:
        server.sent.clear()
        found = migrations.lost(connection)

    (asked,) = [sql for sql in server.sent if "AS step" in sql]
    assert len(server.sent) == 2
    assert {(each.kind, each.name) for each in found} == {
        (Kind.INDEX, INDEX),
        (Kind.TABLE, "Rowpost_Held"),
    }
    note(asked)


def test_a_login_that_lost_its_role_is_told_of_the_role_alone() -> None:
    """It sees none of the tables then, and they are there."""
    made = [step for step in standing_steps("mssql") if step.kind not in (Kind.ROWS, Kind.GRANT)]
    server = Server(ADDRESS, gone=range(len(made)))
    server.version_num = migrations.HEAD

    with server.engine().connect() as connection:
        (found,) = migrations.lost(connection)

    assert (found.kind, found.name) == (Kind.ROLE, "rowpost_service")
    assert "the rights of this login" in str(found)


def test_the_printed_t_sql_makes_each_thing_again_that_is_gone_and_keeps_the_version() -> None:
    script = migrations.as_sql(ADDRESS, migrations.HEAD)

    assert script.count("sp_getapplock") == 1
    assert "INSERT INTO dbo.Rowpost_Migrations" not in script
    assert "UPDATE dbo.Rowpost_Migrations" not in script
    for step in standing_steps("mssql"):
        assert sqlserver.batch(step) in script, step.name


def test_a_server_gets_again_what_is_gone_under_the_migrations_lock() -> None:
    server = Server(ADDRESS, gone=[0])
    server.version_num = migrations.HEAD

    assert len(migrations.complete(server.engine())) == 1

    sent = server.sent
    run = [number for number, sql in enumerate(sent) if "@gave_way" in sql]
    locked = next(number for number, sql in enumerate(sent) if "sp_getapplock" in sql)
    checked = next(number for number, sql in enumerate(sent) if sql.endswith("SELECT @problem;"))
    assert locked < checked < run[0]
    assert len(run) == len(standing_steps("mssql"))
