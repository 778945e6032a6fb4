"""Sending events to webhooks: each by itself, so that a slow or silent receiver delays no other."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from shared.background import OneEach, Soon
from shared.configuration.secret_store import SecretStoreUnavailable
from shared.database.database import Database
from shared.database.errors import CommitUncertain, DatabaseUnreachable
from shared.webhooks.connections import Connections
from shared.webhooks.deliveries import Busy, LeaseLost, busy_webhooks, pass_over, soon_due
from shared.webhooks.signing_secrets import NoSigningSecret
from shared.webhooks.turn import Means, Target, take_turn
from shared.webhooks.webhook import WebhookNotFound

log = logging.getLogger("rowpost.webhooks")

MOST_SERVED = 16
_MOST_KEEPING_WAITING = 8
"""Of these at once: those whose receivers fail or are very slow leave room for the others."""
_SECONDS_BETWEEN_LOOKS = 0.25
_SECONDS_TO_CLOSE = 1.0
_SECONDS_TO_STAY = 30.0
"""What is due again within these is not left to the next tick."""
_PASSING = (
    SQLAlchemyError,
    DatabaseUnreachable,
    CommitUncertain,
    SecretStoreUnavailable,
    NoSigningSecret,
    LeaseLost,
    WebhookNotFound,
)


class WebhookSender:
    """Sends what is due, with a thread for each webhook that has something. Safe to use from any
    thread."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._turn = threading.Lock()
        self._known: _Known | None = None
        self._drains = 0
        self._is_closed = False
        self._is_away = False
        """The database did not answer the last look: that was logged."""
        self._news = threading.Event()
        """Set when there is no need to wait for the next look."""
        self._at_work = threading.Lock()
        self._soon = Soon(self._go_on, "webhooks")

    def ask(self) -> None:
        """Send what is due, beside whatever the caller does next, until nothing is left."""
        self._is_closed = False
        self._news.set()
        self._soon.ask()

    @contextmanager
    def during(self) -> Iterator[None]:
        """While the block runs, webhooks get what happens within a second; what is left at its end
        goes on beside whatever comes then."""
        with self._turn:
            self._drains += 1
        self.ask()
        try:
            yield
        finally:
            with self._turn:
                self._drains -= 1
            self._news.set()
            self._soon.ask()

    def look(self) -> bool:
        """Begin to send for every webhook that has something, and wait for none of them; whether
        there is one."""
        try:
            database = self._means.database()
            with database.read() as connection:
                busy = busy_webhooks(connection)
        except _PASSING as error:
            if not self._is_away:
                log.warning("webhooks could not be looked at: %s", type(error).__name__)
            self._is_away = True
            return False
        self._is_away = False
        with self._turn:
            if self._known is None or self._known.database is not database:
                if self._known is not None:
                    self._known.hang_up(0)
                self._known = _Known(self._means, database)
            return self._known.begin(busy)

    def finish(self, seconds: float) -> None:
        """Look once more, and wait for what is being sent, for so many seconds at most: before the
        process ends."""
        self.look()
        with self._turn:
            known = self._known
        if known is not None:
            known.served.wait(seconds)
        self._hang_up()

    def close(self) -> None:
        """Look no more until asked again; a look that goes on is waited for, for a second."""
        self._is_closed = True
        self._news.set()
        if self._at_work.acquire(timeout=_SECONDS_TO_CLOSE):
            self._at_work.release()

    def _go_on(self) -> None:
        """Look four times a second, as long as a drain goes on or something is left to send."""
        has_sent = False
        with self._at_work:
            while not (self._is_closed or self._means.stop.is_set()):
                self._news.clear()
                is_busy = self.look()
                has_sent = has_sent or is_busy
                if not (is_busy or self._drains or (has_sent and self._is_due_soon())):
                    self._note_places()
                    break
                self._news.wait(_SECONDS_BETWEEN_LOOKS)
        self._hang_up()

    def _hang_up(self) -> None:
        with self._turn:
            if self._known is not None:
                self._known.hang_up(0)

    def _is_due_soon(self) -> bool:
        try:
            with self._means.database().read() as connection:
                return soon_due(connection, _SECONDS_TO_STAY)
        except _PASSING:
            return False

    def _note_places(self) -> None:
        """So that nobody looks through events again of which a webhook wants none."""
        with self._turn:
            known = self._known
            unnoted = {} if known is None else known.take_unnoted()
        if known is None or not unnoted:
            return
        try:
            for webhook_id, seen in unnoted.items():
                known.database.run(partial(pass_over, webhook_id=webhook_id, seen=seen))
        except _PASSING as error:
            log.warning("webhooks look through events again: %s", type(error).__name__)


