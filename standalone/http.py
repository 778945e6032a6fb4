"""The HTTP functions behind a port, with what a caller can tell of the Functions host kept."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO, cast
from urllib.parse import parse_qsl

import azure.functions as func
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.api.endpoint import answered
from shared.api.errors import ApiError
from shared.api.request.addresses import PEER_HEADER
from shared.api.request.local_request import LocalRequest
from standalone.invocation import COMMON_ROOM, Invocations
from standalone.routing import RouteMatch, Router

log = logging.getLogger(__name__)

# Azure's load balancer gives a request up after this time.
_BODY_SECONDS = 230
# A body that is too large by little is read, so that its connection may be kept.
_READ_ANYWAY = 64 * 1024
_IN_MEMORY = 1024 * 1024
_HEADER_BYTES = 32 * 1024
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 8 * 1024 * 1024

_TOO_LARGE = ApiError(
    413, "body_too_large", "The body is too large: this service takes no such requests."
)
_TOO_SLOW = ApiError(
    408, "request_timeout", "The body came too slowly or not at all: send it again."
)
_HEADERS_TOO_LARGE = ApiError(
    431, "headers_too_large", f"The headers are too large: send at most {_HEADER_BYTES:,} bytes."
)


@dataclass(frozen=True, slots=True)
class Door:
    """What a function says of its requests before one is read.

    `most`: the bytes that a body may have, by the headers. `is_welcome`: whether the caller is let
    in; asked on a thread. `room`: the threads that it runs on.
    """

    most: Callable[[Mapping[str, str]], int]
    is_welcome: Callable[[Mapping[str, str]], bool]
    room: str = COMMON_ROOM


Doors = Callable[[str, str], Door | None]
"""The door of a function, by its name, for a method; None: it says nothing."""


def no_doors(function: str, method: str) -> Door | None:
    return None


@dataclass(frozen=True, slots=True)
class BodyRules:
    """What bodies may be: at most `limit` bytes, or less where a function says so.

    A function with a door is called without a body that is too large or whose caller is not let
    in, so that it refuses in its own words and nobody's bytes are held for nothing.
    """

    limit: int
    doors: Doors = no_doors
    idle_seconds: float = 30.0
    """How long to wait for the next bytes."""


class BodyTooLarge(Exception):
    """The request's Content-Length is over the limit."""


