"""How often a password may be guessed: five failures in 15 minutes for a user from an address."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from shared.errors import RowpostError

FAILURES = 5
WINDOW_SECONDS = 15 * 60
_PAIRS_REMEMBERED = 10_000

_Pair = tuple[str, str]


class LockedOut(RowpostError):
    """Too many wrong passwords; the next try is answered after `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            f"There were too many wrong logins: wait {retry_after} seconds, then try again."
        )
        self.retry_after = retry_after


class Lockout(Protocol):
    """Counts the failed logins of each pair of user and address."""

    def attempt(self, username: str, address: str) -> None:
        """Count an attempt as failed before its password is looked at, or raise LockedOut.

        Counting first means that guesses sent at the same moment do not slip through together.
        """

    def succeeded(self, username: str, address: str) -> None:
        """The password was right: forget the failures before it."""


class LockoutInMemory:
    """Remembers the attempts of this process; bounded, the longest untouched pair goes first."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        pairs_remembered: int = _PAIRS_REMEMBERED,
    ) -> None:
        self._clock = clock
        self._pairs_remembered = pairs_remembered
        self._attempts: OrderedDict[_Pair, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def attempt(self, username: str, address: str) -> None:
        now = self._clock()
        with self._lock:
            recent = self._recent(_pair(username, address), now)
            if len(recent) >= FAILURES:
                raise LockedOut(math.ceil(recent[0] + WINDOW_SECONDS - now))
            recent.append(now)

    def succeeded(self, username: str, address: str) -> None:
        with self._lock:
            self._attempts.pop(_pair(username, address), None)

    def _recent(self, pair: _Pair, now: float) -> list[float]:
        recent = [at for at in self._attempts.pop(pair, []) if now - at < WINDOW_SECONDS]
        self._attempts[pair] = recent
        if len(self._attempts) > self._pairs_remembered:
            self._attempts.popitem(last=False)
        return recent


@lru_cache(maxsize=1)
def lockout() -> Lockout:
    """This process's."""
    return LockoutInMemory()


def _pair(username: str, address: str) -> _Pair:
    return username.strip().casefold(), address
