"""What SQL Server is sent by a migration, and what is printed for `sqlcmd -b`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest
from sqlalchemy.dialects import mssql
from sqlalchemy.schema import CreateIndex, CreateTable

from shared.database import migrations
from shared.database.errors import DatabaseUnreachable, SchemaRefused
from shared.database.migrations import sqlserver
from shared.database.migrations.revisions import HEAD, revisions_after, steps_for
from shared.database.migrations.steps import Column, Kind, Step, steps_of
from shared.database.tables import metadata
from tests.database.schema import SEED_TABLES
from tests.database.server import Server

ADDRESS = "mssql+pyodbc://reader:pass%40word@server/database"
SEVEN_OPTIONS = (
    "SET QUOTED_IDENTIFIER, ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, CONCAT_NULL_YIELDS_NULL, "
    "ARITHABORT ON; SET NUMERIC_ROUNDABORT OFF;"
)
OWNER = "HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'CONTROL') = 1"
CHANGE = re.compile(
    r"\b(CREATE (?:TABLE|INDEX)|DROP INDEX|ALTER TABLE|INSERT INTO|UPDATE|DELETE FROM) (\S+)"
)


@pytest.fixture(scope="module")
def batches() -> list[str]:
    """Of the script for a fresh database, each on one line, without comments."""
    return in_batches(migrations.as_sql(ADDRESS))


@pytest.fixture(scope="module")
def steps() -> list[Step]:
    return [step for name in revisions_after(None) for step in steps_for(name, "mssql")]


def in_batches(script: str) -> list[str]:
    bare = re.sub(r"^--.*$", "", script, flags=re.MULTILINE)
    return [" ".join(batch.split()) for batch in bare.split("\nGO\n") if batch.strip()]


def batch_with(batches: Sequence[str], words: str) -> str:
    (found,) = [batch for batch in batches if words in batch]
    return found


class TestTheScript:
    def test_the_seven_options_come_first_and_locks_are_waited_for_three_seconds(
        self, batches: list[str]
    ) -> None:
        assert batches[0].startswith(SEVEN_OPTIONS)
        assert "SET LOCK_TIMEOUT 3000;" in batches[0]
        assert batches[0].endswith("SET NOCOUNT ON; SET XACT_ABORT ON;")

    def test_all_is_checked_before_anything_is_changed(self, batches: list[str]) -> None:
        checks, changes = batches[1], batches[2:]

        assert not [name for _, name in CHANGE.findall(checks) if not name.startswith("#")]
        assert checks.index("sp_getapplock") < checks.index("@problem")
        assert "IF @problem IS NOT NULL BEGIN EXEC sp_releaseapplock" in checks
        assert checks.index("THROW 51000, @problem, 1;") < checks.index("CREATE TABLE #")
        assert all("@problem" not in batch for batch in changes)

    def test_a_batch_does_nothing_unless_the_one_before_it_went_through(
        self, batches: list[str]
    ) -> None:
        """A tool that goes on after a failed batch is told by each of the others."""
        for number, batch in enumerate(batches[2:]):
            missing = "IF OBJECT_ID(N'tempdb..#Rowpost_Migration') IS NULL THROW 51000, N'A batch"
            assert batch.startswith(missing)
            undone = "IF NOT EXISTS (SELECT 1 FROM #Rowpost_Migration WHERE Done = "
            assert f"{undone}{number}) THROW 51000, N'A batch before this one failed" in batch
        for number, batch in enumerate(batches[2:-1], 1):
            assert batch.endswith(f"UPDATE #Rowpost_Migration SET Done = {number};")

    def test_nothing_is_held_from_one_batch_to_the_next_but_the_applications_lock(
        self, batches: list[str]
    ) -> None:
        script = " ".join(batches)

        assert "BEGIN TRAN" not in script
        assert "COMMIT" not in script
        assert batches[-1].count("sp_releaseapplock") == 1

    def test_every_change_gives_way_behind_a_lock_and_is_tried_a_bounded_number_of_times(
        self, batches: list[str], steps: list[Step]
    ) -> None:
        catch = (
            "BREAK; END TRY BEGIN CATCH SET @tries += 1; "
            "IF ERROR_NUMBER() NOT IN (1205, 1222) OR @tries = 20 THROW; "
            "WAITFOR DELAY '00:00:02'; END CATCH; END;"
        )
        changing = [batch for batch in batches[2:] if "WHILE " in batch]

        assert len(changing) == 1 + len(steps)
        for batch in changing:
            assert re.search(r"DECLARE @tries INT = 0; WHILE .+ BEGIN BEGIN TRY ", batch)
            assert catch in batch

    def test_what_is_there_is_left_alone_so_that_it_may_be_run_twice(
        self, batches: list[str], steps: list[Step]
    ) -> None:
        for step in steps:
            guard = {
                Kind.TABLE: f"WHILE OBJECT_ID(N'dbo.{step.name}', N'U') IS NULL BEGIN",
                Kind.COLUMN: f"WHILE COL_LENGTH(N'dbo.{step.table}', N'{step.name}') IS NULL BEGIN",
                Kind.INDEX: (
                    f"WHILE NOT EXISTS (SELECT 1 FROM sys.indexes WHERE name = N'{step.name}' AND "
                    f"object_id = OBJECT_ID(N'dbo.{step.table}', N'U')) BEGIN"
                ),
                Kind.NO_INDEX: (
                    f"WHILE EXISTS (SELECT 1 FROM sys.indexes WHERE name = N'{step.name}' AND "
                    "OBJECT_SCHEMA_NAME(object_id) = N'dbo') BEGIN"
                ),
                Kind.ROWS: "WHERE NOT EXISTS (SELECT 1 FROM dbo.",
                Kind.ROLE: f"WHILE {OWNER} AND DATABASE_PRINCIPAL_ID(N'rowpost_service') IS NULL",
                Kind.GRANT: f"WHILE {OWNER} AND DATABASE_PRINCIPAL_ID(N'{step.name}') IS NOT NULL",
            }[step.kind]
            made = " ".join(step.sql.split())
            assert guard in batch_with(batches, f"{made};"), step.name

    def test_an_index_is_built_online_where_the_edition_can(
        self, batches: list[str], steps: list[Step]
    ) -> None:
        indexes = [" ".join(step.sql.split()) for step in steps if step.kind is Kind.INDEX]

        assert indexes
        for index in indexes:
            edition = "IF CAST(SERVERPROPERTY(N'EngineEdition') AS INT) IN (3, 5, 8)"
            assert batch_with(
                batches, f"{edition} {index} WITH (ONLINE = ON); ELSE {index}; BREAK;"
            )

    def test_every_table_is_named_with_its_schema(self, batches: list[str]) -> None:
        """A login's default schema may be another."""
        script = " ".join(batches)
        changed = [name for _, name in CHANGE.findall(script) if not name.startswith("IX_")]

        assert len(changed) > 100
        assert {name.partition(".")[0] for name in changed} == {"dbo", "#Rowpost_Migration"}
        for name in metadata.tables:
            assert not re.search(rf"(?<!dbo\.)(?<!N')\b{name}\b(?! \()", script), name

    def test_nothing_of_the_addresss_secrets_is_printed(self, batches: list[str]) -> None:
        assert "pass" not in " ".join(batches)


