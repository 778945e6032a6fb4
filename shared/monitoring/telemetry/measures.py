"""What is counted and measured, under the names that the workbook, the alerts and the docs know."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from shared.outbox.sending.finish import Outcome

_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 14400, 86400)
_EMAILS_A_SECOND = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000)
_COUNTERS = {
    Outcome.SENT: ("sent", "Emails that a mail server has accepted."),
    Outcome.FAILED: ("failed", "Emails that were given up."),
    Outcome.RETRY: ("retried", "Attempts after which an email is tried again."),
    Outcome.UNKNOWN: ("unknown", "Emails that may have been sent or not."),
}
# The tick reads the queue each minute. What was read longer ago says nothing of now.
_READING_GOOD_FOR = 150.0


class QueueReading(NamedTuple):
    """The queue as a tick has found it."""

    depth: int
    """Emails that wait."""
    oldest_waiting_seconds: int
    """How long the one that was stored first has waited; 0 when none waits."""
    usage: Mapping[str, float]
    """Of each account with limits, by its code: the share of its fullest window that is used."""


class Measures:
    """The instruments. A dimension is an account's code and nothing else. Safe from any thread."""

    def __init__(self, meter: Meter) -> None:
        self._reading: QueueReading | None = None
        self._read_at = 0.0
        self._counters = {
            outcome: meter.create_counter(f"rowpost.emails.{name}", "{email}", description)
            for outcome, (name, description) in _COUNTERS.items()
        }
        self._delivery = meter.create_histogram(
            "rowpost.delivery.seconds",
            "s",
            "From stored to accepted by the mail server.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._rate = meter.create_histogram(
            "rowpost.drain.rate",
            "{email}/s",
            "Emails a second of each run that sent any.",
            explicit_bucket_boundaries_advisory=_EMAILS_A_SECOND,
        )
        meter.create_observable_gauge(
            "rowpost.queue.depth",
            [self._depth],
            "{email}",
            "Emails that wait, counted up to 10,000.",
        )
        meter.create_observable_gauge(
            "rowpost.queue.oldest_waiting_seconds",
            [self._oldest],
            "s",
            "How long the email that was stored first has waited.",
        )
        meter.create_observable_gauge(
            "rowpost.account.usage",
            [self._usage],
            "1",
            "The share that is used of an account's fullest limit: 1 is all of it.",
        )

    def ended(self, account: str, outcome: Outcome, number: int = 1) -> None:
        """So many attempts over this account came to this."""
        if (counter := self._counters.get(outcome)) is not None and number:
            counter.add(number, {"account": account})

    def delivered(self, account: str, seconds: float) -> None:
        """An email was accepted, so long after it was stored."""
        self._delivery.record(seconds, {"account": account})

    def drained(self, emails: int, seconds: float) -> None:
        """A run has tried so many emails in so long a time."""
        if emails and seconds > 0:
            self._rate.record(emails / seconds)

    def queue_is(self, reading: QueueReading) -> None:
        """What the queue is like now."""
        self._reading, self._read_at = reading, time.monotonic()

    def _latest(self) -> Iterator[QueueReading]:
        if self._reading is not None and time.monotonic() - self._read_at < _READING_GOOD_FOR:
            yield self._reading

    def _depth(self, options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(one.depth) for one in self._latest()]

    def _oldest(self, options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(one.oldest_waiting_seconds) for one in self._latest()]

    def _usage(self, options: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(used, {"account": code})
            for one in self._latest()
            for code, used in one.usage.items()
        ]
