"""Rations: claiming for an account with limits no more than it may send now.

Claim and reservation are one transaction, so that an email in P always has its units reserved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from shared.delivery.composing.prepare import recipients_of
from shared.delivery.composing.suppression import screened
from shared.errors import RowpostError
from shared.limits import reservations
from shared.limits.reservations import Reservation
from shared.limits.sending_limits import Limits, Units, minute_of
from shared.mime.bad_email import BadEmail
from shared.outbox.recipients import RecipientState
from shared.outbox.sending.claim import Wanted
from shared.outbox.sending.fetch import ClaimedEmail, UnreadableEmail, collect
from shared.outbox.sending.give_back import give_back
from shared.outbox.sending.lease import Lease

Take = Callable[[Connection, Wanted, Lease], Sequence[int]]

# Nothing is begun so shortly before the end of a window: it would be sent in the next one.
_LAST_MOMENT = timedelta(seconds=1)
_LOOK_FURTHER = 64


class QuotaTaken(RowpostError):
    """Somebody else reserved what was left a moment ago; nothing is claimed."""


@dataclass(frozen=True, slots=True)
class Ration:
    """What was claimed. `opens_in`: seconds until more may be sent; None: now."""

    emails: tuple[ClaimedEmail | UnreadableEmail, ...] = ()
    reserved: tuple[int, ...] = ()
    opens_in: float | None = None


def claim_ration(
    connection: Connection, take: Take, wanted: Wanted, lease: Lease, limits: Limits
) -> Ration:
    """Claim emails as far as the limits allow, `wanted.most` of them at most.

    An email that does not fit waits, and a smaller one behind it may go. Raises QuotaTaken, with
    which the whole transaction is to be rolled back.
    """
    time = reservations.now(connection)
    minute = minute_of(time)
    if not limits.same_windows(minute, minute_of(time + _LAST_MOMENT)):
        return Ration(opens_in=_LAST_MOMENT.total_seconds())
    used = reservations.used(connection, [limits.account_id], minute)[limits.account_id]
    if (opens_at := limits.opens_at(used, minute)) is not None:
        return Ration(opens_in=_seconds(opens_at, time))
    for most in (min(wanted.most, limits.emails_left(used)), _LOOK_FURTHER):
        numbers = take(connection, replace(wanted, most=most), lease)
        claimed = collect(connection, numbers, lease)
        emails = screened(connection, claimed)
        fitting = _fitting(emails, used, limits, wanted.most)
        _keep(connection, fitting, emails, lease, limits, minute)
        if fitting.emails:
            reserved = tuple([number for number, _ in fitting.units])
            return Ration(tuple(fitting.emails), reserved)
        if not emails:
            return Ration()
    return Ration(opens_in=_seconds(limits.next_window(minute), time))


@dataclass(slots=True)
class _Fitting:
    emails: list[ClaimedEmail | UnreadableEmail] = field(default_factory=list)
    units: list[tuple[int, Units]] = field(default_factory=list)


def _fitting(
    emails: Sequence[ClaimedEmail | UnreadableEmail], used: Units, limits: Limits, most: int
) -> _Fitting:
    """Those that may go, in their order. One that never could fails, with the reason."""
    fitting = _Fitting()
    for email in emails:
        if isinstance(email, UnreadableEmail):
            fitting.emails.append(email)
            continue
        units = limits.units(_recipients(email))
        if hopeless := limits.too_small_for(units):
            fitting.emails.append(UnreadableEmail(email.number, email.id, hopeless))
        elif len(fitting.units) < most and limits.allow(units, used):
            used = used.plus(units)
            fitting.emails.append(email)
            fitting.units.append((email.number, units))
    return fitting


def _keep(
    connection: Connection,
    fitting: _Fitting,
    claimed: Sequence[ClaimedEmail | UnreadableEmail],
    lease: Lease,
    limits: Limits,
    minute: int,
) -> None:
    """Reserve what goes, give back what does not."""
    going = {email.number for email in fitting.emails}
    give_back(connection, [email.number for email in claimed if email.number not in going], lease)
    if not fitting.units:
        return
    total = Units()
    for _, units in fitting.units:
        total = total.plus(units)
    if not reservations.reserve(connection, limits, minute, total):
        raise QuotaTaken("the account's quota was used up by another sender")
    reserved = [
        Reservation(number, limits.account_id, minute, units) for number, units in fitting.units
    ]
    reservations.note(connection, reserved, lease)


def _recipients(email: ClaimedEmail) -> int:
    """To how many it is to go now; one, where it will fail for its addresses anyway."""
    try:
        known = recipients_of(email)
    except BadEmail:
        return 1
    return max(1, sum(one.state is RecipientState.PENDING for one in known))


def _seconds(until: datetime, time: datetime) -> float:
    return max(0.0, (until - time).total_seconds())