class TestTheChecks:
    def test_the_adopted_names_are_tables_of_our_schema_or_nowhere(
        self, batches: list[str]
    ) -> None:
        """A view, a synonym, another schema or case would lead to a second, empty queue."""
        words = (
            "FROM sys.objects AS found JOIN (VALUES (N'Digital_Emaildetails'), "
            "(N'tbl_EMailParameters')) AS wanted (name) "
            "ON UPPER(found.name COLLATE Latin1_General_BIN2) = "
            "UPPER(wanted.name COLLATE Latin1_General_BIN2) "
            "WHERE found.type <> 'U' "
            "OR COALESCE(OBJECT_ID(N'dbo.' + wanted.name, N'U'), 0) <> found.object_id;"
        )
        assert words in batches[1]

    def test_who_cannot_see_whether_they_are_there_makes_none(self, batches: list[str]) -> None:
        words = (
            "(OBJECT_ID(N'dbo.Digital_Emaildetails', N'U') IS NULL "
            "OR OBJECT_ID(N'dbo.tbl_EMailParameters', N'U') IS NULL) "
            "AND HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'VIEW DEFINITION') = 0"
        )
        assert words in batches[1]

    @pytest.mark.parametrize(
        ("table", "column", "asked"),
        [
            # Theirs: it has to be there. The number must come by itself, the rest is their affair.
            ("Digital_Emaildetails", "dd_srno", "N'INTEGER NOT NULL IDENTITY', N'int', NULL, 1, 0"),
            ("Digital_Emaildetails", "dd_bodyText", "N'NTEXT NULL', NULL, NULL, NULL, 0"),
            # Ours, beside theirs: it may be missing, else it has our type, and no IDENTITY.
            ("tbl_EMailParameters", "Rowpost_Id", "N'INTEGER NULL', N'int', NULL, 0, 1"),
            (
                "tbl_EMailParameters",
                "Rowpost_Preset",
                "N'NVARCHAR(30) NULL', N'nvarchar', 60, 0, 1",
            ),
            # Of our own tables.
            ("Rowpost_Service", "State", "N'NVARCHAR(10) NOT NULL', N'nvarchar', 20, 0, 0"),
            ("Rowpost_Recipients", "Kind", "N'VARCHAR(3) NOT NULL', N'varchar', 3, 0, 0"),
            ("Rowpost_Contacts", "Message", "N'NVARCHAR(max) NOT NULL', N'nvarchar', -1, 0, 0"),
            ("Rowpost_Keys", "Id", "N'INTEGER NOT NULL IDENTITY', N'int', NULL, 1, 0"),
        ],
    )
    def test_a_table_that_is_there_has_the_columns_that_are_not_added(
        self, batches: list[str], table: str, column: str, asked: str
    ) -> None:
        assert f"(N'{table}', N'{column}', {asked})" in batches[1]

    def test_an_accounts_number_is_never_an_identity(self, steps: list[Step]) -> None:
        """A table has one at most, and theirs may have one (error 2744)."""
        numbers = [
            column.definition
            for step in steps
            for column in step.columns
            if column.name == "Rowpost_Id"
        ]
        assert numbers == ["INTEGER NULL", "INTEGER NULL"]


