"""Conditions that more than one of the queue's statements makes.

States are written as literals: a filtered index serves only a statement that names its condition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Unicode,
    and_,
    bindparam,
    cast,
    exists,
    literal_column,
    or_,
    select,
)
from sqlalchemy.sql.elements import BindParameter

from shared.database.columns.times import utc_now
from shared.database.statements.locks import until_commit
from shared.database.tables import entries, mail_profiles, relocation, service
from shared.outbox.states import PROFILE, Flag

_LIKE = re.compile(r"[%_\[/]")
NUMBERS: BindParameter[int] = bindparam("numbers", expanding=True)
TOKEN: BindParameter[str] = bindparam("token")
LEASE_SECONDS: BindParameter[float] = bindparam("lease_seconds")

lease_end: ColumnElement[datetime] = utc_now(LEASE_SECONDS)


def state_is(*states: Flag) -> ColumnElement[bool]:
    """The email is in one of these states."""
    literals: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in states]
    if len(literals) == 1:
        return entries.c.State == literals[0]
    return entries.c.State.in_(literals)


def number_among(column: ColumnElement[int], selected: str | None) -> ColumnElement[bool]:
    """The entry is one of `numbers`, or of those that this piece of SQL selects."""
    if selected is None:
        return column.in_(NUMBERS)
    return column.op("IN", is_comparison=True)(literal_column(f"({selected})"))


PROFILE_CODE: ColumnElement[str] = literal_column(f"'{PROFILE}'", Unicode) + cast(
    mail_profiles.c.Id, Unicode(10)
)
"""The account code of the emails of a profile, by its row (`states.profile_code`)."""


is_current: ColumnElement[bool] = entries.c.IsCurrent == literal_column("1")


def contains(text: str, columns: Iterable[ColumnElement[Any]]) -> ColumnElement[bool]:
    """One of the columns contains this text, in any case of its letters that the database ignores.

    What LIKE does not take as it stands is escaped; on SQL Server [abc] is one letter of three.
    """
    pattern = "%" + _LIKE.sub(r"/\g<0>", text) + "%"
    return or_(*(column.like(pattern, escape="/") for column in columns))


def held_by_us(numbers: Sequence[ColumnElement[int]], *states: Flag) -> ColumnElement[bool]:
    """These emails, in one of these states, under our lease (`token`): the fence."""
    return and_(entries.c.Number.in_(numbers), entries.c.LeaseToken == TOKEN, state_is(*states))


def leased(*states: Flag) -> ColumnElement[bool]:
    """In one of these states, said so that the index of leased emails serves it."""
    return _of_index(states, (Flag.PREPARING, Flag.TRANSMITTING))


def ended(*states: Flag) -> ColumnElement[bool]:
    """In one of these states, said so that the index of what has ended serves it."""
    return _of_index(states, (Flag.SENT, Flag.FAILED, Flag.CANCELLED))


def _of_index(states: Sequence[Flag], indexed: Sequence[Flag]) -> ColumnElement[bool]:
    """What narrows comes first: SQLite looks for the first of two conditions on a column, and would
    go through all of the index for the other."""
    all_of_it = state_is(*indexed)
    return all_of_it if set(states) == set(indexed) else and_(state_is(*states), all_of_it)


not_expired: ColumnElement[bool] = or_(
    entries.c.ExpiresAt.is_(None), entries.c.ExpiresAt > utc_now()
)

_stays = until_commit(select(literal_column("1")).select_from(relocation), relocation).where(
    relocation.c.Id == literal_column("1"), relocation.c.MovedAt.is_(None)
)
service_runs: ColumnElement[bool] = and_(
    exists().where(service.c.Id == 1, service.c.State == literal_column("'running'")),
    # The mover waits for whoever has read this; whoever comes after the mover finds the mark.
    _stays.exists(),
)
