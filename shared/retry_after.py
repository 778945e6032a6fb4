"""`Retry-After`: how long a server wants to be left alone (RFC 9110, section 10.2.3). Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 86_400.0
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)


def seconds_of(written: str | None) -> float | None:
    """Seconds from now, a day at most; None where it says nothing that can be read, or a time that
    is over. Digits or a date; a fraction is taken too, since some write one."""
    text = (written or "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_SECONDS)
    try:
        at = parsedate_to_datetime(text)
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    left = seconds.total_seconds()
    return min(left, LONGEST_SECONDS) if left >= 0 else None
