"""The console's first page: whether emails go out, what waits, and what somebody should look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from pydantic import Field

from functions.console.first_steps import is_begun
from shared.accounts.states import AccountState
from shared.api.endpoint import Room
from shared.api.errors import ApiError
from shared.api.models import QueryNumber, SnakeInput
from shared.app import application
from shared.console.charts import (
    Chart,
    Part,
    chart,
    last_days,
    last_hours,
    minute_of_day,
    open_today,
)
from shared.console.page import Page, Redirect
from shared.console.pages import Pages, Question, Visit
from shared.delivery import tick
from shared.limits.sending_limits import Window
from shared.monitoring.figures import Figures
from shared.monitoring.health import AWAY, Health
from shared.monitoring.queue_snapshot import Overview
from shared.outbox.queries.counts import COUNT_LIMIT
from shared.outbox.queries.statistics import Counted
from shared.scheduling import relocation, service_state
from shared.scheduling.schedule import Schedule, is_open
from shared.security.roles import Role

pages = Pages()

_FORCE_SECONDS = 180.0
# Then the page is shown, on which the run goes on.
_PATIENCE_SECONDS = 1.0
_MOST_ACCOUNTS = 20
_LARGEST = 10**15


class Run(SnakeInput):
    """A run that somebody has set going: since when, and what stood on the counters then."""

    begun: QueryNumber = Field(0, ge=0, le=_LARGEST)
    sent: QueryNumber = Field(0, ge=0, le=_LARGEST)
    failed: QueryNumber = Field(0, ge=0, le=_LARGEST)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come. `left` stops at COUNT_LIMIT; None: nobody knows how long it takes."""

    sent: int
    failed: int
    left: int
    seconds: float
    is_over: bool

    @property
    def a_second(self) -> float:
        return self.sent / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_to_go(self) -> float | None:
        known = self.a_second > 0 and 0 < self.left < COUNT_LIMIT
        return self.left / self.a_second if known else None


@dataclass(frozen=True, slots=True)
class WindowLine:
    """Today's line of the schedule's zone, in minutes: when the window is open, and now."""

    parts: tuple[Part, ...]
    now: int
    is_open: bool
    words: str
    zone: str


@dataclass(frozen=True, slots=True)
class UsedLimit:
    """What of one limit of an account is used."""

    name: str
    used: int
    limit: int

    @property
    def share(self) -> float:
        return min(1.0, self.used / self.limit) if self.limit else 1.0


@pages.page("console", who=Role.VIEWER, room=Room.CONTROL)
def overview(visit: Visit[None, Run]) -> Page:
    """Show the service, its queue, and what was sent."""
    here = application()
    try:
        queue: Overview | None = here.overview.ask()
        figures: Figures | None = here.figures.ask()
    except AWAY:
        queue = figures = None
    schedule = here.schedule()
    now = here.clock()
    health = here.health.recent()
    hours, days = _charts(figures, schedule, now)
    return visit.show(
        "overview.html",
        is_begun=is_begun(here.configuration.current()),
        queue=queue,
        figures=figures,
        bound=COUNT_LIMIT,
        next_run=queue.state.next_run(schedule, now) if queue else None,
        waited=queue.seconds_waited(now) if queue else None,
        line=_line(schedule, now),
        hours=hours,
        days=days,
        accounts=_first_accounts(health),
        accounts_in_all=len(health.accounts.accounts) if health.accounts else 0,
        limits_of=limits_of,
        health=health,
        run=visit.query if visit.query.begun else None,
        progress=_progress(visit.query, queue, figures, now),
    )


@pages.form("console/start", who=Role.OPERATOR, shown_by=overview, room=Room.CONTROL)
def start(visit: Visit) -> Redirect:
    """Start sending."""
    database = relocation.settled(application())
    with database.read() as connection:
        if service_state.needs_first_id(connection):
            return visit.go("/console/first-start", "Say first which rows are to be sent.")
    database.run(partial(service_state.start, by=visit.caller.username))
    return visit.go("/console", "Emails are being sent from now on.")


