"""Pauses: an account whose server can't be used rests, for all senders at once.

A pause costs the emails nothing. When its time is over one sender probes the account with a single
connection; the others go on leaving it alone until that has worked. That it begins and ends is an
event; that it goes on after a probe is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Connection,
    bindparam,
    case,
    literal_column,
    null,
    or_,
    select,
    update,
)

from shared.database.columns.times import utc_now
from shared.database.columns.widths import cut
from shared.database.statements.changes import changed
from shared.database.statements.insert_if_absent import insert_if_absent
from shared.database.tables import accounts, usage
from shared.events.event import Event, EventType
from shared.events.record import record


@dataclass(frozen=True, slots=True)
class Pause:
    """Why an account rests, until when at least, and how often in a row it had to."""

    account_id: int
    until: datetime
    reason: str
    times: int
    is_over: bool
    """Its time is over: whoever takes the probe may try the account."""


_REASON_WIDTH = 500

_account = usage.c.AccountId == bindparam("account_id")
_is_over = usage.c.PausedUntil <= utc_now()
PAUSED = select(
    usage.c.AccountId,
    usage.c.PausedUntil,
    usage.c.PauseReason,
    usage.c.PauseCount,
    # As a number: T-SQL selects no conditions.
    case((_is_over, literal_column("1")), else_=literal_column("0")).label("is_over"),
).where(usage.c.PausedUntil.is_not(None))
PAUSE = (
    update(usage)
    .where(_account, or_(usage.c.PausedUntil.is_(None), _is_over))
    .values(
        PausedUntil=utc_now(bindparam("seconds")),
        PauseReason=bindparam("reason"),
        PauseCount=usage.c.PauseCount + 1,
        ProbeToken=null(),
        ProbeUntil=null(),
    )
)
TAKE_PROBE_AT_ONCE = (
    update(usage)
    .where(
        _account,
        usage.c.PausedUntil.is_not(None),
        or_(usage.c.ProbeUntil.is_(None), usage.c.ProbeUntil < utc_now()),
    )
    .values(ProbeToken=bindparam("token"), ProbeUntil=utc_now(bindparam("seconds")))
)
TAKE_PROBE = TAKE_PROBE_AT_ONCE.where(_is_over)
RETURN_PROBE = (
    update(usage)
    .where(usage.c.ProbeToken == bindparam("token"))
    .values(ProbeToken=null(), ProbeUntil=null())
)
END = (
    update(usage)
    .where(_account, usage.c.PausedUntil.is_not(None))
    .values(
        PausedUntil=null(), PauseReason=null(), PauseCount=0, ProbeToken=null(), ProbeUntil=null()
    )
)

TIMES = select(usage.c.PauseCount).where(_account)
CODE = select(accounts.c.ParamCode).where(accounts.c.Rowpost_Id == bindparam("account_id"))


def pauses(connection: Connection) -> dict[int, Pause]:
    """The accounts that rest, by their id."""
    return {
        row.AccountId: Pause(
            row.AccountId, row.PausedUntil, row.PauseReason or "", row.PauseCount, bool(row.is_over)
        )
        for row in connection.execute(PAUSED)
    }


def pause(connection: Connection, account_id: int, seconds: float, reason: str) -> bool:
    """Pause the account, unless somebody just did; answers whether it was us."""
    values = {"account_id": account_id, "seconds": seconds, "reason": cut(reason, _REASON_WIDTH)}
    if not connection.scalar(select(usage.c.AccountId).where(usage.c.AccountId == account_id)):
        insert_if_absent(connection, usage, {"AccountId": account_id})
    if changed(connection, PAUSE, values) != 1:
        return False
    if connection.scalar(TIMES, {"account_id": account_id}) == 1:
        _record(connection, EventType.ACCOUNT_PAUSED, account_id, reason)
    return True


def take_probe(
    connection: Connection, account_id: int, token: str, seconds: float, *, at_once: bool = False
) -> bool:
    """Take the right to try a paused account for so long; `at_once`: though its pause goes on."""
    values = {"account_id": account_id, "token": token, "seconds": seconds}
    statement = TAKE_PROBE_AT_ONCE if at_once else TAKE_PROBE
    return changed(connection, statement, values) == 1


def return_probe(connection: Connection, token: str) -> None:
    """Whoever holds this token is done with trying; another may, once the pause allows."""
    connection.execute(RETURN_PROBE, {"token": token})


def end_pause(connection: Connection, account_id: int) -> None:
    """The account works again."""
    if changed(connection, END, {"account_id": account_id}):
        _record(connection, EventType.ACCOUNT_RESUMED, account_id)


def _record(
    connection: Connection, what: EventType, account_id: int, reason: str | None = None
) -> None:
    code = connection.scalar(CODE, {"account_id": account_id})
    record(connection, [Event(what, account=code, reason=reason)])
