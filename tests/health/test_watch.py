"""Looking at what may hang: nobody waits for long or is told what is older than the question."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.background import NoAnswerYet, Soon, Watch, Work
from tests.support.standalone import wait_until


class Slow:
    """Answers 1, 2, 3, ... each when it is let go."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.looks = 0
        self.let_go = threading.Event()
        self.looking = threading.Event()

    def __call__(self) -> int:
        self.looks += 1
        number = next(self.numbers)
        self.looking.set()
        self.let_go.wait(60)
        return number


@pytest.fixture
def slow() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.let_go.set()


def test_each_question_has_a_look_of_its_own_when_nobody_else_asks() -> None:
    numbers = itertools.count(1)
    watch = Watch(lambda: next(numbers), "test")

    assert [watch.ask(), watch.ask()] == [1, 2]


def test_who_asks_during_a_look_shares_the_next_one(slow: Slow) -> None:
    watch = Watch(slow, "test")
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(watch.ask)
        assert slow.looking.wait(60)
        asking = threading.Semaphore(0)

        def ask() -> int:
            asking.release()
            return watch.ask()

        others = [pool.submit(ask) for _ in range(10)]
        for _ in others:
            assert asking.acquire(timeout=60)
        time.sleep(0.1)
        slow.let_go.set()

        assert first.result(60) == 1
        assert {other.result(60) for other in others} <= {2, 3}
    assert slow.looks <= 3


def test_what_hangs_is_waited_for_with_patience_and_then_not_at_all(slow: Slow) -> None:
    watch = Watch(slow, "test", patience=0.5)

    began = time.monotonic()
    with pytest.raises(NoAnswerYet):
        watch.ask()
    first = time.monotonic() - began
    for _ in range(40):
        with pytest.raises(NoAnswerYet):
            watch.ask()
    rest = time.monotonic() - began - first

    assert first > 0.45
    assert rest < 10  # Of 20, if each were patient.
    assert slow.looks == 1


def test_a_look_that_fails_tells_those_who_asked_for_it(slow: Slow) -> None:
    def fail() -> int:
        raise LookupError("nothing here")

    with pytest.raises(LookupError, match="nothing here"):
        Watch(fail, "test").ask()


def test_a_failure_is_not_told_to_who_asked_after_it_began(slow: Slow) -> None:
    def look() -> int:
        number = slow()
        if number == 1:
            raise LookupError("too early")
        return number

    watch = Watch(look, "test")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(watch.ask)
        assert slow.looking.wait(60)
        second = pool.submit(watch.ask)
        time.sleep(0.05)
        slow.let_go.set()

        assert second.result(60) == 2
        with pytest.raises(LookupError):
            first.result(60)


def test_work_that_takes_longer_goes_on(slow: Slow) -> None:
    work = Work(slow, "test", daemon=True)

    with pytest.raises(NoAnswerYet):
        work.result(0.01)
    slow.let_go.set()

    assert work.result(60) == 1
    assert work.ended


def test_what_is_asked_for_while_it_is_done_is_done_once_more_however_often_asked() -> None:
    slow = Slow()
    soon = Soon(slow, "slow")

    soon.ask()
    assert slow.looking.wait(60)
    for _ in range(100):
        soon.ask()
    slow.let_go.set()
    wait_until(lambda: slow.looks == 2, 60, "the second time")
    time.sleep(0.05)
    assert slow.looks == 2

    soon.ask()
    wait_until(lambda: slow.looks == 3, 60, "a question after all was done")


def test_what_fails_is_done_again_when_it_is_asked_for_again() -> None:
    failed: list[int] = []

    def fail() -> None:
        failed.append(1)
        raise RuntimeError("no")

    soon = Soon(fail, "fails")
    for times in (1, 2):
        soon.ask()
        wait_until(lambda times=times: len(failed) == times, 60, "the failure")  # type: ignore[misc]
