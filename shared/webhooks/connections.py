"""Connections to one receiver: one that is kept, and several for a receiver that takes its time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shared.webhooks.post import Poster

MOST_AT_ONCE = 8
T = TypeVar("T")


class Connections:
    """Connections to one receiver, kept from one turn to the next. For one thread at a time."""

    def __init__(self, allowed_hosts: Collection[str]) -> None:
        self._allowed_hosts = allowed_hosts
        self._url = ""
        self._posters: list[Poster] = []

    def lead_to(self, url: str) -> None:
        """From now on they go there; those that went elsewhere are closed."""
        if url != self._url:
            self.close()
            self._url = url

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

        with ThreadPoolExecutor(MOST_AT_ONCE, "webhook post") as threads:
            list(threads.map(take, self._several(min(len(rows), MOST_AT_ONCE))))

    def close(self) -> None:
        """Close them; what is posted next opens others."""
        for poster in self._posters:
            poster.close()
        self._posters.clear()

    def _several(self, number: int) -> list[Poster]:
        while len(self._posters) < number:
            self._posters.append(Poster(self._url, self._allowed_hosts))
        return self._posters[:number]


def _next_of(waiting: deque[Sequence[T]]) -> Sequence[T]:
    """The next row; empty where another thread was faster."""
    try:
        return waiting.popleft()
    except IndexError:
        return ()
