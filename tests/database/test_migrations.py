from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, inspect, text

from shared.database import migrations
from shared.database.database import Database
from shared.database.engine import file_url, open_engine
from shared.database.errors import SchemaBehind
from shared.database.tables import metadata
from shared.scheduling import service_state
from tests.outbox.sender import Sender
from tests.support.database import SQL_SERVER, drop_tables, make_anew, open_sql_server
from tests.support.rows import flags
from tests.support.tools import ROOT

# The original tables, in the words of each database.
SEED_SQL_SERVER = """
CREATE TABLE tbl_EMailParameters (
    SMTPServer NVARCHAR(255),
    SMTPPort INT,
    SMTPAccountName NVARCHAR(255),
    SMTPPassword NVARCHAR(255),
    SMTPMailId NVARCHAR(255),
    ApplicationName NVARCHAR(255),
    SMTPSSLFlag NVARCHAR(1),
    ParamCode NVARCHAR(50),
    IsActive NVARCHAR(1)
);
CREATE TABLE Digital_Emaildetails (
    dd_srno INT IDENTITY(1,1) PRIMARY KEY,
    dd_document VARBINARY(MAX),
    dd_filename NVARCHAR(255),
    dd_toEmailid NVARCHAR(500),
    dd_ccEmailid NVARCHAR(500),
    dd_subject NVARCHAR(500),
    dd_bodyText NTEXT,
    dd_SendFlag NVARCHAR(1) DEFAULT 'N',
    dd_EmailParamCode NVARCHAR(50),
    dd_RetryCount INT DEFAULT 0,
    dd_SentDate DATETIME,
    dd_BounceReason NVARCHAR(500),
    dd_LastRetryDate DATETIME
)
"""
SEED_SQLITE = SEED_SQL_SERVER.replace(
    "INT IDENTITY(1,1) PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT"
).replace("VARBINARY(MAX)", "BLOB")
OLD_INSERT = (
    "INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_ccEmailid, dd_subject, dd_bodyText, "
    "dd_EmailParamCode) VALUES ('ann@example.com', NULL, 'Hello', 'Hi Ann', 'MAIN')"
)
OLD_ACCOUNT = (
    "INSERT INTO tbl_EMailParameters (SMTPServer, SMTPPort, SMTPAccountName, SMTPPassword, "
    "SMTPMailId, ApplicationName, SMTPSSLFlag, ParamCode, IsActive) VALUES "
    "('mail.example.com', 587, 'robot', 'secret', 'robot@example.com', 'Shop', 'Y', 'MAIN', 'Y')"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rowpost.db"


@pytest.fixture
def fresh(file: Path) -> Iterator[Engine]:
    engine = open_engine(file_url(file))
    yield engine
    engine.dispose()


@pytest.fixture
def seeded(fresh: Engine) -> Iterator[Engine]:
    """A database with the original tables in it, and nothing of Rowpost's."""
    if not SQL_SERVER:
        execute(fresh, *SEED_SQLITE.split(";"))
        yield fresh
        return
    engine = open_sql_server()
    try:
        drop_tables(engine)
        execute(engine, *SEED_SQL_SERVER.split(";"))
        yield engine
    finally:
        make_anew(engine)
        engine.dispose()


def execute(engine: Engine, *statements: str) -> None:
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        for statement in statements:
            connection.execute(text(statement))


def columns(engine: Engine, table: str) -> list[str]:
    return [column["name"] for column in inspect(engine).get_columns(table)]


def assert_complete(engine: Engine) -> None:
    for name, table in metadata.tables.items():
        assert set(columns(engine, name)) >= set(table.columns.keys()), name
        there = {index["name"] for index in inspect(engine).get_indexes(name)}
        assert there >= {index.name for index in table.indexes}, name


def migrator(file: Path, *, killed_before: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.database.migrator", file_url(file), str(killed_before)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_fresh_database_gets_everything_and_runs(fresh: Engine) -> None:
    migrations.upgrade(fresh)

    assert_complete(fresh)
    with fresh.connect() as connection:
        assert migrations.is_current(connection)
        assert service_state.status(connection).running


def test_migrating_again_changes_nothing(fresh: Engine) -> None:
    migrations.upgrade(fresh)
    with fresh.begin() as connection:
        service_state.stop(connection, "a test")
    statements = executed_by(fresh, lambda: migrations.upgrade(fresh))

    assert not service_runs(fresh)
    assert not [one for one in statements if not one.startswith(("SELECT", "PRAGMA"))]


def test_to_know_that_nothing_is_to_be_done_costs_two_reads(fresh: Engine) -> None:
    migrations.upgrade(fresh)

    assert len(executed_by(fresh, lambda: migrations.upgrade(fresh))) <= 2


def executed_by(engine: Engine, work: object) -> list[str]:
    assert callable(work)
    executed: list[str] = []

    def note(*arguments: object) -> None:
        executed.append(str(arguments[2]))

    event.listen(engine, "before_cursor_execute", note)
    work()
    event.remove(engine, "before_cursor_execute", note)
    return executed


def service_runs(engine: Engine) -> bool:
    with engine.connect() as connection:
        return service_state.status(connection).running


def test_a_schema_that_is_behind_is_told_when_it_may_not_be_changed(fresh: Engine) -> None:
    with pytest.raises(SchemaBehind, match="standalone migrate"):
        migrations.require_current(fresh)

    migrations.upgrade(fresh)
    migrations.require_current(fresh)


def test_a_schema_that_is_not_at_its_last_version_is_behind(fresh: Engine) -> None:
    migrations.upgrade(fresh)
    execute(fresh, f"UPDATE {migrations.VERSION_TABLE} SET version_num = '0001'")

    with pytest.raises(SchemaBehind):
        migrations.require_current(fresh)


def test_the_schema_of_a_newer_version_serves_as_it_is(fresh: Engine) -> None:
    """While a deployment is on its way, and when it is taken back."""
    migrations.upgrade(fresh)
    execute(fresh, f"UPDATE {migrations.VERSION_TABLE} SET version_num = '9999'")

    migrations.require_current(fresh)
    migrations.upgrade(fresh)

    with fresh.connect() as connection:
        question = text(f"SELECT version_num FROM {migrations.VERSION_TABLE}")
        assert connection.scalar(question) == "9999"


def test_an_adopted_database_with_emails_in_it_is_stopped(seeded: Engine) -> None:
    """So that nobody mails the whole past by accident."""
    execute(seeded, OLD_ACCOUNT, *[OLD_INSERT] * 3)

    migrations.upgrade(seeded)

    assert_complete(seeded)
    database = Database(seeded)
    assert not service_runs(seeded)
    assert Sender(database).claim("MAIN") == []
    assert flags(database) == "NNN"


def test_an_adopted_database_without_emails_runs(seeded: Engine) -> None:
    migrations.upgrade(seeded)

    assert service_runs(seeded)


def test_an_old_applications_insert_goes_on_working(seeded: Engine) -> None:
    execute(seeded, OLD_INSERT)
    migrations.upgrade(seeded)
    execute(seeded, OLD_INSERT, OLD_ACCOUNT)
    database = Database(seeded)
    with database.write() as connection:
        service_state.start(connection, "a test")

    sender = Sender(database)
    sender.admit()

    assert len(sender.claim("MAIN")) == 2


def test_adopted_accounts_keep_all_they_had_and_get_a_number(seeded: Engine) -> None:
    execute(
        seeded,
        "ALTER TABLE tbl_EMailParameters ADD OwnersNote NVARCHAR(50)",
        OLD_ACCOUNT,
        OLD_ACCOUNT,
        "UPDATE tbl_EMailParameters SET OwnersNote = 'ours'",
    )

    migrations.upgrade(seeded)

    with seeded.connect() as connection:
        rows = connection.execute(text("SELECT * FROM tbl_EMailParameters")).all()
    assert sorted(row.Rowpost_Id for row in rows) == [1, 2]
    assert {row.SMTPServer for row in rows} == {"mail.example.com"}
    assert {row.OwnersNote for row in rows} == {"ours"}


def test_a_migration_that_was_interrupted_on_the_way_goes_on(seeded: Engine) -> None:
    """As on SQL Server, where each statement is committed by itself."""
    execute(
        seeded,
        OLD_INSERT,
        "ALTER TABLE Digital_Emaildetails ADD dd_Lane NVARCHAR(10)",
        "ALTER TABLE Digital_Emaildetails ADD dd_Priority INT",
    )

    migrations.upgrade(seeded)

    assert_complete(seeded)
    assert not service_runs(seeded)


def test_tables_that_a_test_has_changed_are_made_anew_for_the_next_one(fresh: Engine) -> None:
    """What the tests on a SQL Server share: a column that is there keeps what it lacks."""
    migrations.upgrade(fresh)
    drop_tables(fresh)
    assert inspect(fresh).get_table_names() == []
    without_a_default = "ALTER TABLE Digital_Emaildetails ADD dd_Lane NVARCHAR(10)"
    execute(fresh, *SEED_SQLITE.split(";"), without_a_default, OLD_INSERT)
    migrations.upgrade(fresh)

    make_anew(fresh)

    assert service_runs(fresh)
    execute(fresh, OLD_INSERT)
    with fresh.connect() as connection:
        found = connection.scalars(text("SELECT dd_Lane FROM Digital_Emaildetails")).all()
    assert found == ["scheduled"]


def test_six_processes_that_start_at_once_migrate_once(file: Path) -> None:
    processes = [migrator(file) for _ in range(6)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.communicate(timeout=60) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()

    assert [process.returncode for process in processes] == [0] * 6, answers
    engine = open_engine(file_url(file))
    assert_complete(engine)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM Rowpost_Migrations")) == 1
        assert connection.scalar(text("SELECT COUNT(*) FROM Rowpost_Service")) == 1
    engine.dispose()


@pytest.mark.parametrize("killed_before", [5, 20, 40])
@pytest.mark.parametrize("adopts", [False, True], ids=["fresh", "adopting"])
def test_a_migration_that_is_killed_leaves_a_database_that_migrates(
    file: Path, fresh: Engine, adopts: bool, killed_before: int
) -> None:
    if adopts:
        execute(fresh, *SEED_SQLITE.split(";"), OLD_INSERT, OLD_ACCOUNT)
        fresh.dispose()
    process = migrator(file, killed_before=killed_before)
    process.communicate("go\n", timeout=60)
    assert process.returncode == -signal.SIGKILL

    migrations.upgrade(fresh)

    assert_complete(fresh)
    assert service_runs(fresh) is not adopts
    with fresh.connect() as connection:
        kept = connection.scalar(text("SELECT COUNT(*) FROM Digital_Emaildetails"))
    assert kept == int(adopts)


def test_the_printed_t_sql_is_complete_and_may_be_run_twice() -> None:
    script = migrations.as_sql("mssql+pyodbc://reader:pass%40word@server/database")

    bare = re.sub(r"^--.*$", "", script, flags=re.MULTILINE)
    batches = [" ".join(batch.split()) for batch in bare.split("\nGO\n")]
    changes = [one for one in batches if re.search(r"\b(CREATE|ALTER|DROP)\b", one)]
    for change in changes:
        assert change.startswith("IF ") or "Rowpost_Migrations" in change, change
    for name, table in metadata.tables.items():
        assert f"CREATE TABLE [{name}]" in script
        for index in table.indexes:
            assert script.count(f"CREATE INDEX [{index.name}]") in (2, 4, 6)
    for name in ("Ready", "Later", "NoLane", "NoPriority", "SendAt", "Suspects"):
        assert re.search(rf"IX_Rowpost_{name}\] ON .* WHERE \[dd_SendFlag\] = 'N' AND", script)
    for column in list(metadata.tables["Digital_Emaildetails"].columns)[13:]:
        assert f"COL_LENGTH('Digital_Emaildetails', '{column.name}') IS NULL" in script
    assert "[dd_Lane] NVARCHAR(10) NULL DEFAULT 'scheduled'" in script
    assert "[dd_CreatedDate] DATETIME2(3) NULL DEFAULT SYSUTCDATETIME()" in script
    assert "ADD Rowpost_Id INT IDENTITY(1,1) NOT NULL" in script
    assert batches[0] == "SET QUOTED_IDENTIFIER ON;"
    assert "WITH VALUES" not in script
    assert "pass" not in script


def test_the_printed_sql_for_sqlite_makes_the_same_database(file: Path, fresh: Engine) -> None:
    import sqlite3
    from contextlib import closing

    script = migrations.as_sql(file_url(file))
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(script)

    assert_complete(fresh)
    migrations.require_current(fresh)
    assert service_runs(fresh)
