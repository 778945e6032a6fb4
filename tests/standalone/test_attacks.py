"""What somebody without good intentions sends, and what answers (docs/security.md)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import time
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.standalone import Launch, Standalone

GUARDED = "/api/service-status"
POST = b"POST /api/authenticate HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
GET = b"GET /health HTTP/1.1\r\nHost: here\r\n"
SLOW_CLIENTS = 200


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    return standalone_module(ROWPOST_CATCHER_PORT="off")


@pytest.fixture(scope="module")
def token(service: Standalone) -> str:
    return service.login()


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def decoded(part: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return value


def forged(header: object, claims: object, key: bytes = b"") -> str:
    signed = f"{encoded(header)}.{encoded(claims)}"
    digest = hmac.new(key, signed.encode(), hashlib.sha256).digest() if key else b""
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def test_no_forged_token_opens_anything(service: Standalone, token: str) -> None:
    header, claims = (decoded(part) for part in token.split(".")[:2])
    first, _, last = token.split(".")
    forgeries = {
        "none": forged({**header, "alg": "none"}, claims),
        "None": forged({**header, "alg": "None"}, claims, b"x"),
        "HS512": forged({**header, "alg": "HS512"}, claims, b"x"),
        "another key": forged(header, claims, b"another key"),
        "a zero as key": forged(header, claims, b"\0"),
        "kid is a path": forged({**header, "kid": "../../dev/null"}, claims, b"\0"),
        "kid is an object": forged({**header, "kid": {"a": 1}}, claims, b"\0"),
        "no kid": forged({"alg": "HS256"}, claims, b"\0"),
        "jku": forged({**header, "jku": f"{service.base}/keys"}, claims, b"k"),
        "truncated": token[:-1],
        "half": token[: len(token) // 2],
        "with a tail": f"{token}A",
        "dots": "...",
        "long": "a" * 20_000,
        "another payload": f"{first}.{encoded({**claims, 'sub': 'root', 'exp': 2**40})}.{last}",
    }

    answers = {name: service.get(GUARDED, token=text) for name, text in forgeries.items()}

    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(answers, 401)
    assert len({answer.json["message"] for answer in answers.values()}) == 1


@pytest.mark.parametrize(
    "headers", [{"Authorization": "Basic YWRtaW46YWRtaW4="}, {"Authorization": "Bearer"}]
)
def test_other_proofs_are_none(service: Standalone, token: str, headers: dict[str, str]) -> None:
    assert service.request("GET", GUARDED, headers=headers).status == 401
    assert service.get(f"{GUARDED}?access_token={token}&token={token}").status == 401


@pytest.mark.parametrize(
    "path",
    [
        "/api/docs/../../function_app.py",
        "/api/docs/%2e%2e%2fgroups.py",
        "/api/docs/..%5c..%5cx",
        "/.env",
        "/host.json",
        "/local.settings.json",
        "//elsewhere.example.com/%2f..",
        "/api/emails/99999999999999999999",
        "/api/emails/-1",
        "/api/emails/1%3Bdrop%20table",
        "/api/emails/1%20OR%201=1",
    ],
)
def test_a_path_leads_nowhere_else(service: Standalone, token: str, path: str) -> None:
    answer = service.get(path, token=token)

    assert answer.status == 404
    assert answer.json["success"] is False


def test_an_invented_address_does_not_unlock(service: Standalone) -> None:
    statuses = [
        service.request(
            "POST",
            "/api/authenticate",
            {"username": "victim", "password": "no"},
            headers={"X-Forwarded-For": f"10.0.0.{n}", "X-Rowpost-Peer": f"10.0.0.{n}"},
        ).status
        for n in range(7)
    ]

    assert statuses == [401] * 5 + [429] * 2


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 411),
        (POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n{}{}x", 400),
        (POST + b"Content-Length: -4\r\n\r\n{}", 400),
        (POST + b"Content-Length: 1_0\r\n\r\n{}", 400),
        (POST + b"Content-Length: 99999999999\r\n\r\n{}", 413),
        (GET + b"X: " + b"a" * 200_000 + b"\r\n\r\n", 431),
        (GET + b"X: a\0b\r\n\r\n", 400),
    ],
)
def test_what_is_no_plain_request_is_refused(
    service: Standalone, request_: bytes, status: int
) -> None:
    with connected(service) as client:
        client.sendall(request_)

        assert client.recv(100).startswith(b"HTTP/1.1 %d" % status)


def test_clients_that_send_drop_by_drop_keep_nobody_waiting(service: Standalone) -> None:
    with ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            client = stack.enter_context(connected(service))
            client.sendall(POST + b"Content-Length: 100\r\n\r\n{")
        began = time.monotonic()

        assert service.get("/health").status == 200

    assert time.monotonic() - began < 25  # A body that stops is given up after 30 s.


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"[" * 100_000, (413, "too_many_values")),
        (b"[" * 10_000, (400, "malformed_json")),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, (400, "malformed_json")),
    ],
)
def test_a_body_that_is_nested_deep_is_refused(
    service: Standalone, token: str, body: bytes, refusal: tuple[int, str]
) -> None:
    answer = service.request("POST", "/api/service-control", body, token=token)

    assert (answer.status, answer.json["code"]) == refusal


@pytest.mark.parametrize(
    "server", ["db;Driver=evil.so", "file:///etc/passwd", "x@y", "[::1]", "a b", "db?x=y"]
)
def test_a_server_is_a_name_and_nothing_else(service: Standalone, token: str, server: str) -> None:
    body = {"server": server, "user": "a", "password": "b", "database": "c"}

    answer = service.post("/api/test-connection", body, token=token)

    assert answer.status == 422
    assert answer.json["errors"][0]["field"] == "server"


@pytest.mark.parametrize(
    "address", ["a@example.com\r\nBcc: b@example.com", "a@example.com, b@example.com", "a", "@"]
)
def test_a_test_email_has_one_recipient(service: Standalone, token: str, address: str) -> None:
    assert service.post("/api/email-test", {"email": address}, token=token).status == 422


def test_another_origin_gets_no_leave(service: Standalone) -> None:
    origin = {"Origin": "https://elsewhere.example.com", "Access-Control-Request-Method": "POST"}

    for method in ("GET", "OPTIONS"):
        answer = service.request(method, "/health", headers=origin)
        assert not [name for name in answer.headers if "access-control" in name.lower()]


def test_what_a_caller_may_not_set_is_refused(service: Standalone, token: str) -> None:
    login = {"username": "olga", "password": "olga's own"}
    schedule = {"startTime": "00:00", "endTime": "00:00", "interval": 1, "intervalUnit": "minutes"}
    saved = service.post("/api/save-email-config", {**schedule, **login}, token=token)
    refused = [
        service.post("/api/save-email-config", {**schedule, **login, "role": "admin"}, token=token),
        service.post("/api/authenticate", {**login, "role": "admin"}),
        service.post("/api/authenticate", {**login, "__proto__": {"role": "admin"}}),
    ]

    known = service.post("/api/authenticate", login)

    assert saved.status == 200
    assert {answer.json["code"] for answer in refused} == {"unknown_field"}
    assert known.json["user"] == {"username": "olga", "role": "operator"}
    assert service.post("/api/save-config", {}, token=known.json["token"]).status == 403


def connected(service: Standalone) -> socket.socket:
    port = int(service.settings["ROWPOST_PORT"])
    return socket.create_connection(("127.0.0.1", port), timeout=10)


@pytest.mark.parametrize(
    "path", ["/admin", "/admin/", "/admin/host", "/admin/host/status/", "/admin/functions/x/y"]
)
def test_nothing_of_admin_is_shown_or_redirected_to_anyone(
    service: Standalone, token: str, path: str
) -> None:
    with connected(service) as client:
        client.sendall(b"GET %s HTTP/1.1\r\nHost: elsewhere.example.com\r\n\r\n" % path.encode())
        answer = client.recv(4096)

    assert answer.startswith(b"HTTP/1.1 401")
    assert b"elsewhere" not in answer
    known = service.get(path, token=token)
    assert known.status == (200 if path == "/admin/host/status/" else 404)


def test_admin_and_metrics_are_counted_as_everything_is(standalone: Launch) -> None:
    service = standalone(
        ROWPOST_CATCHER_PORT="off",
        ROWPOST_REQUEST_LIMITS="on",
        ROWPOST_ANONYMOUS_REQUESTS="30",
    )
    statuses = [service.get("/admin/host/status").status for _ in range(20)]
    statuses += [service.get("/metrics").status for _ in range(20)]

    assert statuses[0] == statuses[20] == 401
    assert statuses[-1] == 429
    assert service.get("/admin/nothing").json["code"] == "too_many_requests"


CONTROL = ["a\x1b[2Jb", "a\nb", "a\x9bb", "a\u202eb", "a\u2028b"]


@pytest.mark.parametrize("name", CONTROL, ids=ascii)
def test_no_name_moves_the_cursor_of_a_terminal(service: Standalone, token: str, name: str) -> None:
    schedule = {"startTime": "00:00", "endTime": "00:00", "interval": 1, "intervalUnit": "minutes"}
    account = {"email_address": "a@example.com", "smtp_host": "127.0.0.1", "smtp_port": 25}
    refused = {
        "/api/keys": {"name": name, "smtp_config_id": 1},
        "/api/smtp-configs": {"name": name, **account},
        "/api/service-control": {"action": "start", "user": name},
        "/api/save-email-config": {**schedule, "username": name, "password": "a long password"},
    }

    answers = {path: service.post(path, body, token=token) for path, body in refused.items()}

    assert {path: answer.status for path, answer in answers.items()} == dict.fromkeys(refused, 422)


def test_a_weak_password_is_told_so(service: Standalone, token: str) -> None:
    schedule = {"startTime": "00:00", "endTime": "00:00", "interval": 1, "intervalUnit": "minutes"}

    def said(password: str) -> str:
        login = {"username": "otto", "password": password}
        answer = service.post("/api/save-email-config", {**schedule, **login}, token=token)
        assert answer.status == 200
        return str(answer.json["message"])

    assert "weak" in said("short")
    assert said("not a short one") == "Email service configuration saved"
