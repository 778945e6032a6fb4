"""Webhooks as the database has them: made, changed, listed, removed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    insert,
    literal_column,
    null,
    select,
    update,
)

from shared.database.statements.changes import changed
from shared.database.tables import deliveries, webhooks
from shared.events.event import EventType
from shared.events.read import last_number
from shared.webhooks.webhook import Webhook, WebhookNotFound

MOST_WEBHOOKS = 100
FAILURES_TO_TELL = 3

_COLUMNS = (
    webhooks.c.Id,
    webhooks.c.Url,
    webhooks.c.Types,
    webhooks.c.Enabled,
    webhooks.c.DisabledReason,
    webhooks.c.Token,
    webhooks.c.LastEvent,
    webhooks.c.Failures,
    webhooks.c.FailingSince,
    webhooks.c.RestUntil,
    webhooks.c.LastFault,
    webhooks.c.CreatedAt,
    webhooks.c.CreatedBy,
)
_this = webhooks.c.Id == bindparam("webhook_id")
ALL = select(*_COLUMNS).order_by(webhooks.c.Id).limit(MOST_WEBHOOKS)
ONE = select(*_COLUMNS).where(_this)
MAKE = insert(webhooks)
CHANGE = (
    update(webhooks)
    .where(_this)
    .values(Url=bindparam("url"), Types=bindparam("types"), Enabled=bindparam("enabled"))
)
# Whoever turns it on again has put the receiver right.
WELL_AGAIN = (
    update(webhooks)
    .where(_this)
    .values(
        DisabledReason=null(),
        Failures=literal_column("0"),
        FailingSince=null(),
        RestUntil=null(),
        LastFault=null(),
    )
)
REMOVE = delete(webhooks).where(_this)
REMOVE_DELIVERIES = delete(deliveries).where(deliveries.c.WebhookId == bindparam("webhook_id"))


def make(
    connection: Connection,
    token: str,
    url: str,
    types: Collection[EventType] | None,
    *,
    enabled: bool,
    created_by: str,
) -> Webhook:
    """A new webhook, which is told of what happens from now on."""
    row = {
        "Url": url,
        "Types": _written(types),
        "Enabled": int(enabled),
        "Token": token,
        "LastEvent": last_number(connection),
        "CreatedBy": created_by,
    }
    key = connection.execute(MAKE, row).inserted_primary_key
    if key is None:
        raise LookupError("the database gave no number for the new webhook")
    return webhook(connection, int(key[0]))


def change(
    connection: Connection,
    webhook_id: int,
    url: str,
    types: Collection[EventType] | None,
    *,
    enabled: bool,
) -> Webhook:
    """Turned on again, it goes on where it stopped. Raises WebhookNotFound."""
    before = webhook(connection, webhook_id)
    values = {
        "webhook_id": webhook_id,
        "url": url,
        "types": _written(types),
        "enabled": int(enabled),
    }
    connection.execute(CHANGE, values)
    if url != before.url or (enabled and not before.enabled):
        connection.execute(WELL_AGAIN, {"webhook_id": webhook_id})
    return webhook(connection, webhook_id)


def remove(connection: Connection, webhook_id: int) -> None:
    """Remove a webhook and the log of its deliveries. Raises WebhookNotFound."""
    if changed(connection, REMOVE, {"webhook_id": webhook_id}) != 1:
        raise WebhookNotFound
    connection.execute(REMOVE_DELIVERIES, {"webhook_id": webhook_id})


def webhook(connection: Connection, webhook_id: int) -> Webhook:
    """The webhook of this number. Raises WebhookNotFound."""
    row = connection.execute(ONE, {"webhook_id": webhook_id}).one_or_none()
    if row is None:
        raise WebhookNotFound
    return read(row)


def all_webhooks(connection: Connection) -> list[Webhook]:
    """Every webhook, the oldest first."""
    return [read(row) for row in connection.execute(ALL)]


def problems(connection: Connection) -> tuple[str, ...]:
    """Webhooks that somebody should look at, and why."""
    return tuple(_problems(all_webhooks(connection)))


def _problems(webhooks: Sequence[Webhook]) -> Iterator[str]:
    for here in webhooks:
        if here.disabled_reason is not None:
            yield f"Webhook {here.id} has turned itself off: {here.disabled_reason}."
        elif here.enabled and here.failures >= FAILURES_TO_TELL:
            yield f"Webhook {here.id} takes nothing, and is tried again: {here.last_fault}."


def read(row: Iterable[Any]) -> Webhook:
    """The webhook of a row of `ALL`."""
    number, url, types, enabled, *rest = tuple(row)
    wanted = None if types is None else tuple(EventType(name) for name in types.split(","))
    return Webhook(number, url, wanted, bool(enabled), *rest)


def _written(types: Collection[EventType] | None) -> str | None:
    return ",".join(dict.fromkeys(types)) if types else None
