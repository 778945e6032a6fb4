"""One webhook's turn: its events posted and noted, batch by batch, under a lease.

An event is posted first and noted then, so it may come twice to its receiver, with the same
`webhook-id`, and never not at all.
"""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from shared.database.database import Database
from shared.events.read import read_events
from shared.webhooks.connections import MOST_AT_ONCE, Connections, Request
from shared.webhooks.deliveries import (
    Attempted,
    Due,
    Sending,
    give_back,
    pass_over,
    retries,
    take,
    write,
)
from shared.webhooks.message import message_of
from shared.webhooks.register import webhook
from shared.webhooks.retry import WELL, Standing, next_wait, standing_after
from shared.webhooks.signature import signed_headers
from shared.webhooks.signing_secrets import SigningSecrets
from shared.webhooks.webhook import Answer, Webhook

log = logging.getLogger("rowpost.webhooks")

LEASE_SECONDS = 60.0
EVENTS_A_COMMIT = 50
_SECONDS_A_TURN = 20.0
_SECONDS_WHERE_OTHERS_WAIT = 1.0
_SECONDS_A_COMMIT = 0.5
_SLOW_MS = 20
"""A receiver that takes longer is posted to over several connections."""
_VERY_SLOW_MS = 1_000
_PASSED_OVER_AT_ONCE = 1_000


class Means(NamedTuple):
    """What sending needs of the process around it."""

    database: Callable[[], Database]
    secrets: SigningSecrets
    allowed_hosts: Collection[str]
    clock: Callable[[], datetime]
    stop: threading.Event


class Place(NamedTuple):
    """Where a turn has ended: all events up to `seen` have been looked at, and `is_noted`: the
    database says so. `keeps_waiting`: the receiver fails or is very slow."""

    seen: int
    is_noted: bool
    keeps_waiting: bool


def take_turn(
    means: Means,
    database: Database,
    webhook_id: int,
    seen: int,
    others_wait: Callable[[], bool],
) -> Place | None:
    """Send what a webhook has due, `seen` being known of it; None: somebody else does.

    Where others wait for their turn this one ends early. Raises what the database and the secret
    store raise, NoSigningSecret, LeaseLost and WebhookNotFound.
    """
    passed = _passed_over(database, webhook_id, seen)
    if passed is not None:
        return passed
    token = str(uuid.uuid4())
    if not database.run(lambda connection: take(connection, webhook_id, token, LEASE_SECONDS)):
        return None
    turn = _Turn(means, database, webhook_id, token)
    reached = turn.send(seen, others_wait)
    database.run(lambda connection: give_back(connection, webhook_id, token))
    return Place(reached, is_noted=True, keeps_waiting=turn.keeps_waiting)


def _passed_over(database: Database, webhook_id: int, seen: int) -> Place | None:
    """Where it stands, if nothing is due: most events may be of types that it does not want. Those
    cost no commit, unless there are many."""
    with database.read() as connection:
        here = webhook(connection, webhook_id)
        if retries(connection, webhook_id, 1):
            return None
        page = read_events(connection, max(here.last_event, seen), here.types or (), 1)
    if page.items:
        return None
    many = page.next - here.last_event >= _PASSED_OVER_AT_ONCE
    if many:
        database.run(lambda connection: pass_over(connection, webhook_id, page.next))
    return Place(page.next, is_noted=many, keeps_waiting=False)


