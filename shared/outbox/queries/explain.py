"""What became of an email, in one sentence. Pure.

`rowpost.explain` says the same in the database; `tests/database_mail/explained.json` has the cases.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from shared.outbox.states import Status


class Known(NamedTuple):
    """What is known of an email: where it stands, when it ended, how many tries it has behind it
    that failed for now, and when the next one is. `reason`: its own, else its last reply."""

    status: Status
    ended_at: datetime | None = None
    tries: int = 0
    next_try: datetime | None = None
    reason: str | None = None


def explain(email_id: int, known: Known) -> str:
    """The sentence. Times are UTC."""
    why = f": {known.reason}" if known.reason else ""
    return f"Email {email_id} {_became(known)}{why}."


def _became(known: Known) -> str:
    match known.status:
        case Status.SENT:
            return f"was accepted by the mail server{_at(known.ended_at)}"
        case Status.FAILED:
            return f"failed{_at(known.ended_at)}"
        case Status.CANCELLED:
            return "was taken back before it was sent"
        case Status.UNKNOWN:
            return (
                "may have arrived or not: the connection ended before the mail server's reply, "
                "and somebody has to decide"
            )
        case Status.SENDING:
            return "is on its way"
        case Status.HELD:
            return "is held"
        case Status.RETRY:
            return f"waits for its next try{_at(known.next_try)}, after {known.tries} that failed"
        case Status.QUEUED:
            return "waits to be sent"


def _at(time: datetime | None) -> str:
    return f" at {time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if time else ""
