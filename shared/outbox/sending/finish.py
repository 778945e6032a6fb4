"""Finishing: what became of an attempt is written, under the lease of whoever made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection

from shared.database.columns.widths import cut
from shared.database.statements.prepared import PreparedInsert
from shared.database.tables import attempts
from shared.events.event import Event, EventType
from shared.outbox import transitions
from shared.outbox.confidential import CONFIDENTIAL, settle
from shared.outbox.queries.statistics import Counted
from shared.outbox.recipients import KnownRecipient, write_recipients
from shared.outbox.sending.lease import Lease
from shared.outbox.states import Flag
from shared.outbox.suppressions import suppress_refused

REASON_WIDTH = 500


class Outcome(StrEnum):
    """What an attempt came to."""

    SENT = "sent"
    RETRY = "retry"
    """Refused for now: it is tried again at its time."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The connection was lost after the final dot, before its reply."""
    POSTPONED = "postponed"
    """Nothing was tried, since something that it needs is away: it waits, and it costs nothing."""
    BLAMED = "blamed"
    """Its account has to rest for what was said to it: it waits behind the others, at no cost."""


class Result(NamedTuple):
    """One attempt at one email, as it is written down.

    `number` is its entry's. `reason` is what a person reads; `code`, `enhanced_code` and `reply`
    are the mail server's words. `wait` is in seconds, for a retry. `recipients` replaces what is
    known of them, where they are known one by one. `uses_attempt` is false where the email had no
    part in the failure.
    """

    number: int
    outcome: Outcome
    account: str
    reason: str | None = None
    code: int | None = None
    enhanced_code: str | None = None
    reply: str | None = None
    duration_ms: int = 0
    wait: float = 0.0
    uses_attempt: bool = True
    recipients: tuple[KnownRecipient, ...] = ()
    email_id: int = 0
    """Its row's, for whoever reads of it."""


_ENDINGS = {
    Outcome.SENT: transitions.SENT_TO_SOME,
    Outcome.RETRY: transitions.RETRY,
    Outcome.POSTPONED: transitions.POSTPONED,
    Outcome.BLAMED: transitions.BLAMED,
    Outcome.FAILED: transitions.FAILED,
    Outcome.UNKNOWN: transitions.UNKNOWN,
}
_EVENTS = {
    Outcome.SENT: EventType.SENT,
    Outcome.RETRY: EventType.RETRYING,
    Outcome.BLAMED: EventType.RETRYING,
    Outcome.FAILED: EventType.FAILED,
    Outcome.UNKNOWN: EventType.UNKNOWN,
}
_NO_ATTEMPT = frozenset({Outcome.POSTPONED, Outcome.BLAMED})
_ATTEMPTS = PreparedInsert(
    attempts, "Number", "Account", "Outcome", "Code", "EnhancedCode", "Reply", "DurationMs"
)


def finish(connection: Connection, results: Sequence[Result], lease: Lease) -> set[int]:
    """Write what became of these attempts; answers the numbers that were still ours to write.

    A result for an email that somebody has decided about meanwhile changes nothing. One that
    comes after the lease ended still tells the truth: U becomes Y or F. Put off, it stays U, since
    its row may say so.
    """
    plain = [result for result in results if is_plain(result)]
    rows = list(transitions.sent(connection, [result.number for result in plain], lease))
    for result in results:
        if not is_plain(result):
            rows += _end(connection, result, lease)
    finished = {row[0]: row for row in rows}
    _keep_attempts(
        connection,
        [one for one in results if one.number in finished and one.outcome not in _NO_ATTEMPT],
        [
            _event(result, email_id, origin)
            for result in results
            if result.number in finished
            for _, origin, email_id, state in (finished[result.number],)
            if _is_told(result, state)
        ],
    )
    settle(connection, [row[0] for row in rows if row[1] == CONFIDENTIAL])
    return set(finished)


def is_plain(result: Result) -> bool:
    """Whether it was accepted for everybody, and there is no more to say."""
    return result.outcome is Outcome.SENT and not (result.recipients or result.reason)


_Rows = Sequence[Sequence[Any]]
"""Number, origin, email id and state of emails that were still ours to write."""


def _end(connection: Connection, result: Result, lease: Lease) -> _Rows:
    values: dict[str, Any] = {
        "number": result.number,
        "reason": _said(result.reason),
        "retries": 0,
    }
    if result.outcome is Outcome.RETRY:
        values |= {"retries": int(result.uses_attempt), "wait": result.wait}
    elif result.outcome is Outcome.POSTPONED:
        values |= {"wait": result.wait}
    rows = transitions.end_attempt(connection, _ENDINGS[result.outcome], values, lease)
    if rows and result.recipients:
        write_recipients(connection, result.number, result.recipients)
        suppress_refused(connection, result.number, result.recipients)
    return rows


def _is_told(result: Result, state: str) -> bool:
    """Put off before anything was tried, it has waited all the time; and what was called unknown
    before its late reply still waits for a decision."""
    if result.outcome is Outcome.RETRY:
        return state == Flag.WAITING
    return result.outcome is not Outcome.POSTPONED


def _event(result: Result, email_id: int, origin: str | None) -> Event:
    """What a server says of an email with a code may quote it, so that is left out."""
    said = result.reason if result.outcome is Outcome.SENT else result.reply or result.reason
    return Event(
        _EVENTS[result.outcome],
        email_id,
        None,
        result.account,
        result.code,
        result.enhanced_code,
        None if origin == CONFIDENTIAL else said,
    )


def _keep_attempts(
    connection: Connection, results: Sequence[Result], events: Sequence[Event]
) -> None:
    if results:
        _ATTEMPTS.run(connection, [attempt_of(one) for one in results])
    transitions.attempts_ended(connection, _counted(results), events)


def attempt_of(result: Result) -> tuple[Any, ...]:
    """What the log of attempts keeps of it: number, account, outcome, code, enhanced code, words,
    milliseconds."""
    return (
        result.number,
        result.account,
        result.outcome.value,
        result.code,
        result.enhanced_code,
        _said(result.reply or result.reason),
        result.duration_ms,
    )


def _said(text: str | None) -> str | None:
    return cut(text or "", REASON_WIDTH) or None


def _counted(results: Iterable[Result]) -> Counter[tuple[str, Counted]]:
    return Counter((one.account, Counted(one.outcome.value)) for one in results)
