"""When a refused email is tried again, and how long an account rests: values that decide."""

from __future__ import annotations

from dataclasses import dataclass, replace

_GROWTH = 4.0
_JITTER = 0.2
_LONGEST_WAIT = 3600.0

_FIRST_PAUSE = 60.0
_FIRST_PAUSE_AFTER_LOGIN = 300.0
_LONGEST_PAUSE = 900.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retries after the first try, with waits in seconds that grow from `first_wait` to an hour.

    What gives up sooner than the next try loses emails to greylisting and to an evening's trouble
    of a relay: RFC 5321 4.5.4.1 asks for days in the end, and for half an hour between tries.
    """

    max_retries: int
    first_wait: float
    growth: float = _GROWTH
    """Of each wait over the one before."""

    def next_wait(self, retries: int, chance: float) -> float | None:
        """How long to wait after this many retries; None when there are to be no more.

        `chance`, from 0 to 1, spreads emails that were refused together over a fifth more.
        """
        if retries >= self.max_retries:
            return None
        wait = min(
            self.first_wait * self.growth ** min(retries, 20), max(self.first_wait, _LONGEST_WAIT)
        )
        return wait * (1 + _JITTER * chance)

    def changed(self, max_retries: int | None, wait: float | None) -> RetryPolicy:
        """The same with so many retries, and this one wait before each of them; None: as it is."""
        most = self.max_retries if max_retries is None else max_retries
        if wait is None:
            return replace(self, max_retries=most)
        return RetryPolicy(most, wait, growth=1.0)


def pause_seconds(times: int, *, login_refused: bool, chance: float) -> float:
    """How long an account rests that had to rest so many times in a row before.

    A refused login rests longer: providers lock accounts that try again and again.
    """
    first = _FIRST_PAUSE_AFTER_LOGIN if login_refused else _FIRST_PAUSE
    return min(first * 2.0 ** min(times, 10), _LONGEST_PAUSE) * (1 + _JITTER * chance)
