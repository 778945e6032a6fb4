"""The examples of the service that sent reset codes before, against the running service."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from tests.support.redis import RedisServer
from tests.support.standalone import Launch, Standalone, start, wait_until

PATH = "/email-service/send-reset-code"
REQUEST = {"email": "user@example.com", "code": "123456"}
CHANNEL, QUEUE = "password_reset_events", "password-reset-events"
SECRET = "your_super_secret_jwt_key, which is long enough"
TRUST = {
    "ROWPOST_TRUST_ISSUER": "auth-service",
    "ROWPOST_TRUST_AUDIENCE": "email-service",
    "ROWPOST_TRUST_ALGORITHM": "HS256",
    "ROWPOST_TRUST_SECRET": "jwt-secret",
    "SENDER_EMAIL": "noreply@foodtracker.example.com",
    "SENDER_NAME": "Food Tracker App",
}


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    return standalone_module(**TRUST)


def event(**changes: Any) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    fields = {"email": "recipient@example.com", "code": "123456", "timestamp": now}
    return json.dumps(fields | changes)


def codes(service: Standalone) -> list[str]:
    """Whom the caught emails with a code are for."""
    return [str(one["To"]) for one in service.mail() if "code" in str(one["Subject"])]


def test_a_code_is_sent_by_a_direct_call(service: Standalone) -> None:
    before = len(service.mail())

    answer = service.post(PATH, REQUEST, token=service.login())

    assert answer.status == 200
    assert answer.json == {"message": "Password reset code sent successfully"}
    message = service.mail()[before]
    assert str(message["To"]) == "user@example.com"
    assert str(message["From"]) == "Food Tracker App <noreply@foodtracker.example.com>"
    html = message.get_body(("html",))
    assert html is not None
    assert "123456" in html.get_content()
    assert "123456" not in service.written()


def test_its_errors_are_those_of_before(service: Standalone) -> None:
    token = service.login()

    missing = [service.post(PATH, {name: "x@example.com"}, token=token) for name in REQUEST]

    assert [answer.status for answer in missing] == [400, 400]
    assert service.post(PATH, REQUEST).status == 401
    assert service.post(PATH, REQUEST, token="invalid").status == 401
    assert service.request("GET", PATH, token=token).status == 405


def test_a_token_of_the_auth_service_is_good_for_codes_and_nothing_else(
    service: Standalone,
) -> None:
    from shared.configuration.encrypted_file import EncryptedFileSecretStore
    from shared.configuration.secret_key import secret_key
    from shared.settings import Settings

    key = secret_key(Settings(data=service.folder))
    EncryptedFileSecretStore(service.folder / "secrets", key).set("jwt-secret", SECRET)
    claims = {"iss": "auth-service", "aud": "email-service", "sub": "auth", "role": "service"}
    expires = datetime.now(UTC) + timedelta(minutes=1)
    token = jwt.encode(claims | {"exp": expires}, SECRET, "HS256")

    assert service.post(PATH, REQUEST, token=token).status == 200
    for path in ("/api/dashboard", "/api/emails", "/api/authenticate", "/api/health"):
        assert service.get(path, token=token).status == 401, path


def test_the_health_check_is_that_of_before(service: Standalone) -> None:
    answer = service.get("/health")

    assert answer.status == 200
    assert answer.json == {"status": "healthy", "service": "email-service"}


def test_no_endpoint_shows_a_code(service: Standalone) -> None:
    token = service.login()
    service.post(PATH, REQUEST | {"code": "a-code-to-find"}, token=token)

    (newest,) = service.get("/api/emails?limit=1", token=token).json["items"]
    answers = [
        service.get(f"/api/emails/{newest['id']}", token=token),
        service.get(f"/api/emails/{newest['id']}/attempts", token=token),
        service.get("/api/emails?query=code", token=token),
        service.post(f"/api/emails/{newest['id']}/retry", token=token),
    ]

    assert [answer.status for answer in answers] == [200, 200, 200, 409]
    assert not any(b"a-code-to-find" in answer.body for answer in answers)
    assert "a-code-to-find" not in service.written()


def test_a_code_overtakes_ten_thousand_scheduled_emails(service: Standalone) -> None:
    token = service.login()
    with closing(sqlite3.connect(service.database, timeout=30)) as connection, connection:
        connection.executemany(
            "INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_subject, dd_bodyText)"
            " VALUES (?, 'News', 'Hello')",
            [(f"reader{number}@example.com",) for number in range(10_000)],
        )
    force = threading.Thread(
        target=service.post, args=("/api/email-force-process",), kwargs={"token": token}
    )
    force.start()
    before = len(service.mail())
    wait_until(lambda: len(service.mail()) > before + 100, 30, "the backlog to drain")

    answer = service.post(PATH, REQUEST, token=token)
    still_waiting = service.get("/api/dashboard", token=token).json["service"]["queue"]["waiting"]
    service.post("/api/service-control", {"action": "stop"}, token=token)
    force.join(60)
    service.post("/api/service-control", {"action": "start"}, token=token)

    assert answer.status == 200
    assert still_waiting > 0


@pytest.fixture
def events(azurite: str) -> Iterator[QueueClient]:
    client = QueueClient.from_connection_string(
        azurite, QUEUE, message_encode_policy=TextBase64EncodePolicy()
    )
    with client:
        # A service that another test has just stopped may have made it.
        with suppress(ResourceExistsError):
            client.create_queue()
        client.clear_messages()
        yield client
        client.delete_queue()


@pytest.fixture
def three(
    tmp_path: Path, redis_server: RedisServer, azurite: str, events: QueueClient
) -> Iterator[list[Standalone]]:
    """Three services over one database, all of them listening."""
    settings = {"REDIS_URL": redis_server.url, "AzureWebJobsStorage": azurite}
    without_catcher = {**settings, "ROWPOST_CATCHER_PORT": "off"}
    started = [
        start(tmp_path, f"{number}", without_catcher if number else settings) for number in range(3)
    ]
    try:
        redis_server.wait_for_listeners(CHANNEL, 3)
        yield started
    finally:
        for one in started:
            one.kill()


def refusals(service: Standalone) -> int:
    return service.written().count("a password reset event is refused")


def test_an_event_that_comes_many_times_to_many_listeners_is_one_email(
    three: list[Standalone], redis_server: RedisServer, events: QueueClient
) -> None:
    same = event()

    for _ in range(20):
        redis_server.client.publish(CHANNEL, same)
    for _ in range(3):
        events.send_message(same)
    redis_server.client.publish(CHANNEL, event(code=654321))
    redis_server.client.publish(CHANNEL, "no event at all")
    redis_server.client.publish(CHANNEL, event(email="last@example.com"))
    events.send_message(event(email="queue@example.com"))

    def handled() -> bool:
        """By each of them: what comes from Redis they are handed in its order."""
        waiting = events.get_queue_properties().approximate_message_count
        return (
            waiting == 0
            and {"last@example.com", "queue@example.com"} <= set(codes(three[0]))
            and all(refusals(one) == 2 for one in three)
        )

    wait_until(handled, 30, "the last events")
    everybody = sorted(codes(three[0]))
    assert everybody == ["last@example.com", "queue@example.com", "recipient@example.com"]
    for one in three:
        assert "654321" not in one.written()
        assert "123456" not in one.written()
        one.stop()
        assert refusals(one) == 2
