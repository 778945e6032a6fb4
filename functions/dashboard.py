"""The service at one glance: database, schedule, queue, and what was sent."""

from __future__ import annotations

from typing import Literal

from shared.api.endpoint import Request, Room, Routes
from shared.api.models import Answer, Timestamp
from shared.app import Application, application
from shared.database.place import place_of
from shared.monitoring.health import AWAY
from shared.monitoring.queue_snapshot import Overview
from shared.outbox.queries.statistics import Counted
from shared.scheduling.schedule import is_open
from shared.security.roles import Role

routes = Routes()


class DashboardDatabase(Answer):
    connected: bool
    """Whether the database answers."""
    server: str | None
    """The server's name; null for a file."""
    database: str | None
    """The database's name, or the file's."""
    last_checked: Timestamp
    """When it was asked."""
    response_time: int | None
    """How long it took, in milliseconds; null where it did not answer."""


class DashboardSchedule(Answer):
    start_time: str
    """When scheduled emails begin to go, as `HH:MM` in the time zone."""
    end_time: str
    """When they cease."""
    interval: int
    """How long after a run the next one begins, in `intervalUnit`."""
    interval_unit: Literal["minutes", "hours"]
    """The unit of `interval`."""
    time_zone: str
    """The IANA name of the time zone."""
    is_active: bool
    """Whether they may go now."""


class EmailStats(Answer):
    total_processed: int
    """How many emails were sent or given up, ever."""
    total_sent: int
    """How many were sent."""
    total_failed: int
    """How many were given up."""


class DashboardQueue(Answer):
    waiting: int
    """How many emails wait, those for later included."""
    sending: int
    """How many are on their way."""
    unknown: int
    """How many have an outcome that is unknown: somebody has to decide."""
    held: int
    """How many rows can't be sent as they are: each says why."""
    capped: bool
    """Whether a count has stopped at 10,000: there are more."""
    oldest_waiting_seconds: int | None
    """How long the oldest has been due, in seconds; null: nothing is due."""


class DashboardService(Answer):
    status: Literal["running", "stopped", "unknown"]
    """Whether emails are being sent; `unknown` while the database does not answer."""
    last_run: Timestamp | None
    """When the last run of scheduled emails began."""
    next_run: Timestamp | None
    """When the next one will; null while it is stopped."""
    email_stats: EmailStats | None
    """What was sent, ever; null while the database does not answer."""
    queue: DashboardQueue | None
    """What is in the queue now; null while the database does not answer."""


class Dashboard(Answer):
    database: DashboardDatabase
    """Where the queue is, and whether it answers."""
    schedule: DashboardSchedule
    """When scheduled emails go."""
    service: DashboardService
    """What is going on."""


@routes.get("api/dashboard", who=Role.VIEWER, room=Room.CONTROL)
def dashboard(request: Request) -> Dashboard:
    """Show the database, the schedule, the service and its queue at one glance."""
    here = application()
    try:
        overview = here.overview.ask()
    except AWAY:
        overview = None
    place = place_of(here.database_url())
    return Dashboard(
        database=DashboardDatabase(
            connected=overview is not None,
            server=place.server,
            database=place.database,
            last_checked=here.clock(),
            response_time=overview.response_ms if overview else None,
        ),
        schedule=_schedule(here),
        service=_service(here, overview),
    )


def _schedule(here: Application) -> DashboardSchedule:
    email = here.configuration.current().email
    return DashboardSchedule(
        start_time=email.start_time,
        end_time=email.end_time,
        interval=email.interval,
        interval_unit=email.interval_unit,
        time_zone=email.time_zone,
        is_active=is_open(email.to_schedule(), here.clock()),
    )


def _service(here: Application, overview: Overview | None) -> DashboardService:
    if overview is None:
        return DashboardService(
            status="unknown", last_run=None, next_run=None, email_stats=None, queue=None
        )
    state, now = overview.state, here.clock()
    schedule = here.schedule()
    sent, failed = overview.ever[Counted.SENT], overview.ever[Counted.FAILED]
    return DashboardService(
        status="running" if state.running else "stopped",
        last_run=state.last_run,
        next_run=state.next_run(schedule, now),
        email_stats=EmailStats(total_processed=sent + failed, total_sent=sent, total_failed=failed),
        queue=DashboardQueue(
            waiting=overview.waiting,
            sending=overview.sending,
            unknown=overview.unknown,
            held=overview.held.total(),
            capped=overview.capped,
            oldest_waiting_seconds=overview.seconds_waited(now),
        ),
    )
