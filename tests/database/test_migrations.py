from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, inspect, select, text

from shared.accounts.numbers import number_new_accounts
from shared.database import migrations
from shared.database.database import Database
from shared.database.engine import file_url, open_engine
from shared.database.errors import SchemaBehind, SchemaRefused
from shared.database.migrations import sqlite, sqlserver
from shared.database.migrations.revisions import (
    alembic_configuration,
    revisions_after,
    steps_for,
)
from shared.database.migrations.steps import Kind, Step
from shared.database.tables import SEED_EMAIL_COLUMNS, emails, metadata, service
from shared.outbox.states import Lane
from shared.scheduling import service_state
from tests.database.schema import SEED_TABLES, tables_of
from tests.outbox.sender import Sender, wanted
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
DIALECTS = ("sqlite", "mssql")
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
    """A database with the original tables in it, and nothing of Rowpost's.

    The SQL Server of DATABASE_URL is the tests' own: it gets fresh tables afterwards.
    """
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


def assert_complete(engine: Engine, *, adopted: bool = False) -> None:
    """All is there; of an adopted queue table the seed's columns, and those of nobody else."""
    for name, table in metadata.tables.items():
        needed = table.columns.keys()
        if adopted and name == emails.name:
            needed = needed[:SEED_EMAIL_COLUMNS]
            assert len(columns(engine, name)) == SEED_EMAIL_COLUMNS
        assert _folded(columns(engine, name)) >= _folded(needed), name
        there = _folded(index["name"] for index in inspect(engine).get_indexes(name))
        assert there >= _folded(index.name for index in table.indexes), name


def _folded(names: Iterable[object]) -> set[str]:
    """A server may tell of its own spelling of names, where case makes no difference to it."""
    return {str(name).casefold() for name in names}


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
    assert not is_adopted(fresh)


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


