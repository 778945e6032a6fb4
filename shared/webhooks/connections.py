"""Several connections to one receiver, for one that takes its time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import NamedTuple, Self

from shared.webhooks.post import Poster
from shared.webhooks.webhook import Answer

MOST_AT_ONCE = 8


class Request(NamedTuple):
    """What is posted."""

    body: bytes
    headers: dict[str, str]


class Connections:
    """Posts to one receiver, over as many connections as there are requests at once. They are kept
    for the next ones. For one thread at a time."""

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

    def post(self, requests: Sequence[Request]) -> list[Answer]:
        """Post these, `MOST_AT_ONCE` at most, at the same time; their answers in the same order."""
        while len(self._posters) < len(requests):
            poster = Poster(self.url, self._allowed_hosts)
            self._posters.append(self._open.enter_context(poster))
        if len(requests) == 1:
            return [self._posters[0].post(*requests[0])]
        if self._threads is None:
            threads = ThreadPoolExecutor(MOST_AT_ONCE, "webhook post")
            self._threads = self._open.enter_context(threads)
        return list(self._threads.map(_post, self._posters, requests))


def _post(poster: Poster, request: Request) -> Answer:
    return poster.post(*request)
