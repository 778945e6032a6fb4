"""A request as standalone takes it in: when it came, and a body that may wait in a file."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import BinaryIO

import azure.functions as func

_PIECE = 64 * 1024


class LocalRequest(func.HttpRequest):
    """A request for a function. The body, `size` bytes, is in `content`, which the caller closes.

    So a large one that nobody needs as a whole, such as a file in a form, never is in memory.
    `arrived`: when its headers were there (`time.monotonic`).
    """

    def __init__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str],
        route_params: Mapping[str, str],
        arrived: float,
        content: BinaryIO | None = None,
        size: int = 0,
    ) -> None:
        super().__init__(
            method, url, headers=headers, params=params, route_params=route_params, body=b""
        )
        self.arrived = arrived
        self.size = size
        self._content = content or BytesIO()

    def get_body(self) -> bytes:
        self._content.seek(0)
        return self._content.read()

    def pieces(self) -> Iterator[bytes]:
        """The body from its beginning."""
        self._content.seek(0)
        while piece := self._content.read(_PIECE):
            yield piece


def arrival_of(req: func.HttpRequest) -> float:
    """When the request came (`time.monotonic`); the Functions host does not tell: now."""
    return req.arrived if isinstance(req, LocalRequest) else time.monotonic()


def size_of(req: func.HttpRequest) -> int:
    """How many bytes the body has."""
    return req.size if isinstance(req, LocalRequest) else len(req.get_body())


def pieces_of(req: func.HttpRequest) -> Iterator[bytes]:
    """The body in pieces, whatever request it is."""
    if isinstance(req, LocalRequest):
        yield from req.pieces()
        return
    body = req.get_body()
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]
