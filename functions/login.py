"""Log in, ask who a token belongs to, log out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic.config import JsonDict

from shared.api.admission import Who
from shared.api.caller import Caller
from shared.api.endpoint import Request, Room, Routes
from shared.api.errors import ApiError
from shared.api.login import LOGIN_LIMIT
from shared.api.login import log_in as session
from shared.api.models import Answer, Input, Timestamp, example
from shared.app import application
from shared.security import passwords
from shared.security.roles import Role

routes = Routes()

# 72 bytes in UTF-8, in the words that a JSON Schema has.
_SHORT: JsonDict = {"maxLength": 72, "pattern": "^([ -~]*|.{0,18})$", "format": "password"}


def _is_one_that_can_be_right(password: str) -> str:
    if passwords.is_too_long(password):
        raise ValueError(passwords.TOO_LONG)
    return password


Password = Annotated[
    str,
    Field(min_length=1, max_length=1000, json_schema_extra=_SHORT),
    AfterValidator(_is_one_that_can_be_right),
]


class Credentials(Input):
    model_config = example(username="admin", password="a long password")

    username: Annotated[str, Field(min_length=1, max_length=100)]
    """The user's name."""
    password: Password = Field(repr=False)
    """72 bytes in UTF-8 at most. Five wrong ones in 15 minutes lock this user out from this
    address."""


class User(Answer):
    username: str
    """The user's name, or that of the key."""
    role: Role
    """What it may do: admin, operator, viewer or service."""


class LoggedIn(Answer):
    model_config = example(
        success=True,
        message="Authentication successful",
        token="eyJhbGciOiJIUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJhZG1pbiJ9.c2lnbmF0dXJl",
        expiresAt="2026-11-21T18:00:00.000Z",
        user={"username": "admin", "role": "admin"},
    )

    success: Literal[True] = True
    """Always true."""
    message: str = "Authentication successful"
    """The same in words."""
    token: str
    """To be sent as `Authorization: Bearer` with each request."""
    expires_at: Timestamp
    """When the token ends, 8 hours from now."""
    user: User
    """Who has logged in."""


class Known(Answer):
    model_config = example(success=True, user={"username": "admin", "role": "admin"})

    success: Literal[True] = True
    """Always true."""
    user: User
    """Whose token or key it is."""


class LoggedOut(Answer):
    success: Literal[True] = True
    """Always true."""
    message: str = "You are logged out everywhere."
    """The same in words."""


@routes.post(
    "api/authenticate", who=Who.ANYONE, errors={401}, limits=(LOGIN_LIMIT,), room=Room.LOGIN
)
def log_in(request: Request[Credentials]) -> LoggedIn:
    """Exchange a user name and a password for a token that is good for 8 hours."""
    login, issued = session(request.body.username, request.body.password, request.caller.origin)
    user = User(username=login.username, role=login.role)
    return LoggedIn(token=issued.token, expires_at=issued.expires_at, user=user)


@routes.get("api/authenticate", who=Who.ANY_LOGIN, room=Room.LOGIN)
def who_am_i(request: Request) -> Known:
    """Say whose token or key this is, if it is still good."""
    return Known(user=_user(request.caller))


@routes.delete("api/authenticate", who=Who.ANY_LOGIN, room=Room.LOGIN)
def log_out(request: Request) -> LoggedOut:
    """End all sessions of the token's user, on every instance within a minute."""
    if request.caller.key is not None:
        raise ApiError(
            403,
            "forbidden",
            "A key has no session to end: an admin revokes it with DELETE /api/keys/{id}.",
        )
    application().logins.end_sessions(request.caller.username)
    return LoggedOut()


def _user(caller: Caller) -> User:
    assert caller.role, "whoever has a token has a role"
    return User(username=caller.username, role=caller.role)
