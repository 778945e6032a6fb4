"""Who is calling: the address a request comes from, and the login or key that it proves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network

from shared.api.errors import ApiError
from shared.api.request.addresses import Surroundings, address_of, peer_is_told
from shared.app import application
from shared.security import foreign_tokens, tokens
from shared.security.kept_keys import Key
from shared.security.keys import is_guessable
from shared.security.limits import Limit
from shared.security.roles import Role, includes
from shared.security.tokens import InvalidToken
from shared.settings import settings

# Imported keys may be short ones that somebody thought up.
_GUESSES = (Limit(20, 15 * 60),)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="rowpost"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from, and for whom; without a login `username` and `role` are empty.

    `key`: what was shown in place of a login's token. `trusted`: the token of another service was.
    """

    address: str
    username: str = ""
    role: Role | None = None
    key: Key | None = None
    trusted: bool = False

    @property
    def identity(self) -> str:
        """By what the caller is known again: the key, the login, or an address without one."""
        if self.key is not None:
            return self.key.identity
        if self.trusted:
            return self.username
        return f"login:{self.username}" if self.username else f"address:{self.address}"

    @property
    def origin(self) -> str:
        """By what an address is counted: a caller with IPv6 has a whole /64 to choose from."""
        if ":" not in self.address:
            return self.address
        try:
            return str(ip_network(f"{self.address.partition('%')[0]}/64", strict=False))
        except ValueError:
            return self.address


def caller_address(headers: Mapping[str, str]) -> str:
    """The caller's IP address, as this process can know it: see `shared.api.request.addresses`."""
    chosen = settings()
    return address_of(headers, Surroundings(peer_is_told(), chosen.in_azure, chosen.proxies))


def authenticate(headers: Mapping[str, str]) -> Caller:
    """The caller whose token or key is in `Authorization: Bearer` (RFC 6750).

    Raises ApiError 401 without one, and InvalidToken for one that proves nothing (any more). Keys
    are in the database: DatabaseUnreachable while it is away.
    """
    token, rowpost = _bearer_token(headers), application()
    if not tokens.looks_like_one(token):
        address = caller_address(headers)
        return _with_key(_verified_key(token, address), address)
    login = tokens.verify(rowpost.signing, rowpost.logins, token, datetime.now(UTC))
    return Caller(caller_address(headers), login.username, login.role)


def holder_of(key: str, address: str) -> Caller:
    """The caller at this address who has shown the key in a field of its own.

    Raises ApiError 401 for one that is wrong or revoked, and DatabaseUnreachable.
    """
    try:
        return _with_key(_verified_key(key, address), address)
    except InvalidToken:
        raise ApiError(
            401,
            "wrong_key",
            "The key is wrong or revoked: ask your administrator for one.",
            headers=_CHALLENGE,
        ) from None


def authenticate_or_trust(headers: Mapping[str, str]) -> Caller:
    """The same; or the bearer of a token of another service that the settings trust.

    Raises what ForeignTokens.verify raises.
    """
    token = _bearer_token(headers)
    if not foreign_tokens.is_foreign(token):
        return authenticate(headers)
    subject = application().foreign_tokens.verify(token, datetime.now(UTC))
    return Caller(caller_address(headers), f"trusted:{subject}", trusted=True)


def require(caller: Caller, role: Role) -> None:
    """Raise ApiError 403 unless the caller has the role, or one that includes it."""
    if caller.role is None or not includes(caller.role, role):
        raise ApiError(
            403,
            "forbidden",
            f"Your login or key may not do this: use one with the role {role.value}.",
        )


def _verified_key(text: str, address: str) -> Key:
    """The key; one that may be a guess is counted where it is wrong, and not too many are tried.

    Whether it is right then shows nowhere, be it by 200, 403 or 401.
    """
    here = application()
    if here.limits is None or not is_guessable(text):
        return here.keys.verify(text)
    guessing = f"guesses of keys {Caller(address).origin}"
    if here.limits.is_over(guessing, _GUESSES):
        here.limits.count(guessing, _GUESSES)
    try:
        return here.keys.verify(text)
    except InvalidToken:
        here.limits.count(guessing, _GUESSES)
        raise


def _with_key(key: Key, address: str) -> Caller:
    return Caller(address, key.identity, key.role, key)


def _bearer_token(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise ApiError(
            401,
            "authentication_required",
            "Log in at POST /api/authenticate and send its token, or send a key, as "
            "Authorization: Bearer.",
            headers=_CHALLENGE,
        )
    return token.strip()
