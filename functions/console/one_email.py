"""One email: what happens to it next, what it says, and what its servers have said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from functions.console.emails import STATES, WAYS_IN
from functions.email_contents import EmailFile, RawEmail, file_in, message_of
from shared.accounts.directory import Sender, sender_of
from shared.accounts.profiles import profile_name
from shared.accounts.states import AccountState
from shared.api.errors import ApiError
from shared.api.models import SnakeInput
from shared.app import application
from shared.bounces.noted import bounces_of
from shared.console.email_frame import MOST_INLINE, frame_policy, is_picture, with_inline
from shared.console.next_step import Circumstances, next_step
from shared.console.page import Page, Redirect
from shared.console.pages import Pages, Question, Visit
from shared.delivery.composing.preview import (
    Content,
    ContentConfidential,
    ContentTooLarge,
    NoMessage,
    content_of,
    file_of,
)
from shared.outbox.bulk.decide import POSSIBLE, Action, decide_each
from shared.outbox.cancel_retry_resolve import ContentRemoved
from shared.outbox.queries import search
from shared.outbox.queries.explain import Known, explain
from shared.outbox.queries.search import KeptAttempt, StoredEmail
from shared.scheduling import service_state
from shared.security.roles import Role
from shared.submissions.submission import Origin

pages = Pages()

_PATH = "console/emails/{id:int}"
_MOST_SHOWN = 300_000


class Looked(SnakeInput):
    """How the email is looked at; `pictures`: those of other servers, too."""

    pictures: Literal["", "yes"] = ""


class OneDecision(SnakeInput):
    action: Action


@dataclass(frozen=True, slots=True)
class Said:
    """What the email says, or why that is not shown."""

    content: Content | None = field(default=None, repr=False)
    why_not: str = ""


@pages.page(_PATH, who=Role.VIEWER)
def one_email(visit: Visit[None, Looked]) -> Page:
    """Show an email."""
    here, number = application(), _number(visit)
    with here.database().read() as connection:
        email = search.find(connection, number)
        made = search.attempts_at(connection, number)
        came_back = bounces_of(connection, number)
        sender = sender_of(connection, email.account_code)
        state = service_state.status(connection)
        profile = profile_name(connection, email.account_code)
    schedule, now = here.schedule(), here.clock()
    account = _account(sender)
    circumstances = Circumstances(
        now=now,
        running=state.running,
        next_run=state.next_run(schedule, now),
        account_state=account.state if account else None,
        account_reason=account.reason if account else None,
        account_until=account.until if account else None,
    )
    return visit.show(
        "one_email.html",
        email=email,
        profile=profile,
        attempts=made,
        came_back=came_back,
        sender=sender,
        explanation=explain(number, _known(email, made)) if is_mail_item(email) else None,
        state_words=STATES.get(email.status, email.status),
        way=WAYS_IN.get(email.origin or "sql", email.origin),
        next_step=next_step(email, circumstances),
        said=_said(number) if visit.may(Role.OPERATOR) else Said(),
        actions=[action for action, statuses in POSSIBLE.items() if email.status in statuses],
        pictures=visit.query.pictures,
        most_shown=_MOST_SHOWN,
    )


def is_mail_item(email: StoredEmail) -> bool:
    """Whether it came by Database Mail, whose callers ask `rowpost.explain`."""
    return email.origin == Origin.DATABASE_MAIL


def _known(email: StoredEmail, made: Sequence[KeptAttempt]) -> Known:
    last_reply = made[-1].reply if made else None
    return Known(
        email.status,
        email.ended_at,
        email.retries,
        email.next_attempt_at,
        email.reason or last_reply,
    )


@pages.page(f"{_PATH}/html", who=Role.OPERATOR)
def email_html(visit: Visit[None, Looked]) -> Page:
    """Show an email's HTML, for a frame."""
    here, number = application(), _number(visit)
    content = content_of(here.database(), number)
    html = with_inline(content.html or "", _inline(number, content))
    page = Page(content=html.encode("utf-8", "replace"))
    return page.with_headers(frame_policy(bool(visit.query.pictures)))


@pages.page(f"{_PATH}/source", who=Role.OPERATOR)
def email_source(visit: Visit) -> Page:
    """Show the message as it goes."""
    message = message_of(_number(visit)).content
    return visit.show(
        "email_source.html",
        number=_number(visit),
        source=message[:_MOST_SHOWN].decode("utf-8", "replace"),
        size=len(message),
        is_cut=len(message) > _MOST_SHOWN,
    )


@pages.page(f"{_PATH}/message", who=Role.OPERATOR)
def email_message(visit: Visit) -> RawEmail:
    """Give the message as a file."""
    return message_of(_number(visit))


@pages.page(f"{_PATH}/files/{{place:int}}", who=Role.OPERATOR)
def email_file(visit: Visit) -> EmailFile:
    """Give one of the email's files."""
    return file_in(_number(visit), int(visit.path["place"]))


def _asked(visit: Visit[OneDecision]) -> Question | None:
    return _QUESTIONS.get(visit.form.action)


_QUESTIONS: Mapping[Action, Question] = {
    Action.CANCEL: Question("Let this email not be sent?", "Cancel it"),
    Action.RESEND: Question(
        "Send it again to whoever may not have had it? If it did arrive, it arrives twice.",
        "It did not arrive: send again",
    ),
    Action.COUNT_AS_SENT: Question("Count it as delivered? It is not sent again.", "It arrived"),
}
_DONE: Mapping[Action, str] = {
    Action.CANCEL: "The email is cancelled.",
    Action.RETRY: "The email waits to be sent again.",
    Action.RESEND: "The email waits to be sent again.",
    Action.COUNT_AS_SENT: "The email counts as sent.",
}


@pages.form(_PATH, who=Role.OPERATOR, shown_by=one_email, asks=_asked)
def decide(visit: Visit[OneDecision]) -> Redirect:
    """Carry out a decision about the email."""
    number, here, action = _number(visit), application(), visit.form.action
    decided = decide_each(here.database(), action, [number])
    if decided.first_refused:
        raise ApiError(409, "wrong_state", f"{decided.first_refused[0].reason}.")
    if action is Action.CANCEL:
        here.waker.tell()
    else:
        here.waker.wake()
    return visit.go(f"/console/emails/{number}", _DONE[action])


def _said(number: int) -> Said:
    """What the email says, or why nobody is shown it."""
    try:
        return Said(content_of(application().database(), number))
    except ContentConfidential:
        return Said(why_not="It carries a code, which is shown to nobody.")
    except (ContentRemoved, ContentTooLarge, NoMessage) as error:
        words = str(error)
        return Said(why_not=f"{words[:1].upper()}{words[1:]}.")


def _account(sender: Sender | None) -> AccountState | None:
    """How the account is that would send it, as health last saw it."""
    known = application().health.recent().accounts
    if known is None or sender is None:
        return None
    return next((one for one in known.accounts if one.id == sender.account_id), None)


def _inline(number: int, content: Content) -> dict[str, tuple[str, bytes]]:
    """The pictures that the HTML shows, up to MOST_INLINE bytes together."""
    here, found, size = application(), {}, 0
    for place, file in enumerate(content.files):
        if file.content_id is None or not is_picture(file.content_type):
            continue
        size += file.size
        if size > MOST_INLINE:
            break
        read = file_of(here.database(), here.attachments.store, number, place)
        found[file.content_id] = (str(file.content_type), read.content)
    return found


def _number(visit: Visit[Any, Any]) -> int:
    return min(int(visit.path["id"]), 2**31 - 1)
