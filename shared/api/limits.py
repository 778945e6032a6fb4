"""How often an endpoint may be called, and by what a caller is counted."""

from __future__ import annotations

from shared.api.caller import Caller
from shared.application import application
from shared.security.limits import Limit

Limits = tuple[Limit, ...] | None
"""An endpoint's own limits, counted apart; None: those that all others share; (): no limit."""

BY_ADDRESS = (Limit(60, 60),)
"""Without a login: 60 requests a minute from an address."""

BY_USER = (Limit(600, 60),)
"""With a login: 600 requests a minute of a user."""


def count_request(caller: Caller, endpoint: str, limits: Limits) -> None:
    """Count a request of `endpoint`. Raises TooManyRequests."""
    counting = application().limits
    if counting is None:
        return
    who = f"user {caller.username}" if caller.username else f"address {caller.origin}"
    if limits is None:
        counting.count(who, BY_USER if caller.username else BY_ADDRESS)
    else:
        counting.count(f"{endpoint} {who}", limits)
