"""Locks that a SELECT takes. A database with one writer needs none: its writers take turns."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, Table

from shared.database.dialects.sqlserver import expressions as sqlserver


def skipping_locked(statement: Select[Any], table: Table) -> Select[Any]:
    """Rows for us to change; those that somebody else works on are passed over, not waited for."""
    return statement.with_hint(table, sqlserver.SKIP_LOCKED, sqlserver.NAME)


def for_change(statement: Select[Any], table: Table) -> Select[Any]:
    """What this reads stays as it is until our commit; whoever asks the same waits for that."""
    return statement.with_hint(table, sqlserver.RANGE_LOCK, sqlserver.NAME)


def until_commit(statement: Select[Any], table: Table) -> Select[Any]:
    """What this reads stays as it is until our commit; others may read it so, too.

    Whoever changes it waits for us, and we for whoever has changed it: what is read is true at the
    moment of our commit, also where readers are given a former version (READ_COMMITTED_SNAPSHOT).
    """
    return statement.with_hint(table, sqlserver.SHARED_UNTIL_COMMIT, sqlserver.NAME)
