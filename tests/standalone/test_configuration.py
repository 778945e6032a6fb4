"""Configuration over HTTP, on the running service."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.support.standalone import Answer, Launch, Standalone
from tests.support.tools import free_port

PASSWORD = "geheim;}{="
SCHEDULE = {
    "startTime": "09:00",
    "endTime": "18:00",
    "interval": 30,
    "intervalUnit": "minutes",
    "dbRequestTimeout": 30000,
    "dbConnectionTimeout": 1000,
}
OPERATOR = {"username": "olga", "password": "the operator's own"}
NOT_THERE = {"server": "127.0.0.1", "user": "sa", "password": PASSWORD, "database": "EmailDB"}


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    return standalone_module(ROWPOST_CATCHER_PORT="off")


@pytest.fixture(scope="module")
def admin(service: Standalone) -> str:
    return service.login()


def operator(service: Standalone, admin: str) -> str:
    saved = service.post("/api/save-email-config", {**SCHEDULE, **OPERATOR}, token=admin)
    assert saved.status == 200, saved
    answer = service.post("/api/authenticate", OPERATOR)
    assert answer.status == 200, answer
    return str(answer.json["token"])


def not_there() -> dict[str, Any]:
    return {**NOT_THERE, "port": str(free_port())}


def fields(answer: Answer) -> set[str]:
    assert answer.json["success"] is False
    return {error["field"] for error in answer.json["errors"]}


def test_a_schedule_is_saved_and_shown(service: Standalone, admin: str) -> None:
    body = {**SCHEDULE, "timeZone": "Europe/Berlin", "days": ["fri", "mon"], **OPERATOR}

    saved = service.post("/api/save-email-config", body, token=admin)
    shown = service.get("/api/get-current-config", token=admin)

    assert (saved.status, saved.json["success"]) == (200, True)
    email = shown.json["config"]["email"]
    assert email == {
        **SCHEDULE,
        "timeZone": "Europe/Berlin",
        "days": ["mon", "fri"],
        "username": "olga",
    }
    assert service.get("/api/check-email-config").json == {"exists": True}
    assert b"password" not in shown.body


def test_the_operators_login_is_the_one_that_was_saved(service: Standalone, admin: str) -> None:
    first = operator(service, admin)
    assert service.get("/api/service-status", token=first).status == 200

    other = {"username": "oskar", "password": "another one"}
    service.post("/api/save-email-config", {**SCHEDULE, **other}, token=admin)

    assert service.post("/api/authenticate", OPERATOR).status == 401
    assert service.post("/api/authenticate", other).status == 200
    service.post("/api/save-email-config", SCHEDULE, token=admin)
    assert service.post("/api/authenticate", other).status == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"startTime": "9:00"}, "startTime"),
        ({"startTime": "24:00"}, "startTime"),
        ({"endTime": "18:60"}, "endTime"),
        ({"interval": 0}, "interval"),
        ({"interval": "30"}, "interval"),
        ({"interval": 10**30}, "interval"),
        ({"interval": 25, "intervalUnit": "hours"}, "interval"),
        ({"intervalUnit": "days"}, "intervalUnit"),
        ({"timeZone": "Mars/Olympus"}, "timeZone"),
        ({"timeZone": "../../etc/passwd"}, "timeZone"),
        ({"days": []}, "days"),
        ({"days": ["monday"]}, "days[0]"),
        ({"dbRequestTimeout": 1}, "dbRequestTimeout"),
        ({"username": "olga"}, "$"),
        ({"username": "olga", "password": "x" * 73}, "password"),
        ({"username": "admin", "password": "taken"}, "username"),
        ({"username": "x" * 101, "password": "long"}, "username"),
    ],
)
def test_a_schedule_that_makes_no_sense_names_its_field(
    service: Standalone, admin: str, change: dict[str, Any], field: str
) -> None:
    answer = service.post("/api/save-email-config", {**SCHEDULE, **change}, token=admin)

    assert answer.status == 422, answer
    assert field in fields(answer)


def test_what_is_missing_is_named(service: Standalone, admin: str) -> None:
    schedule = service.post("/api/save-email-config", {}, token=admin)
    database = service.post("/api/save-config", {}, token=admin)

    assert fields(schedule) == {"startTime", "endTime", "interval", "intervalUnit"}
    assert fields(database) == {"server", "database"}


def test_windows_over_midnight_and_of_the_whole_day_are_fine(
    service: Standalone, admin: str
) -> None:
    for start, end in (("22:00", "06:00"), ("00:00", "00:00"), ("00:00", "24:00")):
        body = {**SCHEDULE, "startTime": start, "endTime": end}
        assert service.post("/api/save-email-config", body, token=admin).status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"port": 0},
        {"port": 65536},
        {"port": "many"},
        {"server": ""},
        {"server": "a\nb"},
        {"server": "x" * 300},
        {"database": None},
        {"force": "perhaps"},
    ],
)
def test_an_address_that_makes_no_sense_names_its_field(
    service: Standalone, admin: str, change: dict[str, Any]
) -> None:
    for path in ("/api/save-config", "/api/test-connection"):
        answer = service.post(path, {**not_there(), **change}, token=admin)

        assert answer.status == 422, answer
        assert fields(answer) == set(change)
        assert PASSWORD.encode() not in answer.body


def test_a_connection_that_fails_is_a_test_that_ran(service: Standalone, admin: str) -> None:
    answer = service.post("/api/test-connection", not_there(), token=admin)

    assert answer.status == 200
    assert answer.json["success"] is False
    assert answer.json["message"]
    assert PASSWORD not in answer.json["message"]


def test_the_state_of_the_database_in_use_is_shown(service: Standalone, admin: str) -> None:
    answer = service.post("/api/test-db-status", token=admin)

    assert answer.status == 200
    assert answer.json["success"] is True
    assert answer.json["connected"] is True
    assert 0 <= answer.json["responseTime"] < 1000
    assert answer.json["timestamp"].endswith("Z")


def test_each_role_gets_as_far_as_it_may(service: Standalone, admin: str) -> None:
    token = operator(service, admin)
    admins = ("/api/save-config", "/api/save-email-config", "/api/test-connection")

    for path in admins:
        assert service.post(path, {}).status == 401
        assert service.post(path, {}, token=token).json["code"] == "forbidden"
        assert service.post(path, {}, token=token).status == 403
    assert service.get("/api/get-current-config").status == 401
    assert service.get("/api/get-current-config", token=token).status == 200
    assert service.post("/api/test-db-status").status == 401
    assert service.post("/api/test-db-status", token=token).status == 200
    for path in ("/api/check-db-config", "/api/check-email-config"):
        assert set(service.get(path).json) == {"exists"}


def test_an_address_needs_a_stopped_service_and_is_then_saved_in_no_table(
    standalone: Launch,
) -> None:
    service = standalone(ROWPOST_CATCHER_PORT="off")
    admin = service.login()
    service.post("/api/save-email-config", SCHEDULE, token=admin)
    with closing(sqlite3.connect(service.database)) as database:
        database.execute(
            "INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_subject, dd_bodyText) "
            "VALUES ('a@example.com', 'left behind', 'x')"
        )
        database.commit()

    running = service.post("/api/save-config", not_there(), token=admin)
    service.post("/api/service-control", {"action": "stop"}, token=admin)
    unreachable = service.post("/api/save-config", not_there(), token=admin)
    address = not_there()
    forced = service.post("/api/save-config", {**address, "force": True}, token=admin)

    assert (running.status, running.json["code"]) == (409, "service_running")
    assert (unreachable.status, unreachable.json["code"]) == (422, "database_unreachable")
    assert forced.status == 200, forced
    assert forced.json["leftBehind"] == {"waiting": 1, "unknown": 0}
    shown = service.get("/api/get-current-config", token=admin)
    assert shown.json["config"]["database"] == {
        "server": "127.0.0.1",
        "port": int(address["port"]),
        "user": "sa",
        "database": "EmailDB",
        "source": "configuration",
    }
    assert service.get("/api/check-db-config").json == {"exists": True}

    # With no database: login and configuration work, and the answers say what is wrong.
    assert service.post("/api/authenticate", {"username": "a", "password": "b"}).status == 401
    status = service.get("/api/service-status", token=admin)
    assert (status.status, status.json["code"]) == (503, "database_unreachable")
    connected = service.post("/api/test-db-status", token=admin)
    assert (connected.status, connected.json["connected"]) == (200, False)
    assert service.post("/api/save-email-config", SCHEDULE, token=admin).status == 200

    # A password stays with the server that it was given for.
    without = {key: value for key, value in address.items() if key != "password"}
    elsewhere = service.post(
        "/api/save-config", {**without, "server": "evil.example.com"}, token=admin
    )
    assert (elsewhere.status, fields(elsewhere)) == (422, {"password"})
    same = service.post("/api/save-config", {**without, "force": True}, token=admin)
    assert same.status == 200, same
    service.stop()

    assert PASSWORD not in service.written()
    for file in service.folder.iterdir():
        if file.is_file():
            assert PASSWORD.encode() not in file.read_bytes(), file
