"""What was posted to a webhook, and what is to be: the log, and the lease of whoever sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)

from shared.database.columns.times import in_days, utc_now
from shared.database.columns.widths import cut
from shared.database.statements.changes import changed
from shared.database.tables import deliveries, events, webhooks
from shared.errors import RowpostError
from shared.events.event import EventType, NumberedEvent
from shared.events.read import numbered
from shared.webhooks.retry import Standing
from shared.webhooks.webhook import Answer, Delivery, DeliveryNotFound, DeliveryState, Webhook

_FAULT_WIDTH = 500
_BATCH = 1_000
_this = webhooks.c.Id == bindparam("webhook_id")
_ours = webhooks.c.LeaseToken == bindparam("token")


class LeaseLost(RowpostError):
    """Somebody else sends the events of this webhook by now: what we sent they send again."""


class Sending(NamedTuple):
    """A webhook whose events are sent under this lease, which runs for so many seconds."""

    webhook: Webhook
    token: str
    seconds: float


class Busy(NamedTuple):
    """A webhook that has not looked at all events up to `last_number`, or one of whose retries is
    due."""

    webhook_id: int
    last_number: int
    retry_due: bool


class Due(NamedTuple):
    """An event to be posted; `delivery_id` and the attempts made where it was tried before."""

    event: NumberedEvent
    delivery_id: int | None = None
    attempts: int = 0


class Attempted(NamedTuple):
    """One attempt and what follows: it waits so many seconds, or is done with (None)."""

    due: Due
    answer: Answer
    wait: float | None


# Which webhooks have something to send.

_retry_due = exists(literal_column("1")).where(
    deliveries.c.WebhookId == webhooks.c.Id,
    deliveries.c.NextAt.is_not(None),
    deliveries.c.NextAt <= utc_now(),
)
_last_event = select(func.max(events.c.Id)).scalar_subquery()
BUSY = (
    select(
        webhooks.c.Id,
        _last_event.label("LastNumber"),
        case((_retry_due, literal_column("1")), else_=literal_column("0")).label("RetryDue"),
    )
    .where(
        webhooks.c.Enabled == literal_column("1"),
        or_(webhooks.c.RestUntil.is_(None), webhooks.c.RestUntil <= utc_now()),
        or_(webhooks.c.LeaseUntil.is_(None), webhooks.c.LeaseUntil <= utc_now()),
        or_(webhooks.c.LastEvent < _last_event, _retry_due),
    )
    .order_by(webhooks.c.Id)
)
_soon = utc_now(bindparam("seconds"))
_rests_shortly = and_(webhooks.c.RestUntil > utc_now(), webhooks.c.RestUntil <= _soon)
_retry_soon = exists(literal_column("1")).where(
    deliveries.c.WebhookId == webhooks.c.Id,
    deliveries.c.NextAt.is_not(None),
    deliveries.c.NextAt <= _soon,
)
_rests_no_longer = or_(webhooks.c.RestUntil.is_(None), webhooks.c.RestUntil <= _soon)
SOON_DUE = (
    select(webhooks.c.Id)
    .where(
        webhooks.c.Enabled == literal_column("1"),
        or_(_rests_shortly, and_(_retry_soon, _rests_no_longer)),
    )
    .limit(1)
)
TAKE = (
    update(webhooks)
    .where(
        _this,
        webhooks.c.Enabled == literal_column("1"),
        or_(webhooks.c.LeaseUntil.is_(None), webhooks.c.LeaseUntil <= utc_now()),
    )
    .values(LeaseToken=bindparam("token"), LeaseUntil=utc_now(bindparam("seconds")))
)
PASS_OVER = (
    update(webhooks)
    .where(
        _this,
        webhooks.c.LastEvent < bindparam("seen"),
        or_(webhooks.c.LeaseUntil.is_(None), webhooks.c.LeaseUntil <= utc_now()),
    )
    .values(LastEvent=bindparam("seen"))
)
RETURN = update(webhooks).where(_this, _ours).values(LeaseToken=null(), LeaseUntil=null())


def busy_webhooks(connection: Connection) -> list[Busy]:
    """The webhooks that may have something to send and that nobody sends for."""
    return [
        Busy(row.Id, row.LastNumber or 0, bool(row.RetryDue)) for row in connection.execute(BUSY)
    ]


def soon_due(connection: Connection, seconds: float) -> bool:
    """Whether a rest ends within so many seconds, or something is to be tried again."""
    return connection.execute(SOON_DUE, {"seconds": seconds}).first() is not None


def pass_over(connection: Connection, webhook_id: int, seen: int) -> None:
    """Note that all events up to this one have been looked at, and that none was wanted. Whoever
    sends for it at the moment notes that himself."""
    connection.execute(PASS_OVER, {"webhook_id": webhook_id, "seen": seen})


def take(connection: Connection, webhook_id: int, token: str, seconds: float) -> bool:
    """Be the one that sends its events, for so many seconds; False: somebody else is."""
    values = {"webhook_id": webhook_id, "token": token, "seconds": seconds}
    return changed(connection, TAKE, values) == 1


def give_back(connection: Connection, webhook_id: int, token: str) -> None:
    """Let others send its events."""
    connection.execute(RETURN, {"webhook_id": webhook_id, "token": token})


# What is to be sent.

RETRIES = (
    select(
        deliveries.c.Id.label("DeliveryId"),
        deliveries.c.Attempts,
        *(events.c[name] for name in events.columns.keys()),  # noqa: SIM118 - a mapping by name
    )
    .join_from(deliveries, events, events.c.Id == deliveries.c.EventId)
    .where(
        deliveries.c.WebhookId == bindparam("webhook_id"),
        deliveries.c.NextAt.is_not(None),
        deliveries.c.NextAt <= utc_now(),
    )
    .order_by(deliveries.c.NextAt)
)
POSTED_BEYOND = select(deliveries.c.EventId).where(
    deliveries.c.WebhookId == bindparam("webhook_id"), deliveries.c.EventId > bindparam("after")
)


def posted_beyond(connection: Connection, webhook_id: int, after: int) -> set[int]:
    """Events beyond this one that were posted already, when one before them was not."""
    values = {"webhook_id": webhook_id, "after": after}
    return set(connection.scalars(POSTED_BEYOND, values))


def retries(connection: Connection, webhook_id: int, most: int) -> list[Due]:
    """Events that failed before, and whose time has come."""
    found = connection.execute(RETRIES.limit(most), {"webhook_id": webhook_id})
    return [Due(numbered(row), row.DeliveryId, row.Attempts) for row in found]


# What came of it.

FIRST = insert(deliveries)
DONE = (
    update(deliveries)
    .where(deliveries.c.Id == bindparam("delivery_id"))
    .values(
        State=bindparam("state"),
        Attempts=deliveries.c.Attempts + literal_column("1"),
        NextAt=null(),
        LastAt=utc_now(),
        Status=bindparam("status"),
        Fault=bindparam("fault"),
        DurationMs=bindparam("duration"),
    )
)
WAIT = (
    update(deliveries)
    .where(
        deliveries.c.WebhookId == bindparam("webhook_id"),
        deliveries.c.EventId == bindparam("event_id"),
    )
    .values(NextAt=utc_now(bindparam("seconds")))
)
STAND = (
    update(webhooks)
    .where(_this, _ours)
    .values(
        LastEvent=bindparam("last_event"),
        Failures=bindparam("failures"),
        FailingSince=bindparam("failing_since"),
        RestUntil=null(),
        LastFault=bindparam("fault"),
        LeaseUntil=utc_now(bindparam("seconds")),
    )
)
REST = update(webhooks).where(_this).values(RestUntil=utc_now(bindparam("seconds")))
DISABLE = (
    update(webhooks)
    .where(_this)
    .values(Enabled=literal_column("0"), DisabledReason=bindparam("reason"))
)


def write(
    connection: Connection,
    sending: Sending,
    attempted: Sequence[Attempted],
    standing: Standing,
    last_event: int,
) -> None:
    """Write what came of these attempts, and how the webhook stands now: together, or not at all.

    All events up to `last_event` have been looked at. Raises LeaseLost.
    """
    webhook_id = sending.webhook.id
    values = {
        "webhook_id": webhook_id,
        "token": sending.token,
        "last_event": last_event,
        "failures": standing.failures,
        "failing_since": standing.failing_since,
        "fault": _fault(_last_fault(sending, attempted)) if standing.failures else None,
        "seconds": sending.seconds,
    }
    if changed(connection, STAND, values) != 1:
        raise LeaseLost("somebody else sends the events of this webhook by now")
    if standing.rest is not None:
        connection.execute(REST, {"webhook_id": webhook_id, "seconds": standing.rest})
    if standing.disable is not None:
        reason = _fault(standing.disable)
        connection.execute(DISABLE, {"webhook_id": webhook_id, "reason": reason})
    _keep(connection, webhook_id, attempted)


def _last_fault(sending: Sending, attempted: Sequence[Attempted]) -> str | None:
    faults = [one.answer.fault for one in attempted if one.answer.fault is not None]
    return faults[-1] if faults else sending.webhook.last_fault


def _keep(connection: Connection, webhook_id: int, attempted: Sequence[Attempted]) -> None:
    first = [_row(webhook_id, one) for one in attempted if one.due.delivery_id is None]
    if first:
        connection.execute(FIRST, first)
    for one in attempted:
        if one.due.delivery_id is not None:
            row = _row(webhook_id, one)
            values = {
                "delivery_id": one.due.delivery_id,
                "state": row["State"],
                "status": row["Status"],
                "fault": row["Fault"],
                "duration": row["DurationMs"],
            }
            connection.execute(DONE, values)
        if one.wait is not None:
            event = {"webhook_id": webhook_id, "event_id": one.due.event.id, "seconds": one.wait}
            connection.execute(WAIT, event)


def _row(webhook_id: int, one: Attempted) -> dict[str, Any]:
    return {
        "WebhookId": webhook_id,
        "EventId": one.due.event.id,
        "Type": one.due.event.event.type.value,
        "State": _state(one).value,
        "Attempts": 1,
        "Status": one.answer.status,
        "Fault": _fault(one.answer.fault),
        "DurationMs": one.answer.duration_ms,
    }


def _state(one: Attempted) -> DeliveryState:
    if one.answer.delivered:
        return DeliveryState.DELIVERED
    return DeliveryState.FAILED if one.wait is None else DeliveryState.WAITING


def _fault(text: str | None) -> str | None:
    return None if text is None else cut(text, _FAULT_WIDTH)


# The log.

_LOGGED = (
    deliveries.c.Id,
    deliveries.c.EventId,
    deliveries.c.Type,
    deliveries.c.State,
    deliveries.c.Attempts,
    deliveries.c.NextAt,
    deliveries.c.LastAt,
    deliveries.c.Status,
    deliveries.c.Fault,
    deliveries.c.DurationMs,
)
LOG = (
    select(*_LOGGED)
    .where(
        deliveries.c.WebhookId == bindparam("webhook_id"),
        deliveries.c.EventId < bindparam("before"),
    )
    .order_by(deliveries.c.EventId.desc())
)
REDELIVER = (
    update(deliveries)
    .where(
        deliveries.c.Id == bindparam("delivery_id"),
        deliveries.c.WebhookId == bindparam("webhook_id"),
        exists(literal_column("1")).where(events.c.Id == deliveries.c.EventId),
    )
    .values(State=DeliveryState.WAITING.value, NextAt=utc_now(), Attempts=literal_column("0"))
)
OLDEST = select(func.min(deliveries.c.Id))
OLD = select(func.max(deliveries.c.Id)).where(
    deliveries.c.Id < bindparam("end"), deliveries.c.LastAt < in_days(bindparam("days"))
)
FORGET = delete(deliveries).where(
    deliveries.c.Id <= bindparam("last"), deliveries.c.LastAt < in_days(bindparam("days"))
)
NEWEST = 2**63 - 1


def log_of(connection: Connection, webhook_id: int, before: int, most: int) -> list[Delivery]:
    """Deliveries to this webhook, the latest events first; those of events below `before`."""
    statement: Select[Any] = LOG.limit(most)
    found = connection.execute(statement, {"webhook_id": webhook_id, "before": before})
    return [_delivery(row) for row in found]


def redeliver(connection: Connection, webhook_id: int, delivery_id: int) -> None:
    """Post it again as soon as may be, with all its retries before it. Raises DeliveryNotFound."""
    values = {"webhook_id": webhook_id, "delivery_id": delivery_id}
    if changed(connection, REDELIVER, values) != 1:
        raise DeliveryNotFound("There is no such delivery, or its event is kept no longer.")


def forget_old_deliveries(connection: Connection, days: float) -> int:
    """Remove what was last tried so many days ago; one batch, answers how many."""
    oldest = connection.scalar(OLDEST)
    if oldest is None:
        return 0
    old = connection.scalar(OLD, {"end": oldest + _BATCH, "days": -days})
    return 0 if old is None else changed(connection, FORGET, {"last": old, "days": -days})


def _delivery(row: Row[Any]) -> Delivery:
    number, event_id, kind, state, *rest = tuple[Any, ...](row)
    return Delivery(number, event_id, EventType(kind), DeliveryState(state), *rest)
