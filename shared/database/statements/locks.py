"""Locks that a statement takes or waits for.

A database with one writer needs none: its writers take turns.
"""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import Delete, Select, Table, Update

from shared.database.dialects.sqlserver import expressions as sqlserver

BRIEF_LOCKS = "rowpost_brief_locks"
"""The execution option of a statement that waits for others' locks for a second at most."""

Change = TypeVar("Change", Update, Delete)


def briefly(statement: Change) -> Change:
    """On a table that is not ours: whoever holds its rows delays nothing else for long."""
    return statement.execution_options(**{BRIEF_LOCKS: True})


def skipping_locked(statement: Select[Any], table: Table) -> Select[Any]:
    """Rows for us to change; those that somebody else works on are passed over, not waited for."""
    return statement.with_hint(table, sqlserver.SKIP_LOCKED, sqlserver.NAME)


def passing_over_locked(statement: Update, table: Table) -> Update:
    """Rows that we hold already are changed; those of others are not even read."""
    return statement.with_hint(sqlserver.SKIP_LOCKED, table, sqlserver.NAME)


def for_change(statement: Select[Any], table: Table) -> Select[Any]:
    """What this reads stays as it is until our commit; whoever asks the same waits for that."""
    return statement.with_hint(table, sqlserver.RANGE_LOCK, sqlserver.NAME)


def until_commit(statement: Select[Any], table: Table) -> Select[Any]:
    """What this reads stays as it is until our commit; others may read it so, too.

    Whoever changes it waits for us, and we for whoever has changed it: what is read is true at the
    moment of our commit, also where readers are given a former version (READ_COMMITTED_SNAPSHOT).
    """
    return statement.with_hint(table, sqlserver.SHARED_UNTIL_COMMIT, sqlserver.NAME)
