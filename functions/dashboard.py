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
    server: str | None
    database: str | None
    last_checked: Timestamp
    response_time: int | None


class DashboardSchedule(Answer):
    start_time: str
    end_time: str
    interval: int
    interval_unit: Literal["minutes", "hours"]
    time_zone: str
    is_active: bool


class EmailStats(Answer):
    total_processed: int
    total_sent: int
    total_failed: int


class DashboardQueue(Answer):
    waiting: int
    sending: int
    unknown: int
    held: int
    capped: bool
    oldest_waiting_seconds: int | None


class DashboardService(Answer):
    status: Literal["running", "stopped", "unknown"]
    last_run: Timestamp | None
    next_run: Timestamp | None
    email_stats: EmailStats | None
    queue: DashboardQueue | None


class Dashboard(Answer):
    database: DashboardDatabase
    schedule: DashboardSchedule
    service: DashboardService


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
    schedule = here.configuration.current().email.to_schedule()
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
