"""`python -m standalone`: the app, its timers and queues, and the mail catcher, until a signal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from functions.console.groups import PAGES
from functions.groups import GROUPS
from shared.accounts.directory import ensure_catcher
from shared.api import admission as asked
from shared.api.admission import Who
from shared.api.endpoint import Operation, Room, function_name
from shared.api.request import addresses
from shared.app import Application, use
from shared.delivery.wakeups import QUEUE_NAME, InProcessWakeups
from shared.errors import RowpostError
from shared.features.reset_codes import reset_codes
from shared.security import passwords
from shared.security.logins import FIRST_ADMIN
from shared.security.roles import Role
from shared.settings import Settings, settings
from standalone.admin import Gate
from standalone.catcher import LOOPBACK, Catcher
from standalone.claimed_folder import claimed
from standalone.connections import room_for_connections
from standalone.host import Host, HostOptions
from standalone.host_json import Cors, HostJson
from standalone.http import Door, Doors
from standalone.index import FunctionIndex, index
from standalone.invocation import COMMON_ROOM
from standalone.log_place import open_log
from standalone.port import web_address
from standalone.queues import NextBody
from standalone.redis_events import RedisEvents
from standalone.sent_so_far import SentSoFar
from standalone.shutdown import GRACE_SECONDS, StopSignal, exit_after

if TYPE_CHECKING:
    from standalone.metrics import Metrics

log = logging.getLogger(__name__)

_LOCAL_TICKS = "*/10 * * * * *"
CAUGHT_SUPPORT_ADDRESS = "support@example.com"


def run(root: Path) -> int:
    """Run the service of the project in folder `root`.

    Answers 0 after a signal, whatever was still at work, and 1 when the HTTP server died.
    Raises RowpostError when the service cannot start.
    """
    signal = StopSignal()
    chosen = _with_support_address(settings())
    address = web_address(chosen.host, chosen.port)
    # Without a catcher several may serve one folder, as several instances serve one database.
    with claimed(chosen.data, address) if chosen.catcher_port else nullcontext():
        return _serve(root, chosen, signal)


def _serve(root: Path, chosen: Settings, signal: StopSignal) -> int:
    log_file = open_log(chosen)
    catcher = _catcher(chosen)
    joined = Application(chosen)
    use(joined)
    metrics = metrics_of(chosen)
    joined.telemetry = metrics.telemetry if metrics else None
    events = _redis_events(joined)
    addresses.tell_peers()
    host = Host(_functions(joined), _options(root, chosen, joined, metrics), joined.stop)
    if catcher:
        catcher.start()
    password = joined.logins.ensure_first_admin(chosen.admin_username, None)
    open_database(joined, catcher)
    host.start()
    if events:
        events.start()
    _greet(host, chosen, joined, catcher, password)
    if log_file:
        print(f"Log: {log_file}", flush=True)
    if sys.stdout.isatty():
        SentSoFar(joined).start()

    told = signal.wait(host.is_alive)
    exit_after(GRACE_SECONDS, host.running)
    host.stop(GRACE_SECONDS)
    if events:
        events.join(GRACE_SECONDS)
    if catcher:
        catcher.stop()
    joined.close()
    return 0 if told else 1


def _with_support_address(chosen: Settings) -> Settings:
    """On one machine with its mail catcher the contact form can be tried as it is."""
    if chosen.contact_email or chosen.database_url or not chosen.catcher_port:
        return chosen
    return chosen.model_copy(update={"contact_email": CAUGHT_SUPPORT_ADDRESS})


def _functions(joined: Application) -> FunctionIndex:
    """The app's functions; on a file of this machine a tick costs next to nothing."""
    from function_app import app

    functions = index(app)
    if joined.is_on_server:
        return functions
    ticking = tuple(
        replace(timer, schedule=_LOCAL_TICKS) if timer.name == "queue_timer" else timer
        for timer in functions.timers
    )
    return replace(functions, timers=ticking)


def _catcher(chosen: Settings) -> Catcher | None:
    return Catcher(chosen.data / "mail", chosen.catcher_port) if chosen.catcher_port else None


