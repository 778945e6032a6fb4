"""The dashboard and the health of each part: what they show, and that they never hang."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from shared.accounts.pauses import pause
from shared.app import Application, use
from shared.database import tables
from shared.database.database import Database
from shared.delivery import tick
from shared.outbox.states import Flag
from shared.scheduling import service_state
from shared.settings import Settings
from tests.support.api import Client
from tests.support.emails import email_in
from tests.support.queue import Queue
from tests.support.smtp import SmtpServer
from tests.support.tools import free_port

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def queue(app: Application) -> Queue:
    return Queue(app)


@pytest.fixture
def hung(app: Application, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A database that lets nobody in and refuses nobody, as behind a firewall."""
    let_go = threading.Event()

    def hang() -> Database:
        let_go.wait(60)
        raise AssertionError("hung for too long")

    monkeypatch.setattr(app, "database", hang)
    yield
    let_go.set()


def test_the_dashboard_of_a_fresh_service(client: Client, token: str) -> None:
    reply = client.get("api/dashboard", token=token)

    assert reply.status == 200
    database, schedule, shown = (reply.json[key] for key in ("database", "schedule", "service"))
    assert TIME.fullmatch(database.pop("lastChecked"))
    assert database.pop("responseTime") >= 0
    assert database == {"connected": True, "server": "localhost", "database": "rowpost.db"}
    assert schedule == {
        "startTime": "00:00",
        "endTime": "00:00",
        "interval": 1,
        "intervalUnit": "minutes",
        "timeZone": "UTC",
        "isActive": True,
    }
    assert TIME.fullmatch(shown.pop("nextRun"))
    assert shown == {
        "status": "running",
        "lastRun": None,
        "emailStats": {"totalProcessed": 0, "totalSent": 0, "totalFailed": 0},
        "queue": {
            "waiting": 0,
            "sending": 0,
            "unknown": 0,
            "held": 0,
            "capped": False,
            "oldestWaitingSeconds": None,
        },
    }


def test_the_dashboard_tells_at_once_what_was_sent_and_what_waits(
    client: Client, token: str, queue: Queue, smtp_server: type[SmtpServer]
) -> None:
    queue.account(smtp_server(), "SHOP")
    queue.add(3, dd_EmailParamCode="SHOP")
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    queue.add(2, dd_EmailParamCode="NOBODY", dd_CreatedDate=long_ago)
    email_in(queue.database, Flag.UNKNOWN)
    tick.force(queue.application, 10)

    shown = client.get("api/dashboard", token=token).json["service"]

    assert shown["emailStats"] == {"totalProcessed": 3, "totalSent": 3, "totalFailed": 0}
    assert 3_599 <= shown["queue"].pop("oldestWaitingSeconds") <= 3_660
    assert shown["queue"] == {
        "waiting": 2,
        "sending": 0,
        "unknown": 1,
        "held": 2,
        "capped": False,
    }
    assert TIME.fullmatch(shown["lastRun"])


def test_the_dashboard_of_a_stopped_service_has_no_next_run(
    client: Client, token: str, queue: Queue
) -> None:
    queue.database.run(lambda connection: service_state.stop(connection, "test"))

    shown = client.get("api/dashboard", token=token).json["service"]

    assert (shown["status"], shown["nextRun"]) == ("stopped", None)


def test_without_a_database_the_dashboard_shows_what_is_known(
    client: Client, token: str, app: Application
) -> None:
    (app.settings.data / "rowpost.db").mkdir()

    reply = client.get("api/dashboard", token=token)

    assert reply.status == 200
    assert reply.json["database"]["connected"] is False
    assert reply.json["database"]["responseTime"] is None
    assert reply.json["schedule"]["timeZone"] == "UTC"
    assert reply.json["service"] == {
        "status": "unknown",
        "lastRun": None,
        "nextRun": None,
        "emailStats": None,
        "queue": None,
    }


