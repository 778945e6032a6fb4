"""Who is let in, and how often: looked at before anything of a request's body is."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from shared.api.caller import (
    Caller,
    authenticate,
    authenticate_or_trust,
    caller_address,
    holder_of,
    require,
)
from shared.api.errors import ApiError
from shared.api.limits import Limits, count_before_parsing, count_request, is_over
from shared.errors import RowpostError
from shared.security.roles import Role
from shared.security.tokens import InvalidToken


class Who(Enum):
    """Who may call an endpoint that asks for no particular role."""

    ANYONE = auto()
    ANY_LOGIN = auto()
    LOGIN_OPTIONAL = auto()
    """Anyone, who is somebody in particular where a token or key comes along."""
    KEY_IN_BODY = auto()
    """Whoever may send, by the key that a KeyedInput holds."""
    SERVICE_OR_TRUSTED = auto()
    """The role `service`, or whoever has a token of the service that the settings trust."""


OPEN_DOORS = frozenset({Who.ANYONE, Who.LOGIN_OPTIONAL, Who.KEY_IN_BODY})
"""Of these nobody knows who calls before the body is read."""


class Door(NamedTuple):
    """What is asked of whoever calls an endpoint, by whose name the requests are counted."""

    endpoint: str
    who: Role | Who
    limits: Limits = None


def admit(door: Door, headers: Mapping[str, str]) -> Caller:
    """The caller, who may call this, and not too often. One who proves nothing counts as anyone.

    Raises ApiError, InvalidToken, TooManyRequests, and what keeps a key's database away.
    """
    anyone = Caller(address=caller_address(headers))
    nobody = door.who is Who.LOGIN_OPTIONAL and not headers.get("authorization", "").strip()
    if door.who is Who.ANYONE or nobody:
        count_request(anyone, door.endpoint, door.limits)
        return anyone
    try:
        caller = _authenticated(door.who, headers)
    except (ApiError, InvalidToken):
        count_request(anyone, door.endpoint, door.limits)
        raise
    count_request(caller, door.endpoint, door.limits)
    _require(door.who, caller)
    return caller


def is_welcome(door: Door, headers: Mapping[str, str]) -> bool:
    """Whether `admit` would let this caller in, so that a body is worth reading. Counts nothing."""
    anyone = Caller(address=caller_address(headers))
    if door.who in OPEN_DOORS:
        return not is_over(anyone, door.endpoint, door.limits)
    try:
        caller = _authenticated(door.who, headers)
        _require(door.who, caller)
    except (RowpostError, SQLAlchemyError):
        return False
    return not is_over(caller, door.endpoint, door.limits)


def knock(door: Door, headers: Mapping[str, str]) -> Caller:
    """Whoever wants to show a key in a body, which is about to be parsed.

    Counted as generously as a user: `admit_holder` counts those who turn out to have none as
    anyone. Raises TooManyRequests.
    """
    anyone = Caller(address=caller_address(headers))
    count_before_parsing(anyone, door.endpoint)
    return anyone


def admit_holder(door: Door, anyone: Caller, key: str) -> Caller:
    """The holder of a key that was shown in a body. Raises as `admit`."""
    try:
        caller = holder_of(key, anyone.address)
    except ApiError:
        count_request(anyone, door.endpoint, door.limits)
        raise
    count_request(caller, door.endpoint, door.limits)
    require(caller, Role.SERVICE)
    return caller


def _authenticated(who: Role | Who, headers: Mapping[str, str]) -> Caller:
    if who is Who.SERVICE_OR_TRUSTED:
        return authenticate_or_trust(headers)
    return authenticate(headers)


def _require(who: Role | Who, caller: Caller) -> None:
    if isinstance(who, Role):
        require(caller, who)
    if who is Who.SERVICE_OR_TRUSTED and not caller.trusted:
        require(caller, Role.SERVICE)