def _redis_events(joined: Application) -> RedisEvents | None:
    if joined.settings.redis_url is None:
        return None
    take = partial(reset_codes.take_published, joined)
    events = RedisEvents(joined.settings.redis_url, reset_codes.CHANNEL, take, joined.stop)
    joined.redis_problem = events.problem
    return events


def metrics_of(chosen: Settings) -> Metrics | None:
    """What /metrics shows, and to whom; None: there is no such path."""
    if chosen.metrics == "off":
        return None
    from standalone.metrics import metrics_for

    who = Who.ANYONE if chosen.metrics == "open" else Role.VIEWER
    return metrics_for(_gate("metrics", who))


def _gate(name: str, who: Role | Who) -> Gate:
    """What lets somebody in, counts every request, and raises for everyone else."""
    door = asked.Door(name, who)

    def gate(headers: Mapping[str, str]) -> None:
        asked.admit(door, headers)

    return gate


def _options(
    root: Path, chosen: Settings, joined: Application, metrics: Metrics | None
) -> HostOptions:
    wakeups = joined.wakeups
    local = wakeups if isinstance(wakeups, InProcessWakeups) else None
    return HostOptions(
        require_admin=_gate("admin", Role.ADMIN),
        address=chosen.host,
        port=chosen.port,
        host_json=HostJson.read(root),
        cors=Cors.read(root),
        threads=chosen.threads,
        body_limit=chosen.body_limit,
        connections=room_for_connections(),
        proxies=chosen.proxies,
        storage=local is None,
        in_process={QUEUE_NAME: _next_wakeup(local)} if local else {},
        doors=_doors(),
        rooms=_ROOMS,
        metrics=metrics,
    )


# Beside the common threads; a room's threads are made when they are needed.
_ROOMS = {
    Room.HEALTH.name: 2,
    Room.LOGIN.name: 4,
    Room.CONTROL.name: 4,
    Room.OTHER_SERVERS.name: 32,
}


def _doors() -> Doors:
    """What each endpoint has declared; a path that nothing answers takes no body."""
    declared = {
        (function_name(operation.path), operation.method): _door(operation)
        for routes in (*(group.routes for group in GROUPS), *PAGES)
        for operation in routes.operations
    }
    closed = Door(lambda _: 0, lambda _: False)
    return lambda function, method: declared.get((function, method), closed)


def _door(operation: Operation) -> Door:
    room = COMMON_ROOM if operation.room is Room.COMMON else operation.room.name
    return Door(operation.most_in_body, operation.is_welcome, room)


def _next_wakeup(wakeups: InProcessWakeups) -> NextBody:
    def next_wakeup(timeout: float) -> str | None:
        wakeup = wakeups.get(timeout)
        return wakeup.to_text() if wakeup else None

    return next_wakeup


def open_database(joined: Application, catcher: Catcher | None) -> None:
    """Open it, with the catcher as the account of a fresh one on this machine.

    A database that is away does not keep the service from answering why.
    """
    try:
        database = joined.database()
        if catcher and database.is_local_file:
            database.run(partial(ensure_catcher, port=catcher.port))
    except RowpostError as error:
        print(f"The database is out of reach: {error}", flush=True)


def _greet(
    host: Host,
    chosen: Settings,
    joined: Application,
    catcher: Catcher | None,
    password: str | None,
) -> None:
    print(f"Rowpost answers at {host.url}/console (the API, to read and try: {host.url}/api/docs)")
    if password:
        name = chosen.admin_username or FIRST_ADMIN
        print(f"First login: {name} / {password} (made just now and shown this once)")
    if chosen.admin_password and passwords.is_weak(chosen.admin_password):
        print(f"ROWPOST_ADMIN_PASSWORD: {passwords.WEAK}")
    if catcher:
        print(f"Emails land in {chosen.data / 'mail'} (caught at {LOOPBACK}:{catcher.port})")
    print(f"Database: {_shown(joined.database_url())}", flush=True)


def _shown(url: str) -> str:
    """A database address for the terminal: no user, no password."""
    address = make_url(url)
    return str(address.database) if not address.host else f"{address.host}/{address.database}"
