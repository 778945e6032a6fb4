"""Session tokens: ours, in time, of a user and a session that still are; nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.configuration.secret_store import SecretStore
from shared.security.logins import Login, Logins
from shared.security.roles import Role
from shared.security.tokens import InvalidToken, SigningKeys, issue, verify
from tests.support.configuration import Clock, file_store, store_away

NOW = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def keys(store: SecretStore, clock: Clock) -> SigningKeys:
    return SigningKeys(store, clock=clock)


@pytest.fixture
def olga(logins: Logins) -> Login:
    return logins.set_operator("olga", "one")


@pytest.fixture
def token(keys: SigningKeys, olga: Login) -> str:
    return issue(keys, olga, NOW).token


def part(content: Any) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(key: str, header: Any, claims: Any) -> str:
    """A token made by hand, as no library would make it."""
    text = f"{part(header)}.{part(claims)}"
    return f"{text}.{part(hmac.digest(key.encode(), text.encode(), hashlib.sha256))}"


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def test_a_token_is_good_for_eight_hours(keys: SigningKeys, logins: Logins, olga: Login) -> None:
    issued = issue(keys, olga, NOW + timedelta(microseconds=999))

    assert issued.expires_at == NOW + timedelta(hours=8)
    assert verify(keys, logins, issued.token, NOW) == olga
    assert verify(keys, logins, issued.token, issued.expires_at - SECOND) == olga
    with pytest.raises(InvalidToken):
        verify(keys, logins, issued.token, issued.expires_at)


def test_a_token_holds_the_claims_of_the_contract(
    keys: SigningKeys, olga: Login, token: str
) -> None:
    claims = claims_of(token)
    jti = claims.pop("jti")

    assert claims == {
        "iss": "rowpost",
        "aud": "rowpost-api",
        "iat": int(NOW.timestamp()),
        "nbf": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 8 * 3600,
        "sub": "olga",
        "role": "operator",
        "epoch": olga.epoch,
    }
    assert jti != claims_of(issue(keys, olga, NOW).token)["jti"]
    assert jwt.get_unverified_header(token) == {
        "alg": "HS256",
        "typ": "JWT",
        "kid": keys.current().kid,
    }


def test_a_clock_that_is_seconds_behind_takes_a_new_token(
    keys: SigningKeys, logins: Logins, token: str
) -> None:
    assert verify(keys, logins, token, NOW - 20 * SECOND)
    with pytest.raises(InvalidToken):
        verify(keys, logins, token, NOW - 120 * SECOND)


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "somebody"},
        {"aud": "another-api"},
        {"exp": None},
        {"exp": "2099-01-01"},
        {"exp": 1e400},
        {"exp": True},
        {"nbf": None},
        {"iat": None},
        {"jti": None},
        {"sub": None},
        {"sub": 7},
        {"sub": "nobody"},
        {"epoch": None},
        {"epoch": "0"},
        {"epoch": 0},
    ],
    ids=str,
)
def test_claims_that_we_would_not_make_are_refused_though_our_key_signed_them(
    keys: SigningKeys, logins: Logins, token: str, change: dict[str, Any]
) -> None:
    claims = {
        name: value for name, value in (claims_of(token) | change).items() if value is not None
    }
    ours = keys.current()

    with pytest.raises(InvalidToken):
        verify(keys, logins, signed(ours.key, {"alg": "HS256", "kid": ours.kid}, claims), NOW)


def test_another_algorithm_is_refused(keys: SigningKeys, logins: Logins, token: str) -> None:
    ours, claims = keys.current(), claims_of(token)
    for algorithm in ("none", "None", "HS512", "RS256", "", 7, None):
        header = {"alg": algorithm, "kid": ours.kid}
        unsigned = f"{part(header)}.{part(claims)}."
        for forged in (unsigned, signed(ours.key, header, claims)):
            with pytest.raises(InvalidToken):
                verify(keys, logins, forged, NOW)
    longer = f"{part({'alg': 'HS512', 'kid': ours.kid})}.{part(claims)}"
    rightly_signed = part(hmac.digest(ours.key.encode(), longer.encode(), hashlib.sha512))
    with pytest.raises(InvalidToken):
        verify(keys, logins, f"{longer}.{rightly_signed}", NOW)


def test_a_foreign_key_is_refused(keys: SigningKeys, logins: Logins, token: str) -> None:
    claims = claims_of(token)
    for kid in (keys.current().kid, "another", "", 7, None, ["x"], {"a": 1}):
        with pytest.raises(InvalidToken):
            verify(keys, logins, signed("f" * 43, {"alg": "HS256", "kid": kid}, claims), NOW)


def test_a_damaged_token_is_refused(keys: SigningKeys, logins: Logins, token: str) -> None:
    header, claims, signature = token.split(".")
    deep = part(b"[" * 5000)
    swapped = part(claims_of(token) | {"sub": "root"})
    for damaged in (
        "",
        ".",
        "..",
        "Bearer",
        token[:-1],
        token[:40],
        f"{header}.{claims}",
        f"{header}.{claims}.",
        f"{header}.{swapped}.{signature}",
        f"{token}.{signature}",
        f"{deep}.{claims}.{signature}",
        f"{header}.{deep}.{signature}",
        f"{part(b'[]')}.{claims}.{signature}",
        f"{part(bytes([255]))}.{claims}.{signature}",
        token + "\x00",
        token + "ä",
        "\ud800",
        token + "A" * 8192,
        "A" * 1_000_000,
    ):
        with pytest.raises(InvalidToken):
            verify(keys, logins, damaged, NOW)


@pytest.fixture(scope="module")
def of_the_module(tmp_path_factory: pytest.TempPathFactory) -> tuple[SigningKeys, Logins]:
    store = file_store(tmp_path_factory.mktemp("store"))
    return SigningKeys(store), Logins(store)


@given(text=st.text(max_size=200))
def test_any_text_is_refused_as_a_token(
    of_the_module: tuple[SigningKeys, Logins], text: str
) -> None:
    with pytest.raises(InvalidToken):
        verify(*of_the_module, text, NOW)


def test_the_previous_key_still_verifies_and_the_one_before_does_not(
    keys: SigningKeys, logins: Logins, olga: Login, token: str
) -> None:
    keys.rotate()
    newer = issue(keys, olga, NOW).token
    assert verify(keys, logins, token, NOW)

    keys.rotate()
    assert verify(keys, logins, newer, NOW)
    with pytest.raises(InvalidToken):
        verify(keys, logins, token, NOW)


def test_a_token_of_another_instance_s_new_key_is_good_at_once(
    store: SecretStore, keys: SigningKeys, logins: Logins, olga: Login, token: str, clock: Clock
) -> None:
    other = SigningKeys(store)
    other.rotate()
    clock.advance(2)

    assert verify(keys, logins, issue(other, olga, NOW).token, NOW) == olga


def test_ended_sessions_and_users_who_are_gone_are_refused(
    keys: SigningKeys, logins: Logins, token: str
) -> None:
    again = logins.end_sessions("olga")
    with pytest.raises(InvalidToken):
        verify(keys, logins, token, NOW)
    newer = issue(keys, again, NOW).token
    assert verify(keys, logins, newer, NOW) == again

    logins.set_operator("otto", "two")
    with pytest.raises(InvalidToken):
        verify(keys, logins, newer, NOW)


def test_a_session_ended_on_another_instance_ends_here_within_30_seconds(
    keys: SigningKeys, logins: Logins, elsewhere: Logins, token: str, clock: Clock
) -> None:
    assert verify(keys, logins, token, NOW)
    elsewhere.end_sessions("olga")

    clock.advance(30)

    with pytest.raises(InvalidToken):
        verify(keys, logins, token, NOW)


def test_a_login_after_a_logout_on_another_instance_is_good_at_once(
    keys: SigningKeys, logins: Logins, elsewhere: Logins, olga: Login, clock: Clock
) -> None:
    again = elsewhere.end_sessions("olga")
    clock.advance(2)

    assert verify(keys, logins, issue(keys, again, NOW).token, NOW) == again


def test_the_role_is_the_one_that_the_login_has_now(
    keys: SigningKeys, logins: Logins, token: str
) -> None:
    ours, claims = keys.current(), claims_of(token) | {"role": "admin"}

    login = verify(keys, logins, signed(ours.key, {"alg": "HS256", "kid": ours.kid}, claims), NOW)

    assert login.role is Role.OPERATOR


def test_instances_that_start_at_once_sign_with_one_key(tmp_path: Path) -> None:
    instances = [SigningKeys(file_store(tmp_path)) for _ in range(6)]

    with ThreadPoolExecutor(6) as pool:
        made = set(pool.map(lambda each: each.current(), instances))

    assert len(made) == 1


def test_tokens_are_verified_while_the_store_is_away(
    tmp_path: Path, keys: SigningKeys, logins: Logins, olga: Login, token: str, clock: Clock
) -> None:
    assert verify(keys, logins, token, NOW) == olga

    with store_away(tmp_path):
        clock.advance(3600)
        assert verify(keys, logins, token, NOW) == olga


def test_neither_key_nor_token_is_shown(keys: SigningKeys, olga: Login) -> None:
    issued = issue(keys, olga, NOW)

    assert issued.token not in repr(issued)
    assert keys.current().key not in repr(keys.current())
