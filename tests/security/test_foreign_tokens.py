"""Tokens of another service: of the one that the settings name, in time, for us; nothing else."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from shared.configuration.secret_store import SecretStore
from shared.security import jwks
from shared.security.foreign_tokens import BadTrust, ForeignTokens, Trust, is_foreign
from shared.security.jwks import KeysUnavailable, PublishedKeys
from shared.security.tokens import InvalidToken
from shared.settings import Settings
from tests.security.test_tokens import part
from tests.support.configuration import Clock

NOW = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)
ISSUER, AUDIENCE = "https://auth.example.com", "email-service"
SECRET = "the secret of two services, which is long enough for all of them"
BY_SECRET = {
    "ROWPOST_TRUST_ISSUER": ISSUER,
    "ROWPOST_TRUST_AUDIENCE": AUDIENCE,
    "ROWPOST_TRUST_ALGORITHM": "HS256",
    "ROWPOST_TRUST_SECRET": "jwt-secret",
}
CLAIMS = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "exp": int((NOW + timedelta(minutes=5)).timestamp()),
    "sub": "auth-service",
    "role": "service",
}
RSA_KEY = rsa.generate_private_key(65537, 2048)
OTHER_RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


class KeyServer:
    """Publishes a JWK set on a loopback address, and counts who asks."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.asked = 0
        self.answer: Callable[[BaseHTTPRequestHandler], None] = self._publish
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                outer.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing to the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks.json"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _publish(self, handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, json.dumps({"keys": self.keys}).encode())


def send(handler: BaseHTTPRequestHandler, status: int, content: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@pytest.fixture
def server() -> Iterator[KeyServer]:
    server = KeyServer()
    yield server
    server.close()


@pytest.fixture
def by_secret(store: SecretStore) -> ForeignTokens:
    store.set("jwt-secret", f"{SECRET}\n")
    return trusting(store, **BY_SECRET)


def trusting(store: SecretStore, **settings: str) -> ForeignTokens:
    return ForeignTokens(Settings.model_validate(settings), store)


def signed(
    key: Any = SECRET, algorithm: str = "HS256", kid: str | None = None, **claims: Any
) -> str:
    given = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    return jwt.encode(given, key, algorithm, headers={"kid": kid} if kid else None)


def public(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    kind = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
    jwk: dict[str, Any] = kind.to_jwk(key.public_key(), as_dict=True)
    return {**jwk, "kid": kid, **more}


def refused(tokens: ForeignTokens, token: str, now: datetime = NOW) -> bool:
    try:
        tokens.verify(token, now)
    except InvalidToken:
        return True
    return False


def test_a_token_of_the_trusted_service_tells_who_its_bearer_is(by_secret: ForeignTokens) -> None:
    assert by_secret.verify(signed(), NOW) == "auth-service"
    assert by_secret.verify(signed(sub=None), NOW) == ISSUER
    assert by_secret.verify(signed(role=["reader", "service"]), NOW) == "auth-service"
    assert by_secret.problem() is None


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example.com"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"exp": None},
        {"exp": str(CLAIMS["exp"])},
        {"exp": True},
        {"exp": int(NOW.timestamp())},
        {"nbf": int(NOW.timestamp()) + 60},
        {"role": None},
        {"role": "user"},
        {"role": "service admin"},
        {"role": {"service": True}},
        {"sub": 7},
    ],
)
def test_a_token_with_other_claims_proves_nothing(
    by_secret: ForeignTokens, claims: dict[str, Any]
) -> None:
    made = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    token = forged({"alg": "HS256", "typ": "JWT"}, made)

    assert refused(by_secret, token)


