"""Migrating SQL Server: statement by statement, each in a batch that may be run again.

Nothing is one transaction: an index that is built online must not wait for the others, and a lock
on somebody's table is held for one statement. A change of a table waits behind whoever reads it,
and everybody else queues behind the change; so it waits for seconds, gives way, and tries again
for a while (error 1222, "Lock request time out period exceeded").

What is run here is printed for `sqlcmd`, too; there the batches try again by themselves.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from shared.database.errors import DatabaseUnreachable, SchemaRefused
from shared.database.migrations.steps import (
    QUEUE_TABLE,
    Expected,
    Kind,
    Step,
    adopted_tables,
    expected_columns,
    steps_of,
)
from shared.database.migrations.version_table import CREATE_VERSION_TABLE, VERSION_TABLE

SCHEMA = "dbo"
LOCK_MILLISECONDS = 3000
TRIES = 20
PAUSE_SECONDS = 2
# An index over a large table takes minutes; locks are waited for by LOCK_TIMEOUT alone.
LONGEST_STATEMENT_SECONDS = 3600
OTHERS_HOLD_THEM = (
    "others keep the tables locked, so the migration gave way to them: what is done stays, and it "
    "goes on from there when it is tried again"
)

_ONLINE_EDITIONS = "(3, 5, 8)"  # Enterprise, Azure SQL Database, Azure SQL Managed Instance.
_PASSING = "(1205, 1222)"  # Deadlock victim, lock time-out.
_PROGRESS = "#Rowpost_Migration"
_TYPE = re.compile(r"(\w+)(?:\((\w+)\))?")
_SYNONYMS = {"integer": "int"}
_LOCK = f"@Resource = N'{VERSION_TABLE}', @LockOwner = N'Session'"
_TAKE_LOCK = (
    f"DECLARE @lock INT;\nEXEC @lock = sp_getapplock {_LOCK}, @LockMode = N'Exclusive', "
    "@LockTimeout = 120000;"
)
_READ_VERSION = (
    f"IF OBJECT_ID(N'{SCHEMA}.{VERSION_TABLE}', N'U') IS NULL SELECT NULL "
    f"ELSE SELECT version_num FROM {SCHEMA}.{VERSION_TABLE}"
)
_OWNS_THE_DATABASE = "HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'CONTROL') = 1"
_LET_LOCK_GO = f"EXEC sp_releaseapplock {_LOCK};"
_BYTES_A_CHARACTER = {"nvarchar": 2, "varchar": 1}

# The options that an index with a condition needs (CREATE INDEX, "Required SET options for
# filtered indexes"), and what a server or login may have set otherwise.
_NEEDED = (
    "QUOTED_IDENTIFIER, ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, CONCAT_NULL_YIELDS_NULL, "
    "ARITHABORT"
)
SESSION = (
    f"SET {_NEEDED} ON;",
    "SET NUMERIC_ROUNDABORT OFF;",
    "SET IMPLICIT_TRANSACTIONS OFF;",
    f"SET LOCK_TIMEOUT {LOCK_MILLISECONDS};",
)


def prepare(connection: Connection) -> None:
    """Set the options of a connection that leaves the pool."""
    raw = connection.connection.dbapi_connection
    raw.timeout = LONGEST_STATEMENT_SECONDS  # type: ignore[union-attr]
    for option in (*SESSION, "SET NOCOUNT OFF;", "SET XACT_ABORT OFF;"):
        connection.exec_driver_sql(option)


def take_lock(connection: Connection) -> None:
    """Let no other migration run beside this connection's, until it is closed.

    Raises DatabaseUnreachable where one does, for two minutes.
    """
    question = f"SET NOCOUNT ON;\n{_TAKE_LOCK}\nSET NOCOUNT OFF;\nSELECT @lock;"
    answer = connection.exec_driver_sql(question).scalar()
    if answer is None or answer < 0:
        raise DatabaseUnreachable("another instance has been migrating for two minutes; try again")


def run(connection: Connection, steps: Sequence[Step]) -> None:
    """Run the steps on a connection in autocommit; what is there already is left alone.

    Raises DatabaseUnreachable where others hold a table longer than the tries last.
    """
    for step in steps:
        for _ in range(TRIES):
            if not connection.exec_driver_sql(attempt(step)).scalar():
                break
            time.sleep(PAUSE_SECONDS)
        else:
            raise DatabaseUnreachable(OTHERS_HOLD_THEM)


def version_of(connection: Connection) -> str | None:
    """The name of the last revision that the database has, in one round trip."""
    version: str | None = connection.exec_driver_sql(_READ_VERSION).scalar()
    return version


def missing(connection: Connection, steps: Sequence[Step]) -> list[Step]:
    """Those of these steps whose work is not there; of a role, where this login needs it."""
    asked = (
        f"SELECT {number} AS step WHERE {_not_there(step)}" for number, step in enumerate(steps)
    )
    return [
        steps[number] for number in connection.exec_driver_sql(" UNION ALL ".join(asked)).scalars()
    ]


def _not_there(step: Step) -> str:
    if step.kind is not Kind.ROLE:
        return _missing(step)
    may = f"HAS_PERMS_BY_NAME(N'{SCHEMA}.{QUEUE_TABLE}', N'OBJECT', N'UPDATE')"
    return f"DATABASE_PRINCIPAL_ID(N'{step.name}') IS NULL AND COALESCE({may}, 0) = 0"


def require_fit(connection: Connection, steps: Sequence[Step]) -> None:
    """Raise SchemaRefused for what is there and does not fit; nothing is changed."""
    question = f"SET NOCOUNT ON;\n{_problem(steps)}\nSELECT @problem;"
    problem = connection.exec_driver_sql(question).scalar()
    connection.exec_driver_sql("SET NOCOUNT OFF")
    if problem is not None:
        raise SchemaRefused(str(problem))


def guarded(step: Step) -> str:
    """T-SQL that makes what the step makes unless it is there."""
    return f"IF {_missing(step)}\n{_making(step)}"


def attempt(step: Step) -> str:
    """T-SQL that makes what the step makes unless it is there; answers the error it gave way to.

    It catches that error itself, since SQLAlchemy takes a lock time-out (HYT00) for the end of
    the connection, and the lock would go with it.
    """
    return "\n".join(
        (
            "SET NOCOUNT ON;",
            "DECLARE @gave_way INT = 0;",
            f"IF {_missing(step)}",
            "BEGIN TRY",
            *(f"    {line}" for line in _making(step).splitlines()),
            "END TRY",
            "BEGIN CATCH",
            f"    IF ERROR_NUMBER() NOT IN {_PASSING} THROW;",
            "    SET @gave_way = ERROR_NUMBER();",
            "END CATCH;",
            "SET NOCOUNT OFF;",  # Alembic counts the rows of its own statements.
            "SELECT @gave_way;",
        )
    )


def batch(step: Step) -> str:
    """The same to be printed: it tries again by itself."""
    return "\n".join(
        (
            "DECLARE @tries INT = 0;",
            f"WHILE {_missing(step)}",
            "BEGIN",
            "    BEGIN TRY",
            *(f"        {line}" for line in _making(step).splitlines()),
            "        BREAK;",
            "    END TRY",
            "    BEGIN CATCH",
            "        SET @tries += 1;",
            f"        IF ERROR_NUMBER() NOT IN {_PASSING} OR @tries = {TRIES} THROW;",
            f"        WAITFOR DELAY '00:00:{PAUSE_SECONDS:02}';",
            "    END CATCH;",
            "END;",
        )
    )


def printed(revisions: Sequence[tuple[str, Sequence[Step]]], start: str | None) -> Iterator[str]:
    """The script for a database of version `start` (None: without Rowpost), batch by batch.

    A batch does nothing unless the one before it went through: `sqlcmd -b` ends at the first that
    fails, and where a tool goes on, the rest say why they do not.
    """
    names = [name for name, _ in revisions]
    every_step = [step for _, steps in revisions for step in steps]
    batches = [(VERSION_TABLE, batch(_version_table()))]
    for before, (revision, steps) in zip([start, *names], revisions, strict=False):
        batches += _titled(steps)
        batches.append((f"version {revision}", _stamp(before, revision)))
    return _script(_opening(every_step, start, names), batches)


def printed_again(steps: Sequence[Step], version: str) -> Iterator[str]:
    """The script for a database of this version, in which some of these steps' work is gone."""
    return _script(_opening(steps, version, []), list(_titled(steps)))


