"""What doctor asks a database before anything is created in it; it changes nothing.

`shared.database.adoption.rules` says what follows from the answers.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, inspect, text
from sqlalchemy.exc import DBAPIError

from shared.database import migrations
from shared.database.adoption.rules import (
    ACCOUNTS,
    QUEUE,
    CheckSeen,
    ColumnSeen,
    DatabaseSeen,
    Finding,
    IndexSeen,
    KeySeen,
    TableSeen,
    TriggerSeen,
    findings,
    refusals,
)
from shared.database.adoption.server_options import read_server_options
from shared.database.database import Database
from shared.database.errors import SchemaRefused, is_transient

_NEWEST_ROWS: Final = 100_000
_FLAG: Final = "dd_SendFlag"


class AdoptionRefused(SchemaRefused):
    """The tables that are there would be harmed, or would harm emails; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """`adopted`: whether their table is, or would be, somebody else's that Rowpost works on."""

    adopted: bool
    findings: tuple[Finding, ...]


def examine(connection: Connection, *, writes_utc: bool = True) -> Adoption:
    """Everything that a query can see. Raises what passes by itself."""
    is_server = connection.dialect.name == "mssql"
    reader: _Server | _Sqlite = _Server(connection) if is_server else _Sqlite(connection)
    seen = reader.database(writes_utc=writes_utc)
    return Adoption(_is_adopted(connection, seen), findings(seen))


def examine_at(database: Database, *, writes_utc: bool = True) -> Adoption:
    """The same; a SQLite file that is not there is not made."""
    file = Path(database.engine.url.database or "")
    if database.is_local_file and not file.exists():
        return Adoption(adopted=False, findings=findings(DatabaseSeen()))
    with database.read() as connection:
        return examine(connection, writes_utc=writes_utc)


def require_adoptable(connection: Connection) -> None:
    """Raise AdoptionRefused where Rowpost has not been yet, and may not work.

    Where it has been, one row is read.
    """
    if migrations.version_of(connection) is not None:
        return
    found = refusals(examine(connection).findings)
    if found:
        said = " ".join(finding.message for finding in found)
        raise AdoptionRefused(
            f"The queue can't be adopted as it is, and nothing was changed: {said} "
            "`rowpost doctor` says what helps (docs/adopt.md)."
        )


def require_adoptable_at(engine: Engine) -> None:
    """The same for an engine."""
    with engine.connect() as connection:
        require_adoptable(connection)


def _is_adopted(connection: Connection, seen: DatabaseSeen) -> bool:
    if seen.queue is None:
        return False
    if migrations.version_of(connection) is None:
        return True
    return bool(connection.execute(text(_ADOPTED[connection.dialect.name])).scalar())


_ADOPTED: Final = {
    "mssql": "SELECT Adopted FROM dbo.Rowpost_Service WHERE Id = 1",
    "sqlite": "SELECT Adopted FROM Rowpost_Service WHERE Id = 1",
}


# SQL Server: https://learn.microsoft.com/sql/relational-databases/system-catalog-views

_OBJECT = "OBJECT_ID(N'dbo.' + CAST(:name AS NVARCHAR(128)), N'U')"
_NAMES = f"(N'{QUEUE}', N'{ACCOUNTS}')"

