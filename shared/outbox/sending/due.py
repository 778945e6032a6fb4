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
    Select,
    bindparam,
    exists,
    literal_column,
    null,
    select,
    union_all,
)

from shared.database.tables import accounts, entries
from shared.outbox.conditions import PROFILE_CODE, state_is
from shared.outbox.states import Flag, Lane

_MOST_ODD = 100


@dataclass(frozen=True, slots=True)
class Due:
    """Account codes of emails whose time has come; `suspects`: of those whose sender died while it
    prepared them; `blamed`: of those for whose sake their account had to rest."""

    codes: frozenset[str | None] = frozenset()
    suspects: frozenset[str | None] = frozenset()
    blamed: frozenset[str | None] = frozenset()


def what_is_due(connection: Connection, lanes: Sequence[Lane]) -> Due:
    """What is due in these lanes, as of now. A claim may find less of it."""
    if not lanes:
        return Due()
    values = {f"lane{place}": lane.value for place, lane in enumerate(lanes)}
    rows = connection.execute(due_statement(len(lanes)), values).all()
    return Due(*(frozenset(code for code, kind in rows if kind == wanted) for wanted in range(3)))


@lru_cache(maxsize=4)
def due_statement(lanes: int) -> CompoundSelect[Any]:
    """A probe of the index for each account and lane, not a look at all that waits."""

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

    def odd(column: ColumnElement[Any], kind: int) -> Select[Any]:
        found = (
            select(entries.c.AccountCode)
            .where(state_is(Flag.WAITING), column.is_not(None), entries.c.NotBefore.is_(None))
            .limit(_MOST_ODD)
            .subquery()
        )
        return select(found.c.AccountCode, _kind(kind))

    return union_all(
        select(accounts.c.ParamCode, _kind(0)).where(
            waits(entries.c.AccountCode == accounts.c.ParamCode)
        ),
        select(null().label("ParamCode"), _kind(0)).where(waits(entries.c.AccountCode.is_(None))),
        select(PROFILE_CODE, _kind(0)).where(waits(entries.c.AccountCode == PROFILE_CODE)),
        odd(entries.c.LostLeases, 1),
        odd(entries.c.Blamed, 2),
    )


def _kind(number: int) -> ColumnElement[int]:
    return literal_column(str(number)).label("Kind")
