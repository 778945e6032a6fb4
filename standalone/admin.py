"""The Functions host's `/admin` endpoints: run a function now, and how the host is."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from azure.functions.timer import TimerRequest
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.api.access_log import log_answer
from shared.api.errors import ApiError, as_api_error, new_request_id
from shared.errors import RowpostError
from shared.monitoring import logs
from standalone.http import BodyTooLarge, from_function, read_body, request_headers
from standalone.index import FunctionIndex, QueueFunction
from standalone.invocation import Invocations
from standalone.queues import queue_message

Gate = Callable[[Mapping[str, str]], None]
"""Raises RowpostError unless a request with these headers may be let in; counts it."""

Endpoint = Callable[[Request], Awaitable[Response]]

# A storage queue's message is no longer than this either.
_INPUT_LIMIT = 64 * 1024
_INPUT_SECONDS = 30.0
EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_BAD_INPUT = ApiError(
    400, "malformed_input", 'Send {"input": "..."} as JSON, the input being text.'
)
_TOO_LONG = ApiError(
    413,
    "body_too_large",
    f"The body may have {_INPUT_LIMIT} bytes at most: send a shorter one.",
    headers={"Connection": "close"},
)
_NOTHING = ApiError(
    404, "not_found", "There is no such function or path: see GET /admin/host/status."
)


class Admin:
    """The endpoints, each for an admin's token only."""

    def __init__(
        self, functions: FunctionIndex, invocations: Invocations, require_admin: Gate
    ) -> None:
        self._functions = functions
        self._invocations = invocations
        self._require_admin = require_admin
        self._started = time.monotonic()

    def routes(self) -> list[Route]:
        """All paths below /admin, so that whoever is no admin learns nothing from any of them."""
        known: dict[str, dict[str, Endpoint]] = {
            "functions/{name}": {"POST": self._run_now},
            "host/status": {"GET": self._status},
            "host/ping": {"GET": self._ping, "POST": self._ping},
        }
        return [
            *(
                _route(f"/admin/{path}{end}", self._guarded(methods), f"admin/{path}")
                for path, methods in known.items()
                for end in ("", "/")
            ),
            *(
                _route(path, self._guarded({}), "admin/{*path}")
                for path in ("/admin", "/admin/{rest:path}")
            ),
        ]

    def _guarded(self, methods: Mapping[str, Endpoint]) -> Endpoint:
        async def answer(request: Request) -> Response:
            await run_in_threadpool(self._require_admin, request_headers(request))
            if not methods:
                raise _NOTHING
            method = "GET" if request.method == "HEAD" else request.method
            if method not in methods:
                raise wrong_method(*methods)
            return await methods[method](request)

        return answer

    async def _run_now(self, request: Request) -> Response:
        function = self._functions.triggered(request.path_params["name"])
        if function is None:
            raise _NOTHING
        text = await _input(request)
        message: object = TimerRequest(past_due=False)
        if isinstance(function, QueueFunction):
            message = queue_message(text)
        self._invocations.start(function, message)
        return Response(status_code=202)

    async def _status(self, request: Request) -> Response:
        uptime = int((time.monotonic() - self._started) * 1000)
        running = self._invocations.running()
        return JSONResponse({"state": "Running", "processUptime": uptime, "running": running})

    async def _ping(self, request: Request) -> Response:
        return Response(status_code=200)


def _route(path: str, endpoint: Endpoint, name: str) -> Route:
    return Route(path, logged(endpoint, name), methods=EVERY_METHOD)


def logged(endpoint: Endpoint, route: str) -> Endpoint:
    """The same endpoint; its requests are in the log as all others are, and so are its errors."""

    async def answer(request: Request) -> Response:
        request_id = new_request_id()
        with logs.request(request_id):
            began = time.monotonic()
            try:
                response = await endpoint(request)
            except RowpostError as error:
                response = from_function(as_api_error(error).to_response(request_id))
            log_answer(request.method, route, response.status_code, began)
        return response

    return answer


def wrong_method(*known: str) -> ApiError:
    """The answer to a method that a path does not know."""
    return ApiError(
        405,
        "method_not_allowed",
        f"Use one of the methods that this path knows: {', '.join(sorted(known))}.",
        headers={"Allow": ", ".join(sorted(known))},
    )


async def _input(request: Request) -> str:
    """The text under `input`. Raises ApiError when the body is something else."""
    try:
        body: Any = json.loads(await read_body(request, _INPUT_LIMIT, _INPUT_SECONDS) or b"{}")
    except BodyTooLarge:
        raise _TOO_LONG from None
    except (ValueError, RecursionError):
        raise _BAD_INPUT from None
    text = body.get("input", "") if isinstance(body, dict) else None
    if not isinstance(text, str):
        raise _BAD_INPUT
    return text
