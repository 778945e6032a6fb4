"""Sending events to webhooks: each by itself, so that a slow or silent receiver delays no other.

An event is posted first and noted then, so it may come twice to its receiver, with the same
`webhook-id`, and never not at all.
"""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from shared.background import NoAnswerYet, Work
from shared.configuration.secret_store import SecretStoreUnavailable
from shared.database.database import Database
from shared.database.errors import CommitUncertain, DatabaseUnreachable
from shared.events.read import read_events
from shared.webhooks.deliveries import (
    Attempted,
    Busy,
    Due,
    LeaseLost,
    Sending,
    busy_webhooks,
    give_back,
    retries,
    take,
    write,
)
from shared.webhooks.message import message_of
from shared.webhooks.post import Poster
from shared.webhooks.register import webhook
from shared.webhooks.retry import Standing, next_wait, standing_after
from shared.webhooks.signature import signed_headers
from shared.webhooks.signing_secrets import NoSigningSecret, SigningSecrets
from shared.webhooks.webhook import Answer, Webhook, WebhookNotFound

log = logging.getLogger("rowpost.webhooks")

LEASE_SECONDS = 60.0
AT_ONCE = 50
"""Events a commit."""
_MOST_SERVED = 16
_MOST_FAILING = 8
"""Of these at once: those whose receivers fail leave room for the others."""
_SECONDS_A_TURN = 20.0
_SECONDS_A_COMMIT = 0.5
_PASSING = (
    SQLAlchemyError,
    DatabaseUnreachable,
    CommitUncertain,
    SecretStoreUnavailable,
    NoSigningSecret,
    LeaseLost,
    WebhookNotFound,
)


class Means(NamedTuple):
    """What sending needs of the process around it."""

    database: Callable[[], Database]
    secrets: SigningSecrets
    allowed_hosts: Collection[str]
    clock: Callable[[], datetime]
    stop: threading.Event


