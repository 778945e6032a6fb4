"""One line in the log for each request, by its route: no secret of an address gets there."""

from __future__ import annotations

import logging
import time

log = logging.getLogger("rowpost.api")


def log_answer(method: str, route: str, status: int, began: float) -> None:
    """Log how a request that began then (`time.monotonic`) was answered."""
    duration = round((time.monotonic() - began) * 1000, 1)
    log.info(
        "%s %s %d in %.0f ms",
        method,
        route,
        status,
        duration,
        extra={"method": method, "route": route, "status": status, "durationMs": duration},
    )
