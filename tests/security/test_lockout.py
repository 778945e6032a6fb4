from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from shared.database.circuit_breaker import CircuitBreaker
from shared.database.columns.times import utc_now
from shared.database.database import Database
from shared.database.errors import DatabaseUnreachable
from shared.database.tables import login_failures
from shared.security.lockout import (
    FAILURES,
    WINDOW_SECONDS,
    LockedOut,
    Lockout,
    LockoutEverywhere,
    LockoutInMemory,
)
from shared.security.pseudonyms import Pseudonyms
from tests.support.configuration import file_store


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lockout(clock: Clock) -> LockoutInMemory:
    return LockoutInMemory(clock)


def fail(lockout: Lockout, times: int, user: str = "ann", address: str = "a") -> None:
    for _ in range(times):
        lockout.attempt(user, address)


def test_the_sixth_attempt_in_the_window_is_refused_and_says_when_to_come_back(
    lockout: LockoutInMemory, clock: Clock
) -> None:
    fail(lockout, FAILURES)
    clock.now += 60

    with pytest.raises(LockedOut) as refused:
        lockout.attempt("ann", "a")

    assert refused.value.retry_after == WINDOW_SECONDS - 60
    assert str(WINDOW_SECONDS - 60) in str(refused.value)


def test_refused_attempts_do_not_prolong_the_wait(lockout: LockoutInMemory, clock: Clock) -> None:
    fail(lockout, FAILURES)
    clock.now += WINDOW_SECONDS - 1
    with pytest.raises(LockedOut):
        lockout.attempt("ann", "a")

    clock.now += 1

    lockout.attempt("ann", "a")


def test_a_right_password_forgets_the_failures_before_it(lockout: LockoutInMemory) -> None:
    fail(lockout, FAILURES - 1)
    lockout.attempt("ann", "a")
    lockout.succeeded("ann", "a")

    fail(lockout, FAILURES)


def test_another_address_and_another_user_are_not_touched(lockout: LockoutInMemory) -> None:
    fail(lockout, FAILURES)

    lockout.attempt("ann", "b")
    lockout.attempt("bob", "a")


@pytest.mark.parametrize("look_alike", ["Ann", " ann", "ANN", "\uff41nn"])
def test_a_name_that_looks_alike_is_another_user_whose_login_unlocks_nobody(
    lockout: LockoutInMemory, look_alike: str
) -> None:
    fail(lockout, FAILURES)
    lockout.attempt(look_alike, "a")
    lockout.succeeded(look_alike, "a")

    with pytest.raises(LockedOut):
        lockout.attempt("ann", "a")


