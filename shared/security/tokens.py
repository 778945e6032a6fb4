"""Session tokens: JSON Web Tokens (RFC 7519), signed with HS256 and nothing else."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from pydantic import BaseModel, StrictInt, StrictStr, TypeAdapter

from shared.configuration.live_document import LOOK_AGAIN_SECONDS, DocumentFormat, LiveDocument
from shared.configuration.secret_store import SecretStore
from shared.errors import RowpostError
from shared.security.logins import Login, Logins

SECRET_NAME = "rowpost-signing-keys"
ALGORITHM = "HS256"
ISSUER = "rowpost"
AUDIENCE = "rowpost-api"
LIFETIME = timedelta(hours=8)
LONGEST_CHARACTERS = 8 * 1024

_KEY_BYTES = 32
# A JSON object in base64url.
_HEADER = "eyJ"
# Instances' clocks differ by seconds: a token of one must be good on the next at once.
_CLOCK_SKEW = timedelta(seconds=30)
# What another instance has just changed is looked for at once, but not for each bad token.
_LOOK_AGAIN_AFTER_SECONDS = 2.0


class InvalidToken(RowpostError):
    """The token is not ours, no longer good, or damaged: log in again."""

    def __init__(self) -> None:
        super().__init__(
            "The token is not valid or has expired: log in again. Of a key: it is wrong or revoked."
        )


@dataclass(frozen=True, slots=True)
class SigningKey:
    kid: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    token: str = field(repr=False)
    expires_at: datetime


def issue(keys: SigningKeys, login: Login, now: datetime) -> IssuedToken:
    """A token for somebody who has just logged in, good for 8 hours from `now` (aware UTC)."""
    import jwt

    signing, issued = keys.current(), int(now.timestamp())
    expires = issued + int(LIFETIME.total_seconds())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": issued,
        "nbf": issued,
        "exp": expires,
        "jti": uuid.uuid4().hex,
        "sub": login.username,
        "role": login.role.value,
        "epoch": login.epoch,
    }
    token = jwt.encode(claims, signing.key, ALGORITHM, headers={"kid": signing.kid})
    return IssuedToken(token, datetime.fromtimestamp(expires, UTC))


def looks_like_one(text: str) -> bool:
    """Whether this is a token by its form, good or bad: header, claims and signature (RFC 7515)."""
    return text.startswith(_HEADER) and text.count(".") == 2


def verify(keys: SigningKeys, logins: Logins, token: str, now: datetime) -> Login:
    """Whose token this is, with the role that the login has now.

    Raises InvalidToken for every kind of bad token, of a user who is gone and of ended sessions.
    """
    claims = _claims(keys, token)
    seconds = now.timestamp()
    if not claims.nbf - _CLOCK_SKEW.total_seconds() <= seconds < claims.exp:
        raise InvalidToken
    login = logins.find(claims.sub)
    if login is None or login.epoch != claims.epoch:
        login = logins.find(claims.sub, _LOOK_AGAIN_AFTER_SECONDS)
    if login is None or login.epoch != claims.epoch:
        raise InvalidToken
    return login


class SigningKeys:
    """The key that signs now, and the one before, which still verifies. Made on first use.

    Every verb may raise SecretStoreUnavailable or DocumentUnreadable.
    """

    def __init__(
        self,
        store: SecretStore,
        look_again_seconds: float = LOOK_AGAIN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        document = DocumentFormat(SECRET_NAME, _read, _write)
        self._document = LiveDocument(store, document, look_again_seconds, clock)

    def current(self) -> SigningKey:
        """The key to sign with."""
        ring = self._document.current()
        return (ring or self._document.update(lambda stored: stored or _rotated(stored)))[0]

    def find(self, kid: str) -> SigningKey | None:
        """The key to verify with."""
        return _of_ring(self._document.current(), kid) or _of_ring(
            self._document.reload(_LOOK_AGAIN_AFTER_SECONDS), kid
        )

    def rotate(self) -> SigningKey:
        """Sign with a new key from now on. Sessions from before the last rotation end."""
        return self._document.update(_rotated)[0]


_Ring = tuple[SigningKey, ...]  # the newest first


def _rotated(ring: _Ring) -> _Ring:
    return (SigningKey(uuid.uuid4().hex, secrets.token_urlsafe(_KEY_BYTES)), *ring[:1])


def _of_ring(ring: _Ring, kid: str) -> SigningKey | None:
    return next((key for key in ring if key.kid == kid), None)


def _read(text: str | None) -> _Ring:
    return TypeAdapter(_Ring).validate_json(text) if text else ()


def _write(ring: _Ring) -> str:
    return TypeAdapter(_Ring).dump_json(ring).decode()


class _Claims(BaseModel):
    """What a token of ours holds, besides issuer and audience."""

    sub: StrictStr
    epoch: StrictInt
    nbf: StrictInt
    exp: StrictInt


def _claims(keys: SigningKeys, token: str) -> _Claims:
    """The claims of a token that one of our keys has signed; its times are not looked at."""
    import jwt

    if len(token) > LONGEST_CHARACTERS or not token.isascii():
        raise InvalidToken
    try:
        signing = keys.find(str(jwt.get_unverified_header(token).get("kid")))
        if signing is None:
            raise InvalidToken
        return _signed_claims(token, signing)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise InvalidToken from None


@lru_cache(maxsize=1024)
def _signed_claims(token: str, signing: SigningKey) -> _Claims:
    """A caller sends the same token with every request: its signature is verified once."""
    return _Claims.model_validate(_decoded(token, signing))


def _decoded(token: str, signing: SigningKey) -> dict[str, object]:
    import jwt

    claims: dict[str, object] = jwt.decode(
        token,
        signing.key,
        algorithms=[ALGORITHM],
        audience=AUDIENCE,
        issuer=ISSUER,
        options={
            "require": ["iss", "aud", "iat", "nbf", "exp", "jti", "sub"],
            # The caller's clock decides.
            "verify_exp": False,
            "verify_nbf": False,
            "verify_iat": False,
        },
    )
    return claims
