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
    user: str | None = Field(None, max_length=100, pattern=ONE_LINE)
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
    status: Literal["running", "stopped"]
    started_at: Timestamp | None
    last_activity: Timestamp | None
    last_run: Timestamp | None
    next_run: Timestamp | None


class Started(Answer):
    model_config = example(
        success=True,
        message="Service started successfully",
        status=_RUNNING,
        waiting=12,
        oldestWaiting="2026-11-21T09:41:00.000Z",
    )

    success: Literal[True] = True
    message: str = "Service started successfully"
    status: ServiceStatus
    waiting: int
    oldest_waiting: Timestamp | None


class Stopped(Answer):
    model_config = example(
        success=True,
        message="Service stopped successfully",
        status={**_RUNNING, "status": "stopped", "nextRun": None},
        finishing=2,
        oldestWaiting=None,
    )

    success: Literal[True] = True
    message: str = "Service stopped successfully"
    status: ServiceStatus
    finishing: int
    oldest_waiting: Timestamp | None


class WaitingByAge(Answer):
    total: int
    day: int | None
    week: int | None
    month: int | None
    older: int | None


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
    newest_id: int | None


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
    schedule = application().configuration.current().email.to_schedule()
    return ServiceStatus(
        status="running" if state.running else "stopped",
        started_at=state.started_at,
        last_activity=state.last_activity,
        last_run=state.last_run,
        next_run=state.next_run(schedule, application().clock()),
    )