class _Turn:
    """The turn of one webhook under this lease."""

    def __init__(self, means: Means, database: Database, webhook_id: int, token: str) -> None:
        self._means = means
        self._database = database
        self._webhook_id = webhook_id
        self._token = token
        self._standing = WELL
        self._slowest_ms = 0
        """Of the last answers."""

    @property
    def keeps_waiting(self) -> bool:
        return self._standing.failures > 0 or self._slowest_ms >= _VERY_SLOW_MS

    def send(self, seen: int, others_wait: Callable[[], bool]) -> int:
        """Batch by batch, as long as there is something, the receiver takes it, and it is not yet
        others' turn; answers up to where events have been looked at."""
        began = time.monotonic()
        with self._database.read() as connection:
            url = webhook(connection, self._webhook_id).url
        with Connections(url, self._means.allowed_hosts) as connections:
            while not self._means.stop.is_set():
                with self._database.read() as connection:
                    here = webhook(connection, self._webhook_id)
                    again = retries(connection, here.id, EVENTS_A_COMMIT)
                    after = max(here.last_event, seen)
                    page = read_events(connection, after, here.types or (), EVENTS_A_COMMIT)
                due = [*again, *(Due(event) for event in page.items)]
                if not due or here.url != url:
                    break
                seen = self._send_batch(here, connections, due, page.next)
                most = _SECONDS_WHERE_OTHERS_WAIT if others_wait() else _SECONDS_A_TURN
                if self._must_rest or time.monotonic() - began > most:
                    break
        return seen

    @property
    def _must_rest(self) -> bool:
        return self._standing.rest is not None or self._standing.disable is not None

    def _send_batch(
        self, here: Webhook, connections: Connections, due: Sequence[Due], found_up_to: int
    ) -> int:
        """Post these and note what came of it; answers up to where events have been looked at."""
        self._standing = Standing(here.failures, here.failing_since)
        attempted = self._post_all(here, connections, due)
        if len(attempted) == len(due):
            seen = max(here.last_event, found_up_to)
        else:
            new = [one.due.event.id for one in attempted if one.due.delivery_id is None]
            seen = max(here.last_event, *new, 0)
        sending = Sending(here, self._token, LEASE_SECONDS)
        standing = self._standing
        self._database.run(lambda connection: write(connection, sending, attempted, standing, seen))
        if standing.disable is not None:
            log.error("webhook %d is turned off: %s", here.id, standing.disable)
        return seen

    def _post_all(
        self, here: Webhook, connections: Connections, due: Sequence[Due]
    ) -> list[Attempted]:
        """Post them in their order, until the receiver wants a rest or half a second is over."""
        attempted = list[Attempted]()
        signing = self._means.secrets.of(here.token, self._means.clock())
        end = time.monotonic() + _SECONDS_A_COMMIT
        while len(attempted) < len(due):
            some = at_once(due[len(attempted) :], self._most_at_once)
            answers = connections.post([self._signed(here, each, signing) for each in some])
            self._slowest_ms = max(answer.duration_ms for answer in answers)
            for each, answer in zip(some, answers, strict=True):
                attempted.append(self._judged(each, answer))
            if self._must_rest or time.monotonic() > end or self._means.stop.is_set():
                break
        return attempted

    @property
    def _most_at_once(self) -> int:
        """One event tells whether a receiver takes anything, and how fast it is."""
        slow = self._slowest_ms >= _SLOW_MS and self._standing.failures == 0
        return MOST_AT_ONCE if slow else 1

    def _signed(self, here: Webhook, due: Due, signing: Sequence[str]) -> Request:
        message = message_of(due.event, here.token)
        now = int(self._means.clock().timestamp())
        return Request(message.body, signed_headers(message.id, now, message.body, signing))

    def _judged(self, due: Due, answer: Answer) -> Attempted:
        before = self._standing
        self._standing = standing_after(
            before.failures, before.failing_since, answer, self._means.clock(), _chance()
        )
        wait = None if answer.delivered else next_wait(due.attempts + 1, answer, _chance())
        return Attempted(due, answer, wait)


def at_once(due: Sequence[Due], most: int) -> list[Due]:
    """The first ones, so many at most, each about another email: those of one stay in order."""
    emails = set[int | None]()
    first = list[Due]()
    for each in due[:most]:
        email_id = each.event.event.email_id
        if email_id in emails:
            break
        emails.add(email_id)
        first.append(each)
    return first


def _chance() -> float:
    return random.random()