def test_attempts_at_the_same_moment_do_not_slip_through_together(lockout: LockoutInMemory) -> None:
    together = threading.Barrier(20)
    refused: list[LockedOut] = []

    def guess() -> None:
        together.wait(60)
        try:
            lockout.attempt("ann", "a")
        except LockedOut as error:
            refused.append(error)

    threads = [threading.Thread(target=guess) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert len(refused) == 20 - FAILURES


def test_what_it_remembers_is_bounded_and_the_longest_untouched_pair_goes_first(
    clock: Clock,
) -> None:
    lockout = LockoutInMemory(clock, pairs_remembered=2)
    fail(lockout, FAILURES, "ann")
    fail(lockout, FAILURES, "bob")
    with pytest.raises(LockedOut):
        lockout.attempt("ann", "a")

    lockout.attempt("cat", "a")

    with pytest.raises(LockedOut):
        lockout.attempt("ann", "a")
    lockout.attempt("bob", "a")


def test_an_attempt_that_was_refused_elsewhere_is_taken_back(lockout: LockoutInMemory) -> None:
    for _ in range(FAILURES * 2):
        lockout.attempt("ann", "a")
        lockout.take_back("ann", "a")
    lockout.take_back("nobody", "a")


class Instances:
    """Instances of one service: each with a memory of its own, all with one database."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def another(self, opened: Callable[[], Database] | None = None) -> LockoutEverywhere:
        return LockoutEverywhere(
            opened or (lambda: self._database),
            Pseudonyms(file_store(self._folder)),
            LockoutInMemory(),
            CircuitBreaker(seconds=5),
        )


@pytest.fixture
def instances(database: Database, tmp_path: Path) -> Instances:
    return Instances(database, tmp_path)


class TestOverAllInstances:
    def test_failures_on_one_count_on_the_others(self, instances: Instances) -> None:
        fail(instances.another(), 3)
        fail(instances.another(), 2)

        with pytest.raises(LockedOut) as refused:
            instances.another().attempt("ann", "a")

        assert WINDOW_SECONDS - 60 < refused.value.retry_after <= WINDOW_SECONDS

    def test_another_address_and_another_user_are_not_touched(self, instances: Instances) -> None:
        fail(instances.another(), FAILURES)

        instances.another().attempt("ann", "b")
        instances.another().attempt("bob", "a")

    def test_a_right_password_on_one_forgets_the_failures_on_all(
        self, instances: Instances
    ) -> None:
        fail(instances.another(), FAILURES - 1)
        instances.another().succeeded("ann", "a")

        fail(instances.another(), FAILURES)

    def test_refused_attempts_do_not_prolong_the_wait_and_what_is_over_is_removed(
        self, instances: Instances, database: Database
    ) -> None:
        fail(instances.another(), FAILURES)
        here = instances.another()
        for _ in range(FAILURES):
            with pytest.raises(LockedOut):
                here.attempt("ann", "a")

        let_failures_be_forgotten(database)

        fail(here, FAILURES)
        assert len(failures(database)) == FAILURES

    def test_a_failure_counts_for_15_minutes_and_not_until_some_window_ends(
        self, instances: Instances, database: Database
    ) -> None:
        fail(instances.another(), 1)
        let_failures_be_forgotten(database)
        fail(instances.another(), FAILURES)

        with pytest.raises(LockedOut):
            instances.another().attempt("ann", "a")

    def test_guesses_at_the_same_moment_do_not_slip_through_together(
        self, instances: Instances
    ) -> None:
        guessers = [instances.another() for _ in range(12)]
        together = threading.Barrier(len(guessers))
        refused: list[LockedOut] = []

        def guess(lockout: Lockout) -> None:
            together.wait(60)
            try:
                lockout.attempt("ann", "a")
            except LockedOut as error:
                refused.append(error)

        threads = [threading.Thread(target=guess, args=(one,)) for one in guessers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

        assert len(refused) == len(guessers) - FAILURES

    def test_the_table_holds_no_name_and_no_address(
        self, instances: Instances, database: Database
    ) -> None:
        instances.another().attempt("ann", "192.0.2.77")

        (row,) = failures(database)
        assert "ann" not in str(row)
        assert "192.0.2" not in str(row)


class TestWhileTheDatabaseIsAway:
    def test_failures_count_in_memory_and_those_before_it_went_still_do(
        self, instances: Instances, database: Database
    ) -> None:
        away = False

        def sometimes() -> Database:
            if away:
                raise DatabaseUnreachable("away")
            return database

        lockout = instances.another(sometimes)
        fail(lockout, 2)
        away = True
        fail(lockout, 3)

        with pytest.raises(LockedOut):
            lockout.attempt("ann", "a")
        lockout.succeeded("ann", "a")
        fail(lockout, FAILURES)

    def test_failures_that_memory_knows_count_although_the_database_does_not(
        self, instances: Instances, database: Database
    ) -> None:
        away = True

        def sometimes() -> Database:
            if away:
                raise DatabaseUnreachable("away")
            return database

        lockout = instances.another(sometimes)
        fail(lockout, FAILURES)
        away = False

        with pytest.raises(LockedOut):
            lockout.attempt("ann", "a")

    def test_one_that_hangs_is_waited_for_once(self, tmp_path: Path) -> None:
        let_go = threading.Event()

        def hangs() -> Database:
            let_go.wait(60)
            raise DatabaseUnreachable("away")

        lockout = LockoutEverywhere(
            hangs, Pseudonyms(file_store(tmp_path)), LockoutInMemory(), CircuitBreaker(seconds=1.0)
        )
        began = time.monotonic()
        fail(lockout, FAILURES)
        assert 1.0 <= time.monotonic() - began < 4  # Of 5, if each waited.
        with pytest.raises(LockedOut):
            lockout.attempt("ann", "a")
        let_go.set()


def failures(database: Database) -> list[object]:
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(select(login_failures))]


def let_failures_be_forgotten(database: Database) -> None:
    with database.write() as connection:
        connection.execute(update(login_failures).values(ForgottenAt=utc_now()))
