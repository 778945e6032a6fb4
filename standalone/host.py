"""Runs one FunctionApp on this machine: its HTTP functions, its timers and its queues."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from shared.api.request.addresses import Network
from shared.errors import RowpostError
from standalone.admin import Admin, Gate
from standalone.connections import MOST, Connections
from standalone.host_json import Cors, HostJson
from standalone.http import BodyRules, Doors, HttpFunctions, no_doors
from standalone.index import FunctionIndex, QueueFunction
from standalone.invocation import Invocations
from standalone.port import listen, web_address
from standalone.protocol import patient_protocol
from standalone.queues import InProcessQueue, NextBody
from standalone.routing import Router
from standalone.storage_queues import StorageQueue
from standalone.timers import Timers

if TYPE_CHECKING:
    from standalone.metrics import Metrics

_START_SECONDS = 10.0


class CannotStart(RowpostError):
    """The HTTP server did not come up."""


@dataclass(frozen=True, slots=True)
class HostOptions:
    """Where a host listens and what it reads from its files and settings.

    `require_admin` keeps everyone else from `/admin`.
    `in_process` gives the next message of the queues named in it; every other queue function
    polls its Azure Storage queue, or rests when `storage` is false. `body_limit` bytes bound every
    body, `doors` those of one function; `rooms` are threads beside the common `threads`, by name. A
    client that is silent in the middle of its body for `idle_seconds`, or whose headers take longer
    than `head_seconds`, is given up. Of `connections` at once those of `proxies` may be as many as
    there are. `metrics` are shown at their path.
    """

    require_admin: Gate
    address: str = "127.0.0.1"
    port: int = 7071
    host_json: HostJson = field(default_factory=HostJson)
    cors: Cors = field(default_factory=Cors)
    storage: bool = False
    in_process: dict[str, NextBody] = field(default_factory=dict)
    threads: int = 32
    body_limit: int = 100 * 1024 * 1024
    doors: Doors = no_doors
    rooms: Mapping[str, int] = field(default_factory=dict)
    idle_seconds: float = 30.0
    head_seconds: float = 10.0
    connections: int = MOST
    proxies: tuple[Network, ...] = ()
    metrics: Metrics | None = None


class Host:
    """One app at work, from `start` to `stop`."""

    def __init__(self, functions: FunctionIndex, options: HostOptions, stop: Event) -> None:
        """`stop` is what the functions watch. Raises PortTaken, InvalidRoute, InvalidSchedule."""
        self._stop = stop
        self._invocations = Invocations(options.threads, options.rooms)
        self._timers = Timers(functions.timers, self._invocations, stop)
        self._queues = [
            queue
            for function in functions.queues
            if (queue := self._queue(function, options)) is not None
        ]
        app = _web_app(functions, options, self._invocations)
        self._socket = listen(options.address, options.port, variable="ROWPOST_PORT")
        self.url = web_address(*self._socket.getsockname()[:2])
        self._server = uvicorn.Server(_server_config(app, options))
        self._http = threading.Thread(
            target=self._server.run, args=([self._socket],), name="http", daemon=True
        )

    def start(self) -> None:
        """Answer requests, then let timers and queues begin. Raises CannotStart."""
        self._http.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._http.is_alive() or time.monotonic() > deadline:
                raise CannotStart("the HTTP server did not start: its reason is in the log")
            self._stop.wait(0.01)
        self._timers.start()
        for queue in self._queues:
            queue.start()

    def stop(self, seconds: float) -> None:
        """Accept nothing more, ask the functions to end, and wait for each that runs."""
        self._stop.set()
        self._server.should_exit = True
        self._http.join(seconds)
        self._timers.join(seconds)
        for queue in self._queues:
            queue.join(seconds)
        self._invocations.close()

    def is_alive(self) -> bool:
        return self._http.is_alive()

    def running(self) -> list[str]:
        """The names of the functions that run now."""
        return self._invocations.running()

    def _queue(
        self, function: QueueFunction, options: HostOptions
    ) -> InProcessQueue | StorageQueue | None:
        if next_body := options.in_process.get(function.queue):
            return InProcessQueue(function, next_body, self._invocations, self._stop)
        if options.storage:
            rules = options.host_json.extensions.queues
            return StorageQueue(function, rules, self._invocations, self._stop)
        return None


def _web_app(functions: FunctionIndex, options: HostOptions, invocations: Invocations) -> Starlette:
    router = Router(functions.http, options.host_json.extensions.http.route_prefix)
    bodies = BodyRules(options.body_limit, options.doors, options.idle_seconds)
    answers = HttpFunctions(router, invocations, bodies)
    admin = Admin(functions, invocations, options.require_admin)
    app = Starlette(
        routes=[*admin.routes(), *([options.metrics.route()] if options.metrics else [])],
        middleware=_cors(options.cors),
    )
    # Not a route of its own: no pattern takes a path with a line break in it.
    app.router.default = answers
    app.router.redirect_slashes = False
    return app


def _cors(cors: Cors) -> list[Middleware]:
    if not cors.origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=cors.origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["*"],
            allow_credentials=cors.credentials,
        )
    ]


def _server_config(app: Starlette, options: HostOptions) -> uvicorn.Config:
    connections = Connections(options.connections, options.proxies)
    return uvicorn.Config(
        app,
        http=patient_protocol(options.head_seconds, connections),
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # The peer is who connects: a header of his choice must not say otherwise.
        proxy_headers=False,
        timeout_graceful_shutdown=8,
    )
