"""Tokens of other services: JSON Web Tokens of one issuer that the settings name.

Off unless all of its settings are there, and make sense together. Such a token opens the endpoint
for reset codes and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, StrictFloat, StrictInt, StrictStr

from shared.configuration.secret_store import BadSecretName, SecretStore, checked_name
from shared.errors import RowpostError
from shared.security.jwks import PublishedKeys, why_no_address
from shared.security.tokens import ISSUER, LONGEST_CHARACTERS, InvalidToken
from shared.settings import Settings

SHORTEST_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""As long as what is signed with it is hashed to (RFC 7518, 3.2)."""
PUBLIC_KEY_ALGORITHMS = (
    *("RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
)

_CLOCK_SKEW_SECONDS = 30.0
_SUBJECT_CHARACTERS = 100


class BadTrust(RowpostError):
    """The settings for other services' tokens do not make sense: none of them is accepted.

    The text is for administrators.
    """


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose tokens are accepted: of this issuer, for this audience, signed so, with this claim."""

    issuer: str
    audience: str
    algorithm: str
    claim: tuple[str, str]
    secret: str | None = None
    """The name of the secret that they are signed with, or"""
    jwks_url: str | None = None
    """the address of the public keys."""

    @classmethod
    def of(cls, settings: Settings) -> Trust | None:
        """What the settings say; None where nothing is set. Raises BadTrust."""
        given = {
            "ROWPOST_TRUST_ISSUER": settings.trust_issuer,
            "ROWPOST_TRUST_AUDIENCE": settings.trust_audience,
            "ROWPOST_TRUST_ALGORITHM": settings.trust_algorithm,
        }
        key = (settings.trust_secret, settings.trust_jwks_url)
        if not any((*given.values(), *key)):
            return None
        missing = [name for name, value in given.items() if not value]
        if missing:
            raise BadTrust(f"set {' and '.join(missing)} too, or none of ROWPOST_TRUST_*")
        trust = cls(
            settings.trust_issuer or "",
            settings.trust_audience or "",
            settings.trust_algorithm or "",
            _claim(settings.trust_claim),
            *key,
        )
        trust._check()
        return trust

    def _check(self) -> None:
        if self.issuer == ISSUER:
            raise BadTrust(f"ROWPOST_TRUST_ISSUER may not be {ISSUER}: that is Rowpost itself")
        if self.algorithm in SHORTEST_SECRET_BYTES:
            self._check_secret()
        elif self.algorithm in PUBLIC_KEY_ALGORITHMS:
            self._check_address()
        else:
            known = ", ".join((*SHORTEST_SECRET_BYTES, *PUBLIC_KEY_ALGORITHMS))
            raise BadTrust(f"ROWPOST_TRUST_ALGORITHM has to be exactly one of {known}")

    def _check_secret(self) -> None:
        if self.secret is None or self.jwks_url is not None:
            raise BadTrust(
                f"{self.algorithm} needs ROWPOST_TRUST_SECRET, and no ROWPOST_TRUST_JWKS_URL"
            )
        try:
            checked_name(self.secret)
        except BadSecretName as error:
            raise BadTrust(
                "ROWPOST_TRUST_SECRET is the name of a secret in the secret store, not the secret "
                f"itself. {error}"
            ) from None

    def _check_address(self) -> None:
        if self.jwks_url is None or self.secret is not None:
            raise BadTrust(
                f"{self.algorithm} needs ROWPOST_TRUST_JWKS_URL, and no ROWPOST_TRUST_SECRET"
            )
        if wrong := why_no_address(self.jwks_url):
            raise BadTrust(f"ROWPOST_TRUST_JWKS_URL {wrong}")


class ForeignTokens:
    """Verifies the tokens of the service that the settings trust, if they trust one."""

    def __init__(self, settings: Settings, secrets: SecretStore) -> None:
        self._trust: Trust | None = None
        self._keys: _Keys | None = None
        self._wrong: str | None = None
        try:
            self._trust = Trust.of(settings)
        except BadTrust as error:
            self._wrong = str(error)
        if self._trust is not None:
            self._keys = _keys_of(self._trust, secrets)

    def problem(self) -> str | None:
        """What is wrong with the settings, or with the key when it was last needed. Never waits."""
        if self._wrong is not None:
            return self._wrong
        return self._keys.problem if self._keys else None

    def verify(self, token: str, now: datetime) -> str:
        """Who the token says that its bearer is, in up to 100 characters.

        Raises InvalidToken for every token that proves nothing, BadTrust while what is set wrongly
        lets none be accepted, and KeysUnavailable or SecretStoreUnavailable.
        """
        import jwt

        if self._wrong is not None:
            raise BadTrust(self._wrong)
        if self._trust is None or self._keys is None:
            raise InvalidToken
        try:
            header = jwt.get_unverified_header(token)
            claims = _claims(token, self._keys.find(_kid(header, self._trust)), self._trust)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise InvalidToken from None
        if not (claims.is_in_time(now) and claims.has(*self._trust.claim)):
            raise InvalidToken
        return (claims.sub or self._trust.issuer)[:_SUBJECT_CHARACTERS]


def is_foreign(token: str) -> bool:
    """Whether this is a token, and says of itself that it is none of ours. That proves nothing."""
    import jwt

    if len(token) > LONGEST_CHARACTERS or not token.isascii() or token.count(".") != 2:
        return False
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return False
    return isinstance(claims, dict) and claims.get("iss") != ISSUER


class _Keys(Protocol):
    """Where the key to verify with comes from. `problem`: why it could not be had the last time."""

    @property
    def problem(self) -> str | None: ...

    def find(self, kid: str | None) -> Any:
        """The key; None if there is none of that name."""
        ...


class _SharedSecret:
    """The one secret that another service and Rowpost share."""

    def __init__(self, name: str, algorithm: str, secrets: SecretStore) -> None:
        self._name = name
        self._algorithm = algorithm
        self._secrets = secrets
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        return self._problem

    def find(self, kid: str | None) -> bytes:
        """Raises BadTrust or SecretStoreUnavailable. There is one key, whatever it is called."""
        secret = self._secrets.recent(self._name)
        key = secret.value.strip("\r\n").encode() if secret else b""
        self._problem = self._what_is_wrong(key)
        if self._problem:
            raise BadTrust(self._problem)
        return key

    def _what_is_wrong(self, key: bytes) -> str | None:
        if not key:
            return f"ROWPOST_TRUST_SECRET names the secret {self._name}, which is not there"
        shortest = SHORTEST_SECRET_BYTES[self._algorithm]
        if len(key) < shortest:
            return f"the secret {self._name} is too short: {self._algorithm} needs {shortest} bytes"
        return None


def _keys_of(trust: Trust, secrets: SecretStore) -> _Keys:
    if trust.jwks_url is not None:
        return PublishedKeys(trust.jwks_url, trust.algorithm)
    return _SharedSecret(trust.secret or "", trust.algorithm, secrets)


class _Claims(BaseModel):
    """What is asked of a token besides its signature, issuer and audience."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    exp: StrictInt | StrictFloat
    nbf: StrictInt | StrictFloat = 0
    sub: StrictStr | None = None

    def is_in_time(self, now: datetime) -> bool:
        seconds = now.timestamp()
        return self.nbf - _CLOCK_SKEW_SECONDS <= seconds < self.exp

    def has(self, name: str, value: str) -> bool:
        """The claim is this text, or a list that holds it."""
        found = self.model_dump().get(name)
        return found == value or (isinstance(found, list) and value in found)


def _kid(header: Mapping[str, Any], trust: Trust) -> str | None:
    """The name of the key. Raises InvalidToken for a header that asks for something else."""
    kid = header.get("kid")
    # What is critical has to be understood (RFC 7515, 4.1.11), and nothing of it is.
    if header.get("alg") != trust.algorithm or "crit" in header:
        raise InvalidToken
    return kid if isinstance(kid, str) else None


def _claims(token: str, key: Any, trust: Trust) -> _Claims:
    import jwt

    if key is None or len(token) > LONGEST_CHARACTERS:
        raise InvalidToken
    claims = jwt.decode(
        token,
        key,
        algorithms=[trust.algorithm],
        audience=trust.audience,
        issuer=trust.issuer,
        options={
            "require": ["iss", "aud", "exp"],
            # The caller's clock decides.
            "verify_exp": False,
            "verify_nbf": False,
            "verify_iat": False,
        },
    )
    return _Claims.model_validate(claims)


def _claim(written: str) -> tuple[str, str]:
    name, _, value = (part.strip() for part in written.partition("="))
    if not name or not value:
        raise BadTrust("ROWPOST_TRUST_CLAIM has to be a claim and its value, like role=service")
    return name, value