QUESTIONS: Final[dict[str, str]] = {
    "objects": (
        "SELECT SCHEMA_NAME(o.schema_id) AS schema_name, o.name, LOWER(o.type_desc) AS kind "
        f"FROM sys.objects AS o WHERE UPPER(o.name) IN (UPPER(N'{QUEUE}'), UPPER(N'{ACCOUNTS}'))"
    ),
    "table": f"SELECT t.* FROM sys.tables AS t WHERE t.object_id = {_OBJECT}",
    "triggers": (
        "SELECT t.name, t.is_instead_of_trigger, e.type_desc "
        "FROM sys.triggers AS t JOIN sys.trigger_events AS e ON e.object_id = t.object_id "
        f"WHERE t.parent_id = {_OBJECT} AND t.is_disabled = 0 ORDER BY t.name, e.type_desc"
    ),
    "checks": (
        "SELECT c.name, c.definition FROM sys.check_constraints AS c "
        f"WHERE c.parent_object_id = {_OBJECT} AND c.is_disabled = 0"
    ),
    "keys": (
        "SELECT f.name, f.delete_referential_action_desc AS action, "
        f"CASE WHEN f.referenced_object_id = {_OBJECT} THEN 1 ELSE 0 END AS points_here, "
        "COL_NAME(k.parent_object_id, k.parent_column_id) AS column_name, "
        "OBJECT_SCHEMA_NAME(f.referenced_object_id) AS other_schema, "
        "OBJECT_NAME(f.referenced_object_id) AS other_table, "
        "COL_NAME(k.referenced_object_id, k.referenced_column_id) AS other_column "
        "FROM sys.foreign_keys AS f "
        "JOIN sys.foreign_key_columns AS k ON k.constraint_object_id = f.object_id "
        f"WHERE f.is_disabled = 0 AND {_OBJECT} IN (f.referenced_object_id, f.parent_object_id)"
    ),
    "columns": (
        "SELECT c.name, TYPE_NAME(c.system_type_id) AS type_name, c.max_length, c.is_nullable, "
        "OBJECT_DEFINITION(c.default_object_id) AS default_text, c.is_identity, c.is_computed, "
        "c.is_masked, c.encryption_type, c.rule_object_id, c.collation_name, "
        "CAST(DATABASEPROPERTYEX(DB_NAME(), 'Collation') AS NVARCHAR(128)) AS database_collation "
        f"FROM sys.columns AS c WHERE c.object_id = {_OBJECT} ORDER BY c.column_id"
    ),
    "indexes": (
        "SELECT i.name, i.is_unique, i.has_filter, i.allow_row_locks, "
        "COL_NAME(k.object_id, k.column_id) AS column_name "
        "FROM sys.indexes AS i JOIN sys.index_columns AS k "
        "ON k.object_id = i.object_id AND k.index_id = i.index_id AND k.is_included_column = 0 "
        f"WHERE i.object_id = {_OBJECT} AND i.is_disabled = 0 "
        "ORDER BY i.index_id, k.key_ordinal"
    ),
    "may": (
        "SELECT HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'UNMASK') AS unmask, "
        "HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'VIEW DEFINITION') AS definitions, "
        "@@OPTIONS AS user_options, DATEPART(tz, SYSDATETIMEOFFSET()) AS offset_minutes"
    ),
    "letters": (
        "SELECT newest.letter, COUNT(*) AS rows_counted FROM (SELECT "
        f"TOP ({_NEWEST_ROWS}) CAST({_FLAG} AS NVARCHAR(10)) COLLATE Latin1_General_BIN2 AS letter "
        f"FROM dbo.{QUEUE} ORDER BY dd_srno DESC) AS newest GROUP BY newest.letter"
    ),
    # Once there is a ledger: the letters of rows with an entry are its own.
    "letters of others": (
        "SELECT newest.letter, COUNT(*) AS rows_counted FROM (SELECT "
        f"TOP ({_NEWEST_ROWS}) dd_srno AS id, "
        f"CAST({_FLAG} AS NVARCHAR(10)) COLLATE Latin1_General_BIN2 AS letter "
        f"FROM dbo.{QUEUE} ORDER BY dd_srno DESC) AS newest "
        "WHERE NOT EXISTS (SELECT 1 FROM dbo.Rowpost_Emails AS entry "
        "WHERE entry.EmailId = newest.id AND entry.IsCurrent = 1) GROUP BY newest.letter"
    ),
    "last id": f"SELECT CAST(IDENT_CURRENT(N'dbo.{QUEUE}') AS BIGINT)",
    "last known id": "SELECT MAX(EmailId) FROM dbo.Rowpost_Emails",
    "ledger": "SELECT OBJECT_ID(N'dbo.Rowpost_Emails', N'U')",
    "row-level security": (
        f"SELECT COUNT(*) FROM sys.security_predicates WHERE target_object_id = {_OBJECT}"
    ),
    "modules": (
        "SELECT o.name, CASE WHEN m.definition LIKE N'%sp[_]send[_]dbmail%' THEN 1 ELSE 0 END "
        "AS sends, CASE WHEN d.referenced_entity_name = :accounts THEN r.is_insert_all ELSE 0 END "
        "AS is_insert_all, CASE WHEN d.referenced_entity_name = :accounts THEN r.is_select_all "
        "ELSE 0 END AS is_select_all "
        "FROM sys.sql_expression_dependencies AS d "
        "JOIN sys.objects AS o ON o.object_id = d.referencing_id "
        "JOIN sys.sql_modules AS m ON m.object_id = o.object_id "
        "CROSS APPLY sys.dm_sql_referenced_entities("
        "QUOTENAME(SCHEMA_NAME(o.schema_id)) + N'.' + QUOTENAME(o.name), N'OBJECT') AS r "
        f"WHERE d.referenced_entity_name IN {_NAMES} AND r.referenced_minor_id = 0 "
        "AND r.referenced_entity_name = d.referenced_entity_name"
    ),
    "indexed views": (
        "SELECT DISTINCT v.name FROM sys.views AS v "
        "JOIN sys.indexes AS i ON i.object_id = v.object_id "
        "JOIN sys.sql_expression_dependencies AS d ON d.referencing_id = v.object_id "
        f"WHERE d.referenced_entity_name = N'{QUEUE}'"
    ),
    # Azure SQL Database has no jobs; the name of another database would not even compile there.
    "jobs": (
        "IF CAST(SERVERPROPERTY('EngineEdition') AS INT) IN (5, 6, 11) "
        "SELECT TOP (0) CAST(NULL AS NVARCHAR(128)) AS step_name "
        "ELSE EXEC sp_executesql N'SELECT step_name FROM msdb.dbo.sysjobsteps WHERE command LIKE "
        "N''%Digital[_]Email%'' OR command LIKE N''%send[_]dbmail%'''"
    ),
    "open transactions": (
        "SELECT TOP (20) s.session_id, s.program_name FROM sys.dm_exec_sessions AS s "
        "WHERE s.open_transaction_count > 0 AND s.session_id <> @@SPID "
        "AND s.last_request_end_time < DATEADD(minute, -5, GETDATE())"
    ),
}
"""What SQL Server is asked, by what is asked for."""

