"""When an event is tried again, when a webhook rests, and when it is turned off. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from shared.webhooks.webhook import Answer

_MINUTE, _HOUR = 60.0, 3_600.0
WAITS = (5.0, 5 * _MINUTE, 30 * _MINUTE, *(hours * _HOUR for hours in (2, 5, 10, 14, 20, 24)))
"""Seconds between the attempts at one event: the specification's, 75 hours in all."""
RESTS = (5.0, 15.0, 30.0, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE)
"""Seconds that a webhook rests whose receiver takes nothing: one attempt tells whether it is back,
instead of one for each event."""
FAILURES_TO_REST = 3
DISABLED_AFTER = timedelta(days=5)
LONGEST_WISH = 24 * _HOUR
GONE = 410
_OVERLOADED = (429, 502, 503, 504)
_SPREAD = 0.2


class Standing(NamedTuple):
    """How a webhook stands after an attempt: failures in a row and since when, the seconds that it
    rests, and why it is to be turned off."""

    failures: int
    failing_since: datetime | None
    rest: float | None = None
    disable: str | None = None


WELL = Standing(0, None)


def next_wait(attempts: int, answer: Answer, chance: float) -> float | None:
    """Seconds until the next attempt after so many; None: that was the last. `chance` is from 0 to
    1 and spreads them. A receiver may ask for more, up to a day."""
    if attempts > len(WAITS):
        return None
    return max(_spread(WAITS[attempts - 1], chance), min(answer.retry_after or 0.0, LONGEST_WISH))


def standing_after(
    failures: int, failing_since: datetime | None, answer: Answer, now: datetime, chance: float
) -> Standing:
    """How a webhook stands that had failed so often before this answer."""
    if answer.delivered:
        return WELL
    failures, since = failures + 1, failing_since or now
    if answer.status == GONE:
        return Standing(failures, since, disable="its receiver says 410 Gone")
    if now - since >= DISABLED_AFTER:
        days = DISABLED_AFTER.days
        return Standing(
            failures, since, disable=f"nothing was taken for {days} days: {answer.fault}"
        )
    silent = answer.status is None or answer.status in _OVERLOADED
    if not silent and failures < FAILURES_TO_REST:
        return Standing(failures, since)
    rests = failures - (1 if silent else FAILURES_TO_REST)
    rest = _spread(RESTS[min(rests, len(RESTS) - 1)], chance)
    return Standing(failures, since, max(rest, min(answer.retry_after or 0.0, RESTS[-1])))


def _spread(seconds: float, chance: float) -> float:
    return seconds * (1 + _SPREAD * chance)
