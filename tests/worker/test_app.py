"""Rowpost's app in Microsoft's own Python worker: all functions are found, and each one works.

The worker runs in Azure's way: settings from the environment, tokens on a storage queue (Azurite).
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared.application import Application
from shared.delivery.tokens import DrainToken
from shared.settings import Settings
from standalone.catcher import Catcher
from tests.support.tools import ROOT
from tests.worker.worker import Answer, Worker, worker

USERNAME, PASSWORD = "admin", "correct horse battery staple"
UNKNOWN_PATH = "zz_unknown"

# One of the test processes runs them all, so that the worker starts once.
pytestmark = pytest.mark.xdist_group("worker")


@dataclass(frozen=True)
class App:
    worker: Worker
    folder: Path

    def insert(self, subject: str) -> int:
        """A row as another application would insert it, due at once; answers its number."""
        (number,) = _execute(
            self.folder,
            "INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_subject, dd_bodyText, dd_Lane)"
            " VALUES ('ann@example.com', ?, 'Hello Ann', 'immediate') RETURNING dd_srno",
            subject,
        )
        return int(number)

    def flag(self, email_id: int) -> str:
        query = "SELECT dd_SendFlag FROM Digital_Emaildetails WHERE dd_srno = ?"
        (flag,) = _execute(self.folder, query, email_id)
        return str(flag)

    def caught(self, subject: str) -> int:
        header = f"Subject: {subject}\r\n".encode()
        return sum(header in file.read_bytes() for file in self.folder.glob("mail/*.eml"))

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
    environment = {"ROWPOST_DATA": str(folder), "AzureWebJobsStorage": azurite}
    try:
        with worker(ROOT, environment) as running:
            assert running.error is None, running.error
            yield App(running, folder)
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
        # A path's values are the host's to find: here there are none.
        if function.trigger["type"] == "httpTrigger" and "{" not in function.trigger["route"]:
            answer = app.worker.request(function.name, "GET", f"/{function.trigger['route']}")
            assert answer.status in {200, 401, 404, 405}, function.name
            if answer.headers["content-type"] == "application/json":
                assert isinstance(answer.json, dict)
            else:
                assert function.trigger["route"].startswith("api/docs")


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

    assert (app.flag(email_id), app.caught("By the timer")) == ("Y", 1)


def test_a_token_on_the_queue_sends_what_was_inserted(app: App) -> None:
    email_id = app.insert("By a token")

    app.worker.deliver("drain", DrainToken.everything().to_text())

    assert (app.flag(email_id), app.caught("By a token")) == ("Y", 1)


def test_the_operator_sends_by_hand_what_was_inserted(app: App) -> None:
    email_id = app.insert("By hand")

    answer = app.call("POST", "/api/email-force-process", token=app.log_in())

    assert (answer.status, answer.json["failed"], answer.json["remaining"]) == (200, 0, 0)
    assert (app.flag(email_id), app.caught("By hand")) == ("Y", 1)


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


def test_one_import_that_fails_takes_every_function_away(tmp_path: Path) -> None:
    for part in ("functions", "shared"):
        shutil.copytree(ROOT / part, tmp_path / part)
    shutil.copy(ROOT / "function_app.py", tmp_path)
    with (tmp_path / "shared" / "service.py").open("a") as file:
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
