from __future__ import annotations

import threading

import pytest

from shared.security.lockout import FAILURES, WINDOW_SECONDS, LockedOut, LockoutInMemory


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


def fail(lockout: LockoutInMemory, times: int, user: str = "ann", address: str = "a") -> None:
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


def test_the_case_of_a_name_and_blanks_around_it_give_no_new_guesses(
    lockout: LockoutInMemory,
) -> None:
    fail(lockout, FAILURES)

    with pytest.raises(LockedOut):
        lockout.attempt(" ANN ", "a")


def test_attempts_at_the_same_moment_do_not_slip_through_together(lockout: LockoutInMemory) -> None:
    together = threading.Barrier(20)
    refused: list[LockedOut] = []

    def guess() -> None:
        together.wait(5)
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
