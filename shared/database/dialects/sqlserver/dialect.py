"""SQL Server as the rest of Rowpost sees it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, and_, exists, insert, literal, select
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import UpdateBase

from shared.database.dialects.base import Answer, Values
from shared.database.dialects.sqlserver import counting
from shared.database.dialects.sqlserver.expressions import NAME, RANGE_LOCK, SCHEMA
from shared.database.driver_errors import wrapped

_KEPT_CURSORS = "rowpost_cursors"
_MOST_KEPT_CURSORS = 32
_TAKE_TURN = (
    "DECLARE @answer INT; EXEC @answer = sp_getapplock @Resource = ?, @LockMode = 'Exclusive', "
    "@LockOwner = 'Transaction', @LockTimeout = 0; SELECT @answer AS Answer"
)

_OFFSET = "SELECT DATEPART(tz, SYSDATETIMEOFFSET())"
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
        connection.execute(statement, dict(values), execution_options=counting.COUNTED)
        return counting.changed(connection)

    def insert_if_absent(
        self, connection: Connection, table: Table, key: Values, values: Values
    ) -> bool:
        row = {**key, **values}
        there = (
            exists(literal(1))
            .select_from(table)
            # Whoever inserts the same key waits for our commit, and then finds the row.
            .with_hint(table, RANGE_LOCK, NAME)
            .where(and_(*(table.c[name] == key[name] for name in key)))
        )
        columns = [_typed(table, name, value) for name, value in row.items()]
        statement = insert(table).from_select(list(row), select(*columns).where(~there))
        return self.changed(connection, statement, {}) == 1

    def take_turn(self, connection: Connection, name: str) -> bool:
        answer = self.execute(connection, _TAKE_TURN, (name,)).rows[0][0]
        return int(answer) >= 0

    def last_identity(self, connection: Connection, table: Table) -> int | None:
        name = f"{SCHEMA}.{table.name}"
        last = self.execute(connection, "SELECT CAST(IDENT_CURRENT(?) AS BIGINT)", (name,))
        number = last.rows[0][0]
        return None if number is None else int(number)

    def place(self, connection: Connection) -> str:
        return str(self.execute(connection, _PLACE).rows[0][0])

    def offset(self, connection: Connection, time: datetime) -> timedelta:
        """As it is now: the row is told within a second."""
        minutes = self.execute(connection, _OFFSET).rows[0][0]
        return timedelta(minutes=int(minutes))

    def counted(self, sql: str) -> str:
        return counting.counted(sql)

    def execute(self, connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> Answer:
        cursor = _cursor_for(connection, sql)
        try:
            cursor.execute(sql, *parameters) if parameters else cursor.execute(sql)
            return Answer(*counting.read_all(cursor))
        except Exception as error:
            _forget_cursors(connection)
            raise wrapped(connection, sql, error) from error


def _typed(table: Table, name: str, value: Any) -> ColumnElement[Any]:
    if isinstance(value, ColumnElement):
        return value
    return literal(value, table.c[name].type)


def _cursor_for(connection: Connection, sql: str) -> Any:
    """The cursor that keeps this text prepared; the least used one goes when there are many."""
    kept: OrderedDict[str, Any] = connection.info.setdefault(_KEPT_CURSORS, OrderedDict())
    cursor = kept.pop(sql, None)
    if cursor is None:
        if len(kept) >= _MOST_KEPT_CURSORS:
            kept.popitem(last=False)[1].close()
        cursor = connection.connection.cursor()
    kept[sql] = cursor
    return cursor


def _forget_cursors(connection: Connection) -> None:
    connection.info.pop(_KEPT_CURSORS, None)
