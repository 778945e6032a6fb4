"""Several connections to one receiver, for one that takes its time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Self, TypeVar

from shared.webhooks.post import Poster

MOST_AT_ONCE = 8
T = TypeVar("T")


class Connections:
    """Connections to one receiver, kept for what is posted next. For one thread at a time."""

    def __init__(self, url: str, allowed_hosts: Collection[str]) -> None:
        self.url = url
        self._allowed_hosts = allowed_hosts
        self._posters: list[Poster] = []
        self._threads: ThreadPoolExecutor | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    @property
    def first(self) -> Poster:
        """The one that is enough for a fast receiver."""
        return self._several(1)[0]

    def in_parallel(self, rows: Sequence[Sequence[T]], post: Callable[[Poster, T], bool]) -> None:
        """Call `post` for all of these, what is in one row one after the other, `MOST_AT_ONCE` rows
        at a time; until it answers False, when nothing more is begun."""
        waiting, is_over = deque(rows), False

        def take(poster: Poster) -> None:
            nonlocal is_over
            while waiting and not is_over:
                for each in _next_of(waiting):
                    if is_over:
                        return
                    if not post(poster, each):
                        is_over = True

        if self._threads is None:
            threads = ThreadPoolExecutor(MOST_AT_ONCE, "webhook post")
            self._threads = self._open.enter_context(threads)
        list(self._threads.map(take, self._several(min(len(rows), MOST_AT_ONCE))))

    def _several(self, number: int) -> list[Poster]:
        while len(self._posters) < number:
            poster = Poster(self.url, self._allowed_hosts)
            self._posters.append(self._open.enter_context(poster))
        return self._posters[:number]


def _next_of(waiting: deque[Sequence[T]]) -> Sequence[T]:
    """The next row; empty where another thread was faster."""
    try:
        return waiting.popleft()
    except IndexError:
        return ()
