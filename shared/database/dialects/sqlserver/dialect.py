"""SQL Server as the rest of Rowpost sees it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Engine,
    Insert,
    Table,
    and_,
    exists,
    insert,
    literal,
    literal_column,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import UpdateBase
from sqlalchemy.types import TypeEngine

from shared.database.dialects.base import Answer, Values
from shared.database.dialects.sqlserver import brief_locks, counting
from shared.database.dialects.sqlserver import parameters as odbc_parameters
from shared.database.dialects.sqlserver.expressions import NAME, RANGE_LOCK, SCHEMA
from shared.database.driver_errors import wrapped

_GOES_ON = literal_column("XACT_STATE()") == literal_column("1")
_KEPT_CURSORS = "rowpost_cursors"
_MOST_KEPT_CURSORS = 32
_TAKE_TURN = (
    "DECLARE @answer INT; EXEC @answer = sp_getapplock @Resource = ?, @LockMode = 'Exclusive', "
    "@LockOwner = 'Transaction', @LockTimeout = 0; SELECT @answer AS Answer"
)

# By its name: in Azure SQL Database the numbers of sys.databases are not those of DB_ID().
_PLACE = (
    "SELECT CONCAT(CAST(SERVERPROPERTY('ServerName') AS NVARCHAR(128)), N'/', name, N'/', "
    "CONVERT(NVARCHAR(30), create_date, 126)) FROM sys.databases WHERE name = DB_NAME()"
)


class SqlServer:
    """See `base.SqlDialect`."""

    has_one_writer = False
    is_local_file = False

    def changed(self, connection: Connection, statement: UpdateBase, values: Values) -> int:
        if isinstance(statement, Insert):
            # Nobody asks for the new row's number: no OUTPUT, which a trigger's table refuses.
            statement = statement.inline()
        connection.execute(statement, dict(values), execution_options=counting.COUNTED)
        return counting.changed(connection)

    def insert_if_absent(
        self, connection: Connection, table: Table, key: Values, values: Values
    ) -> bool:
        row = {**key, **values}
        there = (
            exists(literal_column("1"))
            .select_from(table)
            # Whoever inserts the same key waits for our commit, and then finds the row.
            .with_hint(table, RANGE_LOCK, NAME)
            .where(and_(*(table.c[name] == key[name] for name in key)))
        )
        columns = [_typed(table, name, value) for name, value in row.items()]
        statement = insert(table).from_select(list(row), select(*columns).where(~there))
        try:
            return self.changed(connection, statement, {}) == 1
        except IntegrityError:
            # A server that takes no notice of the hint.
            if connection.scalar(select(literal_column("1")).where(there, _GOES_ON)) is None:
                raise
            return False

    def take_turn(self, connection: Connection, name: str) -> bool:
        answer = self.execute(connection, _TAKE_TURN, (name,)).rows[0][0]
        return int(answer) >= 0

    def last_identity(self, connection: Connection, table: Table) -> int | None:
        name = f"{SCHEMA}.{table.name}"
        last = self.execute(connection, "SELECT CAST(IDENT_CURRENT(?) AS BIGINT)", (name,))
        number = last.rows[0][0]
        return None if number is None else int(number)

    def sweep(self, engine: Engine) -> None:
        """Its files are the server's, and its administrator's."""

    def place(self, connection: Connection) -> str:
        return str(self.execute(connection, _PLACE).rows[0][0])

    def counted(self, sql: str) -> str:
        return counting.counted(sql)

    def briefly(self, sql: str) -> str:
        return brief_locks.briefly(sql)

    def execute(
        self,
        connection: Connection,
        sql: str,
        parameters: Sequence[Any] = (),
        types: Sequence[TypeEngine[Any]] = (),
    ) -> Answer:
        kept = _kept(connection, sql)
        try:
            if parameters:
                parameters = odbc_parameters.typed_nulls(kept.cursor, parameters, types)
                kept.cursor.execute(kept.text, *parameters)
            else:
                kept.cursor.execute(kept.text)
            results, changed = counting.read_all(kept.cursor)
            return Answer(results[0] if results else (), changed, results)
        except Exception as error:
            _close(connection, sql)
            raise wrapped(connection, sql, error) from error


def _typed(table: Table, name: str, value: Any) -> ColumnElement[Any]:
    if isinstance(value, ColumnElement):
        return value
    return literal(value, table.c[name].type)


class _Kept(NamedTuple):
    """A cursor that keeps its text prepared, as long as it is handed the very same object."""

    text: str
    cursor: Any


def _kept(connection: Connection, sql: str) -> _Kept:
    """The cursor for this text; the least used one goes when there are many."""
    all_kept: OrderedDict[str, _Kept] = connection.info.setdefault(_KEPT_CURSORS, OrderedDict())
    kept = all_kept.pop(sql, None)
    if kept is None:
        if len(all_kept) >= _MOST_KEPT_CURSORS:
            all_kept.popitem(last=False)[1].cursor.close()
        kept = _Kept(sql, connection.connection.cursor())
    all_kept[sql] = kept
    return kept


def _close(connection: Connection, sql: str) -> None:
    """What is left of its results would keep the connection busy."""
    kept = connection.info[_KEPT_CURSORS].pop(sql)
    with suppress(connection.dialect.loaded_dbapi.Error):
        kept.cursor.close()
