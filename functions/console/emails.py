"""The list of emails: search, filters, and decisions about a chosen set or all that match."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlalchemy import Connection

from functions.email_decisions import EmailId
from shared.accounts.directory import answered_codes
from shared.api.cursor import PATTERN as CURSOR
from shared.api.cursor import read_cursor, write_cursor
from shared.api.errors import ApiError
from shared.api.models import SnakeInput
from shared.app import application
from shared.console.page import Page, Redirect
from shared.console.pages import Pages, Question, Visit
from shared.console.words import counted
from shared.outbox.bulk.decide import (
    MOST_AT_ONCE,
    MOST_IDS,
    POSSIBLE,
    Action,
    Decided,
    decide_all,
    decide_each,
)
from shared.outbox.entries import EmailNotFound
from shared.outbox.queries import search
from shared.outbox.queries.search import KeptAttempt, StoredEmail, Wish
from shared.outbox.states import Status
from shared.security.roles import Role
from shared.submissions.submission import Origin

pages = Pages()

PAGE_SIZE = 50
STATES: Mapping[str, str] = {
    "": "All",
    Status.QUEUED: "Waiting",
    Status.RETRY: "To be retried",
    Status.SENDING: "Sending",
    Status.UNKNOWN: "Unknown",
    Status.HELD: "Held",
    Status.FAILED: "Failed",
    Status.CANCELLED: "Cancelled",
    Status.SENT: "Sent",
}
WAYS_IN: Mapping[str, str] = {
    "": "Any way",
    "sql": "SQL",
    Origin.API: "API",
    Origin.KEY: "Keyed sending",
    Origin.CONTACT: "Contact form",
    Origin.DATABASE_MAIL: "Database Mail",
    Origin.RESET: "Reset codes",
    Origin.COMMAND: "Command line",
}
_REQUEST_ID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_TAG = "tag:"
_MOST_CODES = 200
_LARGEST_ID = 2**31 - 1
_DAY = timedelta(days=1)

_State = Literal["", "queued", "retry", "sending", "unknown", "held", "failed", "cancelled", "sent"]
_Day = Annotated[str, Field(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]


class EmailFilters(SnakeInput):
    """What the list shows; as the address has it."""

    q: str = Field("", max_length=200)
    state: _State = ""
    account: str = Field("", max_length=50)
    way: str = Field("", max_length=20)
    since: _Day = ""
    until: _Day = ""

    def to_query(self, **more: str) -> str:
        """As the end of an address, what is empty left out."""
        filled = {name: value for name, value in {**self.model_dump(), **more}.items() if value}
        return f"?{urlencode(filled)}" if filled else ""


class EmailsQuery(EmailFilters):
    after: Annotated[str, Field(pattern=CURSOR)] = ""


class Decision(EmailFilters):
    """What is decided, about which emails: those chosen, or all that match."""

    action: Action
    ids: list[EmailId] = Field(default_factory=list, max_length=MOST_IDS)
    all: Literal["yes", ""] = ""


@dataclass(frozen=True, slots=True)
class Line:
    """An email in the list; of one that is unknown, what its server last said."""

    email: StoredEmail
    last: KeptAttempt | None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of the list, and where the next one begins."""

    lines: Sequence[Line]
    after: str | None


@pages.page("console/emails", who=Role.VIEWER)
def emails(visit: Visit[None, EmailsQuery]) -> Page:
    """List emails, the latest first."""
    query = visit.query
    found, codes = _found(query)
    return visit.show(
        "emails.html",
        query=query,
        found=found,
        states=STATES,
        ways=WAYS_IN,
        codes=codes,
        actions=_possible(query.state),
        most=MOST_AT_ONCE,
        older=query.to_query(after=found.after) if found.after else "",
        newest=query.model_copy(update={"after": ""}).to_query(),
        filtered=bool(query.to_query()),
    )


def _asked(visit: Visit[Decision]) -> Question | None:
    """What is asked before a decision; one about nothing is refused instead."""
    form = visit.form
    if not form.ids and not form.all:
        raise ApiError(422, "nothing_chosen", "Choose emails in the list first, or all that match.")
    whom = (
        f"all emails that match (up to {MOST_AT_ONCE:,} at once)"
        if form.all
        else counted(len(form.ids), "email")
    )
    text, button = _QUESTIONS[form.action]
    return Question(text.format(whom), button)


