"""`/api/authenticate`, and what a token opens."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from functions import login
from shared.api.caller import Caller, require
from shared.api.errors import ApiError
from shared.app import Application
from shared.security import tokens
from shared.security.lockout import FAILURES
from shared.security.roles import Role
from tests.api.conftest import ADMIN, ADMIN_PASSWORD, OPERATOR, OPERATOR_PASSWORD
from tests.support.api import Client, Reply

PATH = "api/authenticate"


def log_in(client: Client, username: str, password: str, address: str = "192.0.2.1") -> Reply:
    return client.post(
        PATH,
        {"username": username, "password": password},
        headers={"x-rowpost-peer": address},
    )


@contextmanager
def database_away(app: Application) -> Iterator[None]:
    folder = app.settings.data / "rowpost.db"
    folder.mkdir()
    yield
    folder.rmdir()


def test_the_right_password_gives_a_token_good_for_eight_hours(client: Client) -> None:
    reply = log_in(client, ADMIN, ADMIN_PASSWORD)

    assert reply.status == 200
    assert reply.headers["Cache-Control"] == "no-store"
    body = reply.json
    assert set(body) == {"success", "message", "token", "expiresAt", "user"}
    assert body["success"] is True
    assert body["user"] == {"username": "admin", "role": "admin"}
    left = datetime.fromisoformat(body["expiresAt"]) - datetime.now(UTC)
    assert timedelta(hours=7, minutes=59) < left <= timedelta(hours=8)
    known = client.get(PATH, token=body["token"])
    assert (known.status, known.json) == (200, {"success": True, "user": body["user"]})


def test_the_operator_logs_in_as_operator(client: Client) -> None:
    reply = log_in(client, OPERATOR, OPERATOR_PASSWORD)

    assert reply.json["user"] == {"username": OPERATOR, "role": "operator"}


@pytest.mark.parametrize(
    ("username", "password"),
    [
        (ADMIN, "wrong"),
        ("nobody", ADMIN_PASSWORD),
        (ADMIN, OPERATOR_PASSWORD),
        ("Admin", ADMIN_PASSWORD),
        (ADMIN, ADMIN_PASSWORD + "\x00"),
        ("\u202e\x00", "' OR 1=1 --"),
    ],
)
def test_a_wrong_login_is_told_the_same_whatever_is_wrong(
    client: Client, username: str, password: str
) -> None:
    reply = log_in(client, username, password)

    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    body = reply.json
    assert body["code"] == "wrong_credentials"
    assert body["message"].startswith("The user name or the password is wrong")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["username", "password"]),
        ({"username": "", "password": ""}, ["username", "password"]),
        ({"username": ["admin"], "password": {"a": 1}}, ["username", "password"]),
        ({"username": "a" * 101, "password": "x" * 1001}, ["username", "password"]),
        ({"username": None, "password": 7}, ["username", "password"]),
    ],
    ids=str,
)
def test_a_login_needs_both_as_text_of_sensible_length(
    client: Client, body: dict[str, object], fields: list[str]
) -> None:
    reply = client.post(PATH, body)

    assert reply.status == 422
    assert [error["field"] for error in reply.json["errors"]] == fields


def test_after_five_failures_even_the_right_password_has_to_wait(client: Client) -> None:
    for _ in range(FAILURES):
        assert log_in(client, ADMIN, "wrong").status == 401

    reply = log_in(client, ADMIN, ADMIN_PASSWORD)

    assert reply.status == 429
    assert 0 < int(reply.headers["Retry-After"]) <= 15 * 60
    assert reply.json["code"] == "locked_out"


def test_the_wait_is_for_one_user_from_one_address(client: Client) -> None:
    for _ in range(FAILURES):
        log_in(client, ADMIN, "wrong")

    assert log_in(client, ADMIN, ADMIN_PASSWORD, address="192.0.2.2").status == 200
    assert log_in(client, OPERATOR, OPERATOR_PASSWORD).status == 200


def test_logging_in_often_is_no_failure(client: Client) -> None:
    statuses = {log_in(client, ADMIN, ADMIN_PASSWORD).status for _ in range(FAILURES * 2)}

    assert statuses == {200}


def test_logging_in_works_while_the_database_is_away(client: Client, app: Application) -> None:
    with database_away(app):
        reply = log_in(client, ADMIN, ADMIN_PASSWORD)
        known = client.get(PATH, token=reply.json["token"])
        status = client.get("api/service-status", token=reply.json["token"])

    assert (reply.status, known.status) == (200, 200)
    assert (status.status, status.json["code"]) == (503, "database_unreachable")


def test_logging_out_ends_all_sessions_of_the_user_and_nobody_elses(client: Client) -> None:
    first, second = (log_in(client, ADMIN, ADMIN_PASSWORD).json["token"] for _ in range(2))
    other = log_in(client, OPERATOR, OPERATOR_PASSWORD).json["token"]

    reply = client.delete(PATH, token=first)

    assert (reply.status, reply.json["success"]) == (200, True)
    assert [client.get(PATH, token=token).status for token in (first, second, other)] == [
        401,
        401,
        200,
    ]
    assert log_in(client, ADMIN, ADMIN_PASSWORD).status == 200


class TestAuthorizationHeader:
    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", " Bearer "])
    def test_the_scheme_may_be_written_in_any_case(
        self, client: Client, token: str, scheme: str
    ) -> None:
        headers = {"authorization": f"{scheme} {token}"}

        assert client.get(PATH, headers=headers).status == 200

    @pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Token x", "\x00"])
    def test_no_bearer_token_is_401_and_says_how_to_log_in(
        self, client: Client, header: str
    ) -> None:
        reply = client.get(PATH, headers={"authorization": header})

        assert (reply.status, reply.json["code"]) == (401, "authentication_required")
        assert reply.headers["WWW-Authenticate"] == 'Bearer realm="rowpost"'

    def test_a_bad_token_is_401_and_says_so(self, client: Client, token: str) -> None:
        head, payload, signature = token.split(".")
        unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
        claims = jwt.decode(token, options={"verify_signature": False})
        bad = {
            "truncated": token[:-1],
            "one part": payload,
            "no signature": f"{head}.{payload}.",
            "alg none": f"{unsigned}.{payload}.",
            "foreign key": jwt.encode(claims, "k" * 32, "HS256", jwt.get_unverified_header(token)),
            "twice": f"{token}, Bearer {token}",
            "oversized": "a" * 1_000_000,
            "dots": "." * 100_000,
            "not ascii": f"{head}.{payload}.ü",
            "nested": base64.urlsafe_b64encode(b"[" * 3000).decode() + f".{payload}.{signature}",
        }

        for name, value in bad.items():
            reply = client.get(PATH, token=value)
            assert (reply.status, reply.json["code"]) == (401, "invalid_token"), name
            assert 'error="invalid_token"' in reply.headers["WWW-Authenticate"], name

    def test_an_expired_token_is_401(self, client: Client, app: Application) -> None:
        operator = app.logins.find(OPERATOR)
        assert operator
        yesterday = datetime.now(UTC) - timedelta(days=1)
        expired = tokens.issue(app.signing, operator, yesterday).token

        assert client.get(PATH, token=expired).json["code"] == "invalid_token"

    def test_a_broken_token_does_no_harm_where_none_is_asked_for(self, client: Client) -> None:
        assert client.get("health", headers={"authorization": "Bearer x"}).status == 200


class TestRoles:
    @pytest.mark.parametrize(
        ("role", "allowed"),
        [
            (Role.ADMIN, set(Role)),
            (Role.OPERATOR, {Role.OPERATOR, Role.VIEWER, Role.SERVICE}),
            (Role.VIEWER, {Role.VIEWER}),
            (Role.SERVICE, {Role.SERVICE}),
            (None, set()),
        ],
    )
    def test_a_role_opens_what_it_includes_and_nothing_else(
        self, role: Role | None, allowed: set[Role]
    ) -> None:
        caller = Caller("192.0.2.1", "ann", role)

        for needed in allowed:
            require(caller, needed)
        for needed in set(Role) - allowed:
            with pytest.raises(ApiError) as refused:
                require(caller, needed)
            assert (refused.value.status, refused.value.code) == (403, "forbidden")


def test_a_password_is_in_no_repr() -> None:
    credentials = login.Credentials(username="ann", password="hunter2")

    assert "hunter2" not in repr(credentials)


def test_the_secrets_on_disk_are_not_readable(client: Client, tmp_path: Path) -> None:
    log_in(client, ADMIN, ADMIN_PASSWORD)

    stored = (tmp_path / "secrets").read_bytes()
    assert ADMIN.encode() not in stored
    assert json.dumps(ADMIN_PASSWORD).encode() not in stored
