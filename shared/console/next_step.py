"""What happens to an email next, in a sentence. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.console.words import ago, utc
from shared.outbox.queries.search import StoredEmail
from shared.outbox.states import Lane, Status


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What decides beside the email itself: the service, and how its account is."""

    now: datetime
    running: bool
    next_run: datetime | None
    account_state: str | None = None
    account_reason: str | None = None
    account_until: datetime | None = None


def next_step(email: StoredEmail, here: Circumstances) -> str:
    """What happens next, and what somebody may do about it."""
    match email.status:
        case Status.SENT:
            return _sent(email)
        case Status.FAILED:
            why = f": {_ended(email.reason)}" if email.reason else "."
            return f"Nothing more: it was given up{why} Somebody may try it again."
        case Status.CANCELLED:
            return "Nothing: it was cancelled. Somebody may try it again."
        case Status.UNKNOWN:
            return (
                "Nobody knows whether it arrived: the connection ended after it may have been "
                "handed over. It is not sent again by itself. Ask its recipient, then decide."
            )
        case Status.HELD:
            return (
                f"It is held: {_ended(email.reason or 'it can not be sent as it is')} "
                "It goes on by itself when that is put right."
            )
        case Status.SENDING:
            return "It is being sent at this moment."
    return _waiting(email, here)


def _sent(email: StoredEmail) -> str:
    if email.refused:
        return "Nothing more: the mail server took it, but not for everybody. See the recipients."
    return "Nothing more: the mail server took it."


def _waiting(email: StoredEmail, here: Circumstances) -> str:
    if not here.running:
        return "It waits: the service is stopped. It goes when somebody starts it."
    if email.next_attempt_at and email.next_attempt_at > here.now:
        what = "It is tried again" if email.retries else "It is sent"
        return f"{what} {_when(email.next_attempt_at, here.now)}.{_last(email)}"
    if here.account_state in ("paused", "unusable"):
        until = (
            f", {_when(here.account_until, here.now)} at the latest" if here.account_until else ""
        )
        why = _ended(here.account_reason or "its account rests")
        return f"It waits for its account, which rests{until}: {why}"
    if here.account_state == "out_of_quota" and here.account_until:
        return (
            "It waits until its account may send more: "
            f"{_when(here.account_until, here.now)}, when a new span of its limits begins."
        )
    if email.lane is Lane.SCHEDULED and here.next_run and here.next_run > here.now:
        return f"It is sent with the next run, {_when(here.next_run, here.now)}."
    return f"It is sent within a minute.{_last(email)}"


def _last(email: StoredEmail) -> str:
    return f" The last try: {_ended(email.reason)}" if email.retries and email.reason else ""


def _when(time: datetime, now: datetime) -> str:
    return f"{ago(time, now)} ({utc(time)})"


def _ended(sentence: str) -> str:
    sentence = sentence.strip()
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
