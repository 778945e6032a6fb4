"""The public keys of another service, as it publishes them (RFC 7517), fetched with bounds."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from shared.background import NoAnswerYet, Work
from shared.errors import RowpostError

FETCH_SECONDS = 5.0
FETCH_BYTES = 256 * 1024
MOST_KEYS = 100
FRESH_SECONDS = 10 * 60.0
GOOD_SECONDS = 60 * 60.0
"""How long keys are good while newer ones can't be fetched."""
BETWEEN_FETCHES_SECONDS = 30.0

_SHORTEST_RSA_BITS = 2048
_CURVE_BITS = {"ES256": 256, "ES384": 384, "ES512": 521}

log = logging.getLogger("rowpost.security")


class KeysUnavailable(RowpostError):
    """The keys can't be fetched, and those that are known are too old."""


def why_no_address(url: str) -> str | None:
    """What is wrong with an address to fetch keys from; None if nothing is."""
    try:
        parts = urlsplit(url)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        return "is no address"
    if not parts.hostname or not port_is_one:
        return "names no host"
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname)):
        return None
    return "has to begin with https:// (http:// is for a loopback address only)"


class PublishedKeys:
    """The keys at one address that fit one algorithm, by their `kid`. For any number of threads.

    They are fetched again when they are older than 10 minutes, or lack a key that somebody names,
    but never more often than every 30 seconds, whoever asks for what.

    PyJWT's `PyJWKClient` is not underneath: it holds its lock while it fetches, so that whoever
    names an unknown key has all others wait; it asks a server that fails for each token anew,
    drops its keys with their lifespan though the server is away, and knows no key without a `kid`.
    With `fetch_data` and these four overridden, nothing is left of it but a value and its time.
    """

    def __init__(
        self, url: str, algorithm: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = urlsplit(url)
        self._algorithm = algorithm
        self._clock = clock
        self._fetching = threading.Lock()
        self._known: _Known | None = None
        self._tried_at = float("-inf")
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """Why the last fetch came to nothing."""
        return self._problem

    def find(self, kid: str | None) -> Any:
        """The key of this name, or without a name the only key there is; None if there is none.

        Raises KeysUnavailable.
        """
        known = self._known
        if known is None or self._age(known) > FRESH_SECONDS or known.find(kid) is None:
            known = self._refreshed(kid)
        if known is None or self._age(known) > GOOD_SECONDS:
            raise KeysUnavailable("The keys of the trusted service can't be fetched just now.")
        return known.find(kid)

    def _refreshed(self, kid: str | None) -> _Known | None:
        with self._fetching:
            known = self._known
            fresh = known is not None and self._age(known) <= FRESH_SECONDS
            if fresh and known is not None and known.find(kid) is not None:
                return known
            if self._clock() - self._tried_at >= BETWEEN_FETCHES_SECONDS:
                self._tried_at = self._clock()
                self._known = self._fetched() or known
            return self._known

    def _fetched(self) -> _Known | None:
        connection = _connection(self._url)
        # On a thread of its own, so that nobody waits longer, however slowly a server answers.
        work = Work(lambda: _answer(connection, self._url), "fetch of keys", daemon=True)
        try:
            keys = fitting_keys(work.result(FETCH_SECONDS), self._algorithm)
        except (NoAnswerYet, OSError, HTTPException, ValueError) as error:
            self._problem = f"the keys at ROWPOST_TRUST_JWKS_URL were not fetched: {_words(error)}"
            log.warning("%s", self._problem)
            return None
        finally:
            _cut(connection)
        self._problem = None if keys else f"ROWPOST_TRUST_JWKS_URL has no key for {self._algorithm}"
        return _Known(keys, self._clock())

    def _age(self, known: _Known) -> float:
        return self._clock() - known.at


@dataclass(frozen=True, slots=True)
class _Known:
    keys: Mapping[str | None, Any]
    at: float

    def find(self, kid: str | None) -> Any:
        if kid is None and len(self.keys) == 1:
            return next(iter(self.keys.values()))
        return self.keys.get(kid)


def _connection(url: SplitResult) -> HTTPConnection:
    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    return kind(url.hostname or "", url.port, timeout=FETCH_SECONDS)


def _answer(connection: HTTPConnection, url: SplitResult) -> Any:
    """The JSON at the address. Redirects are not followed, and no more than 256 KB are read.

    Raises OSError, HTTPException, or ValueError for an answer that is none.
    """
    path = f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
    connection.request("GET", path, headers={"Accept": "application/json"})
    response = connection.getresponse()
    if response.status != 200:
        raise ValueError(f"the answer was {response.status}")
    content = response.read(FETCH_BYTES + 1)
    if len(content) > FETCH_BYTES:
        raise ValueError(f"the answer is longer than {FETCH_BYTES:,} bytes")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("the answer is not JSON") from None


def _cut(connection: HTTPConnection) -> None:
    """End the connection, and with it a thread that still reads from it."""
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()


def fitting_keys(published: Any, algorithm: str) -> dict[str | None, Any]:
    """The keys of a JWK set that verify this algorithm; whatever else stands there is passed over.

    Raises ValueError for what is no JWK set.
    """
    listed = published.get("keys") if isinstance(published, dict) else None
    if not isinstance(listed, list):
        raise ValueError("the answer is no JWK set")
    found: dict[str | None, Any] = {}
    for one in listed[:MOST_KEYS]:
        if _is_for(one, algorithm) and (key := _key(one, algorithm)) is not None:
            found.setdefault(one.get("kid"), key)
    return found


def _is_for(one: Any, algorithm: str) -> bool:
    """Whether the key says itself that it is one to verify this algorithm with (RFC 7518)."""
    if not isinstance(one, dict) or not isinstance(one.get("kid"), str | None):
        return False
    family = "EC" if algorithm.startswith("ES") else "RSA"
    return (
        one.get("kty") == family
        and one.get("use", "sig") == "sig"
        and one.get("alg", algorithm) == algorithm
    )


def _key(one: dict[str, Any], algorithm: str) -> Any:
    import jwt

    try:
        key = jwt.PyJWK(one, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    # A published private key is one that anybody can sign with.
    if hasattr(key, "private_bytes"):
        return None
    size = getattr(key, "key_size", 0)
    fits = size == _CURVE_BITS.get(algorithm) or (
        algorithm not in _CURVE_BITS and size >= _SHORTEST_RSA_BITS
    )
    return key if fits else None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