@pages.form(
    "console/stop",
    who=Role.OPERATOR,
    shown_by=overview,
    room=Room.CONTROL,
    asks=Question(
        "Stop sending? What is being sent is finished; everything else waits until somebody "
        "starts again.",
        "Stop sending",
    ),
)
def stop(visit: Visit) -> Redirect:
    """Let nothing more be claimed."""
    database = relocation.settled(application())
    database.run(partial(service_state.stop, by=visit.caller.username))
    return visit.go("/console", "Nothing more is sent. What was on its way is being finished.")


@pages.form(
    "console/send-now",
    who=Role.OPERATOR,
    shown_by=overview,
    room=Room.OTHER_SERVERS,
    asks=Question(
        "Send all that is due now, whatever the window? What has been sent can't be taken back.",
        "Send now",
    ),
)
def send_now(visit: Visit) -> Redirect:
    """Send all that is due, and go to the page that shows how far it is."""
    here = application()
    ever, begun = here.overview.ask().ever, int(here.clock().timestamp() * 1000)
    try:
        tick.force(here, _FORCE_SECONDS, _PATIENCE_SECONDS)
    except tick.ServiceStopped:
        raise ApiError(
            409, "service_stopped", "The service is stopped: start it first, then send."
        ) from None
    sent, failed = ever[Counted.SENT], ever[Counted.FAILED]
    return visit.go(f"/console?begun={begun}&sent={sent}&failed={failed}")


def limits_of(account: AccountState) -> list[UsedLimit]:
    """The limits that an account has, with what of each is used now."""
    if account.limits is None:
        return []
    return [
        UsedLimit(window.value, account.used.of(window), limit)
        for window in Window
        if (limit := account.limits.of(window)) is not None
    ]


def _progress(
    run: Run, queue: Overview | None, figures: Figures | None, now: datetime
) -> Progress | None:
    if not run.begun or queue is None or figures is None:
        return None
    left = min(COUNT_LIMIT, figures.due + queue.sending)
    return Progress(
        sent=max(0, queue.ever[Counted.SENT] - run.sent),
        failed=max(0, queue.ever[Counted.FAILED] - run.failed),
        left=left,
        seconds=max(0.0, now.timestamp() - run.begun / 1000),
        is_over=not left,
    )


def _charts(
    figures: Figures | None, schedule: Schedule, now: datetime
) -> tuple[Chart | None, Chart | None]:
    if figures is None:
        return None, None
    return (
        chart(last_hours(figures.hours, now)),
        chart(last_days(figures.hours, schedule.zone, now)),
    )


def _line(schedule: Schedule, now: datetime) -> WindowLine:
    email = application().configuration.current().email
    whole = schedule.start == schedule.end
    window = "all day" if whole else f"{email.start_time} to {email.end_time}"
    days = (
        "" if len(email.days) == 7 else f" on {', '.join(day.capitalize() for day in email.days)}"
    )
    every = f"every {email.interval} {email.interval_unit}"
    if email.interval == 1:
        every = f"every {email.interval_unit.removesuffix('s')}"
    return WindowLine(
        parts=open_today(schedule, now),
        now=minute_of_day(schedule, now),
        is_open=is_open(schedule, now),
        words=f"{every}, {window}{days}",
        zone=email.time_zone,
    )


def _first_accounts(health: Health) -> Sequence[AccountState]:
    """Those that do not send first, then the ones that are nearest to a limit."""
    if health.accounts is None:
        return ()

    def urgency(account: AccountState) -> tuple[bool, float, str]:
        usage = account.limits.usage(account.used) if account.limits else 0.0
        return account.state == "ready", -usage, account.code

    return sorted(health.accounts.accounts, key=urgency)[:_MOST_ACCOUNTS]
