"""What waits for another server keeps nothing else waiting: health, logins and control go on."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.standalone import PASSWORD, USERNAME, Answer, Launch, Standalone

CODES = 40
ANSWER_SECONDS = 30


@pytest.fixture
def silent_server() -> Iterator[socket.socket]:
    """A mail server that takes connections and never greets."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(200)
        listening.settimeout(60)
        yield listening


def timed(service: Standalone, method: str, path: str, body: object, token: str | None) -> float:
    began = time.monotonic()
    answer = service.request(method, path, body, token=token)
    assert answer.status == 200, answer
    return time.monotonic() - began


def test_forty_codes_for_a_server_that_does_not_greet_keep_nobody_waiting(
    standalone: Launch, silent_server: socket.socket
) -> None:
    service = standalone(ROWPOST_CATCHER_PORT="off")
    token = service.login()
    account = {
        "name": "silent",
        "email_address": "codes@example.com",
        "smtp_host": "127.0.0.1",
        "smtp_port": silent_server.getsockname()[1],
        "use_tls": False,
        "default": True,
    }
    assert service.post("/api/smtp-configs", account, token=token).status == 201

    def send(number: int) -> tuple[Answer, float]:
        began = time.monotonic()
        body = {"email": f"ann{number}@example.com", "code": "123456"}
        answer = service.post("/email-service/send-reset-code", body, token=token)
        return answer, time.monotonic() - began

    with ThreadPoolExecutor(CODES) as senders:
        sending = [senders.submit(send, number) for number in range(CODES)]
        first, _ = silent_server.accept()
        time.sleep(2)
        waits = [
            timed(service, "GET", "/health", None, None),
            timed(
                service,
                "POST",
                "/api/authenticate",
                {"username": USERNAME, "password": PASSWORD},
                None,
            ),
            timed(service, "GET", "/api/service-status", None, token),
            timed(service, "GET", "/api/emails", None, token),
        ]
        answers = [one.result() for one in sending]
        first.close()

    assert max(waits) < 15  # Behind the codes it would be nearly 30 s.
    assert {answer.status for answer, _ in answers} == {500}
    assert max(took for _, took in answers) < ANSWER_SECONDS + 15