_ONE_BYTE = ("varchar", "char", "binary", "varbinary")
_TWO_BYTES = ("nvarchar", "nchar")
_COLLATED = (_FLAG, "dd_EmailParamCode", "ParamCode")


class _Server:
    """Reads a SQL Server's catalogue. What this login may not ask is noted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._unread: list[str] = []
        self._collations: list[str] = []

    def database(self, *, writes_utc: bool) -> DatabaseSeen:
        queue, accounts = self._table(QUEUE), self._table(ACCOUNTS)
        options = read_server_options(self._connection)
        may = self._ask("may")[0]
        modules = self._may_ask("modules", accounts=ACCOUNTS)
        views = [row.name for row in self._may_ask("indexed views")]
        ledger = self._ask("ledger")[0][0] is not None
        return DatabaseSeen(
            queue=queue,
            accounts=accounts,
            is_server=True,
            elsewhere=tuple(self._elsewhere()),
            letters=self._letters(queue, has_ledger=ledger),
            may_unmask=bool(may.unmask),
            sees_definitions=may.definitions != 0,
            row_security=any(row[0] for row in self._may_ask("row-level security", name=QUEUE)),
            snapshot=options.read_committed_snapshot if options else None,
            forced_durability=bool(options and options.forced_delayed_durability),
            user_options=may.user_options,
            other_collations=tuple(self._collations),
            flag_views=tuple(views),
            blind_inserts=_named(modules, "is_insert_all"),
            all_columns=_named(modules, "is_select_all"),
            jobs=tuple(row[0] for row in self._may_ask("jobs")),
            senders=_named(modules, "sends"),
            idle_transactions=tuple(
                f"{row.session_id} ({(row.program_name or '').strip()})"
                for row in self._may_ask("open transactions")
            ),
            offset_minutes=may.offset_minutes or 0,
            writes_utc=writes_utc,
            last_id=self._number("last id") if queue else None,
            last_known_id=self._number("last known id") if ledger else None,
            unread=tuple(self._unread),
        )

    def _table(self, name: str) -> TableSeen | None:
        rows = self._ask("table", name=name)
        if not rows:
            return None
        return TableSeen(
            columns=tuple(self._columns(name)),
            triggers=tuple(self._triggers(name)),
            indexes=tuple(self._indexes(name)),
            checks=tuple(
                CheckSeen(row.name, row.definition or "") for row in self._ask("checks", name=name)
            ),
            keys=tuple(self._keys(name)),
            kinds=frozenset(_kinds(rows[0]._mapping)),
        )

    def _columns(self, name: str) -> Iterator[ColumnSeen]:
        for row in self._ask("columns", name=name):
            if row.name in _COLLATED and row.collation_name != row.database_collation:
                self._collations.append(f"{name}.{row.name}")
            yield ColumnSeen(
                name=row.name,
                type=row.type_name,
                characters=_characters(row.type_name, row.max_length),
                nullable=bool(row.is_nullable),
                default=row.default_text,
                is_identity=bool(row.is_identity),
                is_computed=bool(row.is_computed),
                is_masked=bool(row.is_masked),
                is_encrypted=row.encryption_type is not None,
                has_rule=bool(row.rule_object_id),
            )

    def _triggers(self, name: str) -> Iterator[TriggerSeen]:
        events: defaultdict[tuple[str, bool], list[str]] = defaultdict(list)
        for row in self._ask("triggers", name=name):
            events[row.name, bool(row.is_instead_of_trigger)].append(row.type_desc)
        for (trigger, instead_of), names in events.items():
            yield TriggerSeen(trigger, tuple(names), instead_of)

    def _indexes(self, name: str) -> Iterator[IndexSeen]:
        columns: defaultdict[str, list[str]] = defaultdict(list)
        rows = self._ask("indexes", name=name)
        for row in rows:
            columns[row.name].append(row.column_name.lower())
        for row in {row.name: row for row in rows}.values():
            yield IndexSeen(
                name=row.name,
                columns=tuple(columns[row.name]),
                is_unique=bool(row.is_unique) and not row.has_filter,
                row_locks=bool(row.allow_row_locks),
            )

    def _keys(self, name: str) -> Iterator[KeySeen]:
        for row in self._ask("keys", name=name):
            letters = None
            if not row.points_here and row.column_name.lower() == _FLAG.lower():
                quoted = [
                    "[" + part.replace("]", "]]") + "]"
                    for part in (row.other_column, row.other_schema, row.other_table)
                ]
                found = self._connection.exec_driver_sql(
                    f"SELECT TOP (1000) {quoted[0]} FROM {quoted[1]}.{quoted[2]}"
                )
                letters = frozenset(str(letter).strip() for (letter,) in found)
            yield KeySeen(row.name, row.action, row.column_name, bool(row.points_here), letters)

    def _elsewhere(self) -> Iterator[str]:
        for row in self._ask("objects"):
            fits = row.schema_name == "dbo" and row.kind == "user_table"
            if not fits:
                yield f"{row.schema_name}.{row.name} ({row.kind.replace('_', ' ')})"

    def _letters(self, queue: TableSeen | None, *, has_ledger: bool) -> dict[str | None, int]:
        if queue is None or queue.column(_FLAG) is None or queue.column("dd_srno") is None:
            return {}
        question = "letters of others" if has_ledger else "letters"
        return {row.letter: row.rows_counted for row in self._may_ask(question)}

    def _number(self, question: str) -> int | None:
        rows = self._may_ask(question)
        return int(rows[0][0]) if rows and rows[0][0] is not None else None

    def _ask(self, question: str, **values: Any) -> Sequence[Row[Any]]:
        return self._connection.execute(text(QUESTIONS[question]), values).all()

    def _may_ask(self, question: str, **values: Any) -> Sequence[Row[Any]]:
        """What needs a permission that not everybody has, or a view that not every edition has."""
        try:
            return self._ask(question, **values)
        except DBAPIError as error:
            if error.connection_invalidated or is_transient(error):
                raise
            self._unread.append(question)
            return []


def _named(modules: Sequence[Row[Any]], what: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.name for row in modules if row._mapping[what]))


def _characters(kind: str, size: int) -> int | None:
    if size <= 0:
        return None
    if kind in _TWO_BYTES:
        return size // 2
    return size if kind in _ONE_BYTE else None


def _kinds(table: Any) -> Iterator[str]:
    """Not every version has each of these columns."""
    if table.get("is_memory_optimized"):
        yield "memory_optimized"
    if table.get("temporal_type"):
        yield "temporal"
    if table.get("ledger_type") == 3:
        yield "append_only"
    elif table.get("ledger_type"):
        yield "ledger"
    if table.get("is_external"):
        yield "external"
    if table.get("is_tracked_by_cdc"):
        yield "cdc"
    if table.get("is_replicated") or table.get("is_merge_published"):
        yield "replicated"


class _Sqlite:
    """Reads a SQLite file's schema, as far as it can be asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._inspector = inspect(connection)

    def database(self, *, writes_utc: bool) -> DatabaseSeen:
        made = self._connection.exec_driver_sql(
            "SELECT type, name, tbl_name, sql FROM sqlite_master"
        ).all()
        tables = {row.name.lower(): row for row in made if row.type == "table"}
        queue = tables.get(QUEUE.lower())
        accounts = tables.get(ACCOUNTS.lower())
        seen = self._table(queue, made)
        letters: dict[str | None, int] = {}
        known = last = None
        has_ledger = "rowpost_emails" in tables
        if seen and seen.column(_FLAG) and seen.column("dd_srno"):
            question = _LETTERS_OF_OTHERS if has_ledger else _LETTERS
            letters = {row[0]: row[1] for row in self._connection.exec_driver_sql(question)}
            last = self._connection.exec_driver_sql(f"SELECT MAX(dd_srno) FROM {QUEUE}").scalar()
        if has_ledger and seen:
            known = self._connection.exec_driver_sql(
                "SELECT MAX(EmailId) FROM Rowpost_Emails"
            ).scalar()
        numbered = queue is not None and "AUTOINCREMENT" in (queue.sql or "").upper()
        return DatabaseSeen(
            queue=seen,
            accounts=self._table(accounts, made),
            elsewhere=tuple(
                f"{row.name} (view)"
                for row in made
                if row.type == "view" and row.name.lower() in (QUEUE.lower(), ACCOUNTS.lower())
            ),
            letters=letters,
            writes_utc=writes_utc,
            counts_ids_again=queue is not None and not numbered,
            # With AUTOINCREMENT a row that was deleted leaves its number used.
            last_id=max(last or 0, known or 0) if numbered else last,
            last_known_id=known,
        )

    def _table(self, table: Row[Any] | None, made: Sequence[Row[Any]]) -> TableSeen | None:
        if table is None:
            return None
        columns = list(self._columns(table.name))
        return TableSeen(
            columns=tuple(columns),
            triggers=tuple(
                TriggerSeen(row.name, _events(row.sql or ""))
                for row in made
                if row.type == "trigger" and row.tbl_name.lower() == table.name.lower()
            ),
            indexes=tuple(self._indexes(table.name, columns)),
            checks=tuple(CheckSeen("of the table", check) for check in _checks(table.sql or "")),
            keys=tuple(self._keys(table.name, made)),
        )

    def _columns(self, table: str) -> Iterator[ColumnSeen]:
        rows = self._connection.exec_driver_sql(f'PRAGMA table_xinfo("{table}")').all()
        alone = sum(1 for row in rows if row.pk) == 1
        for row in rows:
            kind, _, width = str(row.type).partition("(")
            digits = re.match(r"\d+", width)
            yield ColumnSeen(
                name=row.name,
                type=kind.strip().lower() or "none",
                characters=int(digits[0]) if digits else None,
                nullable=not row.notnull,
                default=row.dflt_value,
                # The one type that makes a key the row's own number.
                is_identity=alone and bool(row.pk) and kind.strip().upper() == "INTEGER",
                is_computed=row.hidden in (2, 3),
            )

    def _indexes(self, table: str, columns: Sequence[ColumnSeen]) -> Iterator[IndexSeen]:
        for column in columns:
            if column.is_identity:
                yield IndexSeen("the table's key", (column.name.lower(),), is_unique=True)
        for index in self._connection.exec_driver_sql(f'PRAGMA index_list("{table}")').all():
            names = self._connection.exec_driver_sql(f'PRAGMA index_info("{index.name}")')
            yield IndexSeen(
                index.name,
                tuple(str(row.name).lower() for row in names),
                is_unique=bool(index.unique) and not index.partial,
            )

    def _keys(self, table: str, made: Sequence[Row[Any]]) -> Iterator[KeySeen]:
        for other in (row.name for row in made if row.type == "table"):
            for key in self._connection.exec_driver_sql(f'PRAGMA foreign_key_list("{other}")'):
                column = getattr(key, "from")
                if key.table.lower() == table.lower():
                    yield KeySeen(f"of {other}", key.on_delete, column, points_here=True)
                elif other.lower() == table.lower():
                    yield KeySeen(f"to {key.table}", key.on_delete, column, points_here=False)


_NEWEST = (
    f"(SELECT dd_srno, {_FLAG} AS letter FROM {QUEUE} ORDER BY dd_srno DESC LIMIT {_NEWEST_ROWS})"
)
_LETTERS = f"SELECT letter, COUNT(*) FROM {_NEWEST} AS newest GROUP BY letter"
_LETTERS_OF_OTHERS = (
    f"SELECT letter, COUNT(*) FROM {_NEWEST} AS newest WHERE NOT EXISTS (SELECT 1 "
    "FROM Rowpost_Emails AS entry WHERE entry.EmailId = newest.dd_srno AND entry.IsCurrent = 1) "
    "GROUP BY letter"
)


def _events(sql: str) -> tuple[str, ...]:
    found = re.search(r"\b(INSERT|UPDATE|DELETE)\b", sql.upper())
    return (found[1],) if found else ("a change",)


def _checks(sql: str) -> Iterator[str]:
    """What stands in the parentheses behind each CHECK."""
    for found in re.finditer(r"\bCHECK\s*\(", sql, re.IGNORECASE):
        depth, end = 1, found.end()
        while end < len(sql) and depth:
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            end += 1
        yield sql[found.end() : end - 1]
