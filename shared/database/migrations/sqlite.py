"""Migrating SQLite: one transaction for all, so that a migration that fails leaves nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Connection, inspect

from shared.database.errors import SchemaRefused
from shared.database.migrations.steps import Kind, Step, adopted_tables, expected_columns
from shared.database.migrations.version_table import CREATE_VERSION_TABLE, VERSION_TABLE

_READ_VERSION = f"SELECT version_num FROM {VERSION_TABLE}"


def run(connection: Connection, steps: Sequence[Step]) -> None:
    """Run the steps; what is there already is left alone."""
    for step in steps:
        if step.kind is Kind.COLUMN and step.name in _columns(connection, step.table):
            continue
        connection.exec_driver_sql(_if_missing(step))


def missing(connection: Connection, steps: Sequence[Step]) -> list[Step]:
    """Those of these steps whose work is not there; a file has no roles."""
    made = connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars()
    names = {str(name).casefold() for name in made}
    return [
        step
        for step in steps
        if (
            step.name not in _columns(connection, step.table)
            if step.kind is Kind.COLUMN
            else step.name.casefold() not in names
        )
    ]


def version_of(connection: Connection) -> str | None:
    """The name of the last revision that the database has."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version: str | None = connection.exec_driver_sql(_READ_VERSION).scalar()
    return version


def require_fit(connection: Connection, steps: Sequence[Step]) -> None:
    """Raise SchemaRefused for what is there and does not fit; nothing is changed."""
    there = inspect(connection)
    views = {name.casefold(): name for name in there.get_view_names()}
    for table in adopted_tables(steps):
        if table.casefold() in views:
            raise SchemaRefused(f"{table} is a view: Rowpost works on the table itself")
    tables = set(there.get_table_names())
    for column, added in expected_columns(steps):
        if added or column.table not in tables:
            continue
        if column.name not in _columns(connection, column.table):
            raise SchemaRefused(
                f"{column.table} is there without its column {column.name}, and nothing was "
                "changed (docs/upgrade.md, section Refused)"
            )


def printed(revisions: Sequence[tuple[str, Sequence[Step]]]) -> Iterator[str]:
    """The script, statement by statement, for a database that has what came before."""
    yield "BEGIN IMMEDIATE;"
    yield f"{CREATE_VERSION_TABLE.replace('TABLE', 'TABLE IF NOT EXISTS', 1)};"
    for revision, steps in revisions:
        yield f"-- {revision}"
        yield from _statements(steps)
        yield f"DELETE FROM {VERSION_TABLE};"
        yield f"INSERT INTO {VERSION_TABLE} (version_num) VALUES ('{revision}');"
    yield "COMMIT;"


def printed_again(steps: Sequence[Step]) -> Iterator[str]:
    """The script for a database that had all of it once: a table that is gone is made whole."""
    yield "BEGIN IMMEDIATE;"
    yield from _statements(list(_with_later_columns(steps)))
    yield "COMMIT;"


def _statements(steps: Sequence[Step]) -> Iterator[str]:
    """SQLite has no condition for a column: a script can't adopt tables."""
    created = {column[:2] for column, _ in expected_columns(steps)}
    for step in steps:
        if step.kind is not Kind.COLUMN or (step.table, step.name) not in created:
            yield f"{_if_missing(step)};"


def _with_later_columns(steps: Sequence[Step]) -> Iterator[Step]:
    """Each table with those columns, too, that a later revision has added to it."""
    later = [step for step in steps if step.kind is Kind.COLUMN]
    for step in steps:
        if step.kind is not Kind.TABLE:
            yield step
            continue
        there = {column.name for column in step.columns}
        added = tuple(
            each.columns[0] for each in later if each.table == step.table and each.name not in there
        )
        opening, columns = step.sql.split("(\n", 1)
        lines = "".join(f"    {column.name} {column.definition},\n" for column in added)
        yield replace(step, sql=f"{opening}(\n{lines}{columns}", columns=(*step.columns, *added))


def _if_missing(step: Step) -> str:
    if step.kind is Kind.NO_INDEX:
        return step.sql.replace("DROP INDEX ", "DROP INDEX IF EXISTS ", 1)
    return re.sub(r"^CREATE (TABLE|INDEX|UNIQUE INDEX) ", r"CREATE \1 IF NOT EXISTS ", step.sql)


def _columns(connection: Connection, table: str) -> set[str]:
    rows = connection.exec_driver_sql(f'PRAGMA table_info("{table}")')
    return {row.name for row in rows}
