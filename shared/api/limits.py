"""How often an endpoint may be called, and by what a caller is counted."""

from __future__ import annotations

from shared.api.caller import Caller
from shared.app import application
from shared.security.limits import Limit

Limits = tuple[Limit, ...] | None
"""An endpoint's own limits, counted apart; None: those that all others share; (): no limit."""


def count_request(caller: Caller, endpoint: str, limits: Limits) -> None:
    """Count a request of `endpoint`. Raises TooManyRequests."""
    counting = application().limits
    if counting is None:
        return
    who = f"user {caller.username}" if caller.username else f"address {caller.origin}"
    if limits is None:
        counting.count(who, (_shared_limit(caller),))
    else:
        counting.count(f"{endpoint} {who}", limits)


def _shared_limit(caller: Caller) -> Limit:
    settings = application().settings
    a_minute = settings.user_requests if caller.username else settings.anonymous_requests
    return Limit(a_minute, 60)
