"""Health, start and stop, and sending by hand."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from shared.accounts.directory import ensure_catcher
from shared.app import Application
from shared.outbox.add import NewEmail, add
from shared.outbox.states import Lane
from standalone.catcher import Catcher
from tests.support.api import Client

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
STATUS = {"success", "status", "startedAt", "lastActivity", "lastRun", "nextRun"}
GUARDED = [
    ("POST", "api/service-control"),
    ("GET", "api/service-status"),
    ("POST", "api/email-force-process"),
    ("DELETE", "api/authenticate"),
    ("GET", "api/authenticate"),
]


def store(app: Application, number: int = 1) -> None:
    for _ in range(number):
        email = NewEmail(to="ann@example.com", subject="Hello", body="Hello Ann")
        app.database().run(partial(add, email=email))


def control(client: Client, token: str, action: str) -> dict[str, object]:
    reply = client.post("api/service-control", {"action": action, "user": "olga"}, token=token)
    assert reply.status == 200, reply.body
    body: dict[str, object] = reply.json
    return body


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_a_login_nothing_but_health_answers(client: Client, method: str, path: str) -> None:
    assert client.request(method, path).status == 401


class TestHealth:
    def test_a_database_that_answers_is_healthy(self, client: Client) -> None:
        reply = client.get("health")

        assert reply.status == 200
        assert reply.json == {"status": "healthy", "service": "email-service"}

    def test_a_database_that_does_not_is_not(self, client: Client, app: Application) -> None:
        (app.settings.data / "rowpost.db").mkdir()

        reply = client.get("health")

        assert reply.status == 503
        assert reply.json == {
            "status": "unhealthy",
            "service": "email-service",
            "reason": "database_unreachable",
        }

    def test_a_database_that_goes_away_later_is_not_either(
        self, client: Client, app: Application
    ) -> None:
        assert client.get("health").status == 200
        file = app.settings.data / "rowpost.db"
        app.database().close()
        for part in app.settings.data.glob("rowpost.db*"):
            part.unlink()
        file.mkdir()

        assert client.get("health").status == 503


class TestServiceStatus:
    def test_a_fresh_database_runs_and_tells_the_next_run(self, client: Client, token: str) -> None:
        reply = client.get("api/service-status", token=token)

        assert reply.status == 200
        assert set(reply.json) == STATUS
        assert (reply.json["success"], reply.json["status"]) == (True, "running")
        assert TIME.fullmatch(reply.json["nextRun"])
        assert reply.json["lastRun"] is None

    def test_a_stopped_one_has_no_next_run(self, client: Client, token: str) -> None:
        control(client, token, "stop")

        body = client.get("api/service-status", token=token).json

        assert (body["status"], body["nextRun"]) == ("stopped", None)
        assert TIME.fullmatch(body["lastActivity"])


class TestServiceControl:
    def test_stop_says_what_is_finished_and_start_what_waits(
        self, client: Client, app: Application, token: str
    ) -> None:
        store(app, 2)

        stopped = control(client, token, "stop")
        started = control(client, token, "start")

        assert set(stopped) == {"success", "message", "status", "finishing", "oldestWaiting"}
        assert stopped["finishing"] == 0
        assert set(started) == {"success", "message", "status", "waiting", "oldestWaiting"}
        assert started["waiting"] == 2
        assert started["oldestWaiting"] == stopped["oldestWaiting"]
        oldest = datetime.fromisoformat(str(started["oldestWaiting"]))
        assert datetime.now(UTC) - oldest < timedelta(minutes=1)
        for body, state in ((stopped, "stopped"), (started, "running")):
            assert isinstance(body["status"], dict)
            assert set(body["status"]) == STATUS
            assert body["status"]["status"] == state

    def test_with_nothing_waiting_there_is_no_oldest(self, client: Client, token: str) -> None:
        started = control(client, token, "start")

        assert (started["waiting"], started["oldestWaiting"]) == (0, None)

    def test_doing_either_twice_is_fine(self, client: Client, token: str) -> None:
        for action in ("stop", "stop", "start", "start"):
            assert control(client, token, action)["success"] is True

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "action"),
            ({"action": "restart"}, "action"),
            ({"action": None}, "action"),
            ({"action": ["start"]}, "action"),
            ({"action": "start", "user": 7}, "user"),
            ({"action": "start", "user": "x" * 101}, "user"),
        ],
        ids=str,
    )
    def test_another_action_is_refused(
        self, client: Client, token: str, body: dict[str, object], field: str
    ) -> None:
        reply = client.post("api/service-control", body, token=token)

        assert reply.status == 422
        assert [error["field"] for error in reply.json["errors"]] == [field]


class TestForceProcess:
    @pytest.fixture(autouse=True)
    def _the_catcher_is_the_account(self, app: Application, catcher: Catcher) -> None:
        app.database().run(partial(ensure_catcher, port=catcher.port))

    def test_all_that_is_due_is_sent_at_once(
        self, client: Client, app: Application, token: str
    ) -> None:
        store(app, 3)

        reply = client.post("api/email-force-process", token=token)

        assert reply.status == 200
        body = reply.json
        assert set(body) == {
            "success",
            "message",
            "timestamp",
            "processed",
            "sent",
            "failed",
            "remaining",
        }
        assert TIME.fullmatch(body["timestamp"])
        assert [body[name] for name in ("processed", "sent", "failed", "remaining")] == [3, 3, 0, 0]
        assert len(list((app.settings.data / "mail").glob("*.eml"))) == 3

    def test_both_lanes_are_sent(self, client: Client, app: Application, token: str) -> None:
        email = NewEmail(to="ann@example.com", subject="Now", body="x", lane=Lane.IMMEDIATE)
        app.database().run(partial(add, email=email))
        store(app)

        assert client.post("api/email-force-process", token=token).json["sent"] == 2

    def test_an_empty_queue_is_fine(self, client: Client, token: str) -> None:
        reply = client.post("api/email-force-process", {}, token=token)

        assert (reply.status, reply.json["processed"]) == (200, 0)

    def test_while_stopped_it_is_refused_and_says_what_to_do(
        self, client: Client, app: Application, token: str
    ) -> None:
        store(app)
        control(client, token, "stop")

        reply = client.post("api/email-force-process", token=token)

        assert (reply.status, reply.json["code"]) == (409, "service_stopped")
        assert "service-control" in reply.json["message"]
        assert not list((app.settings.data / "mail").glob("*.eml"))
