"""Every endpoint for operating the service, over HTTP: who may, what it takes, what it answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.app import Application
from shared.security import tokens
from shared.security.logins import SECRET_NAME
from shared.security.roles import Role
from shared.settings import Settings
from tests.support.standalone import USERNAME, Answer, Launch, Standalone
from tests.support.tools import free_port

SCHEDULE = {"startTime": "00:00", "endTime": "00:00", "interval": 1, "intervalUnit": "minutes"}
NOWHERE = {"server": "127.0.0.1", "port": "1", "user": "sa", "password": "x", "database": "db"}
EVERYBODY = frozenset(Role)
VIEWERS = frozenset({Role.VIEWER, Role.OPERATOR, Role.ADMIN})
OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})


@dataclass(frozen=True)
class Endpoint:
    """An endpoint with a request that is right, and the answer to it."""

    method: str
    path: str
    roles: frozenset[Role] | None
    body: Any = None
    status: int = 200
    keys: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def endpoint(
    method: str,
    path: str,
    roles: frozenset[Role] | None,
    keys: str,
    body: Any = None,
    status: int = 200,
) -> Endpoint:
    return Endpoint(method, path, roles, body, status, frozenset(keys.split()))


ENDPOINTS = [
    endpoint("GET", "/health", None, "status service"),
    endpoint("GET", "/api/authenticate", EVERYBODY, "success user"),
    endpoint("GET", "/api/check-db-config", None, "exists"),
    endpoint("GET", "/api/check-email-config", None, "exists"),
    endpoint("GET", "/api/get-current-config", VIEWERS, "success config"),
    endpoint("POST", "/api/save-email-config", ADMINS, "success message", SCHEDULE),
    # The service runs, so that an address is refused: a conflict, whatever it is.
    endpoint(
        "POST", "/api/save-config", ADMINS, "success code message errors requestId", NOWHERE, 409
    ),
    endpoint("POST", "/api/test-connection", ADMINS, "success message", NOWHERE),
    endpoint(
        "POST", "/api/test-db-status", VIEWERS, "success connected responseTime timestamp message"
    ),
    endpoint(
        "POST",
        "/api/service-control",
        OPERATORS,
        "success message status waiting oldestWaiting",
        {"action": "start", "user": "somebody"},
    ),
    endpoint(
        "GET",
        "/api/service-status",
        VIEWERS,
        "success status startedAt lastActivity lastRun nextRun",
    ),
    endpoint(
        "POST",
        "/api/email-test",
        OPERATORS,
        "success messageId recipient account",
        {"email": "ann@example.com"},
    ),
    endpoint(
        "POST",
        "/api/email-force-process",
        OPERATORS,
        "success message timestamp processed sent failed remaining",
    ),
    endpoint("GET", "/api/dashboard", VIEWERS, "database schedule service"),
    endpoint(
        "GET",
        "/api/health",
        VIEWERS,
        "status service checkedAt problems database secretStore storage redis timer queue accounts "
        "plainPasswords",
    ),
]
GUARDED = [one for one in ENDPOINTS if one.roles is not None]
WITH_BODY = [one for one in ENDPOINTS if one.body is not None]
BY_NAME: dict[str, Any] = {"ids": str}


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    """A running service whose logins have every role."""
    first = standalone_module()
    first.stop()
    application = Application(Settings(ROWPOST_DATA=first.folder))
    application.secrets.update(SECRET_NAME, _with_every_role)
    return standalone_module(ROWPOST_REQUEST_LIMITS="off")


def _with_every_role(text: str | None) -> str:
    logins = json.loads(text or "[]")
    for role in (Role.VIEWER, Role.SERVICE, Role.OPERATOR):
        logins.append({"username": role, "role": role, "password_hash": "none", "epoch": 1})
    return json.dumps(logins)


@pytest.fixture(scope="module")
def token_of(service: Standalone) -> Iterator[dict[Role, str]]:
    application = Application(Settings(ROWPOST_DATA=service.folder))
    yield {
        role: _issue(application, USERNAME if role is Role.ADMIN else role.value) for role in Role
    }
    application.close()


def _issue(application: Application, username: str) -> str:
    login = application.logins.find(username)
    assert login
    return tokens.issue(application.signing, login, datetime.now(UTC)).token


def ask(service: Standalone, one: Endpoint, token: str | None = None) -> Answer:
    return service.request(one.method, one.path, one.body, token=token)


def refused(answer: Answer, status: int) -> dict[str, Any]:
    """The body that every refusal has."""
    assert answer.status == status, answer
    body: dict[str, Any] = answer.json
    assert set(body) == {"success", "code", "message", "errors", "requestId"}
    assert body["success"] is False
    assert body["message"].endswith((".", "?", "!"))
    assert answer.headers["x-request-id"] == body["requestId"]
    return body


@pytest.mark.parametrize("one", ENDPOINTS, **BY_NAME)
def test_an_answer_has_the_shape_of_the_contract(
    service: Standalone, token_of: dict[Role, str], one: Endpoint
) -> None:
    answer = ask(service, one, token_of[Role.ADMIN])

    assert answer.status == one.status, answer
    assert set(answer.json) == one.keys
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("one", ENDPOINTS, **BY_NAME)
@pytest.mark.parametrize("role", list(Role))
def test_a_role_gets_as_far_as_it_may(
    service: Standalone, token_of: dict[Role, str], one: Endpoint, role: Role
) -> None:
    answer = ask(service, one, token_of[role])

    if one.roles is None or role in one.roles:
        assert answer.status == one.status, answer
    else:
        assert refused(answer, 403)["code"] == "forbidden"


@pytest.mark.parametrize("one", GUARDED, **BY_NAME)
def test_without_a_token_nobody_gets_in(service: Standalone, one: Endpoint) -> None:
    for token in (None, "nonsense", "a.b.c", "x" * 9000):
        answer = ask(service, one, token)

        refused(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("one", ENDPOINTS, **BY_NAME)
def test_another_method_is_told_which_ones_there_are(
    service: Standalone, token_of: dict[Role, str], one: Endpoint
) -> None:
    for method in ("PATCH", "PUT"):
        answer = service.request(method, one.path, {}, token=token_of[Role.ADMIN])

        refused(answer, 405)
        assert one.method in answer.headers["allow"].split(", ")


@pytest.mark.parametrize("one", ENDPOINTS, **BY_NAME)
def test_a_slash_at_the_end_makes_no_difference(
    service: Standalone, token_of: dict[Role, str], one: Endpoint
) -> None:
    answer = service.request(one.method, one.path + "/", one.body, token=token_of[Role.ADMIN])

    assert answer.status == one.status


@pytest.mark.parametrize("one", WITH_BODY, **BY_NAME)
@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"a": NaN}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b'"text"', "application/json", 400),
        (b'{"a": "\\ud800"}', "application/json", 400),
        (b"a=1", "application/x-www-form-urlencoded", 415),
        (b"<a/>", "text/xml", 415),
        (b"{}", "application/json", 422),
    ],
)
def test_a_body_that_is_none_says_why(
    service: Standalone,
    token_of: dict[Role, str],
    one: Endpoint,
    content: bytes,
    media_type: str,
    status: int,
) -> None:
    answer = service.request(
        one.method,
        one.path,
        content,
        token=token_of[Role.ADMIN],
        headers={"Content-Type": media_type},
    )

    body = refused(answer, status)
    assert (status == 422) == bool(body["errors"])


@pytest.mark.parametrize("one", WITH_BODY, **BY_NAME)
@pytest.mark.parametrize("value", [None, 17, True, [], {}, "", "x" * 10_000, "\0"])
def test_every_field_is_looked_at(
    service: Standalone, token_of: dict[Role, str], one: Endpoint, value: Any
) -> None:
    """A value that a field does not take is refused by the field's name; it never breaks us."""
    for field in one.body:
        answer = service.request(
            one.method, one.path, {**one.body, field: value}, token=token_of[Role.ADMIN]
        )

        assert answer.status in {one.status, 422}, (field, answer)
        if answer.status == 422:
            named = [error["field"] for error in refused(answer, 422)["errors"]]
            assert all(name in {field, "$"} for name in named), named


