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
from shared.webhooks.connections import Connections
from shared.webhooks.deliveries import (
    Attempted,
    Due,
    Sending,
    give_back,
    pass_over,
    posted_beyond,
    retries,
    take,
    write,
)
from shared.webhooks.message import message_of
from shared.webhooks.post import Poster
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


class Target(NamedTuple):
    """A webhook, and what its turns have in common."""

    webhook_id: int
    database: Database
    connections: Connections


def take_turn(
    means: Means, target: Target, seen: int, others_wait: Callable[[], bool]
) -> Place | None:
    """Send what a webhook has due, `seen` being known of it; None: somebody else does.

    Where others wait for their turn this one ends early. Raises what the database and the secret
    store raise, NoSigningSecret, LeaseLost and WebhookNotFound.
    """
    webhook_id, database, _ = target
    passed = _passed_over(database, webhook_id, seen)
    if passed is not None:
        return passed
    token = str(uuid.uuid4())
    if not database.run(lambda connection: take(connection, webhook_id, token, LEASE_SECONDS)):
        return None
    turn = _Turn(means, target, token)
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

    def __init__(self, means: Means, target: Target, token: str) -> None:
        self._means = means
        self._webhook_id, self._database, self._connections = target
        self._token = token
        self._judging = threading.Lock()
        self._standing = WELL
        self._slowest_ms = 0
        """Of the answers of the last batch."""

    @property
    def keeps_waiting(self) -> bool:
        return self._standing.failures > 0 or self._slowest_ms >= _VERY_SLOW_MS

    def send(self, seen: int, others_wait: Callable[[], bool]) -> int:
        """Batch by batch, as long as there is something, the receiver takes it, and it is not yet
        others' turn; answers up to where events have been looked at."""
        began = time.monotonic()
        while not self._means.stop.is_set():
            with self._database.read() as connection:
                here = webhook(connection, self._webhook_id)
                again = retries(connection, here.id, EVENTS_A_COMMIT)
                after = max(here.last_event, seen)
                page = read_events(connection, after, here.types or (), EVENTS_A_COMMIT)
                posted = posted_beyond(connection, here.id, after)
            if not (again or page.items):
                break
            new = [Due(event) for event in page.items if event.id not in posted]
            seen = self._send_batch(here, [*again, *new], page.next)
            most = _SECONDS_WHERE_OTHERS_WAIT if others_wait() else _SECONDS_A_TURN
            if self._must_rest or time.monotonic() - began > most:
                break
        return seen

    @property
    def _must_rest(self) -> bool:
        return self._standing.rest is not None or self._standing.disable is not None

    def _send_batch(self, here: Webhook, due: Sequence[Due], found_up_to: int) -> int:
        """Post these and note what came of it; answers up to where events have been looked at."""
        self._standing = Standing(here.failures, here.failing_since)
        attempted = self._post_all(here, due)
        seen = max(here.last_event, looked_at(due, attempted, found_up_to))
        sending = Sending(here, self._token, LEASE_SECONDS)
        standing = self._standing
        self._database.run(lambda connection: write(connection, sending, attempted, standing, seen))
        if standing.disable is not None:
            log.error("webhook %d is turned off: %s", here.id, standing.disable)
        return seen

    def _post_all(self, here: Webhook, due: Sequence[Due]) -> list[Attempted]:
        """Post them until the receiver wants a rest or half a second is over: in their order, and
        over several connections to one that turns out to be slow."""
        attempted = list[Attempted]()
        signing = self._means.secrets.of(here.token, self._means.clock())
        end = time.monotonic() + _SECONDS_A_COMMIT
        self._connections.lead_to(here.url)
        was_slow, self._slowest_ms = self._slowest_ms >= _SLOW_MS, 0

        def post(poster: Poster, each: Due) -> bool:
            answer = poster.post(*self._signed(here, each, signing))
            with self._judging:
                attempted.append(self._judged(each, answer))
                self._slowest_ms = max(self._slowest_ms, answer.duration_ms)
                return not (self._must_rest or time.monotonic() > end or self._means.stop.is_set())

        for place, each in enumerate(due):
            is_slow = was_slow or self._slowest_ms >= _SLOW_MS
            if is_slow and self._standing.failures == 0:
                self._connections.in_parallel(by_email(due[place:]), post)
                break
            if not post(self._connections.first, each):
                break
        return attempted

    def _signed(
        self, here: Webhook, due: Due, signing: Sequence[str]
    ) -> tuple[bytes, dict[str, str]]:
        message = message_of(due.event, here.token)
        now = int(self._means.clock().timestamp())
        return message.body, signed_headers(message.id, now, message.body, signing)

    def _judged(self, due: Due, answer: Answer) -> Attempted:
        before = self._standing
        after = standing_after(
            before.failures, before.failing_since, answer, self._means.clock(), _chance()
        )
        # What was under way beside one that failed says nothing new of the receiver, but 410.
        if not self._must_rest or after.disable is not None:
            self._standing = after
        wait = None if answer.delivered else next_wait(due.attempts + 1, answer, _chance())
        return Attempted(due, answer, wait)


def by_email(due: Sequence[Due]) -> list[list[Due]]:
    """The same in a row for each email, or for what is about none: those of one stay in order."""
    rows: dict[int | None, list[Due]] = {}
    for each in due:
        rows.setdefault(each.event.event.email_id, []).append(each)
    return list(rows.values())


def looked_at(due: Sequence[Due], attempted: Sequence[Attempted], found_up_to: int) -> int:
    """Up to which event all were attempted that had not been before; some beyond may have been."""
    done = {attempt.due.event.id for attempt in attempted}
    new = [each.event.id for each in due if each.delivery_id is None]
    left = [event_id for event_id in new if event_id not in done]
    return min(left) - 1 if left else found_up_to


def _chance() -> float:
    return random.random()
