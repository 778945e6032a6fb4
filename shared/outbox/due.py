"""Which accounts have something due: one statement, whatever the number of accounts and emails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    bindparam,
    exists,
    literal_column,
    null,
    select,
    union_all,
)

from shared.database.tables import accounts, entries
from shared.outbox.conditions import state_is
from shared.outbox.states import Flag, Lane

_MOST_SUSPECTS = 100


@dataclass(frozen=True, slots=True)
class Due:
    """Account codes of emails whose time has come; `suspects`: of those whose sender died while it
    prepared them."""

    codes: frozenset[str | None] = frozenset()
    suspects: frozenset[str | None] = frozenset()


def what_is_due(connection: Connection, lanes: Sequence[Lane]) -> Due:
    """What is due in these lanes, as of now. A claim may find less of it."""
    if not lanes:
        return Due()
    values = {f"lane{place}": lane.value for place, lane in enumerate(lanes)}
    rows = connection.execute(due_statement(len(lanes)), values).all()
    return Due(
        frozenset(code for code, suspect in rows if not suspect),
        frozenset(code for code, suspect in rows if suspect),
    )


@lru_cache(maxsize=4)
def due_statement(lanes: int) -> CompoundSelect[Any]:
    """A probe of the index for each account and lane, not a look at all that waits."""
    no: ColumnElement[int] = literal_column("0").label("IsSuspect")
    yes: ColumnElement[int] = literal_column("1").label("IsSuspect")

    def waits(code: ColumnElement[bool]) -> ColumnElement[bool]:
        there = [
            exists().where(
                state_is(Flag.WAITING),
                entries.c.NotBefore.is_(None),
                code,
                entries.c.Lane == bindparam(f"lane{lane}"),
            )
            for lane in range(lanes)
        ]
        return there[0] if lanes == 1 else there[0] | there[1]

    suspects = (
        select(entries.c.AccountCode, yes)
        .where(
            state_is(Flag.WAITING),
            entries.c.LostLeases.is_not(None),
            entries.c.NotBefore.is_(None),
        )
        .limit(_MOST_SUSPECTS)
        .subquery()
    )
    return union_all(
        select(accounts.c.ParamCode, no).where(
            waits(entries.c.AccountCode == accounts.c.ParamCode)
        ),
        select(null().label("ParamCode"), no).where(waits(entries.c.AccountCode.is_(None))),
        select(suspects.c.AccountCode, suspects.c.IsSuspect),
    )