class TestAScriptThatGoesOn:
    """From a version that a release made: here from the first one, to one that never was."""

    @pytest.fixture
    def later(self) -> list[str]:
        sql = (
            "ALTER TABLE dbo.Rowpost_Keys ADD Note NVARCHAR(50) NULL;\n\n"
            "CREATE INDEX IX_Rowpost_Keys_Note ON dbo.Rowpost_Keys (Note);\n"
        )
        script = sqlserver.printed([("2027_1", steps_of(sql))], migrations.HEAD)
        return in_batches("".join(f"{batch}\nGO\n" for batch in script))

    def test_it_makes_what_is_missing_and_no_more(self, later: list[str]) -> None:
        changed = [name for batch in later for _, name in CHANGE.findall(batch)]

        assert set(changed) == {
            "dbo.Rowpost_Migrations",
            "dbo.Rowpost_Keys",
            "IX_Rowpost_Keys_Note",
            "#Rowpost_Migration",
        }

    def test_it_refuses_a_database_of_another_version(self, later: list[str]) -> None:
        assert "IF OBJECT_ID(N'dbo.Rowpost_Migrations', N'U') IS NULL SET @problem" in later[1]
        assert f"WHERE version_num NOT IN ('{HEAD}', '2027_1');" in later[1]

    def test_it_says_which_version_the_database_has_then(self, later: list[str]) -> None:
        stamp = (
            "UPDATE dbo.Rowpost_Migrations SET version_num = '2027_1' "
            f"WHERE version_num = '{HEAD}';"
        )
        assert stamp in later[-2]

    def test_a_fresh_one_gets_its_first_version_once(self, batches: list[str]) -> None:
        stamp = (
            "INSERT INTO dbo.Rowpost_Migrations (version_num) SELECT '2026_1' "
            "WHERE NOT EXISTS (SELECT 1 FROM dbo.Rowpost_Migrations);"
        )
        assert stamp in " ".join(batches)
        known = ", ".join(f"'{name}'" for name in revisions_after(None))
        assert f"WHERE version_num NOT IN ({known});" in batches[1]