def test_head_answers_without_a_body(service: Standalone, token_of: dict[Role, str]) -> None:
    answer = service.request("HEAD", "/api/dashboard", token=token_of[Role.VIEWER])

    assert (answer.status, answer.body) == (200, b"")


def test_who_logs_in_gets_a_token_and_who_logs_out_loses_it(standalone: Launch) -> None:
    service = standalone(ROWPOST_CATCHER_PORT="off")

    token = service.login()
    known = service.get("/api/authenticate", token=token)
    left = service.request("DELETE", "/api/authenticate", token=token)
    after = service.get("/api/authenticate", token=token)

    assert known.json == {"success": True, "user": {"username": USERNAME, "role": "admin"}}
    assert left.status == 200
    refused(after, 401)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"username": USERNAME}, 422),
        ({"username": USERNAME, "password": 5}, 422),
        ({"username": USERNAME, "password": "x" * 73}, 422),
        ({"username": USERNAME, "password": "wrong"}, 401),
        ({"username": "nobody at all", "password": "wrong"}, 401),
        ({"username": "' OR 1=1 --", "password": "wrong"}, 401),
    ],
)
def test_a_login_that_is_none(service: Standalone, body: dict[str, Any], status: int) -> None:
    refused(service.post("/api/authenticate", body), status)


