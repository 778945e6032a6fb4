"""Requests counted in memory and, over all instances, in the database."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select, text

from shared.database.database import Database
from shared.database.errors import DatabaseUnreachable
from shared.database.tables import request_counts
from shared.security import limits as module
from shared.security.limits import Limit, RequestLimits, TooManyRequests
from shared.security.pseudonyms import Pseudonyms
from tests.support.configuration import Clock, file_store
from tests.support.standalone import wait_until

MINUTE = (Limit(20, 60),)
NOON = 1_800_000_000.0  # The beginning of a minute.


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.seconds = NOON
    return clock


@pytest.fixture
def pseudonyms(tmp_path: Path) -> Pseudonyms:
    return Pseudonyms(file_store(tmp_path))


@pytest.fixture
def instances(database: Database, pseudonyms: Pseudonyms, clock: Clock) -> list[RequestLimits]:
    """Three instances on one database, which write when they are told to."""
    return [
        RequestLimits(lambda: database, pseudonyms, clock, write_seconds=None) for _ in range(3)
    ]


def take(limits: RequestLimits, times: int, caller: str = "ann") -> int:
    """How many of so many requests are let in."""
    taken = 0
    for _ in range(times):
        try:
            limits.count(caller, MINUTE)
        except TooManyRequests:
            continue
        taken += 1
    return taken


def rows(database: Database) -> list[tuple[str, int]]:
    with database.read() as connection:
        return [
            (row.KeyHash, row.Requests) for row in connection.execute(select(request_counts)).all()
        ]


def test_a_limit_holds_within_its_window_and_says_when_it_is_over(
    instances: list[RequestLimits], clock: Clock
) -> None:
    clock.advance(15.5)
    assert take(instances[0], 25) == 20

    with pytest.raises(TooManyRequests) as refused:
        instances[0].count("ann", MINUTE)
    assert refused.value.retry_after == 45
    assert "45 seconds" in str(refused.value)

    clock.advance(44.5)
    assert take(instances[0], 25) == 20


def test_callers_are_counted_apart(instances: list[RequestLimits]) -> None:
    assert take(instances[0], 25, "ann") == 20
    assert take(instances[0], 25, "bob") == 20


def test_of_two_limits_the_stricter_counts_and_a_refused_request_uses_up_neither(
    instances: list[RequestLimits], clock: Clock
) -> None:
    both = (Limit(2, 60), Limit(3, 86_400))
    for _ in range(2):
        instances[0].count("ann", both)
    for _ in range(5):
        with pytest.raises(TooManyRequests) as refused:
            instances[0].count("ann", both)
        assert refused.value.retry_after == 60

    clock.advance(60)
    instances[0].count("ann", both)
    with pytest.raises(TooManyRequests) as refused:
        instances[0].count("ann", both)
    assert refused.value.retry_after > 3600


def test_what_other_instances_have_counted_counts_here(instances: list[RequestLimits]) -> None:
    first, second, third = instances
    for each in (first, second):
        assert take(each, 8) == 8
        each.write()

    assert take(third, 1) == 1
    third.write()

    assert take(third, 20) == 3


def test_windows_of_other_instances_begin_at_the_same_moment(
    instances: list[RequestLimits], clock: Clock, database: Database
) -> None:
    take(instances[0], 20)
    instances[0].write()
    clock.advance(60)

    assert take(instances[1], 20) == 20
    instances[1].write()
    assert [count for _, count in rows(database)] == [20, 20]


def test_what_was_counted_while_the_clock_was_years_ahead_refuses_nobody_when_it_is_right(
    instances: list[RequestLimits], clock: Clock
) -> None:
    years = 3 * 365 * 24 * 3600
    clock.advance(years)
    assert take(instances[0], 30) == 20
    instances[0].write()
    clock.advance(-years)

    for instance in instances[:2]:
        instance.write()
    assert take(instances[0], 10) == 10
    assert take(instances[1], 10) == 10
    assert not instances[0].is_over("ann", MINUTE)


def test_the_table_holds_no_name_and_no_address(
    instances: list[RequestLimits], database: Database
) -> None:
    take(instances[0], 1, "address 192.0.2.77")
    instances[0].write()

    ((key, _),) = rows(database)
    assert len(bytes.fromhex(key)) == 16


def test_many_instances_that_write_the_same_row_at_once_lose_nothing(
    instances: list[RequestLimits], database: Database
) -> None:
    def write_some_times(limits: RequestLimits) -> None:
        for _ in range(5):
            for caller in ("ann", "bob", "cat"):
                limits.count(caller, (Limit(1000, 60),))
            limits.write()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write_some_times, instances))

    assert [count for _, count in rows(database)] == [15, 15, 15]


def test_windows_that_are_over_are_removed(
    instances: list[RequestLimits], database: Database, clock: Clock
) -> None:
    clock.seconds = time.time() - 3600
    take(instances[0], 1)
    instances[0].write()
    assert rows(database) == []


def test_what_was_not_written_is_written_when_the_database_is_back(
    instances: list[RequestLimits], pseudonyms: Pseudonyms, clock: Clock, database: Database
) -> None:
    away = True

    def sometimes() -> Database:
        if away:
            raise DatabaseUnreachable("away")
        return database

    limits = RequestLimits(sometimes, pseudonyms, clock, write_seconds=None)
    assert take(limits, 30) == 20
    with pytest.raises(DatabaseUnreachable):
        limits.write()

    away = False
    limits.write()

    assert [count for _, count in rows(database)] == [20]
    take(instances[0], 1)
    instances[0].write()
    assert take(instances[0], 5) == 0


def test_a_database_that_hangs_keeps_no_request_waiting(
    pseudonyms: Pseudonyms, clock: Clock
) -> None:
    asked, let_go = threading.Event(), threading.Event()

    def hangs() -> Database:
        asked.set()
        let_go.wait(60)
        raise DatabaseUnreachable("away")

    limits = RequestLimits(hangs, pseudonyms, clock)
    take(limits, 5)
    assert asked.wait(60)

    began = time.monotonic()
    assert take(limits, 30) == 15
    assert time.monotonic() - began < 30
    let_go.set()
    limits.close()


def test_a_tenth_of_a_limit_is_written_without_waiting_for_the_second_to_end(
    database: Database, pseudonyms: Pseudonyms
) -> None:
    limits = RequestLimits(lambda: database, pseudonyms, write_seconds=3600)
    limits.count("ann", MINUTE)
    assert rows(database) == []

    limits.count("ann", MINUTE)

    wait_until(lambda: [count for _, count in rows(database)] == [2], 10, "both to be written")
    limits.close()


def test_what_it_remembers_is_bounded(
    instances: list[RequestLimits], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CALLERS_REMEMBERED", 10)

    for number in range(1000):
        take(instances[0], 1, f"caller {number}")

    assert len(instances[0]._windows) == 10
    assert len(instances[0]._unwritten) == 10
    instances[0].write()


def test_another_instance_knows_the_same_pseudonyms_and_another_installation_does_not(
    tmp_path: Path, pseudonyms: Pseudonyms
) -> None:
    same, other = Pseudonyms(file_store(tmp_path)), Pseudonyms(file_store(tmp_path / "other"))

    assert pseudonyms.of("a", "b") == same.of("a", "b") != other.of("a", "b")
    assert pseudonyms.of("ab", "c") != pseudonyms.of("a", "bc")


def test_the_rows_are_found_by_an_index(sqlite_database: Database) -> None:
    with sqlite_database.read() as connection:
        for where in ("KeyHash = 'x' AND WindowEnd = 'y'", "WindowEnd < 'x'"):
            plan = connection.execute(
                text(f"EXPLAIN QUERY PLAN SELECT Id FROM Rowpost_Limits WHERE {where}")
            ).one()
            assert "INDEX" in plan.detail