def forged(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token made by hand, as no library would make it, with the right signature."""
    import hashlib
    import hmac

    text = f"{part(header)}.{part(claims)}"
    return f"{text}.{part(hmac.digest(SECRET.encode(), text.encode(), hashlib.sha256))}"


def test_a_token_that_is_signed_otherwise_proves_nothing(by_secret: ForeignTokens) -> None:
    good = signed()
    head, claims, signature = good.split(".")

    for bad in (
        signed("another secret, which is long enough for all of them too"),
        signed(algorithm="HS512"),
        signed(RSA_KEY, "RS256"),
        f"{part({'alg': 'none'})}.{claims}.",
        f"{part({'alg': 'none'})}.{claims}.{signature}",
        forged({"alg": "HS256", "crit": ["exp"], "exp": 1}, CLAIMS),
        forged({"alg": "HS256", "b64": False, "crit": ["b64"]}, CLAIMS),
        f"{head}.{claims}.",
        good[:-2],
        f"{good}.{signature}",
        signed(padding="x" * 9_000),
        "",
        "no token",
        "…",
    ):
        assert refused(by_secret, bad), bad


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"ROWPOST_TRUST_ISSUER": ""}, "ROWPOST_TRUST_ISSUER"),
        ({"ROWPOST_TRUST_ISSUER": "rowpost"}, "ROWPOST_TRUST_ISSUER"),
        ({"ROWPOST_TRUST_AUDIENCE": ""}, "ROWPOST_TRUST_AUDIENCE"),
        ({"ROWPOST_TRUST_ALGORITHM": ""}, "ROWPOST_TRUST_ALGORITHM"),
        ({"ROWPOST_TRUST_ALGORITHM": "none"}, "ROWPOST_TRUST_ALGORITHM"),
        ({"ROWPOST_TRUST_ALGORITHM": "HS256,RS256"}, "ROWPOST_TRUST_ALGORITHM"),
        ({"ROWPOST_TRUST_ALGORITHM": "hs256"}, "ROWPOST_TRUST_ALGORITHM"),
        ({"ROWPOST_TRUST_ALGORITHM": "RS256"}, "ROWPOST_TRUST_JWKS_URL"),
        ({"ROWPOST_TRUST_SECRET": ""}, "ROWPOST_TRUST_SECRET"),
        ({"ROWPOST_TRUST_SECRET": "the secret itself!"}, "not the secret itself"),
        ({"ROWPOST_TRUST_JWKS_URL": "https://auth.example.com/keys"}, "ROWPOST_TRUST_JWKS_URL"),
        ({"ROWPOST_TRUST_CLAIM": "role"}, "ROWPOST_TRUST_CLAIM"),
        ({"ROWPOST_TRUST_CLAIM": "=service"}, "ROWPOST_TRUST_CLAIM"),
    ],
)
def test_settings_that_make_no_sense_accept_nothing_and_say_why(
    store: SecretStore, settings: dict[str, str], word: str
) -> None:
    store.set("jwt-secret", SECRET)
    given = {name: value for name, value in (BY_SECRET | settings).items() if value}
    tokens = trusting(store, **given)

    with pytest.raises(BadTrust, match=word):
        tokens.verify(signed(), NOW)
    assert word in (tokens.problem() or "")


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://auth.example.com/.well-known/jwks.json", True),
        ("http://127.0.0.1:8080/keys", True),
        ("http://[::1]/keys", True),
        ("http://localhost/keys", True),
        ("http://auth.example.com/keys", False),
        ("http://127.0.0.1.example.com/keys", False),
        ("file:///etc/passwd", False),
        ("https:///keys", False),
        ("https://auth.example.com:99999/keys", False),
    ],
)
def test_keys_are_fetched_by_https_or_from_this_machine(
    store: SecretStore, url: str, good: bool
) -> None:
    settings = Settings.model_validate(by_address(url))

    if good:
        assert Trust.of(settings) is not None
    else:
        with pytest.raises(BadTrust, match="ROWPOST_TRUST_JWKS_URL"):
            Trust.of(settings)


def by_address(url: str, algorithm: str = "RS256") -> dict[str, str]:
    rest = {name: value for name, value in BY_SECRET.items() if name != "ROWPOST_TRUST_SECRET"}
    return {**rest, "ROWPOST_TRUST_ALGORITHM": algorithm, "ROWPOST_TRUST_JWKS_URL": url}


def test_without_settings_no_token_is_accepted(store: SecretStore) -> None:
    for settings in ({}, {"ROWPOST_TRUST_CLAIM": "role=service"}):
        tokens = trusting(store, **settings)

        assert refused(tokens, signed())
        assert tokens.problem() is None


@pytest.mark.parametrize("secret", [None, "", "too short", "x" * 31])
def test_a_secret_that_is_missing_or_too_short_accepts_nothing(
    store: SecretStore, secret: str | None
) -> None:
    if secret is not None:
        store.set("jwt-secret", secret)
    tokens = trusting(store, **BY_SECRET)

    with pytest.raises(BadTrust, match="jwt-secret"):
        tokens.verify(signed(), NOW)
    assert "jwt-secret" in (tokens.problem() or "")


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA_KEY, "RS256"), (RSA_KEY, "PS384"), (EC_KEY, "ES256")]
)
def test_a_token_is_verified_with_the_published_key(
    store: SecretStore, server: KeyServer, key: Any, algorithm: str
) -> None:
    server.keys = [public(OTHER_RSA_KEY, "old"), public(key, "now")]
    tokens = trusting(store, **by_address(server.url, algorithm))

    assert tokens.verify(signed(key, algorithm, "now"), NOW) == "auth-service"
    assert refused(tokens, signed(rsa_or_ec(key), algorithm, "now"))
    assert refused(tokens, signed(key, algorithm, "unknown"))
    # The public key is no secret to sign with.
    assert refused(tokens, signed("x" * 64, "HS256", "now"))
    assert tokens.problem() is None


def rsa_or_ec(key: Any) -> Any:
    """Another key of the same kind."""
    if isinstance(key, rsa.RSAPrivateKey):
        return OTHER_RSA_KEY
    return ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    "published",
    [
        public(RSA_KEY, "now", use="enc"),
        public(RSA_KEY, "now", alg="RS512"),
        public(rsa.generate_private_key(65537, 1024), "now"),
        public(EC_KEY, "now"),
        {"kty": "oct", "kid": "now", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "now", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "kid": "now"},
        {**RSAAlgorithm.to_jwk(RSA_KEY, as_dict=True), "kid": "now"},
        {"kid": 7},
        "no key",
    ],
)
def test_keys_that_do_not_fit_are_passed_over(
    store: SecretStore, server: KeyServer, published: Any
) -> None:
    server.keys = [published]
    tokens = trusting(store, **by_address(server.url))

    assert refused(tokens, signed(RSA_KEY, "RS256", "now"))
    assert "RS256" in (tokens.problem() or "")


def test_a_new_key_is_fetched_when_somebody_names_it_but_not_at_everybodys_wish(
    server: KeyServer,
) -> None:
    clock = Clock()
    keys = PublishedKeys(server.url, "RS256", clock)
    server.keys = [public(RSA_KEY, "first")]
    assert keys.find("first") is not None

    server.keys = [public(RSA_KEY, "first"), public(OTHER_RSA_KEY, "second")]
    assert [keys.find("second") for _ in range(50)] == [None] * 50
    assert server.asked == 1

    clock.advance(31)
    assert keys.find("second") is not None
    assert [keys.find(f"guess {number}") for number in range(50)] == [None] * 50
    assert server.asked == 2


def test_keys_outlive_their_server_for_an_hour(server: KeyServer) -> None:
    clock = Clock()
    keys = PublishedKeys(server.url, "RS256", clock)
    server.keys = [public(RSA_KEY, "one")]
    assert keys.find("one") is not None
    server.answer = lambda handler: send(handler, 500, b"")

    clock.advance(50 * 60)
    assert keys.find("one") is not None
    assert "500" in (keys.problem or "")
    clock.advance(11 * 60)
    with pytest.raises(KeysUnavailable):
        keys.find("one")

    server.answer = server._publish
    clock.advance(31)
    assert keys.find("one") is not None
    assert keys.problem is None


def test_a_key_without_a_name_is_the_only_one(server: KeyServer) -> None:
    server.keys = [public(RSA_KEY, "one")]
    assert PublishedKeys(server.url, "RS256").find(None) is not None

    server.keys.append(public(OTHER_RSA_KEY, "two"))
    assert PublishedKeys(server.url, "RS256").find(None) is None


@pytest.mark.parametrize(
    "answer",
    [
        lambda handler: send(handler, 404, b""),
        lambda handler: send(handler, 200, b"<html>"),
        lambda handler: send(handler, 200, b"[" * 100_000),
        lambda handler: send(handler, 200, b'{"keys": {}}'),
        lambda handler: send(handler, 200, b" " * (jwks.FETCH_BYTES + 1)),
        lambda handler: handler.wfile.write(b"nonsense\r\n\r\n"),
    ],
)
def test_an_answer_that_is_no_key_set_is_a_passing_outage(
    server: KeyServer, answer: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    server.answer = answer

    with pytest.raises(KeysUnavailable):
        PublishedKeys(server.url, "RS256").find("one")


def test_a_redirect_is_not_followed(server: KeyServer) -> None:
    def redirect(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/elsewhere")
        handler.end_headers()

    server.answer = redirect

    with pytest.raises(KeysUnavailable):
        PublishedKeys(server.url, "RS256").find("one")
    assert server.asked == 1


def test_a_server_that_drips_keeps_nobody_waiting(
    server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_SECONDS", 0.5)
    gone = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        try:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
            for _ in range(1_200):
                handler.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            gone.set()

    server.answer = drip
    began = time.monotonic()

    with pytest.raises(KeysUnavailable):
        PublishedKeys(server.url, "RS256").find("one")

    assert time.monotonic() - began < 30
    assert gone.wait(60), "its connection is ended too"


def test_what_is_foreign_is_told_without_believing_it() -> None:
    assert is_foreign(signed())
    assert is_foreign(signed(iss=None))
    assert not is_foreign(signed(iss="rowpost"))
    assert not any(is_foreign(text) for text in ("", "a.b.c", "rp_key", "….….…", "x" * 9_000))