def _titled(steps: Sequence[Step]) -> Iterator[tuple[str, str]]:
    return ((f"{step.kind.value} {step.name}", batch(step)) for step in steps)


def _script(opening: str, batches: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield "\n".join((*SESSION, "SET NOCOUNT ON;", "SET XACT_ABORT ON;"))
    yield opening
    for number, (title, text) in enumerate(batches):
        yield "\n".join(
            (
                f"-- {number + 1} of {len(batches)}: {title}",
                _only_after(number),
                text,
                f"UPDATE {_PROGRESS} SET Done = {number + 1};",
            )
        )
    yield "\n".join(
        (
            _only_after(len(batches)),
            f"DROP TABLE {_PROGRESS};",
            _LET_LOCK_GO,
            "PRINT N'The database is up to date.';",
        )
    )


def _missing(step: Step) -> str:
    match step.kind:
        case Kind.TABLE:
            return f"OBJECT_ID(N'{SCHEMA}.{step.table}', N'U') IS NULL"
        case Kind.COLUMN:
            return f"COL_LENGTH(N'{SCHEMA}.{step.table}', N'{step.name}') IS NULL"
        case Kind.INDEX:
            return (
                f"NOT EXISTS (SELECT 1 FROM sys.indexes WHERE name = N'{step.name}' "
                f"AND object_id = OBJECT_ID(N'{SCHEMA}.{step.table}', N'U'))"
            )
        case Kind.NO_INDEX:
            return (
                f"EXISTS (SELECT 1 FROM sys.indexes WHERE name = N'{step.name}' "
                f"AND OBJECT_SCHEMA_NAME(object_id) = N'{SCHEMA}')"
            )
        case Kind.ROWS:
            return "1 = 1"
        case Kind.ROLE:
            return f"{_OWNS_THE_DATABASE} AND DATABASE_PRINCIPAL_ID(N'{step.name}') IS NULL"
        case Kind.GRANT:
            return f"{_OWNS_THE_DATABASE} AND DATABASE_PRINCIPAL_ID(N'{step.name}') IS NOT NULL"


def _making(step: Step) -> str:
    if step.kind is not Kind.INDEX:
        return f"{step.sql};"
    return (
        f"IF CAST(SERVERPROPERTY(N'EngineEdition') AS INT) IN {_ONLINE_EDITIONS}\n"
        f"{step.sql} WITH (ONLINE = ON);\n"
        f"ELSE\n"
        f"{step.sql};"
    )


def _version_table() -> Step:
    (step,) = steps_of(f"{CREATE_VERSION_TABLE.replace('TABLE ', f'TABLE {SCHEMA}.', 1)};")
    return step


def _stamp(before: str | None, revision: str) -> str:
    table = f"{SCHEMA}.{VERSION_TABLE}"
    if before is not None:
        return f"UPDATE {table} SET version_num = '{revision}' WHERE version_num = '{before}';"
    return (
        f"INSERT INTO {table} (version_num) SELECT '{revision}' "
        f"WHERE NOT EXISTS (SELECT 1 FROM {table});"
    )


def _only_after(batches: int) -> str:
    """That many batches have to be done."""
    refusal = (
        "THROW 51000, N'A batch before this one failed, and nothing was done after it. "
        "Mend what its message says, close this connection and run the script again.', 1;"
    )
    return (
        f"IF OBJECT_ID(N'tempdb..{_PROGRESS}') IS NULL {refusal}\n"
        f"IF NOT EXISTS (SELECT 1 FROM {_PROGRESS} WHERE Done = {batches}) {refusal}"
    )


def _opening(steps: Sequence[Step], start: str | None, names: Sequence[str]) -> str:
    """No other migration beside this one; then the checks, before anything is changed."""
    return "\n".join(
        (
            _TAKE_LOCK,
            "IF @lock < 0 THROW 51000, N'Another migration is on its way: try again.', 1;",
            _problem(steps),
            _other_version(start, names),
            "IF @problem IS NOT NULL",
            "BEGIN",
            f"    {_LET_LOCK_GO}",
            "    THROW 51000, @problem, 1;",
            "END;",
            f"IF OBJECT_ID(N'tempdb..{_PROGRESS}') IS NOT NULL DROP TABLE {_PROGRESS};",
            f"CREATE TABLE {_PROGRESS} (Done INT NOT NULL);",
            f"INSERT INTO {_PROGRESS} (Done) VALUES (0);",
        )
    )


def _other_version(start: str | None, names: Sequence[str]) -> str:
    """A script goes from one version on; run again, it may find any that it made itself."""
    table = f"{SCHEMA}.{VERSION_TABLE}"
    fitting = ", ".join(f"'{name}'" for name in (start, *names) if name is not None)
    text = (
        "N'This script does not fit the version that the database has: print it again with "
        "`migrate --sql`, which asks the database.'"
    )
    other = (
        f"IF @problem IS NULL AND OBJECT_ID(N'{table}', N'U') IS NOT NULL\n"
        f"    SELECT @problem = {text} FROM {table} WHERE version_num NOT IN ({fitting});"
    )
    if start is None:
        return other
    return f"IF OBJECT_ID(N'{table}', N'U') IS NULL SET @problem = {text};\n{other}"


def _problem(steps: Sequence[Step]) -> str:
    """T-SQL that sets @problem to why the steps must not be run; NULL: nothing is in their way."""
    return "\n".join(
        (
            "DECLARE @problem NVARCHAR(2000);",
            *_problem_with_names(adopted_tables(steps)),
            *_problem_with_columns(list(expected_columns(steps))),
        )
    )


def _problem_with_names(tables: Sequence[str]) -> Iterator[str]:
    """Each of these names once, as a table of our schema, or nowhere.

    Anything else (a view, a synonym, another schema, another case where the database tells cases
    apart) means emails that are inserted elsewhere, while a second, empty queue would be made here.
    """
    if not tables:
        return
    exactly = "COLLATE Latin1_General_BIN2"
    names = ", ".join(f"(N'{table}')" for table in tables)
    yield (
        "SELECT TOP (1) @problem = CONCAT(N'The database has ', SCHEMA_NAME(found.schema_id), "
        "N'.', found.name, N' (', LOWER(found.type_desc), N'), and Rowpost works on the table "
        f"{SCHEMA}.', wanted.name, N' and on nothing else of that name: nothing was changed "
        "(docs/upgrade.md, section Refused).')\n"
        f"FROM sys.objects AS found JOIN (VALUES {names}) AS wanted (name)\n"
        f"    ON UPPER(found.name {exactly}) = UPPER(wanted.name {exactly})\n"
        "WHERE found.type <> 'U' "
        f"OR COALESCE(OBJECT_ID(N'{SCHEMA}.' + wanted.name, N'U'), 0) <> found.object_id;"
    )
    unseen = " OR ".join(f"OBJECT_ID(N'{SCHEMA}.{table}', N'U') IS NULL" for table in tables)
    yield (
        f"IF @problem IS NULL AND ({unseen})\n"
        "    AND HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'VIEW DEFINITION') = 0\n"
        "    AND HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'ALTER ANY SCHEMA') = 0\n"
        "    SET @problem = N'This login sees only the tables that it may use, so that a queue "
        "elsewhere in the database would not be noticed: nothing was changed. Grant it VIEW "
        "DEFINITION in the database.';"
    )


def _problem_with_columns(columns: Sequence[Expected]) -> Iterator[str]:
    """A table that is there has all columns that are not going to be added, ours of their type."""
    if not columns:
        return
    rows = ",\n".join(f"    {_row(expected)}" for expected in columns)
    yield (
        "IF @problem IS NULL\n"
        f"SELECT TOP (1) @problem = CONCAT(N'{SCHEMA}.', wanted.table_name, N' is there',\n"
        "    CASE WHEN found.name IS NULL THEN N' without its column '\n"
        "        ELSE N' with a column of another type or IDENTITY: ' END,\n"
        "    wanted.column_name, N' (', wanted.definition, N'). Nothing was changed "
        "(docs/upgrade.md, section Refused).')\n"
        f"FROM (VALUES\n{rows}\n"
        ") AS wanted (table_name, column_name, definition, type_name, bytes, numbers, is_added)\n"
        "LEFT JOIN sys.columns AS found\n"
        f"    ON found.object_id = OBJECT_ID(N'{SCHEMA}.' + wanted.table_name, N'U')\n"
        "    AND found.name COLLATE DATABASE_DEFAULT = wanted.column_name\n"
        f"WHERE OBJECT_ID(N'{SCHEMA}.' + wanted.table_name, N'U') IS NOT NULL AND (\n"
        "    (found.name IS NULL AND wanted.is_added = 0)\n"
        "    OR TYPE_NAME(found.system_type_id) COLLATE DATABASE_DEFAULT <> wanted.type_name\n"
        "    OR found.max_length <> wanted.bytes OR found.is_identity <> wanted.numbers);"
    )


def _row(expected: Expected) -> str:
    """What is not asked of a column is NULL: types of columns that are not ours."""
    column = expected.column
    found = _TYPE.match(column.definition)
    if found is None:
        raise ValueError(f"{column.table}.{column.name} has no type that can be read")
    numbers = "IDENTITY" in column.definition
    kind, length = found[1].lower(), found[2]
    kind = _SYNONYMS.get(kind, kind)
    width = "NULL"
    if kind in _BYTES_A_CHARACTER and length:
        width = "-1" if length == "max" else str(int(length) * _BYTES_A_CHARACTER[kind])
    asked = expected.is_own or numbers
    written = column.definition.replace("'", "''")
    return "({}, {}, {}, {}, {}, {}, {})".format(
        f"N'{column.table}'",
        f"N'{column.name}'",
        f"N'{written}'",
        f"N'{kind}'" if asked else "NULL",
        width if asked else "NULL",
        int(numbers) if asked else "NULL",
        int(expected.added),
    )