def is_adopted(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(connection.scalar(select(service.c.Adopted)))


def service_runs(engine: Engine) -> bool:
    with engine.connect() as connection:
        return service_state.status(connection).running


def test_a_schema_that_is_behind_is_told_when_it_may_not_be_changed(fresh: Engine) -> None:
    with pytest.raises(SchemaBehind, match="rowpost migrate"):
        migrations.require_current(fresh)

    migrations.upgrade(fresh)
    migrations.require_current(fresh)


@pytest.mark.parametrize("version", ["0001", "0008"])
def test_a_development_state_is_refused_and_left_as_it_is(fresh: Engine, version: str) -> None:
    version_table = f"CREATE TABLE {migrations.VERSION_TABLE} (version_num VARCHAR(32))"
    stamp = f"INSERT INTO {migrations.VERSION_TABLE} VALUES ('{version}')"
    execute(fresh, version_table, stamp, "CREATE TABLE Rowpost_Service (Id INTEGER)")
    before = tables_of(fresh)

    with pytest.raises(SchemaRefused, match=f"version {version}.*upgrade.md"):
        migrations.upgrade(fresh)
    with pytest.raises(SchemaRefused):
        migrations.require_current(fresh)

    assert tables_of(fresh) == before


def test_tables_of_ours_that_no_migration_made_are_refused_before_anything_is_changed(
    seeded: Engine,
) -> None:
    """A development state that lost its version, say."""
    state = "State NVARCHAR(10) NOT NULL"
    execute(seeded, f"CREATE TABLE Rowpost_Service (Id INT NOT NULL PRIMARY KEY, {state})")
    before = tables_of(seeded)

    with pytest.raises(SchemaRefused, match="Rowpost_Service is there without its column"):
        migrations.upgrade(seeded)

    assert tables_of(seeded) == before


def test_adopted_tables_that_lack_a_column_are_refused_before_anything_is_changed(
    seeded: Engine,
) -> None:
    execute(seeded, "ALTER TABLE Digital_Emaildetails DROP COLUMN dd_ccEmailid")
    before = tables_of(seeded)

    with pytest.raises(SchemaRefused, match="dd_ccEmailid"):
        migrations.upgrade(seeded)

    assert tables_of(seeded) == before


def test_a_view_in_the_place_of_a_table_is_refused(seeded: Engine) -> None:
    execute(
        seeded,
        "DROP TABLE tbl_EMailParameters",
        "CREATE VIEW tbl_EMailParameters AS SELECT dd_srno FROM Digital_Emaildetails",
    )
    try:
        with pytest.raises(SchemaRefused, match=r"(?i)tbl_EMailParameters.*view"):
            migrations.upgrade(seeded)
    finally:
        execute(seeded, "DROP VIEW tbl_EMailParameters")


def test_an_accounts_table_may_have_a_number_of_its_own(seeded: Engine) -> None:
    """On SQL Server a table has one IDENTITY at most (error 2744)."""
    number = "INTEGER PRIMARY KEY AUTOINCREMENT"
    own = "INT IDENTITY(1,1) PRIMARY KEY" if seeded.dialect.name == "mssql" else number
    seeds = (SEED_SQL_SERVER if SQL_SERVER else SEED_SQLITE).split(";")[0]
    with_number = seeds.replace("(\n", f"(\n    OwnersId {own},\n", 1)
    execute(seeded, "DROP TABLE tbl_EMailParameters", with_number, OLD_ACCOUNT, OLD_ACCOUNT)

    migrations.upgrade(seeded)
    number_new_accounts(Database(seeded))

    with seeded.connect() as connection:
        rows = connection.execute(text("SELECT * FROM tbl_EMailParameters")).all()
    assert sorted((row.OwnersId, row.Rowpost_Id) for row in rows) == [(1, 1), (2, 2)]


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

    assert_complete(seeded, adopted=True)
    database = Database(seeded)
    assert not service_runs(seeded)
    assert is_adopted(seeded)
    assert Sender(database).claim("MAIN") == []
    assert flags(database) == "NNN"


def test_an_adopted_database_without_emails_is_stopped_too(seeded: Engine) -> None:
    """Its applications may insert before anybody has looked."""
    migrations.upgrade(seeded)

    assert_complete(seeded, adopted=True)
    assert not service_runs(seeded)
    assert is_adopted(seeded)


def test_an_adopted_queue_gets_one_index_and_no_column(seeded: Engine) -> None:
    execute(seeded, OLD_INSERT)
    before = tables_of(seeded)[emails.name]

    migrations.upgrade(seeded)

    after = tables_of(seeded)[emails.name]
    assert (after.columns, after.key) == (before.columns, before.key)
    assert len(after.columns) == SEED_EMAIL_COLUMNS
    (added,) = after.indexes.keys() - before.indexes.keys()
    assert added.lower() == "ix_rowpost_new"
    # The columns; then whether it is unique, and no condition.
    assert re.fullmatch(r"'dd_sendflag','dd_srno'(0|false)(none)?", after.indexes[added])
    assert after.indexes.items() >= before.indexes.items()


def test_an_application_inserts_into_an_adopted_queue_without_a_column_list(
    seeded: Engine,
) -> None:
    """As it did before: a column more would break it."""
    migrations.upgrade(seeded)
    values = "NULL, NULL, 'ann@example.com', NULL, 'Hello', 'Hi', 'N', 'MAIN', 0, NULL, NULL, NULL"
    number = "" if seeded.dialect.name == "mssql" else "NULL, "

    execute(seeded, f"INSERT INTO Digital_Emaildetails VALUES ({number}{values})")

    database = Database(seeded)
    with database.write() as connection:
        service_state.start(connection, "a test")
    assert len(Sender(database).claim("MAIN")) == 1


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

    number_new_accounts(Database(seeded))
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
        "ALTER TABLE tbl_EMailParameters ADD Rowpost_Id INT",
        "CREATE INDEX IX_Rowpost_New ON Digital_Emaildetails (dd_SendFlag, dd_srno)",
    )

    migrations.upgrade(seeded)

    assert_complete(seeded, adopted=True)
    assert not service_runs(seeded)


