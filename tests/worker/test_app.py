"""Rowpost's app in Microsoft's own Python worker: all functions are found, and each one works.

The worker runs in Azure's way: settings from the environment, tokens on a storage queue (Azurite),
telemetry on, and sent to where Application Insights takes it.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from shared.app import Application
from shared.delivery.wakeups import Wakeup
from shared.outbox.states import BOTH_LANES
from shared.settings import Settings
from standalone.catcher import Catcher
from tests.infra.test_in_azure import bicep_settings
from tests.support.application_insights import ApplicationInsights, application_insights
from tests.support.database import database_in
from tests.support.emails import seen_by_the_application
from tests.support.standalone import wait_until
from tests.support.tools import ROOT
from tests.worker.worker import Answer, Worker, worker

USERNAME, PASSWORD = "admin", "correct horse battery staple"
UNKNOWN_PATH = "zz_unknown"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HOST_TRACE = f"00-{TRACE}-00f067aa0ba902b7-01"
SMTP_STEPS = ("smtp connect", "smtp envelope", "smtp message", "mark", "smtp reply")
# The same sampler with so much room that no trace falls to its chance.
BICEP_TELEMETRY = {
    name: value for name, value in bicep_settings().items() if name.startswith("OTEL_")
} | {"OTEL_TRACES_SAMPLER_ARG": "10000"}


@dataclass(frozen=True)
class SeenSpan:
    """A span as Application Insights has got it."""

    name: str
    trace: str
    properties: dict[str, str]


@dataclass(frozen=True)
class App:
    worker: Worker
    folder: Path
    insights: ApplicationInsights

    def insert(self, subject: str, recipient: str = "ann@example.com") -> int:
        """A row as another application would insert it, due at once; answers its number."""
        (number,) = _execute(
            self.folder,
            "INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_subject, dd_bodyText, dd_Lane)"
            " VALUES (?, ?, 'Hello Ann', 'immediate') RETURNING dd_srno",
            recipient,
            subject,
        )
        return int(number)

    def letter(self, email_id: int) -> str:
        """What the other application finds in its row."""
        with database_in(self.folder / "rowpost.db") as database:
            return seen_by_the_application(database, email_id).letter

    def caught(self, subject: str) -> int:
        header = f"Subject: {subject}\r\n".encode()
        return sum(header in file.read_bytes() for file in self.folder.glob("mail/*.eml"))

    def spans(self, name: str | None = None, **properties: str) -> list[SeenSpan]:
        """Those that have come, of this name and with these properties."""
        seen = [
            SeenSpan(data["name"], item["tags"]["ai.operation.id"], data["properties"])
            for item in self.insights.items()
            if "resultCode" in (data := item["data"]["baseData"])
        ]
        return [
            one
            for one in seen
            if name in (None, one.name) and properties.items() <= one.properties.items()
        ]

    def call(self, method: str, path: str, content: Any = None, token: str | None = None) -> Answer:
        """Call the function whose route is `path`, as the host would choose it."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        body = b""
        if content is not None:
            body, headers["content-type"] = json.dumps(content).encode(), "application/json"
        routes = {
            f.trigger["route"].lower(): f.name
            for f in self.worker.functions.values()
            if f.trigger["type"] == "httpTrigger"
        }
        name = routes.get(path.strip("/").lower(), UNKNOWN_PATH)
        return self.worker.request(name, method, path, body=body, headers=headers)

    def log_in(self) -> str:
        answer = self.call(
            "POST", "/api/authenticate", {"username": USERNAME, "password": PASSWORD}
        )
        assert answer.status == 200, answer.body
        return str(answer.json["token"])


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, azurite: str) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("data")
    catcher = Catcher(folder / "mail", 0)
    catcher.start()
    _prepare(folder, catcher.port)
    environment = {"ROWPOST_DATA": str(folder), "AzureWebJobsStorage": azurite, **BICEP_TELEMETRY}
    try:
        with (
            application_insights() as insights,
            worker(ROOT, environment | insights.environment()) as running,
        ):
            assert running.error is None, running.error
            yield App(running, folder, insights)
    finally:
        catcher.stop()