class Made(NamedTuple):
    """What statements make, written in one way."""

    columns: dict[tuple[str, str], str]
    constraints: dict[str, list[str]]
    indexes: dict[str, str]


def made_by(steps: Sequence[Step]) -> Made:
    made = Made({}, {}, {})
    for step in steps:
        made.columns.update({column[:2]: words(column.definition) for column in step.columns})
        if step.kind is Kind.TABLE:
            lines = [words(line) for line in step.sql.splitlines()]
            rules = [line for line in lines if line.startswith(("PRIMARYKEY", "CONSTRAINT"))]
            made.constraints[step.name] = sorted(rules)
        elif step.kind is Kind.INDEX:
            made.indexes[step.name] = words(step.sql)
        elif step.kind is Kind.NO_INDEX:
            del made.indexes[step.name]
    return made


def words(sql: str) -> str:
    return re.sub(r"\s|\bdbo\.|,\s*$", "", sql)


def test_the_t_sql_of_the_revisions_makes_what_the_live_tables_say(steps: list[Step]) -> None:
    """Who changes a table writes a revision."""
    dialect = mssql.dialect()  # type: ignore[no-untyped-call]
    elements: list[CreateTable | CreateIndex] = []
    for table in metadata.tables.values():
        elements += (CreateTable(table), *map(CreateIndex, table.indexes))
    live = [re.sub(r"[\[\]]", "", str(each.compile(dialect=dialect))) for each in elements]

    assert made_by(steps) == made_by(steps_of(";\n".join(live)))


def test_a_column_that_is_added_is_as_in_a_fresh_table(steps: list[Step]) -> None:
    """Unless a later revision adds it to both."""
    created = {column for step in steps if step.kind is Kind.TABLE for column in step.columns}
    names = {column[:2] for column in created}
    columns = [step.columns[0] for step in steps if step.kind is Kind.COLUMN]
    added = [column for column in columns if column.table in SEED_TABLES and column[:2] in names]

    assert added
    assert set(added) <= created


def test_a_statement_of_no_known_kind_is_no_migration() -> None:
    with pytest.raises(ValueError, match="no known kind: DROP TABLE"):
        steps_of("-- away with it\nDROP TABLE dbo.Digital_Emaildetails;\n")


def test_a_file_is_read_statement_by_statement() -> None:
    (table, column, index, gone, rows, role, rights) = steps_of(
        "-- A table.\n"
        "CREATE TABLE dbo.T (\n    Id INT NOT NULL,\n    Name NVARCHAR(5) NULL DEFAULT ';',\n"
        "    PRIMARY KEY (Id)\n);\n\n"
        "ALTER TABLE dbo.T ADD Note INT NULL;\n"
        "CREATE UNIQUE INDEX I ON dbo.T (Note)\n    WHERE Note > 3;\n"
        "DROP INDEX I ON dbo.T;\n"
        "UPDATE dbo.T SET Note = 3 WHERE Note IS NULL;\n"
        "CREATE ROLE sender;\n"
        "GRANT SELECT, INSERT ON dbo.T TO sender;\n"
    )

    steps = [table, column, index, gone, rows, role, rights]
    assert [step.kind for step in steps] == list(Kind)
    assert table.columns == (
        Column("T", "Id", "INT NOT NULL"),
        Column("T", "Name", "NVARCHAR(5) NULL DEFAULT ';'"),
    )
    assert column.columns == (Column("T", "Note", "INT NULL"),)
    assert (index.table, index.name, gone.name) == ("T", "I", "I")
    assert (role.name, rights.table, rights.name) == ("sender", "T", "sender")