def test_whether_a_user_exists_cannot_be_told_from_the_answer(service: Standalone) -> None:
    known, unknown = (
        refused(service.post("/api/authenticate", {"username": name, "password": "no"}), 401)
        for name in ("operator", "somebody else")
    )

    del known["requestId"], unknown["requestId"]
    assert known == unknown


def test_five_wrong_passwords_lock_a_user_out(service: Standalone) -> None:
    wrong = {"username": "locked out", "password": "no"}

    answers = [service.post("/api/authenticate", wrong) for _ in range(6)]

    assert [answer.status for answer in answers] == [401] * 5 + [429]
    refused(answers[-1], 429)
    assert 0 < int(answers[-1].headers["retry-after"]) <= 900


def test_a_stopped_service_sends_nothing_by_force(
    service: Standalone, token_of: dict[Role, str]
) -> None:
    operator = token_of[Role.OPERATOR]
    stopped = service.post("/api/service-control", {"action": "stop"}, token=operator)

    forced = service.post("/api/email-force-process", token=operator)
    tested = service.post("/api/email-test", {"email": "ann@example.com"}, token=operator)
    started = service.post("/api/service-control", {"action": "start"}, token=operator)

    assert stopped.json["status"]["status"] == "stopped"
    assert refused(forced, 409)["code"] == "service_stopped"
    assert tested.status == 200
    assert started.json["status"]["status"] == "running"


def test_a_mail_server_that_is_away_is_told_in_the_answer(
    standalone: Launch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    service = standalone()
    application = Application(Settings(ROWPOST_DATA=service.folder))
    with application.database().write() as connection:
        connection.exec_driver_sql(f"UPDATE tbl_EMailParameters SET SMTPPort = {free_port()}")
    application.close()

    answer = service.post("/api/email-test", {"email": "a@example.com"}, token=service.login())

    assert refused(answer, 502)["code"] == "mail_server_refused"


@pytest.mark.parametrize("path", ["/", "/api", "/api/nothing", "/API/../etc/passwd", "/api/%00"])
def test_an_unknown_path_is_answered_as_every_error(service: Standalone, path: str) -> None:
    refused(service.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/admin/functions/queue_timer", 405),
        ("GET", "/admin/nothing", 404),
        ("POST", "/admin/functions/nothing", 404),
        ("POST", "/admin/functions/queue_timer", 401),
    ],
)
def test_so_are_the_paths_of_the_host(
    service: Standalone, token_of: dict[Role, str], method: str, path: str, status: int
) -> None:
    token = None if status == 401 else token_of[Role.ADMIN]

    answer = service.request(method, path, {} if method == "POST" else None, token=token)

    refused(answer, status)
