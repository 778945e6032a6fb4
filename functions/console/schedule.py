"""When scheduled emails go: what is set means, and what another setting would mean."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import Field

from shared.api.models import Input
from shared.app import application
from shared.configuration.document import WEEK, Day, EmailSchedule, EndOfDay, TimeOfDay
from shared.console.foreseen import foresee
from shared.console.from_database import if_it_answers
from shared.console.page import Page, Redirect
from shared.console.pages import Pages, Visit
from shared.scheduling import service_state
from shared.security.roles import Role

pages = Pages()

HERE = "/console/schedule"
_DAYS = dict(
    zip(
        WEEK,
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        strict=True,
    )
)
_Milliseconds = Annotated[int, Field(ge=1_000, le=600_000)]


class ScheduleForm(Input, EmailSchedule):
    """The schedule as a form sends it: numbers are text, a day that is not ticked is none."""

    start_time: TimeOfDay
    end_time: EndOfDay
    interval: Annotated[int, Field(ge=1)]
    time_zone: str = ""
    days: tuple[Day, ...] = Field((), validate_default=True)
    db_request_timeout: _Milliseconds = 30_000
    db_connection_timeout: _Milliseconds = 30_000

    def to_document(self) -> EmailSchedule:
        """The same as it is saved."""
        return EmailSchedule.model_validate(self.model_dump())


@pages.page("console/schedule", who=Role.VIEWER)
def schedule(visit: Visit) -> Page:
    """Show when scheduled emails go."""
    saved = application().configuration.current().email
    return visit.show(
        "schedule.html",
        schedule=saved,
        is_saved=application().configuration.exists_email(),
        foreseen=foresee(saved.to_schedule(), _last_run(), application().clock()),
        days=_DAYS,
        zones=_zones(),
    )


@pages.form("console/schedule/look", who=Role.ADMIN, shown_by=schedule)
def look_ahead(visit: Visit[ScheduleForm]) -> Page:
    """Show what a schedule would mean, and offer to save it."""
    wanted = visit.form.to_document()
    return visit.show(
        "schedule_look.html",
        schedule=wanted,
        foreseen=foresee(wanted.to_schedule(), _last_run(), application().clock()),
        days=_DAYS,
        zones=_zones(),
    )


@pages.form("console/schedule", who=Role.ADMIN, shown_by=schedule)
def save_schedule(visit: Visit[ScheduleForm]) -> Redirect:
    """Let scheduled emails go by this schedule from now on."""
    wanted = visit.form.to_document()
    application().configuration.save(lambda before: before.model_copy(update={"email": wanted}))
    return visit.go(HERE, "The schedule is saved: every instance has it within 30 seconds.")


def _last_run() -> datetime | None:
    """When the last run was; a database that is away does not keep a schedule from being shown."""
    state = if_it_answers(application(), service_state.status)
    return state.last_run if state else None


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))
