"""Who is calling: the address a request comes from, and the login or key that it proves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address, ip_network

from shared.api.errors import ApiError, as_api_error
from shared.app import application
from shared.errors import RowpostError
from shared.security import foreign_tokens, tokens
from shared.security.kept_keys import Key
from shared.security.roles import Role, includes
from shared.security.tokens import InvalidToken
from shared.settings import settings

PEER_HEADER = "x-rowpost-peer"
"""The socket's peer. Standalone sets it, whatever the client sent; in Azure it is ignored."""

UNKNOWN_ADDRESS = "unknown"

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
        return str(ip_network(f"{self.address.partition('%')[0]}/64", strict=False))


def caller_address(headers: Mapping[str, str]) -> str:
    """The caller's IP address, or `unknown`.

    In Azure the front end appends the peer's address to X-Forwarded-For; what stands before it
    came from the client and proves nothing.
    """
    if settings().in_azure:
        return _ip(headers.get("x-forwarded-for", "").rpartition(",")[2].strip())
    return _ip(headers.get(PEER_HEADER, "").strip())


def authenticate(headers: Mapping[str, str]) -> Caller:
    """The caller whose token or key is in `Authorization: Bearer` (RFC 6750).

    Raises ApiError 401 without one, and InvalidToken for one that proves nothing (any more). Keys
    are in the database: DatabaseUnreachable while it is away.
    """
    token, rowpost = _bearer_token(headers), application()
    if not tokens.looks_like_one(token):
        return _with_key(rowpost.keys.verify(token), caller_address(headers))
    login = tokens.verify(rowpost.signing, rowpost.logins, token, datetime.now(UTC))
    return Caller(caller_address(headers), login.username, login.role)


def holder_of(key: str, address: str) -> Caller:
    """The caller at this address who has shown the key in a field of its own.

    Raises ApiError 401 for one that is wrong or revoked, and DatabaseUnreachable.
    """
    try:
        return _with_key(application().keys.verify(key), address)
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


def require_admin(headers: Mapping[str, str]) -> None:
    """Raise ApiError unless the request carries an admin's token."""
    _require_role(headers, Role.ADMIN)


def require_viewer(headers: Mapping[str, str]) -> None:
    """Raise ApiError unless the request carries a token or key that may read."""
    _require_role(headers, Role.VIEWER)


def _require_role(headers: Mapping[str, str], role: Role) -> None:
    try:
        require(authenticate(headers), role)
    except RowpostError as error:
        raise as_api_error(error) from error


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


def _ip(text: str) -> str:
    """The address without its port; IPv4 in IPv6 is the same caller as IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return UNKNOWN_ADDRESS
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)
