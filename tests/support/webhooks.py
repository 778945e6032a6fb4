"""Webhooks of one application, in the few words that the tests here need."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update

from shared.app import Application
from shared.database.columns.times import utc_now
from shared.database.tables import deliveries, webhooks
from shared.events.event import Event, EventType
from shared.events.numbering import number_events
from shared.events.record import record
from shared.webhooks.admin import MadeWebhook, Wish
from shared.webhooks.deliveries import NEWEST, log_of
from shared.webhooks.register import webhook
from shared.webhooks.webhook import Delivery, Webhook


@dataclass(frozen=True)
class Hooks:
    app: Application

    def make(self, url: str, types: Sequence[EventType] | None = None) -> MadeWebhook:
        return self.app.webhook_admin().make(Wish(url, types), "login:admin", self.app.clock())

    def happen(self, number: int = 1, what: EventType = EventType.SENT) -> None:
        events = [Event(what, email_id) for email_id in range(1, number + 1)]
        database = self.app.database()
        database.run(lambda connection: record(connection, events))
        number_events(database, 10)  # As a drain does, where several write at a time.

    def send(self) -> None:
        """Look once, and wait for what is sent."""
        self.app.webhooks.finish(20)

    def send_until(self, done: Callable[[], bool], seconds: float = 60) -> None:
        """Look again and again, as a drain has it, until it is so."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline
            self.app.webhooks.look()
            time.sleep(0.02)

    def let_waits_pass(self) -> None:
        with self.app.database().write() as connection:
            connection.execute(update(webhooks).values(RestUntil=None))
            due = deliveries.c.NextAt.is_not(None)
            connection.execute(update(deliveries).where(due).values(NextAt=utc_now()))

    def let_pass(self, time: timedelta) -> None:
        """As if all that was written down had been so much earlier."""
        kept = (
            (webhooks, ("RestUntil", "FailingSince", "LeaseUntil")),
            (deliveries, ("NextAt", "LastAt")),
        )
        with self.app.database().write() as connection:
            for table, columns in kept:
                for row in connection.execute(select(table)).mappings().all():
                    earlier = {name: row[name] and row[name] - time for name in columns}
                    connection.execute(update(table).where(table.c.Id == row["Id"]).values(earlier))

    def let_leases_run_out(self) -> None:
        with self.app.database().write() as connection:
            connection.execute(update(webhooks).values(LeaseUntil=None))

    def state(self, webhook_id: int) -> Webhook:
        with self.app.database().read() as connection:
            return webhook(connection, webhook_id)

    def log(self, webhook_id: int) -> list[Delivery]:
        """The oldest event first."""
        with self.app.database().read() as connection:
            return log_of(connection, webhook_id, NEWEST, 500)[::-1]