def test_every_function_of_the_app_is_found_with_its_trigger(app: App) -> None:
    triggers = {f.name: f.trigger for f in app.worker.functions.values()}

    assert triggers["queue_timer"]["schedule"] == "0 * * * * *"
    assert triggers["drain"]["queueName"] == "drain-requests"
    assert triggers[UNKNOWN_PATH]["route"] == "{*path}"
    assert max(triggers) == UNKNOWN_PATH, "the host tries routes by name: this one has to be last"
    assert {t["route"] for t in triggers.values() if t["type"] == "httpTrigger"} >= {
        "health",
        "api/authenticate",
        "api/email-force-process",
        "api/service-control",
        "api/service-status",
    }


def test_every_http_function_answers_whoever_calls(app: App) -> None:
    for function in app.worker.functions.values():
        if function.trigger["type"] == "httpTrigger":
            route = function.trigger["route"]
            values = dict.fromkeys(re.findall(r"{\*?(\w+)", route), "1")
            answer = app.worker.request(function.name, "GET", f"/{route}", params=values)
            if answer.status == 303 and route.startswith("console"):
                assert answer.headers["Location"].startswith("/console/"), function.name
                continue
            assert answer.status in {200, 401, 404, 405}, function.name
            if answer.headers["content-type"] == "application/json":
                assert isinstance(answer.json, dict)


def test_health_says_healthy(app: App) -> None:
    answer = app.call("GET", "/health")

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {"status": "healthy", "service": "email-service"}


def test_the_right_password_is_worth_a_token_and_the_wrong_one_is_not(app: App) -> None:
    token = app.log_in()
    wrong = app.call("POST", "/api/authenticate", {"username": USERNAME, "password": "wrong"})

    assert app.call("GET", "/api/authenticate", token=token).json["user"]["username"] == USERNAME
    assert (wrong.status, wrong.json["success"]) == (401, False)


def test_a_body_that_is_no_json_is_refused_with_the_reason(app: App) -> None:
    answer = app.worker.request(
        "api_authenticate",
        "POST",
        "/api/authenticate",
        body=b'{"username": \xff',
        headers={"content-type": "application/json"},
    )

    assert (answer.status, answer.json["success"]) == (400, False)


def test_an_unknown_path_is_answered_like_every_other_error(app: App) -> None:
    answer = app.call("GET", "/no/such/path")

    assert (answer.status, answer.json["code"]) == (404, "not_found")


def test_the_timer_sends_what_was_inserted(app: App) -> None:
    email_id = app.insert("By the timer")

    app.worker.tick("queue_timer")

    assert (app.letter(email_id), app.caught("By the timer")) == ("Y", 1)


def test_a_token_on_the_queue_sends_what_was_inserted(app: App) -> None:
    email_id = app.insert("By a token")

    app.worker.deliver("drain", Wakeup(BOTH_LANES).to_text())

    assert (app.letter(email_id), app.caught("By a token")) == ("Y", 1)


def test_the_operator_sends_by_hand_what_was_inserted(app: App) -> None:
    email_id = app.insert("By hand")

    answer = app.call("POST", "/api/email-force-process", token=app.log_in())

    assert (answer.status, answer.json["failed"], answer.json["remaining"]) == (200, 0, 0)
    assert (app.letter(email_id), app.caught("By hand")) == ("Y", 1)


def test_the_service_is_stopped_and_started(app: App) -> None:
    token = app.log_in()

    stopped = app.call("POST", "/api/service-control", {"action": "stop"}, token)
    refused = app.call("POST", "/api/email-force-process", token=token)
    started = app.call("POST", "/api/service-control", {"action": "start"}, token)
    status = app.call("GET", "/api/service-status", token=token)

    assert (stopped.status, stopped.json["status"]["status"]) == (200, "stopped")
    assert (refused.status, refused.json["code"]) == (409, "service_stopped")
    assert (started.status, started.json["status"]["status"]) == (200, "running")
    assert (status.status, status.json["status"]) == (200, "running")


