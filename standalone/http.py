"""The HTTP functions behind a port, with what a caller can tell of the Functions host kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import parse_qsl

import azure.functions as func
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.api.caller import PEER_HEADER
from shared.api.endpoint import answered
from shared.api.errors import ApiError
from standalone.invocation import Invocations
from standalone.routing import RouteMatch, Router

log = logging.getLogger(__name__)

# Azure's load balancer gives a request up after this time.
_BODY_SECONDS = 230
# A body that is too large by little is read, so that its connection may be kept.
_READ_ANYWAY = 64 * 1024
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

OwnLimit = Callable[[str, str], int | None]
"""The most bytes that a function, by its name, takes with a method; None: as many as any."""


def no_own_limit(function: str, method: str) -> int | None:
    return None


@dataclass(frozen=True, slots=True)
class BodyRules:
    """What bodies may be: at most `limit` bytes, or less where a function says so.

    A function that knows its own limit is called without a body that is too large, so that it
    refuses by the announced length, in its own words and after a look at who asks.
    """

    limit: int
    own_limit: OwnLimit = no_own_limit
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
            response = await self._answer(request)
        except ClientDisconnect:
            return
        if isinstance(response, _WithoutReading):
            await _answer_and_let_go(response.answer, request, send)
        else:
            await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response | _WithoutReading:
        match = self._router.match(request.method, request.scope["path"])
        if match is None:
            return Response(status_code=404)
        if _header_bytes(request) > _HEADER_BYTES:
            return _refused(request, match, _HEADERS_TOO_LARGE)
        own = self._bodies.own_limit(match.function.name, request.method)
        most = self._bodies.limit if own is None else min(own, self._bodies.limit)
        try:
            body = await read_body(
                request, max(most, min(_READ_ANYWAY, self._bodies.limit)), self._bodies.idle_seconds
            )
        except BodyTooLarge:
            if own is None:
                return _refused(request, match, _TOO_LARGE)
            return _WithoutReading(await self._invoke(match, request, b""))
        except TimeoutError:
            return _refused(request, match, _TOO_SLOW)
        response = await self._invoke(match, request, body)
        return _WithoutReading(response) if is_chunked(request) else response

    async def _invoke(self, match: RouteMatch, request: Request, body: bytes) -> Response:
        try:
            returned = await self._invocations.awaited(
                match.function, _to_function(request, match.values, body)
            )
            return from_function(returned)
        except Exception:
            log.exception("function %s failed", match.function.name)
            return Response(status_code=500)


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
    length = request.headers.get("content-length")
    if length is None or is_chunked(request):
        return b""
    if int(length) > limit:
        raise BodyTooLarge
    body = bytearray()
    stream = request.stream()
    async with asyncio.timeout(_BODY_SECONDS):
        while len(body) < int(length):
            async with asyncio.timeout(idle_seconds):
                body += await anext(stream)
    return bytes(body)


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


def _to_function(request: Request, values: Mapping[str, str], body: bytes) -> func.HttpRequest:
    return func.HttpRequest(
        method=request.method,
        url=str(request.url),
        headers=request_headers(request),
        params=_query(request),
        route_params=values,
        body=body,
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