class WebhookSender:
    """Sends what is due, with a thread for each webhook that has something. Safe to use from any
    thread."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._turn = threading.Lock()
        self._served: dict[int, Work[None]] = {}
        self._failing: set[int] = set()
        self._seen: dict[int, int] = {}
        """Events up to here are of no type that the webhook wants: not noted each time."""
        self._begun: dict[int, float] = {}
        """When each was served last, so that those who waited longest come first."""

    def look(self) -> None:
        """Begin to send for every webhook that has something; waits for none of them."""
        try:
            database = self._means.database()
            with database.read() as connection:
                busy = busy_webhooks(connection)
        except _PASSING as error:
            log.warning("webhooks could not be looked at: %s", type(error).__name__)
            return
        with self._turn:
            self._served = {number: work for number, work in self._served.items() if not work.ended}
            wanting = [one.webhook_id for one in busy if self._may_want(one)]
            for webhook_id in sorted(wanting, key=lambda each: self._begun.get(each, 0.0)):
                if webhook_id not in self._served and self._has_room(webhook_id):
                    self._begin(database, webhook_id)

    def finish(self, seconds: float) -> None:
        """Look once more, and wait for what is being sent, for so many seconds at most."""
        self.look()
        deadline = time.monotonic() + seconds
        with self._turn:
            at_work = list(self._served.values())
        for work in at_work:
            try:
                work.wait(deadline - time.monotonic())
            except NoAnswerYet:
                return

    def _may_want(self, busy: Busy) -> bool:
        return busy.retry_due or self._seen.get(busy.webhook_id, 0) < busy.last_number

    def _has_room(self, webhook_id: int) -> bool:
        if len(self._served) >= _MOST_SERVED:
            return False
        failing = sum(1 for number in self._served if number in self._failing)
        return webhook_id not in self._failing or failing < _MOST_FAILING

    def _begin(self, database: Database, webhook_id: int) -> None:
        self._begun[webhook_id] = time.monotonic()
        self._served[webhook_id] = Work(
            lambda: self._serve(database, webhook_id), "webhook", daemon=True
        )

    def _serve(self, database: Database, webhook_id: int) -> None:
        token = str(uuid.uuid4())
        try:
            if not self._has_something(database, webhook_id):
                return
            lease = LEASE_SECONDS
            if not database.run(lambda connection: take(connection, webhook_id, token, lease)):
                return
            self._send(database, webhook_id, token)
            database.run(lambda connection: give_back(connection, webhook_id, token))
        except _PASSING as error:
            log.warning("webhook %d waits: %s", webhook_id, type(error).__name__)
        except Exception:
            log.exception("webhook %d: an unexpected error", webhook_id)

    def _has_something(self, database: Database, webhook_id: int) -> bool:
        """Most events may be of types that this one does not want: those cost no commit."""
        with database.read() as connection:
            here = webhook(connection, webhook_id)
            if retries(connection, webhook_id, 1):
                return True
            after = max(here.last_event, self._seen.get(webhook_id, 0))
            page = read_events(connection, after, here.types or (), 1)
        if not page.items:
            self._seen[webhook_id] = page.next
        return bool(page.items)

    def _send(self, database: Database, webhook_id: int, token: str) -> None:
        """Batch by batch, as long as there is something, the receiver takes it, and it is not yet
        others' turn."""
        end = time.monotonic() + _SECONDS_A_TURN
        with database.read() as connection:
            sending = Sending(webhook(connection, webhook_id), token, LEASE_SECONDS)
        with Poster(sending.webhook.url, self._means.allowed_hosts) as poster:
            while not self._means.stop.is_set() and time.monotonic() < end:
                with database.read() as connection:
                    here = webhook(connection, webhook_id)
                    again = retries(connection, webhook_id, AT_ONCE)
                    after = max(here.last_event, self._seen.get(webhook_id, 0))
                    page = read_events(connection, after, here.types or (), AT_ONCE)
                due = [*again, *(Due(event) for event in page.items)]
                sending = sending._replace(webhook=here)
                if not due or here.url != poster.url:
                    return
                if not self._send_batch(database, sending, poster, due, page.next):
                    return

    def _send_batch(
        self, database: Database, sending: Sending, poster: Poster, due: list[Due], seen: int
    ) -> bool:
        """Whether the webhook may go on."""
        here, attempted = sending.webhook, list[Attempted]()
        standing = Standing(here.failures, here.failing_since)
        end = time.monotonic() + _SECONDS_A_COMMIT
        goes_on = True
        for each in due:
            answer = self._post(here, each, poster)
            standing = standing_after(
                standing.failures, standing.failing_since, answer, self._means.clock(), _chance()
            )
            wait = None if answer.delivered else next_wait(each.attempts + 1, answer, _chance())
            attempted.append(Attempted(each, answer, wait))
            goes_on = standing.rest is None and standing.disable is None
            if not goes_on or time.monotonic() > end or self._means.stop.is_set():
                break
        last = _looked_at(here, due, attempted, seen)
        database.run(lambda connection: write(connection, sending, attempted, standing, last))
        self._tell(here, standing)
        return goes_on

    def _post(self, here: Webhook, due: Due, poster: Poster) -> Answer:
        message = message_of(due.event, here.token)
        now = self._means.clock()
        signing = self._means.secrets.of(here.token, now)
        headers = signed_headers(message.id, int(now.timestamp()), message.body, signing)
        return poster.post(message.body, headers)

    def _tell(self, here: Webhook, standing: Standing) -> None:
        if standing.failures:
            self._failing.add(here.id)
        else:
            self._failing.discard(here.id)
        if standing.disable is not None:
            log.error("webhook %d is turned off: %s", here.id, standing.disable)


def _looked_at(here: Webhook, due: list[Due], attempted: list[Attempted], seen: int) -> int:
    """Up to which event it has been served: all that was found, or the last one that was posted."""
    if len(attempted) == len(due):
        return max(here.last_event, seen)
    new = [one.due.event.id for one in attempted if one.due.delivery_id is None]
    return max(here.last_event, *new, 0)


def _chance() -> float:
    return random.random()
