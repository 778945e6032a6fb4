from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select, update

from shared.database.columns.times import utc_now
from shared.database.database import Database
from shared.database.tables import relocation
from shared.database.tables import service as table
from shared.scheduling import service_state
from shared.scheduling.service_state import ServiceState

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def state(database: Database) -> ServiceState:
    with database.read() as connection:
        return service_state.status(connection)


def start(database: Database) -> None:
    with database.write() as connection:
        service_state.start(connection, "ann")


def stop(database: Database) -> None:
    with database.write() as connection:
        service_state.stop(connection, "ann")


def take_run(database: Database, seen: int) -> bool:
    with database.write() as connection:
        return service_state.take_run(connection, seen, last_id=7)


def is_now(moment: datetime | None) -> bool:
    return moment is not None and abs(moment - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_fresh_service_runs_and_has_done_nothing(database: Database) -> None:
    assert state(database) == ServiceState(True, None, None, None, None, False, 0)


def test_stopping_and_starting_are_noted(database: Database) -> None:
    stop(database)
    assert not state(database).running

    start(database)

    now = state(database)
    assert now.running
    assert is_now(now.started_at)
    assert is_now(now.last_activity)


def test_starting_twice_keeps_the_first_time(database: Database) -> None:
    start(database)
    with database.write() as connection:
        connection.execute(update(table).values(StartedAt=LONG_AGO))

    start(database)
    assert state(database).started_at == LONG_AGO

    stop(database)
    start(database)
    assert is_now(state(database).started_at)


@pytest.mark.parametrize("name", ["x" * 300, "🎉" * 300])
def test_who_did_it_is_kept_as_far_as_it_fits(database: Database, name: str) -> None:
    with database.write() as connection:
        service_state.stop(connection, name)
        kept = connection.scalar(select(table.c.ChangedBy))

    assert name.startswith(str(kept))
    assert len(str(kept).encode("utf-16-le")) == 200


def test_a_tick_and_work_leave_their_times(database: Database) -> None:
    with database.write() as connection:
        service_state.record_tick(connection)
    assert is_now(state(database).last_tick)
    assert state(database).last_activity is None

    with database.write() as connection:
        service_state.record_activity(connection)
    assert is_now(state(database).last_activity)
    assert state(database).last_run is None


def test_a_run_is_taken_by_whoever_saw_the_last_one(database: Database) -> None:
    assert take_run(database, seen=0)
    assert not take_run(database, seen=0)

    now = state(database)
    assert now.runs == 1
    assert is_now(now.last_run)
    assert take_run(database, seen=1)


def test_a_run_outside_the_schedule_counts_as_one(database: Database) -> None:
    with database.write() as connection:
        service_state.record_run(connection, last_id=7)

    assert state(database).runs == 1
    assert is_now(state(database).last_run)
    assert not take_run(database, seen=0)


def test_a_run_stays_open_until_it_is_done(database: Database) -> None:
    take_run(database, seen=0)
    assert is_now(state(database).run_since)
    assert state(database).run_last_id == 7

    with database.write() as connection:
        service_state.finish_run(connection, seen=0)
    assert is_now(state(database).run_since)

    with database.write() as connection:
        service_state.finish_run(connection, seen=1)
    assert (state(database).run_since, state(database).run_last_id) == (None, None)


def test_what_is_sent_by_hand_is_of_the_run_that_is_open_and_opens_none(
    database: Database,
) -> None:
    with database.write() as connection:
        service_state.record_run(connection, last_id=7)
    assert (state(database).run_since, state(database).run_last_id) == (None, None)

    take_run(database, seen=1)
    with database.write() as connection:
        service_state.record_run(connection, last_id=9)
    assert state(database).run_last_id == 9


def test_two_timers_do_not_take_the_same_run(database: Database) -> None:
    taken: list[bool] = []
    together = threading.Barrier(8)

    def tick() -> None:
        seen = state(database).runs
        together.wait(10)

        def work(connection: Connection) -> bool:
            return service_state.take_run(connection, seen, last_id=7)

        taken.append(database.run(work))

    threads = [threading.Thread(target=tick) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(taken) == [False] * 7 + [True]


def test_a_stopped_service_takes_no_run(database: Database) -> None:
    stop(database)

    assert not take_run(database, seen=0)
    assert state(database).last_run is None


def test_a_queue_that_has_moved_does_not_run(database: Database) -> None:
    with database.write() as connection:
        connection.execute(update(relocation).values(MovedAt=utc_now()))

    assert not state(database).running
    assert not take_run(database, seen=0)
