"""How often an endpoint may be called, and by what a caller is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.api.caller import Caller, caller_address
from shared.app import application
from shared.security.limits import Limit

Limits = tuple[Limit, ...] | None
"""An endpoint's own limits, counted apart; None: those that all others share; (): no limit."""


def count_request(caller: Caller, endpoint: str, limits: Limits) -> None:
    """Count a request of `endpoint`. Raises TooManyRequests."""
    counting = application().limits
    if counting is not None:
        counting.count(*_counted_as(caller, endpoint, limits))


def count_anyone(headers: Mapping[str, str]) -> None:
    """Count what no endpoint answers: another path or method. Raises TooManyRequests."""
    count_request(Caller(caller_address(headers)), "", None)


def count_before_parsing(caller: Caller, endpoint: str) -> None:
    """Count a body that has to be parsed before its caller is known. Raises TooManyRequests."""
    count_request(caller, endpoint, (Limit(application().settings.user_requests, 60),))


def is_over(caller: Caller, endpoint: str, limits: Limits) -> bool:
    """Whether `count_request` would refuse now; counts nothing."""
    counting = application().limits
    return counting is not None and counting.is_over(*_counted_as(caller, endpoint, limits))


def _counted_as(caller: Caller, endpoint: str, limits: Limits) -> tuple[str, Sequence[Limit]]:
    who = f"user {caller.username}" if caller.username else f"address {caller.origin}"
    if limits is None:
        return who, (_shared_limit(caller),)
    return f"{endpoint} {who}", limits


def _shared_limit(caller: Caller) -> Limit:
    settings = application().settings
    a_minute = settings.user_requests if caller.username else settings.anonymous_requests
    return Limit(a_minute, 60)
