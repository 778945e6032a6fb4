"""SQLite as the rest of Rowpost sees it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, literal_column, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.expression import UpdateBase
from sqlalchemy.types import TypeEngine

from shared.database.dialects.base import Answer, Values
from shared.database.driver_errors import wrapped

_SWEEP_SECONDS = 0.1


class Sqlite:
    """See `base.SqlDialect`."""

    has_one_writer = True
    is_local_file = True

    def changed(self, connection: Connection, statement: UpdateBase, values: Values) -> int:
        return connection.execute(statement, dict(values)).rowcount

    def insert_if_absent(
        self, connection: Connection, table: Table, key: Values, values: Values
    ) -> bool:
        statement = insert(table).values({**key, **values})
        return connection.execute(statement.on_conflict_do_nothing()).rowcount == 1

    def take_turn(self, connection: Connection, name: str) -> bool:
        return True  # Writers take turns anyway.

    def last_identity(self, connection: Connection, table: Table) -> int | None:
        last: int | None = connection.execute(
            select(func.max(literal_column("rowid"))).select_from(table)
        ).scalar()
        counted = connection.exec_driver_sql(
            "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
        ).scalar()
        if not counted:
            return last
        sequence = connection.exec_driver_sql(
            "SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)
        ).scalar()
        return max(last or 0, int(sequence or 0)) or None

    def sweep(self, engine: Engine) -> None:
        # The log still holds what was deleted. Whoever reads or writes it goes first: the next
        # sweep comes.
        file = engine.url.database or ""
        with closing(sqlite3.connect(file, timeout=_SWEEP_SECONDS)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()

    def place(self, connection: Connection) -> str:
        return str(Path(connection.engine.url.database or "").resolve())

    def counted(self, sql: str) -> str:
        return sql

    def briefly(self, sql: str) -> str:
        return sql

    def execute(
        self,
        connection: Connection,
        sql: str,
        parameters: Sequence[Any] = (),
        types: Sequence[TypeEngine[Any]] = (),
    ) -> Answer:
        cursor = connection.connection.cursor()
        try:
            cursor.execute(sql, parameters)
            return Answer(cursor.fetchall() if cursor.description else (), cursor.rowcount)
        except Exception as error:
            raise wrapped(connection, sql, error) from error
        finally:
            cursor.close()