def test_option_columns_that_somebody_has_added_are_kept_as_they_are(seeded: Engine) -> None:
    lane = "ALTER TABLE Digital_Emaildetails ADD dd_Lane NVARCHAR(10)"
    execute(seeded, lane, OLD_INSERT, "UPDATE Digital_Emaildetails SET dd_Lane = 'immediate'")

    migrations.upgrade(seeded)

    assert columns(seeded, emails.name)[SEED_EMAIL_COLUMNS:] == ["dd_Lane"]
    database = Database(seeded)
    with database.write() as connection:
        service_state.start(connection, "a test")
    assert Sender(database).take(wanted("MAIN", lanes=(Lane.IMMEDIATE,))) == [1]


def test_tables_that_a_test_has_changed_are_made_anew_for_the_next_one(fresh: Engine) -> None:
    """What the tests on a SQL Server share: a column that is there keeps what it lacks."""
    migrations.upgrade(fresh)
    drop_tables(fresh)
    assert inspect(fresh).get_table_names() == []
    execute(fresh, *SEED_SQLITE.split(";"), OLD_INSERT)
    migrations.upgrade(fresh)

    make_anew(fresh)

    assert service_runs(fresh)
    assert not is_adopted(fresh)
    execute(fresh, OLD_INSERT)
    with fresh.connect() as connection:
        found = connection.scalars(text("SELECT dd_CreatedDate FROM Digital_Emaildetails")).all()
    assert len(found) == 1
    assert found[0] is not None


def all_steps(dialect: str) -> list[Step]:
    return [step for name in revisions_after(None) for step in steps_for(name, dialect)]


def test_adopted_tables_and_fresh_ones_are_the_same(seeded: Engine) -> None:
    """Column by column and index by index; what was theirs stays as they have it."""
    migrations.upgrade(seeded)
    adopted = tables_of(seeded)
    drop_tables(seeded)
    migrations.upgrade(seeded)
    fresh = tables_of(seeded)

    assert adopted.keys() == fresh.keys()
    for name in fresh.keys() - set(SEED_TABLES):
        assert adopted[name] == fresh[name], name
    theirs_too = {step.table for step in all_steps("sqlite") if step.kind is Kind.COLUMN}
    assert theirs_too & set(SEED_TABLES) == {"tbl_EMailParameters"}
    added = {(step.table, step.name) for step in all_steps("sqlite") if step.kind is Kind.COLUMN}
    for name in SEED_TABLES:
        assert adopted[name].indexes == fresh[name].indexes
        for column, seen in fresh[name].columns.items():
            if column not in adopted[name].columns:
                continue
            if (name, column) not in added:
                continue
            theirs = adopted[name].columns[column]
            if not SQL_SERVER:
                # SQLite gives no default to a column that it adds but a constant, and then to the
                # rows that are there, too.
                seen = seen._replace(default="None")
            assert theirs == seen, f"{name}.{column}"


@pytest.mark.parametrize("done", [0, 1, 2, 30, 45, 70])
def test_a_database_is_the_same_wherever_a_migration_stopped_on_the_way(
    file: Path, fresh: Engine, done: int
) -> None:
    """As on SQL Server, where each statement is committed by itself."""
    with fresh.connect().execution_options(writes=True) as connection, connection.begin():
        sqlite.run(connection, all_steps("sqlite")[:done])
    migrations.upgrade(fresh)
    there = tables_of(fresh)

    whole = open_engine(file_url(file.with_name("whole.db")))
    migrations.upgrade(whole)

    assert there == tables_of(whole)
    whole.dispose()


def test_the_revisions_make_what_the_live_tables_say(file: Path, fresh: Engine) -> None:
    """Who changes a table writes a revision; test_migrations_t_sql compares the T-SQL."""
    migrations.upgrade(fresh)
    live = open_engine(file_url(file.with_name("live.db")))
    metadata.create_all(live)

    assert tables_of(fresh) == tables_of(live)
    live.dispose()