class _Known:
    """What one process knows of the webhooks of one database."""

    def __init__(self, means: Means, database: Database) -> None:
        self.database = database
        self.served = OneEach("webhook")
        self._means = means
        self._slow: set[int] = set()
        """Their receivers fail or keep others waiting."""
        self._seen: dict[int, int] = {}
        """Events up to here have been looked at, though the database may not say so yet."""
        self._unnoted: set[int] = set()
        self._begun: dict[int, float] = {}
        """When each was served last, so that those who waited longest come first."""
        self._no_room = False
        self._connections: dict[int, Connections] = {}

    def begin(self, busy: list[Busy]) -> bool:
        """Serve those that may want something; whether any is served or waits for room."""
        served = set(self.served.keys())
        wanting = [each.webhook_id for each in busy if self._may_want(each)]
        no_room = False
        for webhook_id in sorted(wanting, key=lambda each: self._begun.get(each, 0.0)):
            if webhook_id in served:
                continue
            if self._has_room(webhook_id, served):
                self._begin(webhook_id)
                served.add(webhook_id)
            else:
                no_room = True
        self._no_room = no_room
        self.hang_up(MOST_SERVED)
        return bool(served) or no_room

    def hang_up(self, most: int) -> None:
        """Close the connections to receivers that get nothing now, but for so many: those that got
        something last."""
        served = self.served.keys()
        idle = [number for number in self._connections if number not in served]
        idle.sort(key=lambda each: self._begun.get(each, 0.0), reverse=True)
        for webhook_id in idle[most:]:
            self._connections.pop(webhook_id).close()

    def take_unnoted(self) -> dict[int, int]:
        """Places that the database does not know yet; from now on somebody else sees to that."""
        found = {webhook_id: self._seen[webhook_id] for webhook_id in tuple(self._unnoted)}
        self._unnoted.clear()
        return found

    def _may_want(self, busy: Busy) -> bool:
        return busy.retry_due or self._seen.get(busy.webhook_id, 0) < busy.last_number

    def _has_room(self, webhook_id: int, served: set[int]) -> bool:
        if len(served) >= MOST_SERVED:
            return False
        return webhook_id not in self._slow or len(served & self._slow) < _MOST_KEEPING_WAITING

    def _begin(self, webhook_id: int) -> None:
        self._begun[webhook_id] = time.monotonic()
        connections = self._connections.setdefault(
            webhook_id, Connections(self._means.allowed_hosts)
        )
        target = Target(webhook_id, self.database, connections)
        self.served.begin(webhook_id, lambda: self._serve(target))

    def _serve(self, target: Target) -> None:
        webhook_id = target.webhook_id
        try:
            seen = self._seen.get(webhook_id, 0)
            place = take_turn(self._means, target, seen, lambda: self._no_room)
        except _PASSING as error:
            log.warning("webhook %d waits: %s", webhook_id, type(error).__name__)
            return
        except Exception:
            log.exception("webhook %d: an unexpected error", webhook_id)
            return
        if place is None:
            return
        self._seen[webhook_id] = place.seen
        (self._unnoted.discard if place.is_noted else self._unnoted.add)(webhook_id)
        (self._slow.add if place.keeps_waiting else self._slow.discard)(webhook_id)
