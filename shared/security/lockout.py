"""How often a password may be guessed: five failures in 15 minutes for a user from an address.

Over all instances: each attempt is a row in the database before its password is looked at. And in
the memory of each process, for while the database is away.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol, TypeVar

from shared.database.circuit_breaker import CircuitBreaker, NotNow
from shared.database.database import Database
from shared.errors import RowpostError
from shared.security import failed_logins
from shared.security.pseudonyms import Pseudonyms

FAILURES = 5
WINDOW_SECONDS = 15 * 60
_PAIRS_REMEMBERED = 10_000

T = TypeVar("T")
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


class LockoutEverywhere:
    """Remembers the attempts of all instances in the database, and those of this one in memory.

    A database that does not answer in time is done without, at once for some seconds then.
    """

    def __init__(
        self,
        database: Callable[[], Database],
        pseudonyms: Pseudonyms,
        memory: LockoutInMemory,
        calls: CircuitBreaker,
    ) -> None:
        self._database = database
        self._pseudonyms = pseudonyms
        self._memory = memory
        self._calls = calls

    def attempt(self, username: str, address: str) -> None:
        self._memory.attempt(username, address)
        wait = self._briefly(lambda: self._count(username, address))
        if wait:
            self._memory.take_back(username, address)
            raise LockedOut(wait)

    def succeeded(self, username: str, address: str) -> None:
        self._memory.succeeded(username, address)
        self._briefly(lambda: self._forget(username, address))

    def _count(self, username: str, address: str) -> int | None:
        """Seconds to wait, if this attempt is one too many."""
        pair = self._pseudonyms.of("login", username, address)
        return self._database().run(
            lambda connection: failed_logins.count(connection, pair, FAILURES, WINDOW_SECONDS),
            seconds=self._calls.seconds,
        )

    def _forget(self, username: str, address: str) -> None:
        pair = self._pseudonyms.of("login", username, address)
        self._database().run(
            lambda connection: failed_logins.forget(connection, pair), seconds=self._calls.seconds
        )

    def _briefly(self, work: Callable[[], T]) -> T | None:
        try:
            return self._calls.run(work)
        except NotNow:
            return None


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
            recent = self._recent((username, address), now)
            if len(recent) >= FAILURES:
                raise LockedOut(math.ceil(recent[0] + WINDOW_SECONDS - now))
            recent.append(now)

    def succeeded(self, username: str, address: str) -> None:
        with self._lock:
            self._attempts.pop((username, address), None)

    def take_back(self, username: str, address: str) -> None:
        """The latest attempt was refused elsewhere: it does not count here either."""
        with self._lock:
            attempts = self._attempts.get((username, address))
            if attempts:
                attempts.pop()

    def _recent(self, pair: _Pair, now: float) -> list[float]:
        recent = [at for at in self._attempts.pop(pair, []) if now - at < WINDOW_SECONDS]
        self._attempts[pair] = recent
        if len(self._attempts) > self._pairs_remembered:
            self._attempts.popitem(last=False)
        return recent
