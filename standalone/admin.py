"""The Functions host's `/admin` endpoints: run a function now, and how the host is."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from azure.functions.timer import TimerRequest
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from shared.api.access_log import log_answer
from shared.api.errors import ApiError, new_request_id
from shared.monitoring import logs
from standalone.http import BodyTooLarge, from_function, read_body, request_headers
from standalone.index import FunctionIndex, QueueFunction
from standalone.invocation import Invocations
from standalone.queues import queue_message

Gate = Callable[[Mapping[str, str]], None]
"""Raises ApiError unless a request with these headers comes from an admin."""

Endpoint = Callable[[Request], Awaitable[Response]]

# A storage queue's message is no longer than this either.
_INPUT_LIMIT = 64 * 1024
_INPUT_SECONDS = 30.0


_REFUSALS = {
    400: ("malformed_input", 'Send {"input": "..."} as JSON, the input being text.'),
    404: ("not_found", "There is no such function or path: see GET /admin/host/status."),
    405: ("method_not_allowed", "This path knows other methods: see Allow."),
    413: ("body_too_large", f"The body may have {_INPUT_LIMIT} bytes at most: send a shorter one."),
}


def refusal(request: Request, error: Exception) -> Response:
    """A refusal of these endpoints in the form that all errors have."""
    assert isinstance(error, HTTPException)
    code, message = _REFUSALS.get(error.status_code, ("refused", "This request is refused."))
    said = ApiError(error.status_code, code, message, headers=dict(error.headers or {}))
    return from_function(said.to_response(getattr(request.state, "request_id", None)))


class Admin:
    """The endpoints, each for an admin's token only."""

    def __init__(
        self, functions: FunctionIndex, invocations: Invocations, require_admin: Gate
    ) -> None:
        self._functions = functions
        self._invocations = invocations
        self._require_admin = require_admin
        self._started = time.monotonic()

    def routes(self) -> Mount:
        return Mount(
            "/admin",
            routes=[
                _route("/functions/{name}", self._run_now, "POST"),
                _route("/host/status", self._status, "GET"),
                _route("/host/ping", self._ping, "GET", "POST"),
            ],
        )

    async def _run_now(self, request: Request) -> Response:
        if refusal := await self._refusal(request):
            return refusal
        function = self._functions.triggered(request.path_params["name"])
        if function is None:
            raise HTTPException(404)
        try:
            text = await _input(request)
        except ValueError:
            raise HTTPException(400) from None
        except BodyTooLarge:
            raise HTTPException(413, headers={"Connection": "close"}) from None
        message: object = TimerRequest(past_due=False)
        if isinstance(function, QueueFunction):
            message = queue_message(text)
        self._invocations.start(function, message)
        return Response(status_code=202)

    async def _status(self, request: Request) -> Response:
        if refusal := await self._refusal(request):
            return refusal
        uptime = int((time.monotonic() - self._started) * 1000)
        running = self._invocations.running()
        return JSONResponse({"state": "Running", "processUptime": uptime, "running": running})

    async def _ping(self, request: Request) -> Response:
        return await self._refusal(request) or Response(status_code=200)

    async def _refusal(self, request: Request) -> Response | None:
        try:
            await run_in_threadpool(self._require_admin, request_headers(request))
        except ApiError as error:
            return from_function(error.to_response(request.state.request_id))
        return None


def _route(path: str, endpoint: Endpoint, *methods: str) -> Route:
    return Route(path, logged(endpoint, f"admin{path}"), methods=list(methods))


def logged(endpoint: Endpoint, route: str) -> Endpoint:
    """The same endpoint; its requests are in the log as all others are."""

    async def answer(request: Request) -> Response:
        request.state.request_id = new_request_id()
        with logs.request(request.state.request_id):
            began = time.monotonic()
            try:
                response = await endpoint(request)
            except HTTPException as error:
                response = refusal(request, error)
            log_answer(request.method, route, response.status_code, began)
        return response

    return answer


async def _input(request: Request) -> str:
    """The text under `input`; raises ValueError when the body is something else."""
    body: Any = json.loads(await read_body(request, _INPUT_LIMIT, _INPUT_SECONDS) or b"{}")
    text = body.get("input", "") if isinstance(body, dict) else None
    if not isinstance(text, str):
        raise ValueError("input must be text")
    return text
