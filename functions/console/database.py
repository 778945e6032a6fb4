"""Where the queue lives: what stands in Rowpost's way there, moving to another database, and the
first start of a queue that was there before Rowpost came."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from functions.configuration import NewDatabase
from functions.service import started, stopped
from shared.api.endpoint import Room
from shared.api.errors import ApiError, FieldError
from shared.api.models import SnakeInput
from shared.app import Application, application
from shared.background import PATIENCE_SECONDS, Work
from shared.console.from_database import if_it_answers
from shared.console.page import Page, Redirect
from shared.console.pages import Pages, Question, Visit
from shared.database.adoption.questions import Adoption
from shared.database.place import place_of
from shared.monitoring.health import AWAY
from shared.outbox.queries import counts
from shared.outbox.queries.counts import NewByAge
from shared.scheduling import relocation, service_state
from shared.security.roles import Role

pages = Pages()

HERE = "/console/database"
_LARGEST_ID = 2**31 - 1
# Seconds, for a database that answers.
_LONGEST_LOOK = 20.0
_NOT_LET_IN = "The database does not let us in: see below. Nothing was saved."
_FORGET = Question(
    "Forget the saved address? The queue goes back to where it was without one; what waits in this "
    "database stays here, unsent.",
    "Forget it",
)


class FirstId(SnakeInput):
    """Which rows of a queue that was there before are to be sent."""

    begin: Literal["new", "all", "from", ""] = ""
    from_id: Annotated[int, Field(ge=0, le=_LARGEST_ID)] | None = None


class Forget(SnakeInput):
    force: bool = False


@pages.page("console/database", who=Role.ADMIN, room=Room.OTHER_SERVERS)
def database(visit: Visit) -> Page:
    """Show where the queue is, and what of its tables somebody should look at."""
    here = application()
    saved = here.configuration.current().database
    place = place_of(here.database_url())
    state = if_it_answers(here, service_state.status)
    adoption, problem = _adoption(here, _LONGEST_LOOK if state else PATIENCE_SECONDS)
    return visit.show(
        "database.html",
        place=place,
        source=here.database_source(),
        saved=saved,
        adoption=adoption,
        problem=problem,
        state=state,
        ask_forget=_FORGET,
    )


@pages.form("console/database/test", who=Role.ADMIN, shown_by=database, room=Room.OTHER_SERVERS)
def test_database(visit: Visit[NewDatabase]) -> Page:
    """Try an address and its login, and offer to save them."""
    here, form = application(), visit.form
    began = time.perf_counter()
    reason = relocation.why_closed(here, form.to_address())
    took = round((time.perf_counter() - began) * 1000)
    if reason is not None and not form.force:
        raise ApiError(
            422, "database_unreachable", _NOT_LET_IN, errors=(FieldError("server", reason),)
        )
    return visit.show(
        "database_tested.html",
        wanted=form,
        password=form.password.get_secret_value() if form.password else "",
        reason=reason,
        took=took,
        state=if_it_answers(here, service_state.status),
    )


@pages.form("console/database", who=Role.ADMIN, shown_by=database, room=Room.OTHER_SERVERS)
def save_database(visit: Visit[NewDatabase]) -> Redirect:
    """Let the queue live in another database."""
    left = relocation.move(application(), visit.form.to_address(), force=visit.form.force)
    return visit.go(HERE, f"The queue lives there now. {_left(left)} Start the service there.")


@pages.form(
    "console/database/forget",
    who=Role.ADMIN,
    shown_by=database,
    asks=_FORGET,
    room=Room.OTHER_SERVERS,
)
def forget_database(visit: Visit[Forget]) -> Redirect:
    """Go back to where the queue was before an address was saved."""
    left = relocation.forget(application(), force=visit.form.force)
    return visit.go(HERE, f"The saved address is forgotten. {_left(left)}")


@pages.form("console/database/stop", who=Role.ADMIN, shown_by=database, room=Room.CONTROL)
def stop_service(visit: Visit) -> Redirect:
    """Stop sending, so that the queue can be moved."""
    database = relocation.settled(application())
    database.run(partial(stopped, by=visit.caller.username))
    return visit.go(HERE, "Sending is stopped: what is on its way is finished.")


@pages.page("console/first-start", who=Role.OPERATOR, room=Room.CONTROL)
def first_start(visit: Visit) -> Page:
    """Show what waits, and ask from which email on to send where that has to be said."""
    with application().database().read() as connection:
        state = service_state.status(connection)
        first = service_state.needs_first_id(connection)
        waiting = counts.new_by_age(connection) if first else None
    return visit.show("first_start.html", state=state, waiting=waiting, limit=counts.COUNT_LIMIT)


@pages.form("console/first-start", who=Role.OPERATOR, shown_by=first_start, room=Room.CONTROL)
def start_here(visit: Visit[FirstId]) -> Redirect:
    """Start sending; of an adopted queue what somebody has chosen."""
    database = relocation.settled(application())
    with database.read() as connection:
        first = service_state.needs_first_id(connection)
        first_id = _first_id(visit.form, counts.new_by_age(connection)) if first else None
    database.run(partial(started, by=visit.caller.username, first_id=first_id))
    return visit.go("/console", "Emails are being sent from now on.")


def _first_id(form: FirstId, found: NewByAge) -> int:
    """Raises ApiError 422 where none is chosen."""
    match form.begin:
        case "all":
            return 0
        case "new":
            return min((found.newest_id or 0) + 1, _LARGEST_ID)
        case "from" if form.from_id is not None:
            return form.from_id
    message = "Give the first id that is to be sent."
    raise ApiError(422, "validation_failed", message, errors=(FieldError("from_id", message),))


def _adoption(here: Application, seconds: float) -> tuple[Adoption | None, str]:
    """What stands in the way in the database's tables, or why nobody can say just now."""
    try:
        return Work(here.adoption, "adoption", daemon=True).result(seconds), ""
    except AWAY as away:
        return None, str(away)


def _left(left: relocation.LeftBehind) -> str:
    if not left.waiting and not left.unknown:
        return "Nothing was left behind."
    return f"Left behind, unsent: {left.waiting} waiting, {left.unknown} unknown."
