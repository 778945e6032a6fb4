"""The HTTP functions behind a port, with what a caller can tell of the Functions host kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

import azure.functions as func
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.api.caller import PEER_HEADER
from standalone.invocation import Invocations
from standalone.routing import RouteMatch, Router

log = logging.getLogger(__name__)

# Azure's load balancer gives a request up after this time.
_BODY_SECONDS = 230


class BodyTooLarge(Exception):
    """The request's Content-Length is over the limit."""


class HttpFunctions:
    """An ASGI app that answers with the app's HTTP functions. Bodies end at `body_limit` bytes."""

    def __init__(self, router: Router, invocations: Invocations, body_limit: int) -> None:
        self._router = router
        self._invocations = invocations
        self._body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        match = self._router.match(request.method, request.scope["path"])
        if match is None:
            return Response(status_code=404)
        try:
            body = await read_body(request, self._body_limit)
        except BodyTooLarge:
            return Response(status_code=413, headers={"Connection": "close"})
        except TimeoutError:
            return Response(status_code=408, headers={"Connection": "close"})
        return await self._invoke(match, request, body)

    async def _invoke(self, match: RouteMatch, request: Request, body: bytes) -> Response:
        try:
            returned = await self._invocations.awaited(
                match.function, _to_function(request, match.values, body)
            )
            return from_function(returned)
        except Exception:
            log.exception("function %s failed", match.function.name)
            return Response(status_code=500)


async def read_body(request: Request, limit: int) -> bytes:
    """The body of a request with a Content-Length; a chunked one arrives empty, as in Azure.

    Raises BodyTooLarge before anything is read, TimeoutError, ClientDisconnect.
    """
    length = request.headers.get("content-length")
    if length is None or "transfer-encoding" in request.headers:
        return b""
    if int(length) > limit:
        raise BodyTooLarge
    body = bytearray()
    async with asyncio.timeout(_BODY_SECONDS):
        async for chunk in request.stream():
            body += chunk
    return bytes(body)


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
