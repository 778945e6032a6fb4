"""Start and stop sending, and see which of both it is."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

from pydantic import Field
from sqlalchemy import Connection

from shared.api.endpoint import Request, Room, Routes
from shared.api.errors import Failure
from shared.api.models import ONE_LINE, Answer, Input, Timestamp, example
from shared.app import application
from shared.outbox.queries import counts
from shared.scheduling import relocation, service_state
from shared.security.roles import Role

routes = Routes()


class ServiceControl(Input):
    model_config = example(action="start", user="olga")

    action: Literal["start", "stop"]
    """What to do. Starting what runs, and stopping what does not, is fine."""
    user: str | None = Field(None, max_length=100, pattern=ONE_LINE)
    """Who does it, as it is kept with the state; left out: whoever is logged in."""
    from_id: int | None = Field(None, alias="from_id", ge=0, le=2**31 - 1)
    """Of an adopted queue the first id to send; 0: all of them."""


_CHOOSE = (
    "This queue had rows before Rowpost came: say from which id on they are to be sent, "
    '`"from_id"` (0: all of them).'
)
_RUNNING = {
    "success": True,
    "status": "running",
    "startedAt": "2026-11-21T09:00:00.000Z",
    "lastActivity": "2026-11-21T09:58:03.000Z",
    "lastRun": "2026-11-21T09:58:00.000Z",
    "nextRun": "2026-11-21T10:28:00.000Z",
}


class ServiceStatus(Answer):
    model_config = example(**_RUNNING)

    success: Literal[True] = True
    """Always true."""
    status: Literal["running", "stopped"]
    """Whether emails are being sent."""
    started_at: Timestamp | None
    """When it was started."""
    last_activity: Timestamp | None
    """When it last worked, or was started or stopped."""
    last_run: Timestamp | None
    """When the last run of scheduled emails began."""
    next_run: Timestamp | None
    """When the next one will; null while it is stopped."""


class Started(Answer):
    model_config = example(
        success=True,
        message="Service started successfully",
        status=_RUNNING,
        waiting=12,
        oldestWaiting="2026-11-21T09:41:00.000Z",
    )

    success: Literal[True] = True
    """Always true."""
    message: str = "Service started successfully"
    """The same in words."""
    status: ServiceStatus
    """How the service is now."""
    waiting: int
    """How many emails wait, counted up to 10,000."""
    oldest_waiting: Timestamp | None
    """Since when the oldest of them has been due."""


class Stopped(Answer):
    model_config = example(
        success=True,
        message="Service stopped successfully",
        status={**_RUNNING, "status": "stopped", "nextRun": None},
        finishing=2,
        oldestWaiting=None,
    )

    success: Literal[True] = True
    """Always true."""
    message: str = "Service stopped successfully"
    """The same in words."""
    status: ServiceStatus
    """How the service is now."""
    finishing: int
    """How many emails are on their way: they are finished."""
    oldest_waiting: Timestamp | None
    """Since when the oldest waiting email has been due."""


class WaitingByAge(Answer):
    total: int
    """All rows that say N."""
    day: int | None
    """Those made within the last day; null where the table has no creation date."""
    week: int | None
    """Those made within the last week, but not within the day."""
    month: int | None
    """Those made within the last month, but not within the week."""
    older: int | None
    """All older ones."""


class ChooseFirstId(Failure):
    model_config = example(
        success=False,
        code="choose_first_id",
        message=_CHOOSE,
        errors=[],
        requestId="4c9af12e96ca4ec9972c99a244adf126",
        waiting={"total": 12, "day": 1, "week": 2, "month": 3, "older": 6},
        newestId=4711,
    )
    http_status: ClassVar[int] = 409

    waiting: WaitingByAge
    """How many rows say N, by age."""
    newest_id: int | None
    """The highest id there is; null for an empty table."""


@routes.post("api/service-control", who=Role.OPERATOR, room=Room.CONTROL)
def control_service(request: Request[ServiceControl]) -> Started | Stopped | ChooseFirstId:
    """Start sending, or stop it: nothing more is claimed then, what is being sent is finished."""
    by = request.body.user or request.caller.username
    database = relocation.settled(application())
    if request.body.action == "start":
        first_id = request.body.from_id
        with database.read() as connection:
            if first_id is None and service_state.needs_first_id(connection):
                return choose_first_id(connection, request.id)
        return database.run(partial(started, by=by, first_id=first_id))
    return database.run(partial(stopped, by=by))


@routes.get("api/service-status", who=Role.VIEWER, room=Room.CONTROL)
def service_status(request: Request) -> ServiceStatus:
    """Say whether emails are being sent, and when they were and will be."""
    with application().database().read() as connection:
        return _status(connection)


def choose_first_id(connection: Connection, request_id: str) -> ChooseFirstId:
    """What somebody has to know who starts an adopted queue for the first time."""
    found = counts.new_by_age(connection)
    return ChooseFirstId(
        code="choose_first_id",
        message=_CHOOSE,
        request_id=request_id,
        waiting=WaitingByAge(
            total=found.total, day=found.day, week=found.week, month=found.month, older=found.older
        ),
        newest_id=found.newest_id,
    )


def started(connection: Connection, by: str, first_id: int | None) -> Started:
    """Start sending; an adopted queue from `first_id` on."""
    if first_id is not None:
        service_state.start_from(connection, first_id)
    service_state.start(connection, by)
    return Started(
        status=_status(connection),
        waiting=counts.waiting(connection),
        oldest_waiting=counts.oldest_waiting(connection),
    )


def stopped(connection: Connection, by: str) -> Stopped:
    """Stop sending."""
    service_state.stop(connection, by)
    return Stopped(
        status=_status(connection),
        finishing=counts.sending(connection),
        oldest_waiting=counts.oldest_waiting(connection),
    )


def _status(connection: Connection) -> ServiceStatus:
    state = service_state.status(connection)
    schedule = application().schedule()
    return ServiceStatus(
        status="running" if state.running else "stopped",
        started_at=state.started_at,
        last_activity=state.last_activity,
        last_run=state.last_run,
        next_run=state.next_run(schedule, application().clock()),
    )
