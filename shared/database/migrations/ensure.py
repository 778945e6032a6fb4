"""Steps of a migration that may be repeated: what is there already is left alone.

On SQL Server each step carries its own test in T-SQL, so that the printed script fits a fresh
database and an adopted one alike, and a migration that broke off goes on where it stopped.
"""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import Column, Index, Table, inspect
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

_ONLINE_EDITIONS = "(3, 5, 8)"  # Enterprise, Azure SQL Database, Azure SQL Managed Instance.


def ensure_table(table: Table) -> None:
    """Create the table unless it is there, in whatever shape."""
    if _is_sql_server():
        _guarded(f"OBJECT_ID('{table.name}') IS NULL", _compiled(CreateTable(table)))
    elif not _exists(table):
        op.execute(_compiled(CreateTable(table)))


def ensure_columns(table: Table, *, after: int = 0) -> None:
    """Add those of the table's columns that are missing; the first `after` ones must be there."""
    for column in list(table.columns)[after:]:
        _ensure_column(table, column)


def _ensure_column(table: Table, column: Column[object]) -> None:
    if _is_sql_server():
        _guarded(
            f"COL_LENGTH('{table.name}', '{column.name}') IS NULL",
            f"ALTER TABLE {table.name} ADD {_compiled(CreateColumn(column))}",
        )
    elif _online() and column.name not in _columns(table):
        # Without a default: SQLite takes only constants here, and a row without a lane is what
        # `admit` looks for to complete it.
        kind = column.type.compile(op.get_context().dialect)
        op.execute(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}")


def ensure_identity(table: Table, column: Column[object]) -> None:
    """Give a table without a primary key an identity column."""
    if _is_sql_server():
        _guarded(
            f"COL_LENGTH('{table.name}', '{column.name}') IS NULL",
            f"ALTER TABLE {table.name} ADD {column.name} INT IDENTITY(1,1) NOT NULL",
        )
    elif _online() and column.name not in _columns(table):
        former = inspect(op.get_bind()).get_columns(table.name)
        there = ", ".join(f'"{one["name"]}"' for one in former)
        op.execute(f"ALTER TABLE {table.name} RENAME TO Rowpost_Former")
        op.execute(_compiled(CreateTable(table)))
        for one in former:
            if one["name"] not in table.columns:
                op.execute(f'ALTER TABLE {table.name} ADD COLUMN "{one["name"]}" {one["type"]}')
        op.execute(f"INSERT INTO {table.name} ({there}) SELECT {there} FROM Rowpost_Former")
        op.execute("DROP TABLE Rowpost_Former")


def ensure_indexes(table: Table) -> None:
    """Create the table's indexes, without blocking it where the edition can do that."""
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        _ensure_index(table, index)


def _ensure_index(table: Table, index: Index) -> None:
    if not _is_sql_server():
        op.execute(_compiled(CreateIndex(index, if_not_exists=True)))
        return
    create = _compiled(CreateIndex(index))
    missing = (
        f"NOT EXISTS (SELECT 1 FROM sys.indexes WHERE name = '{index.name}' "
        f"AND object_id = OBJECT_ID('{table.name}'))"
    )
    online = f"CAST(SERVERPROPERTY('EngineEdition') AS INT) IN {_ONLINE_EDITIONS}"
    _guarded(f"{missing} AND {online}", f"{create} WITH (ONLINE = ON)")
    _guarded(missing, create)


def _guarded(condition: str, statement: str) -> None:
    op.execute(f"IF {condition}\nBEGIN\n{statement.strip()}\nEND")


def _is_sql_server() -> bool:
    return op.get_context().dialect.name == "mssql"


def _online() -> bool:
    return not context.is_offline_mode()


def _exists(table: Table) -> bool:
    return _online() and inspect(op.get_bind()).has_table(table.name)


def _columns(table: Table) -> list[str]:
    return [column["name"] for column in inspect(op.get_bind()).get_columns(table.name)]


def _compiled(element: CreateTable | CreateColumn | CreateIndex) -> str:
    return str(element.compile(dialect=op.get_context().dialect)).strip()
