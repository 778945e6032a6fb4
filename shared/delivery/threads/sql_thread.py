"""Threads for statements: the loop that talks to mail servers never waits for a database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shared.monitoring.logs import in_this_context

T = TypeVar("T")

_HAND_OVER_SECONDS = 0.00002


class SqlThread:
    """Statements of one kind, one after another, on a thread of their own; or on a few."""

    def __init__(self, name: str, threads: int = 1) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[[], T], *, at_once: bool = False) -> T:
        """What `work` answers when it is its turn; raises what it raises.

        Work that has begun is done to its end, also when nobody waits for it any more. `at_once`:
        everything waits for it. A thread that wakes needs the interpreter to begin, and a loop to
        which replies keep coming would give it away later than the work takes.
        """
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._pool, in_this_context(work))
        if at_once:
            time.sleep(_HAND_OVER_SECONDS)
        return await done

    def close(self) -> None:
        """Wait for what is being done; the rest is not begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)
