"""Admission of a backlog: whole batches in their order, and what is immediate before its turn."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, func, insert, select

from shared.database.database import Database
from shared.database.tables import emails, entries, options
from shared.delivery.threads.admitter import Admitter
from shared.outbox.admission.admit import AT_ONCE
from tests.support.accounts import answered_by
from tests.support.rows import insert_row

EVERYBODY = answered_by([None, ""])
ROW = {"dd_toEmailid": "ann@example.com", "dd_subject": "Hello", "dd_bodyText": "Hi Ann"}


def insert_backlog(database: Database, number: int = 2 * AT_ONCE) -> None:
    with database.write() as connection:
        connection.execute(insert(emails), [ROW] * number)


def admitter(database: Database, *, sending: bool = False) -> Admitter:
    return Admitter(database, lambda: sending)


def admitted(database: Database, *ids: int) -> list[int]:
    """Those of these rows that have an entry."""
    with database.read() as connection:
        there = select(entries.c.EmailId).where(entries.c.EmailId.in_(ids))
        return sorted(connection.scalars(there))


def test_an_immediate_row_behind_a_backlog_is_admitted_with_the_first_batch(
    database: Database,
) -> None:
    insert_backlog(database)
    immediate = insert_row(database, dd_Lane="Immediate")
    scheduled = insert_row(database)
    backlog = admitter(database)

    assert backlog.admit_some(EVERYBODY) == AT_ONCE + 1
    assert admitted(database, immediate, scheduled) == [immediate]
    assert backlog.has_more


def test_so_is_one_whose_lane_stands_beside_its_row(database: Database) -> None:
    insert_backlog(database)
    immediate = insert_row(database)
    with database.write() as connection:
        connection.execute(insert(options), {"EmailId": immediate, "Lane": "immediate"})

    admitter(database).admit_some(EVERYBODY)

    assert admitted(database, immediate) == [immediate]


def test_one_that_comes_later_does_not_wait_however_many_come_with_it(database: Database) -> None:
    insert_backlog(database, 3 * AT_ONCE)
    backlog = admitter(database)
    backlog.admit_some(EVERYBODY)
    early = insert_row(database, dd_Lane="immediate")
    insert_backlog(database)
    late = insert_row(database, dd_Lane="immediate")

    assert backlog.admit_some(EVERYBODY) == AT_ONCE + 2
    assert admitted(database, early, late) == [early, late]


def test_one_that_cannot_be_admitted_is_held_and_stops_no_other(database: Database) -> None:
    insert_backlog(database)
    unknown = insert_row(database, dd_Lane="immediate", dd_EmailParamCode="NOBODY")
    immediate = insert_row(database, dd_Lane="immediate")

    admitter(database).admit_some(EVERYBODY)

    assert admitted(database, unknown, immediate) == [immediate]


def test_what_keeps_the_newest_from_being_looked_at_keeps_back_no_batch(
    database: Database,
) -> None:
    insert_backlog(database, 2 * AT_ONCE + 3)
    backlog = admitter(database)

    @event.listens_for(database.engine, "before_cursor_execute")
    def fail(_: Any, __: Any, statement: str, *___: Any) -> None:
        if "lower(" in statement and "dd_Lane" in statement:
            raise RuntimeError("out of order")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="out of order"):
            backlog.admit_some(EVERYBODY)

    assert backlog.admit_some(EVERYBODY) == 3
    assert not backlog.has_more


@pytest.mark.parametrize("sending", [False, True])
def test_every_row_of_a_backlog_is_admitted_once(database: Database, sending: bool) -> None:
    insert_backlog(database, 2 * AT_ONCE + 3)
    insert_row(database, dd_Lane="immediate")
    backlog = admitter(database, sending=sending)

    parts = [backlog.admit_some(EVERYBODY)]
    while backlog.has_more:
        parts.append(backlog.admit_some(EVERYBODY))

    assert sum(parts) == 2 * AT_ONCE + 4
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(entries)) == sum(parts)