_QUESTIONS: Mapping[Action, tuple[str, str]] = {
    Action.CANCEL: ("Let {} not be sent?", "Cancel them"),
    Action.RETRY: ("Try {} again? Whoever has had one does not get it again.", "Try again"),
    Action.RESEND: (
        "Send {} again to whoever may not have had it? Some may get it twice.",
        "Send again",
    ),
    Action.COUNT_AS_SENT: ("Count {} as delivered? None is sent again.", "They were delivered"),
}
_DONE: Mapping[Action, str] = {
    Action.CANCEL: "cancelled",
    Action.RETRY: "queued again",
    Action.RESEND: "queued again",
    Action.COUNT_AS_SENT: "counted as sent",
}


@pages.form("console/emails", who=Role.OPERATOR, shown_by=emails, asks=_asked)
def decide(visit: Visit[Decision]) -> Redirect:
    """Carry out a decision about many emails."""
    here, form = application(), visit.form
    if form.all:
        decided = decide_all(here.database(), form.action, wish_of(form))
    else:
        decided = decide_each(here.database(), form.action, form.ids)
    if form.action in (Action.RETRY, Action.RESEND):
        here.waker.wake()
    else:
        here.waker.tell()
    filters = EmailFilters(**form.model_dump(include=set(EmailFilters.model_fields)))
    return visit.go(f"/console/emails{filters.to_query()}", _told(form.action, decided))


def wish_of(filters: EmailFilters) -> Wish:
    """What the filters ask for. Raises ApiError 422 for a day that there is not."""
    zone = application().schedule().zone
    text, tag = filters.q.strip(), ""
    if text.lower().startswith(_TAG):
        text, tag = "", text[len(_TAG) :].strip()
    way: str | None = {"": None, "sql": ""}.get(filters.way, filters.way)
    until = _midnight(filters.until, zone, "until")
    return Wish(
        status=Status(filters.state) if filters.state else None,
        text=text,
        account=filters.account or None,
        origin=way,
        tag=tag,
        since=_midnight(filters.since, zone, "since"),
        until=until + _DAY if until else None,
    )


def _found(query: EmailsQuery) -> tuple[Found, list[str]]:
    text = query.q.strip().removeprefix("#")
    with application().database().read() as connection:
        codes = [code for code in answered_codes(connection) if code][:_MOST_CODES]
        if _REQUEST_ID.fullmatch(text):
            of_request = search.of_request(connection, text)
            return Found([Line(email, None) for email in of_request], None), codes
        page = search.page(connection, wish_of(query), read_cursor(query.after), PAGE_SIZE)
        emails = list(page.emails)
        if text.isdecimal() and len(text) <= 10 and not query.after:
            emails = _with_number(connection, int(text), emails)
        lines = [Line(email, _last_said(connection, email, query.state)) for email in emails]
    return Found(lines, write_cursor(page.after)), codes


def _with_number(
    connection: Connection, number: int, emails: list[StoredEmail]
) -> list[StoredEmail]:
    """The emails, with that of this number before them."""
    try:
        found = search.find(connection, min(number, _LARGEST_ID))
    except EmailNotFound:
        return emails
    return [found, *(email for email in emails if email.id != number)]


def _last_said(connection: Connection, email: StoredEmail, state: str) -> KeptAttempt | None:
    if state != Status.UNKNOWN:
        return None
    made = search.attempts_at(connection, email.id)
    return made[-1] if made else None


def _possible(state: str) -> list[Action]:
    """What may be decided about emails of this state; about any: what can be refused one by one."""
    if not state:
        return [Action.RETRY, Action.CANCEL]
    return [action for action, statuses in POSSIBLE.items() if state in statuses]


def _midnight(day: str, zone: ZoneInfo, name: str) -> datetime | None:
    if not day:
        return None
    try:
        return datetime.combine(date.fromisoformat(day), time(0), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ApiError(422, "validation_failed", f"There is no such day: correct {name}.") from None


def _told(action: Action, decided: Decided) -> str:
    words = f"{counted(decided.done, 'email')} {_DONE[action]}."
    if decided.refused:
        first = decided.first_refused[0]
        words += f" {counted(decided.refused, 'email')} could not be: {first.reason}."
    if decided.more:
        words += " There are more: do it again to go on."
    return words
