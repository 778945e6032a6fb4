"""Rows of the lane `immediate` that stand behind a backlog: they are admitted before it.

A backlog is admitted from its oldest row on, which takes seconds or minutes. Beside that its newest
rows are looked through, and then whatever is inserted meanwhile. Whose lane is spelled oddly waits
for its turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, exists, func, literal_column, or_, select
from sqlalchemy.sql.elements import ColumnElement

from shared.database.database import Database
from shared.database.statements.locks import skipping_locked
from shared.database.tables import emails, options
from shared.outbox.admission.admit import (
    AT_ONCE,
    NEW_IDS,
    Admitted,
    Answered,
    admit_these,
    first_id,
    not_held,
)
from shared.outbox.rows.their_table import their_table
from shared.outbox.states import Lane, Letter

_MOST_LOOKS = 10
_ID = emails.c.dd_srno
_says_new = emails.c.dd_SendFlag == literal_column(f"'{Letter.NEW}'")


class EndOfBacklog:
    """The newest rows behind one backlog, looked through time and again."""

    def __init__(self) -> None:
        self._after: int | None = None

    def admit(self, database: Database, answered: Answered) -> Admitted:
        """Admit what is immediate of the newest rows, the first time; later, of those that came
        since. Raises as `admit`."""
        admitted, held = 0, 0
        for _ in range(_MOST_LOOKS):
            with database.read() as connection:
                seen, ids = self._look(connection)
            if ids:
                batch = admit_these(database, answered, ids)
                admitted, held = admitted + batch.admitted, held + batch.held
            if seen:
                self._after = seen[-1]
            if len(seen) < AT_ONCE:
                break
        return Admitted(admitted, held)

    def _look(self, connection: Connection) -> tuple[Sequence[int], Sequence[int]]:
        """The ids that were looked at, and those of them that are immediate."""
        first = first_id(connection)
        if first is None:
            return (), ()
        if self._after is None:
            self._after = (connection.scalar(FIRST_OF_NEWEST) or 1) - 1
        seen = connection.scalars(NEW_IDS, {"first": max(first, self._after + 1)}).all()
        if not seen:
            return (), ()
        among = immediate_among("dd_Lane" in their_table(connection).options)
        return seen, connection.scalars(among, {"low": seen[0], "high": seen[-1]}).all()


FIRST_OF_NEWEST: Select[Any] = select(func.min(literal_column("dd_srno"))).select_from(
    skipping_locked(
        select(_ID).where(_says_new).order_by(_ID.desc()).limit(AT_ONCE), emails
    ).subquery("newest")
)


@lru_cache(maxsize=2)
def immediate_among(has_lanes: bool) -> Select[Any]:
    """New rows whose lane is `immediate`, which they say themselves, if they have such a column, or
    in `Rowpost_Options`."""
    in_options = exists().where(
        options.c.EmailId == _ID, options.c.Number.is_(None), _is_immediate(options.c.Lane)
    )
    immediate = or_(in_options, _is_immediate(emails.c.dd_Lane)) if has_lanes else in_options
    return skipping_locked(
        select(_ID)
        .where(_says_new, _ID.between(bindparam("low"), bindparam("high")), not_held, immediate)
        .order_by(_ID)
        .limit(AT_ONCE),
        emails,
    )


def _is_immediate(lane: ColumnElement[str]) -> ColumnElement[bool]:
    return func.lower(lane) == literal_column(f"'{Lane.IMMEDIATE}'")