def test_a_database_that_hangs_keeps_nobody_waiting(client: Client, token: str, hung: None) -> None:
    began = time.monotonic()

    assert client.get("health").status == 503
    assert client.get("api/dashboard", token=token).json["database"]["connected"] is False
    assert client.get("health").status == 503
    assert client.get("api/dashboard", token=token).json["database"]["connected"] is False

    assert time.monotonic() - began < 30


class TestHealth:
    def test_all_is_well(self, client: Client, token: str, queue: Queue) -> None:
        queue.account(25, "SHOP")
        queue.database.run(service_state.record_tick)

        body = client.get("api/health", token=token).json

        assert (body["status"], body["problems"]) == ("healthy", [])
        assert body["database"]["connected"] is True
        assert body["database"]["source"] == "local file"
        assert body["database"]["driver"].startswith("SQLite 3.")
        assert body["secretStore"] == {"kind": "encrypted file", "problem": None}
        assert body["storage"] == {"kind": "this process", "problem": None}
        assert body["redis"] is None
        assert body["timer"]["stale"] is False
        assert body["accounts"] == [
            {"code": "SHOP", "state": "ready", "reason": None, "until": None, "testMode": None}
        ]

    def test_what_somebody_should_look_at_is_said(
        self, client: Client, token: str, queue: Queue
    ) -> None:
        queue.account(25, "SHOP", Rowpost_Default="Y", SMTPAccountName="x", SMTPPassword="plain")
        queue.account(25, "BROKEN", SMTPServer="")
        resting = queue.account(25, "RESTS")
        queue.add(2, dd_EmailParamCode="NOBODY")
        tick.tick(queue.application)
        email_in(queue.database, Flag.UNKNOWN)
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        with queue.database.write() as connection:
            pause(connection, resting, 600, "535 5.7.8 wrong password")
            connection.execute(update(tables.service).values(LastTick=an_hour_ago))

        reply = client.get("api/health", token=token)

        body = reply.json
        assert (reply.status, body["status"]) == (200, "degraded")
        accounts = {one["code"]: one for one in body["accounts"]}
        assert accounts["SHOP"]["state"] == "ready"
        assert accounts["BROKEN"]["state"] == "unusable"
        assert accounts["RESTS"]["state"] == "paused"
        assert accounts["RESTS"]["reason"] == "535 5.7.8 wrong password"
        assert TIME.fullmatch(accounts["RESTS"]["until"])
        assert body["plainPasswords"] == ["SHOP"]
        assert body["timer"]["stale"] is True
        assert body["queue"]["unknown"] == 1
        assert body["queue"]["held"] == [{"code": "NOBODY", "emails": 2}]
        said = "\n".join(body["problems"])
        for words in ("timer", "NOBODY", "RESTS", "BROKEN", "plain text", "may have been sent"):
            assert words in said
        assert b'"plain"' not in reply.body

    def test_a_database_that_is_away_is_told_with_its_reason(
        self, client: Client, token: str, app: Application
    ) -> None:
        (app.settings.data / "rowpost.db").mkdir()

        reply = client.get("api/health", token=token)

        assert (reply.status, reply.json["status"]) == (200, "unhealthy")
        assert reply.json["database"]["connected"] is False
        assert reply.json["database"]["problem"] in reply.json["problems"][0]
        assert (reply.json["queue"], reply.json["accounts"]) == (None, None)

    def test_a_database_that_hangs_is_told_in_time(
        self, client: Client, token: str, hung: None
    ) -> None:
        began = time.monotonic()

        assert client.get("api/health", token=token).json["status"] == "unhealthy"

        assert time.monotonic() - began < 30

    def test_a_storage_that_is_away_is_told(self, token: str, app: Application) -> None:
        closed = f"http://127.0.0.1:{free_port()}/devstoreaccount1"
        storage = (
            "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;"
            f"QueueEndpoint={closed};"
        )
        other = Application(Settings(ROWPOST_DATA=app.settings.data, AzureWebJobsStorage=storage))

        found = other.health.check()
        other.close()

        assert found.storage == "Azure Storage"
        assert found.storage_problem
        assert found.status == "degraded"
        assert "a2V5" not in found.storage_problem
        use(None)
