"""Finishing: what became of an attempt is written, under the lease of whoever made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, literal_column, null, update

from shared.database.prepared import PreparedInsert, PreparedUpdate
from shared.database.tables import attempts, emails
from shared.database.times import utc_now
from shared.outbox.conditions import TOKEN, flag_is, held_by_us
from shared.outbox.lease import Lease
from shared.outbox.recipients import KnownRecipient, write_recipients
from shared.outbox.states import Flag
from shared.outbox.statistics import Counted, count

REASON_WIDTH = 500


class Outcome(StrEnum):
    """What an attempt came to."""

    SENT = "sent"
    RETRY = "retry"
    """Refused for now: it is tried again at its time."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The connection was lost after the final dot, before its reply."""


@dataclass(frozen=True, slots=True)
class Result:
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
            dd_BounceReason=null(),
            dd_LeaseToken=null(),
            dd_LeaseUntil=null(),
        )
        .returning(emails.c.dd_srno)
    )
)

_ENDED_OTHERWISE = (
    update(emails)
    .where(
        emails.c.dd_srno == bindparam("email_id"),
        emails.c.dd_LeaseToken == TOKEN,
        flag_is(Flag.PREPARING, Flag.TRANSMITTING, Flag.UNKNOWN),
    )
    .values(
        dd_SendFlag=bindparam("flag"),
        dd_BounceReason=bindparam("reason"),
        dd_SentDate=case(
            (bindparam("flag", unique=False) == Flag.SENT.value, utc_now()),
            else_=emails.c.dd_SentDate,
        ),
        dd_RetryCount=func.coalesce(emails.c.dd_RetryCount, 0) + bindparam("retries"),
        dd_LastRetryDate=utc_now(),
        dd_NextAttemptDate=case(
            (bindparam("wait") > 0, utc_now(bindparam("wait", unique=False))), else_=None
        ),
        dd_LeaseToken=case((bindparam("keeps_lease") == 1, emails.c.dd_LeaseToken), else_=None),
        dd_LeaseUntil=null(),
    )
)

_ATTEMPTS = PreparedInsert(
    attempts, "EmailId", "Account", "Outcome", "Code", "EnhancedCode", "Reply", "DurationMs"
)

_FLAG_AFTER = {
    Outcome.SENT: Flag.SENT,
    Outcome.RETRY: Flag.WAITING,
    Outcome.FAILED: Flag.FAILED,
    Outcome.UNKNOWN: Flag.UNKNOWN,
}


def finish(connection: Connection, results: Sequence[Result], lease: Lease) -> set[int]:
    """Write what became of these attempts; answers the ids that were still ours to write.

    A result for an email that somebody has decided about meanwhile changes nothing. One that
    comes after the lease ended still tells the truth: U becomes Y, N or F.
    """
    plain = [one for one in results if one.outcome is Outcome.SENT and not _special(one)]
    finished = _sent(connection, plain, lease)
    for one in results:
        if (one.outcome is not Outcome.SENT or _special(one)) and _end(connection, one, lease):
            finished.add(one.email_id)
    _keep_attempts(connection, [one for one in results if one.email_id in finished])
    return finished


def _special(result: Result) -> bool:
    return bool(result.recipients or result.reason)


def _sent(connection: Connection, results: Sequence[Result], lease: Lease) -> set[int]:
    if not results:
        return set()
    ids = [one.email_id for one in results]
    return SENT.run(connection, ids, token=lease.token)


def _end(connection: Connection, result: Result, lease: Lease) -> bool:
    waits = result.outcome is Outcome.RETRY
    values: dict[str, Any] = {
        "email_id": result.email_id,
        "token": lease.token,
        "flag": _FLAG_AFTER[result.outcome].value,
        "reason": (result.reason or "")[:REASON_WIDTH] or None,
        "retries": int(waits and result.uses_attempt),
        "wait": result.wait if waits else 0.0,
        "keeps_lease": int(result.outcome is Outcome.UNKNOWN),
    }
    if connection.execute(_ENDED_OTHERWISE, values).rowcount != 1:
        return False
    if result.recipients:
        write_recipients(connection, result.email_id, result.recipients)
    return True


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
                (one.reply or one.reason or "")[:REASON_WIDTH] or None,
                one.duration_ms,
            )
            for one in results
        ],
    )
    count(connection, _counted(results))


def _counted(results: Iterable[Result]) -> Counter[tuple[str, Counted]]:
    return Counter((one.account, Counted(one.outcome.value)) for one in results)