class HttpFunctions:
    """An ASGI app that answers with the app's HTTP functions."""

    def __init__(self, router: Router, invocations: Invocations, bodies: BodyRules) -> None:
        self._router = router
        self._invocations = invocations
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request, time.monotonic())
        except ClientDisconnect:
            return
        if isinstance(response, _WithoutReading):
            await _answer_and_let_go(response.answer, request, send)
        else:
            await response(scope, receive, send)

    async def _answer(self, request: Request, arrived: float) -> Response | _WithoutReading:
        match = self._router.match(request.method, request.scope["path"])
        if match is None:
            return Response(status_code=404)
        if _header_bytes(request) > _HEADER_BYTES:
            return _refused(request, match, _HEADERS_TOO_LARGE)
        door = self._bodies.doors(match.function.name, request.method)
        taken = _Taken(request, match, arrived, door.room if door else COMMON_ROOM)
        if not await self._should_be_read(request, door):
            if door is None:
                return _refused(request, match, _TOO_LARGE)
            return _WithoutReading(await self._invoke(taken, None, 0))
        length = announced_length(request)
        with SpooledTemporaryFile(_IN_MEMORY) if length else nullcontext() as content:
            try:
                if content:
                    await _read_into(content, request, length, self._bodies.idle_seconds)
            except TimeoutError:
                return _refused(request, match, _TOO_SLOW)
            response = await self._invoke(taken, cast(BinaryIO | None, content), length)
        return _WithoutReading(response) if is_chunked(request) else response

    async def _should_be_read(self, request: Request, door: Door | None) -> bool:
        """Whether the body is one that the function will look at; a small one always is read."""
        length, limit = announced_length(request), self._bodies.limit
        if door is None or length <= min(_READ_ANYWAY, limit):
            return length <= limit
        headers = request_headers(request)
        if length > min(limit, door.most(headers)):
            return False
        return await run_in_threadpool(door.is_welcome, headers)

    async def _invoke(self, taken: _Taken, content: BinaryIO | None, size: int) -> Response:
        try:
            returned = await self._invocations.awaited(
                taken.match.function, _to_function(taken, content, size), taken.room
            )
            return from_function(returned)
        except Exception:
            log.exception("function %s failed", taken.match.function.name)
            return Response(status_code=500)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A request on its way to its function."""

    request: Request
    match: RouteMatch
    arrived: float
    room: str


@dataclass(frozen=True, slots=True)
class _WithoutReading:
    """An answer to a request whose body nobody has read, or will."""

    answer: Response


def _refused(request: Request, match: RouteMatch, error: ApiError) -> _WithoutReading:
    """An answer of our own, in the form of all others, and in the log as they are."""

    def refuse(request_id: str) -> func.HttpResponse:
        raise error

    return _WithoutReading(from_function(answered(request.method, match.function.route, refuse)))


async def _answer_and_let_go(answer: Response, request: Request, send: Send) -> None:
    """Answer at once and end the connection; what still comes is taken in for a moment.

    Closed on bytes that nobody has read it would be reset, and the client not see the answer.
    """
    headers = [*answer.raw_headers, (b"connection", b"close")]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": True})
    with suppress(ClientDisconnect, TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            taken = 0
            async for chunk in request.stream():
                taken += len(chunk)
                if taken > _LINGER_BYTES:
                    break
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def read_body(request: Request, limit: int, idle_seconds: float) -> bytes:
    """The body of a request with a Content-Length; a chunked one arrives empty, as in Azure.

    Raises BodyTooLarge before anything is read, TimeoutError, ClientDisconnect.
    """
    length = announced_length(request)
    if length > limit:
        raise BodyTooLarge
    body = BytesIO()
    await _read_into(body, request, length, idle_seconds)
    return body.getvalue()


async def _read_into(
    content: IO[bytes], request: Request, length: int, idle_seconds: float
) -> None:
    """Raises TimeoutError, ClientDisconnect."""
    stream, taken = request.stream(), 0
    async with asyncio.timeout(_BODY_SECONDS):
        while taken < length:
            async with asyncio.timeout(idle_seconds):
                piece = await anext(stream)
            taken += len(piece)
            content.write(piece)


def announced_length(request: Request) -> int:
    """How many bytes the body has; none if it is chunked, since nobody reads it then."""
    length = request.headers.get("content-length")
    return 0 if length is None or is_chunked(request) else int(length)


def is_chunked(request: Request) -> bool:
    return "transfer-encoding" in request.headers


def _header_bytes(request: Request) -> int:
    headers = sum(len(name) + len(value) for name, value in request.headers.raw)
    return headers + len(request.scope["raw_path"]) + len(request.scope["query_string"])


def request_headers(request: Request) -> dict[str, str]:
    """The headers, lower-cased, repeated ones joined, with the caller's own address as the peer."""
    headers = _joined((name.lower(), value) for name, value in request.headers.items())
    headers[PEER_HEADER] = request.client.host if request.client else ""
    return headers


def _to_function(taken: _Taken, content: BinaryIO | None, size: int) -> LocalRequest:
    request = taken.request
    return LocalRequest(
        request.method,
        str(request.url),
        headers=request_headers(request),
        params=_query(request),
        route_params=taken.match.values,
        arrived=taken.arrived,
        content=content,
        size=size,
    )


def _query(request: Request) -> dict[str, str]:
    """Names that differ in case only are one, spelled as the first; empty values do not count."""
    spelling: dict[str, str] = {}
    pairs = parse_qsl(request.url.query)
    return _joined((spelling.setdefault(name.lower(), name), value) for name, value in pairs)


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: ",".join(several) for name, several in values.items()}


def from_function(returned: object) -> Response:
    if not isinstance(returned, func.HttpResponse):
        raise TypeError(f"an HTTP function must return HttpResponse, not {type(returned).__name__}")
    response = Response(returned.get_body(), returned.status_code)
    # Duplicates collapse to the last, except Set-Cookie.
    for name, value in returned.headers.items():
        if name.lower() == "set-cookie":
            response.headers.append(name, value)
        else:
            response.headers[name] = value
    if "content-type" not in response.headers:
        response.headers["content-type"] = _content_type(returned)
    return response


def _content_type(response: func.HttpResponse) -> str:
    if response.mimetype.startswith("text/"):
        return f"{response.mimetype}; charset={response.charset}"
    return str(response.mimetype)
