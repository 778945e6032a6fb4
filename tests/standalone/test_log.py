"""Where the log of the service goes, and how a request is found in it."""

from __future__ import annotations

import http.client
import json
import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.standalone import (
    PASSWORD,
    START_SECONDS,
    STOP_SECONDS,
    USERNAME,
    Launch,
    Standalone,
    environment,
    wait_until,
)
from tests.support.tools import ROOT, free_port


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    return standalone_module()


def events(service: Standalone) -> list[dict[str, Any]]:
    lines = service.written().split("\n")
    return [json.loads(line) for line in lines if line.startswith("{")]


def event_of(service: Standalone, request_id: str) -> dict[str, Any]:
    def found() -> list[dict[str, Any]]:
        return [event for event in events(service) if event.get("requestId") == request_id]

    wait_until(lambda: bool(found()), 5, f"a line about request {request_id}")
    (event,) = found()
    return event


def test_every_request_is_one_line_under_the_id_that_its_answer_shows(
    service: Standalone,
) -> None:
    token = service.login()
    for method, path, status, route in [
        ("GET", "/api/service-status", 200, "api/service-status"),
        ("PUT", "/api/service-status?password=hunter2", 405, "api/service-status"),
        ("GET", "/no/such/hunter2?key=hunter2", 404, "{*path}"),
        ("POST", "/api/email-test", 422, "api/email-test"),
        ("GET", "/admin/host/status", 200, "admin/host/status"),
    ]:
        answer = service.request(method, path, token=token)
        assert answer.status == status
        if path.startswith("/admin"):
            wait_until(
                lambda: any(one.get("route") == "admin/host/status" for one in events(service)),
                5,
                "the line of /admin",
            )
            continue
        event = event_of(service, answer.headers["x-request-id"])
        if status >= 400:
            assert answer.json["requestId"] == event["requestId"]
        assert (event["method"], event["route"], event["status"]) == (method, route, status)
        assert event["durationMs"] >= 0
    written = service.written()
    assert "hunter2" not in written
    assert PASSWORD not in written
    assert token not in written


def test_a_wrong_password_is_not_in_the_log(service: Standalone) -> None:
    answer = service.post("/api/authenticate", {"username": USERNAME, "password": "hunter3"})

    assert event_of(service, answer.headers["x-request-id"])["status"] == 401
    assert "hunter3" not in service.written()


def test_a_body_that_its_endpoint_does_not_take_is_refused_at_once(service: Standalone) -> None:
    large = b"x" * 5_000_000
    for path, token, status, code in [
        ("/api/authenticate", None, 413, "body_too_large"),
        ("/api/email-test", service.login(), 413, "body_too_large"),
        ("/api/email-test", None, 401, "authentication_required"),
        ("/nowhere", None, 404, "not_found"),
    ]:
        answer = service.request("POST", path, large, token=token)
        assert (answer.status, answer.json["code"]) == (status, code)
        assert event_of(service, answer.json["requestId"])["status"] == status


def test_a_body_of_gigabytes_is_refused_by_its_announcement(service: Standalone) -> None:
    answer = raw(service, {"Content-Length": str(10**12)})

    assert (answer.status, json.loads(answer.read())["code"]) == (413, "body_too_large")


def test_a_chunked_body_is_411_however_long_it_goes_on(service: Standalone) -> None:
    answer = raw(service, {"Transfer-Encoding": "chunked"}, b"5\r\nhello\r\n")

    assert (answer.status, json.loads(answer.read())["code"]) == (411, "length_required")
    assert answer.getheader("connection") == "close"


def raw(
    service: Standalone, headers: dict[str, str], begun: bytes = b""
) -> http.client.HTTPResponse:
    """The answer to a request whose body is announced and never ends."""
    connection = http.client.HTTPConnection("127.0.0.1", int(service.settings["ROWPOST_PORT"]))
    connection.putrequest("POST", "/api/authenticate")
    for name, value in {"Content-Type": "application/json", **headers}.items():
        connection.putheader(name, value)
    connection.endheaders(begun or None)
    connection.sock.settimeout(10)
    return connection.getresponse()


def test_on_a_terminal_the_log_is_a_file_and_the_first_lines_stay_clear(tmp_path: Path) -> None:
    port = free_port()
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "standalone"],
        cwd=ROOT,
        env=environment(tmp_path, {"ROWPOST_PORT": str(port), "ROWPOST_CATCHER_PORT": "off"}),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        try:
            os.close(theirs)
            shown = ""
            while "Log: " not in shown:
                assert select.select([ours], [], [], START_SECONDS)[0], shown
                shown += os.read(ours, 4096).decode()
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/health")
            request_id = connection.getresponse().getheader("X-Request-Id")
            connection.close()
        finally:
            process.terminate()
            assert process.wait(STOP_SECONDS) == 0
            os.close(ours)
    file = tmp_path / "data" / "rowpost.log"
    assert f"Log: {file}" in shown
    assert "{" not in shown
    login = re.search(r"First login: admin / (\S+)", shown)
    assert login is not None
    assert login[1] not in file.read_text()
    assert any(json.loads(line).get("requestId") == request_id for line in file.open())
