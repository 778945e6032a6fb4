"""Quotas in SQL: reserved, spent, released, and never more than the limits allow."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, func, select, update

from shared.database.database import Database
from shared.database.tables import quotas
from shared.database.tables import reservations as reservation_rows
from shared.limits import reservations
from shared.limits.reservations import Reservation
from shared.limits.sending_limits import Limits, Units, minute_of
from shared.maintenance.rescue import rescue
from shared.outbox.sending.lease import Lease
from tests.outbox.sender import Sender, number_of
from tests.support.emails import let_leases_run_out
from tests.support.rows import change_entry, insert_row, insert_rows

LEASE = Lease.new(60)
ONE = Units(1, 1, 1)


def now_minute(database: Database) -> int:
    with database.read() as connection:
        return minute_of(reservations.now(connection))


def reserve(database: Database, limits: Limits, units: Units = ONE, minute: int = 0) -> bool:
    with database.write() as connection:
        time = minute or minute_of(reservations.now(connection))
        return reservations.reserve(connection, limits, time, units)


def used(database: Database, account_id: int = 1, later: int = 0) -> Units:
    with database.read() as connection:
        time = minute_of(reservations.now(connection)) + later
        return reservations.used(connection, [account_id], time)[account_id]


def reserve_for(database: Database, lease: Lease, ids: Sequence[int], limits: Limits) -> None:
    with database.write() as connection:
        minute = minute_of(reservations.now(connection))
        assert reservations.reserve(connection, limits, minute, Units(*(3 * [len(ids)])))
        reservations.note(connection, [Reservation(one, 1, minute, ONE) for one in ids], lease)


def let_a_day_pass(database: Database) -> None:
    """All that was reserved or spent was so two days ago."""
    with database.write() as connection:
        for table in (quotas, reservation_rows):
            connection.execute(update(table).values(Minute=table.c.Minute - 2880))


def reserved_rows(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(reservation_rows)) or 0


@pytest.mark.parametrize(
    "limits", [Limits(1, minute=3), Limits(1, hour=3), Limits(1, day=3), Limits(1, 5, 4, 3)]
)
def test_no_more_is_reserved_than_the_limits_allow(database: Database, limits: Limits) -> None:
    minute = now_minute(database)

    assert [reserve(database, limits, minute=minute) for _ in range(5)] == [True] * 3 + [False] * 2


def test_several_units_are_reserved_together_or_not_at_all(database: Database) -> None:
    limits = Limits(1, day=5)

    assert reserve(database, limits, Units(3, 3, 3))
    assert not reserve(database, limits, Units(3, 3, 3))
    assert reserve(database, limits, Units(2, 2, 2))


def test_a_new_window_begins_with_nothing_used(database: Database) -> None:
    limits = Limits(1, minute=2, hour=4, day=100)
    begin = now_minute(database) // 1440 * 1440

    taken = [
        sum(reserve(database, limits, minute=begin + later) for _ in range(5))
        for later in (0, 1, 2, 60, 61, 1440)
    ]

    assert taken == [2, 2, 0, 2, 2, 2]


def test_a_sender_whose_clock_was_read_before_the_window_changed_reserves_nothing(
    database: Database,
) -> None:
    limits, minute = Limits(1, minute=2), now_minute(database)

    assert reserve(database, limits, minute=minute + 1)
    assert not reserve(database, limits, minute=minute)


def test_many_at_once_never_reserve_too_much(database: Database) -> None:
    limits, granted = Limits(1, day=50), []

    def take_one(connection: Connection) -> bool:
        return reservations.reserve(
            connection, limits, minute_of(reservations.now(connection)), ONE
        )

    def take() -> None:
        granted.extend([database.run(take_one) for _ in range(10)])

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert (len(granted), sum(granted)) == (80, 50)
    assert used(database).day == 50


def test_what_is_released_can_be_reserved_again_and_once_only(database: Database) -> None:
    limits = Limits(1, day=3)
    reserve_for(database, LEASE, [7, 8, 9], limits)

    for _ in range(2):
        with database.write() as connection:
            reservations.release(connection, [7, 8], LEASE)

    assert used(database).day == 1
    assert reserve(database, limits, Units(2, 2, 2))
    assert not reserve(database, limits)


def test_what_is_spent_is_not_released(database: Database) -> None:
    reserve_for(database, LEASE, [7, 8], Limits(1, day=3))

    with database.write() as connection:
        reservations.spend(connection, [7], LEASE)
        reservations.release_all(connection, LEASE)

    assert used(database).day == 1
    assert reserved_rows(database) == 0


def test_nobody_releases_what_another_sender_has_reserved(database: Database) -> None:
    reserve_for(database, LEASE, [7], Limits(1, day=3))

    with database.write() as connection:
        reservations.release(connection, [7], Lease.new(60))
        reservations.release_all(connection, Lease.new(60))

    assert used(database).day == 1


def test_what_was_reserved_in_a_former_window_is_released_from_that_one(
    database: Database,
) -> None:
    limits = Limits(1, minute=3, day=5)
    reserve_for(database, LEASE, [7, 8], limits)
    let_a_day_pass(database)
    reserve(database, limits)

    with database.write() as connection:
        reservations.release(connection, [7, 8], LEASE)

    assert used(database) == ONE


def test_a_reservation_moves_along_into_the_window_in_which_it_is_spent(
    database: Database,
) -> None:
    limits = Limits(1, day=2)
    reserve_for(database, LEASE, [7, 8], limits)
    let_a_day_pass(database)
    reserve(database, limits)

    with database.write() as connection:
        confirmed = reservations.confirm(connection, {7: limits, 8: limits, 9: limits}, LEASE)

    assert len(confirmed) == 1
    assert confirmed < {7, 8}
    assert used(database).day == 2
    assert reserved_rows(database) == 1


def test_a_rescue_releases_what_the_dead_had_reserved_and_not_spent(database: Database) -> None:
    limits, dead, alive = Limits(1, day=9), Sender(database), Sender(database)
    insert_row(database, dd_SendFlag="X")  # So that no email has the number of its entry.
    insert_rows(database, 5)
    ids = dead.claim(None, most=3)
    others = alive.claim(None)
    numbers = [number_of(database, email_id) for email_id in ids]
    assert numbers != ids
    reserve_for(database, dead.lease, numbers, limits)
    reserve_for(
        database, alive.lease, [number_of(database, email_id) for email_id in others], limits
    )
    dead.mark(ids[0])
    with database.write() as connection:
        reservations.spend(connection, numbers[:1], dead.lease)
    let_leases_run_out(database)
    for email_id in others:
        change_entry(database, email_id, LeaseUntil=datetime(2999, 1, 1, tzinfo=UTC))

    with database.write() as connection:
        rescue(connection)

    assert used(database).day == 1 + len(others)
    assert reserved_rows(database) == len(others)
