"""Logging in, by whichever way: by the API or by the console's page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from shared.api.errors import ApiError
from shared.app import application
from shared.security import tokens
from shared.security.limits import Limit
from shared.security.logins import Login
from shared.security.tokens import IssuedToken

# A password costs us 0.2 s to check, whoever asks.
LOGIN_LIMIT = Limit(300, 60)
"""How many logins an address may try a minute, right or wrong."""


class Session(NamedTuple):
    """Somebody who has just logged in."""

    login: Login
    issued: IssuedToken


def log_in(username: str, password: str, origin: str) -> Session:
    """A session for whoever has this password. Raises ApiError 401, LockedOut."""
    here = application()
    here.lockout.attempt(username, origin)
    login = here.logins.check(username, password)
    if login is None:
        raise ApiError(
            401,
            "wrong_credentials",
            "The user name or the password is wrong: check both and try again.",
            headers={"WWW-Authenticate": 'Bearer realm="rowpost"'},
        )
    here.lockout.succeeded(username, origin)
    return Session(login, tokens.issue(here.signing, login, datetime.now(UTC)))
