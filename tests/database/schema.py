"""A database's tables as it tells of them itself, to compare with another's."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from sqlalchemy import Engine, inspect

from shared.database.migrations import VERSION_TABLE

SEED_TABLES = ("Digital_Emaildetails", "tbl_EMailParameters")


class ColumnSeen(NamedTuple):
    type: str
    nullable: bool
    default: str


class TableSeen(NamedTuple):
    columns: dict[str, ColumnSeen]
    key: tuple[str, ...]
    indexes: dict[str, str]


def tables_of(engine: Engine) -> dict[str, TableSeen]:
    """Every table but the migrations' own, by name."""
    there = inspect(engine)
    names = set(there.get_table_names()) - {VERSION_TABLE}
    return {
        name: TableSeen(
            {column["name"]: _column(engine, column) for column in there.get_columns(name)},
            tuple(there.get_pk_constraint(name)["constrained_columns"]),
            {str(index["name"]): _index(engine, index) for index in there.get_indexes(name)}
            | {str(each["name"]): str(each["column_names"]) for each in _unique(engine, name)},
        )
        for name in sorted(names)
    }


def _column(engine: Engine, column: Any) -> ColumnSeen:
    kind = re.sub(r" COLLATE .*", "", str(column["type"].compile(dialect=engine.dialect)))
    identity = " IDENTITY" if column.get("identity") else ""
    return ColumnSeen(kind + identity, column["nullable"], str(column["default"]))


def _index(engine: Engine, index: Any) -> str:
    condition = index.get("dialect_options", {}).get(f"{engine.dialect.name}_where", "")
    words = f"{index['column_names']} {index['unique']} {condition}"
    return re.sub(r'[\[\]()" ]', "", words).casefold()


def _unique(engine: Engine, table: str) -> list[Any]:
    """SQL Server shows them among the indexes."""
    if engine.dialect.name == "mssql":
        return []
    return list(inspect(engine).get_unique_constraints(table))
