"""Threads for statements: the loop that talks to mail servers never waits for a database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shared.monitoring.logs import in_this_context

T = TypeVar("T")


class SqlThread:
    """Statements of one kind, one after another, on a thread of their own; or on a few."""

    def __init__(self, name: str, threads: int = 1) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` answers when it is its turn; raises what it raises.

        Work that has begun is done to its end, also when nobody waits for it any more.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, in_this_context(work))

    def close(self) -> None:
        """Wait for what is being done; the rest is not begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)