def place_of(sent: Sequence[str], is_it: Callable[[str], bool]) -> int:
    return next(place for place, sql in enumerate(sent) if is_it(sql))


def test_the_services_role_may_read_and_write_each_table_and_no_more(steps: list[Step]) -> None:
    rights = {step.table: step.sql for step in steps if step.kind is Kind.GRANT}

    assert set(rights) == {*metadata.tables, migrations.VERSION_TABLE}
    for table in metadata.tables:
        assert rights[table] == (
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.{table} TO rowpost_service"
        )
    assert rights[migrations.VERSION_TABLE].startswith("GRANT SELECT ON ")


class TestRunningIt:
    def test_the_lock_comes_first_then_the_checks_then_what_the_script_says(
        self, steps: list[Step]
    ) -> None:
        server = Server(ADDRESS)

        migrations.upgrade(server.engine())

        sent = server.sent
        locked = place_of(sent, lambda sql: "sp_getapplock" in sql)
        checked = place_of(sent, lambda sql: sql.endswith("SELECT @problem;"))
        changed = place_of(sent, lambda sql: CHANGE.search(sql) is not None)
        assert locked < checked < changed
        run = [sql for sql in sent if "@gave_way" in sql]
        assert run == [" ".join(sqlserver.attempt(step).split()) for step in steps]
        assert server.version_num == migrations.HEAD

    def test_locks_are_waited_for_three_seconds_and_statements_for_an_hour_at_most(self) -> None:
        server = Server(ADDRESS)

        migrations.upgrade(server.engine())

        options = [sql for sql in server.sent if sql.startswith("SET ") and "DECLARE" not in sql]
        assert " ".join(options[:2]) == SEVEN_OPTIONS
        assert "SET LOCK_TIMEOUT 3000;" in options
        # Alembic counts the rows that its statements change.
        assert options[-1].startswith("SET NOCOUNT OFF")
        assert server.timeout == 3600

    def test_a_database_that_is_up_to_date_is_only_asked(self) -> None:
        server = Server(ADDRESS)
        engine = server.engine()
        migrations.upgrade(engine)
        server.sent.clear()

        migrations.upgrade(engine)

        (asked,) = [sql for sql in server.sent if not sql.startswith("SET ")]
        assert asked == (
            "IF OBJECT_ID(N'dbo.Rowpost_Migrations', N'U') IS NULL SELECT NULL "
            "ELSE SELECT version_num FROM dbo.Rowpost_Migrations"
        )

    def test_what_does_not_fit_is_refused_in_the_servers_words_and_nothing_is_changed(self) -> None:
        server = Server(ADDRESS, problem="The database has sales.Digital_Emaildetails (view)")

        with pytest.raises(SchemaRefused, match=r"has sales.Digital_Emaildetails \(view\)"):
            migrations.upgrade(server.engine())

        assert not [sql for sql in server.sent if CHANGE.search(sql)]

    def test_a_step_gives_way_behind_a_lock_and_is_tried_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlserver, "PAUSE_SECONDS", 0)
        server = Server(ADDRESS, gives_way_at="INDEX IX_Rowpost_Ready", times=19)

        migrations.upgrade(server.engine())

        tried = [sql for sql in server.sent if "INDEX IX_Rowpost_Ready" in sql]
        assert len(tried) == 20
        assert "BEGIN CATCH IF ERROR_NUMBER() NOT IN (1205, 1222) THROW;" in tried[0]
        assert server.version_num == migrations.HEAD

    def test_who_gave_way_for_long_enough_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is done stays: the next start goes on from there."""
        monkeypatch.setattr(sqlserver, "PAUSE_SECONDS", 0)
        server = Server(ADDRESS, gives_way_at="INDEX IX_Rowpost_Ready", times=20)

        with pytest.raises(DatabaseUnreachable, match="others keep the tables locked"):
            migrations.upgrade(server.engine())

        assert server.version_num is None