def test_a_database_of_the_first_release_becomes_what_a_fresh_one_is(seeded: Engine) -> None:
    """And works meanwhile: what waited there still does."""
    first = revisions_after(None)[0]
    upgrade_to(seeded, first)
    execute(seeded, OLD_ACCOUNT, OLD_INSERT)
    with pytest.raises(SchemaBehind):
        migrations.require_current(seeded)

    migrations.upgrade(seeded)

    assert flags(Database(seeded)) == "N"
    upgraded = tables_of(seeded)
    drop_tables(seeded)
    execute(seeded, *(SEED_SQL_SERVER if SQL_SERVER else SEED_SQLITE).split(";"))
    migrations.upgrade(seeded)
    assert upgraded == tables_of(seeded)


def test_the_printed_sql_from_the_first_release_makes_the_same_database(
    file: Path, fresh: Engine
) -> None:
    import sqlite3
    from contextlib import closing

    first = revisions_after(None)[0]
    upgrade_to(fresh, first)
    script = migrations.as_sql(file_url(file), first)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(script)

    assert_complete(fresh)
    migrations.require_current(fresh)


def upgrade_to(engine: Engine, revision: str) -> None:
    """As the release did whose last revision this was."""
    from alembic import command

    configuration = alembic_configuration()
    server = engine.dialect.name == "mssql"
    options = {"isolation_level": "AUTOCOMMIT"} if server else {"writes": True}
    with engine.connect().execution_options(**options) as connection:
        if server:
            connection.detach()
            sqlserver.prepare(connection)
        else:
            connection.begin()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, revision)
        if not server:
            connection.commit()


def test_a_revision_needs_nothing_of_the_live_tables(file: Path) -> None:
    """What it makes is written out: a later change of the tables must not change it."""
    code = (
        "import sys; from shared.database import migrations; "
        "from shared.database.engine import open_engine; "
        f"migrations.upgrade(open_engine({file_url(file)!r})); "
        "print(sorted(name for name in sys.modules if name.startswith('shared')))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert "shared.database.migrations" in done.stdout
    assert "shared.database.tables" not in done.stdout


def test_the_last_revision_is_what_this_version_needs() -> None:
    assert revisions_after(None)[-1] == migrations.HEAD
    assert revisions_after(migrations.HEAD) == []
    assert not migrations.HEAD.startswith("0")


def test_every_revision_makes_the_same_in_both_databases() -> None:
    """But rights, which a file has none of."""
    made = [
        [
            (step.kind, step.table, step.name)
            for step in all_steps(of)
            if step.kind not in (Kind.ROLE, Kind.GRANT)
        ]
        for of in DIALECTS
    ]

    assert made[0] == made[1]


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

    assert_complete(fresh, adopted=adopts)
    assert service_runs(fresh) is not adopts
    assert is_adopted(fresh) is adopts
    with fresh.connect() as connection:
        kept = connection.scalar(text("SELECT COUNT(*) FROM Digital_Emaildetails"))
    assert kept == int(adopts)


def test_the_printed_sql_for_sqlite_makes_the_same_database(file: Path, fresh: Engine) -> None:
    import sqlite3
    from contextlib import closing

    script = migrations.as_sql(file_url(file))
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(script)

    assert_complete(fresh)
    migrations.require_current(fresh)
    assert service_runs(fresh)


@pytest.mark.parametrize("version", ["0008", "2025_9", "../env"])
def test_nothing_is_printed_for_a_version_that_is_none(version: str) -> None:
    with pytest.raises(SchemaRefused, match=re.escape(version)):
        migrations.as_sql("mssql+pyodbc://server/database", version)


def test_the_version_of_a_file_that_is_not_there_is_none_and_no_file_is_made(
    file: Path, fresh: Engine
) -> None:
    assert migrations.version_at(fresh) is None
    assert not file.exists()

    migrations.upgrade(fresh)
    assert migrations.version_at(fresh) == migrations.HEAD
