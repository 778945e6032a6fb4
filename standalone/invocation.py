"""Calls functions: sync ones in threads, async ones on an event loop, and knows which run now."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Any

from standalone.index import IndexedFunction

log = logging.getLogger(__name__)


COMMON_ROOM = "common"


class Invocations:
    """The functions of one host at work.

    `threads` sync HTTP functions run at once, and so many more in each of the further `rooms`:
    what has a room of its own never waits for what runs in another one.
    """

    def __init__(self, threads: int, rooms: Mapping[str, int] | None = None) -> None:
        self._pools = {
            room: ThreadPoolExecutor(number, thread_name_prefix=f"function {room}")
            for room, number in {COMMON_ROOM: threads, **(rooms or {})}.items()
        }
        self._lock = Lock()
        self._running: Counter[str] = Counter()

    async def awaited(
        self, function: IndexedFunction, argument: object, room: str = COMMON_ROOM
    ) -> Any:
        """What the function returns; it never blocks the event loop. Raises what it raises."""
        if inspect.iscoroutinefunction(function.call):
            with self._counted(function):
                return await function.call(**{function.parameter: argument})
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pools[room], self.run, function, argument)

    def run(self, function: IndexedFunction, argument: object) -> Any:
        """Call the function in this thread. Raises what it raises."""
        with self._counted(function):
            returned = function.call(**{function.parameter: argument})
            return asyncio.run(returned) if inspect.iscoroutine(returned) else returned

    def run_logged(self, function: IndexedFunction, argument: object) -> bool:
        """Call the function in this thread and log what it raises; whether it ended well."""
        try:
            self.run(function, argument)
        except Exception:
            log.exception("function %s failed", function.name)
            return False
        return True

    def start(self, function: IndexedFunction, argument: object) -> None:
        """Call the function in a thread of the pool, and do not wait for it."""
        self._pools[COMMON_ROOM].submit(self.run_logged, function, argument)

    def running(self) -> list[str]:
        """The names of the functions that run now."""
        with self._lock:
            return sorted(self._running.elements())

    def close(self) -> None:
        """Begin no call that still waits for a thread, and wait for those that run."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        for pool in self._pools.values():
            pool.shutdown(wait=True)

    @contextmanager
    def _counted(self, function: IndexedFunction) -> Iterator[None]:
        with self._lock:
            self._running[function.name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[function.name] -= 1