def test_an_email_is_seen_in_application_insights_from_the_hosts_trace_to_smtp(app: App) -> None:
    email_id = app.insert("Seen from afar")

    replace(app.worker, trace_parent=HOST_TRACE).tick("queue_timer")

    wait_until(lambda: bool(app.spans("email", email=str(email_id))), 20, "the email's span")
    (email,) = app.spans("email", email=str(email_id))
    assert email.properties["outcome"] == "sent"
    whole = [one.name for one in app.spans() if one.trace == email.trace]
    assert sorted(whole) == sorted(["email", "attempt", *SMTP_STEPS])

    def of_the_host() -> list[SeenSpan]:
        return [one for one in app.spans("drain") if one.trace == TRACE]

    # The drain ends after its emails, and may come with a later parcel.
    wait_until(lambda: bool(of_the_host()), 20, "the drain's span")
    (drain,) = of_the_host()
    assert drain.properties["sent"] == "1"


def test_measures_come_under_the_names_that_the_workbook_and_the_alerts_know(app: App) -> None:
    app.insert("Measured")
    app.worker.tick("queue_timer")

    def measured() -> set[str]:
        return {one["name"] for data in app.insights.items("MetricData") for one in data["metrics"]}

    expected = {
        "rowpost.emails.sent",
        "rowpost.queue.depth",
        "rowpost.queue.oldest_waiting_seconds",
        "rowpost.drain.rate",
        "rowpost.delivery.seconds",
    }
    wait_until(lambda: measured() >= expected, 20, "the measures")


def test_a_refused_email_is_in_the_traces_with_its_number_and_run_and_without_an_address(
    app: App,
) -> None:
    number = app.insert("To nobody", "ann.private@example..com")

    replace(app.worker, trace_parent=HOST_TRACE).tick("queue_timer")

    def lines() -> list[dict[str, Any]]:
        said = [item["data"]["baseData"] | {"tags": item["tags"]} for item in app.insights.items()]
        return [one for one in said if "message" in one and f"email {number}:" in one["message"]]

    wait_until(lambda: bool(lines()), 20, "the line of the log")
    (line,) = lines()
    assert line["message"].startswith(f"email {number}: failed: ")
    assert "a***@example" in line["message"]
    assert line["tags"]["ai.operation.id"] == TRACE
    assert line["properties"]["email"] == str(number)
    assert line["properties"]["run"].startswith("tick-")


def test_nothing_in_application_insights_holds_an_address_a_subject_or_a_body(app: App) -> None:
    email_id = app.insert("Between us")
    app.log_in()
    app.worker.tick("queue_timer")
    wait_until(lambda: bool(app.spans("email", email=str(email_id))), 20, "the email's span")

    items = json.dumps(app.insights.items())

    private = ("ann@", "ann.private@", "shop@", "Hello Ann", "Between us", "By the timer", PASSWORD)
    assert [one for one in private if one in items] == []


def test_one_import_that_fails_takes_every_function_away(tmp_path: Path) -> None:
    for part in ("functions", "shared"):
        shutil.copytree(ROOT / part, tmp_path / part)
    shutil.copy(ROOT / "function_app.py", tmp_path)
    with (tmp_path / "shared" / "scheduling/service_state.py").open("a") as file:
        file.write("\nimport no_such_module\n")

    with worker(tmp_path, {"ROWPOST_DATA": str(tmp_path / "data")}) as broken:
        assert broken.functions == {}
        assert "no_such_module" in (broken.error or "")


def _prepare(folder: Path, smtp_port: int) -> None:
    """A migrated database whose only account is the mail catcher, and a login."""
    rowpost = Application(Settings(data=folder))
    rowpost.database()
    rowpost.logins.ensure_first_admin(USERNAME, PASSWORD)
    rowpost.close()
    _execute(
        folder,
        "INSERT INTO tbl_EMailParameters"
        " (SMTPServer, SMTPPort, SMTPMailId, SMTPSSLFlag, ParamCode, IsActive)"
        " VALUES ('127.0.0.1', ?, 'shop@example.com', 'N', 'SHOP', 'Y')",
        smtp_port,
    )


def _execute(folder: Path, statement: str, *values: object) -> tuple[Any, ...]:
    """What another program does with the database: one statement, and the first row of it."""
    with closing(sqlite3.connect(folder / "rowpost.db", timeout=30)) as database, database:
        row: tuple[Any, ...] | None = database.execute(statement, values).fetchone()
        return row or ()
