"""Finishing: what became of an attempt is written, under the lease of whoever made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Double,
    Update,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    update,
)

from shared.database.prepared import PreparedInsert, PreparedUpdate
from shared.database.tables import attempts, emails
from shared.database.times import utc_now
from shared.database.widths import cut
from shared.outbox.conditions import TOKEN, flag_is, held_by_us
from shared.outbox.confidential import CONFIDENTIAL, settle
from shared.outbox.lease import Lease
from shared.outbox.recipients import KnownRecipient, write_recipients
from shared.outbox.states import Flag
from shared.outbox.statistics import Counted, count
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


class Result(NamedTuple):
    """One attempt at one email, as it is written down.

    `reason` is what a person reads, `code`, `enhanced_code` and `reply` the mail server's words.
    `wait` is in seconds, for a retry. `recipients` replaces what is known of them, where they are
    known one by one. `uses_attempt` is false where the email had no part in the failure.
    """

    email_id: int
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


SENT = PreparedUpdate(
    lambda ids: (
        update(emails)
        .where(held_by_us(ids, Flag.TRANSMITTING, Flag.UNKNOWN))
        .values(
            dd_SendFlag=literal_column(f"'{Flag.SENT}'"),
            dd_SentDate=utc_now(),
            dd_EndedDate=utc_now(),
            dd_BounceReason=null(),
            dd_LeaseToken=null(),
            dd_LeaseUntil=null(),
        )
        .returning(emails.c.dd_srno, emails.c.dd_Origin)
    )
)

_wait = cast(bindparam("wait"), Double)


_OURS = (Flag.PREPARING, Flag.TRANSMITTING, Flag.UNKNOWN)


def _ending(flag: Flag, before: tuple[Flag, ...] = _OURS, **values: Any) -> Update:
    """From any of the states in which it is ours to this one, with the values that go with it."""
    return (
        update(emails)
        .where(
            emails.c.dd_srno == bindparam("email_id"),
            emails.c.dd_LeaseToken == TOKEN,
            flag_is(*before),
        )
        .values(
            {
                "dd_SendFlag": literal_column(f"'{flag}'"),
                "dd_BounceReason": bindparam("reason"),
                "dd_RetryCount": func.coalesce(emails.c.dd_RetryCount, 0) + bindparam("retries"),
                "dd_LastRetryDate": utc_now(),
                "dd_NextAttemptDate": null(),
                "dd_LeaseToken": null(),
                "dd_LeaseUntil": null(),
            }
            | values
        )
        .returning(emails.c.dd_srno, emails.c.dd_Origin)
    )


ENDINGS = {
    Outcome.SENT: _ending(Flag.SENT, dd_SentDate=utc_now(), dd_EndedDate=utc_now()),
    Outcome.RETRY: _ending(
        Flag.WAITING,
        dd_NextAttemptDate=case((_wait > literal_column("0"), utc_now(_wait)), else_=None),
    ),
    Outcome.POSTPONED: _ending(
        Flag.WAITING,
        (Flag.PREPARING,),
        dd_NextAttemptDate=utc_now(_wait),
        dd_LastRetryDate=emails.c.dd_LastRetryDate,
    ),
    Outcome.FAILED: _ending(Flag.FAILED, dd_EndedDate=utc_now()),
    Outcome.UNKNOWN: _ending(Flag.UNKNOWN, dd_LeaseToken=emails.c.dd_LeaseToken),
}

_ATTEMPTS = PreparedInsert(
    attempts, "EmailId", "Account", "Outcome", "Code", "EnhancedCode", "Reply", "DurationMs"
)


def finish(connection: Connection, results: Sequence[Result], lease: Lease) -> set[int]:
    """Write what became of these attempts; answers the ids that were still ours to write.

    A result for an email that somebody has decided about meanwhile changes nothing. One that
    comes after the lease ended still tells the truth: U becomes Y, N or F.
    """
    plain = [one for one in results if one.outcome is Outcome.SENT and not _special(one)]
    rows = list(_sent(connection, plain, lease))
    for one in results:
        if one.outcome is not Outcome.SENT or _special(one):
            rows += _end(connection, one, lease)
    settle(connection, [email_id for email_id, origin in rows if origin == CONFIDENTIAL])
    finished = {email_id for email_id, _ in rows}
    _keep_attempts(
        connection,
        [
            one
            for one in results
            if one.email_id in finished and one.outcome is not Outcome.POSTPONED
        ],
    )
    return finished


def _special(result: Result) -> bool:
    return bool(result.recipients or result.reason)


_Rows = Sequence[Sequence[Any]]
"""The number and the origin of emails that were still ours to write."""


def _sent(connection: Connection, results: Sequence[Result], lease: Lease) -> _Rows:
    if not results:
        return ()
    ids = [one.email_id for one in results]
    return SENT.rows(connection, ids, token=lease.token)


def _end(connection: Connection, result: Result, lease: Lease) -> _Rows:
    values: dict[str, Any] = {
        "email_id": result.email_id,
        "token": lease.token,
        "reason": _said(result.reason),
        "retries": 0,
    }
    if result.outcome is Outcome.RETRY:
        values |= {"retries": int(result.uses_attempt), "wait": result.wait}
    elif result.outcome is Outcome.POSTPONED:
        values |= {"wait": result.wait}
    rows = connection.execute(ENDINGS[result.outcome], values).all()
    if rows and result.recipients:
        write_recipients(connection, result.email_id, result.recipients)
        suppress_refused(connection, result.email_id, result.recipients)
    return rows


def _keep_attempts(connection: Connection, results: Sequence[Result]) -> None:
    if not results:
        return
    _ATTEMPTS.run(
        connection,
        [
            (
                one.email_id,
                one.account,
                one.outcome.value,
                one.code,
                one.enhanced_code,
                _said(one.reply or one.reason),
                one.duration_ms,
            )
            for one in results
        ],
    )
    count(connection, _counted(results))


def _said(text: str | None) -> str | None:
    return cut(text or "", REASON_WIDTH) or None


def _counted(results: Iterable[Result]) -> Counter[tuple[str, Counted]]:
    return Counter((one.account, Counted(one.outcome.value)) for one in results)
