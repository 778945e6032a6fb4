"""Keyed sending as its callers had it: their file of keys, their requests, their answers."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import subprocess
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.support.standalone import Launch, Standalone, command, wait_until
from tests.support.tools import program

DATA_CSV = """key,email,app_password
user1_key,example1@gmail.com,your_app_password
user2_key,example2@gmail.com,another_app_password
"""
REQUEST = {
    "subject": "Welcome to Our Service",
    "recipient": "user@example.com",
    "body": "<h1>Hello!</h1> Thanks for joining us.",
    "is_html": True,
    "key": "user1_key",
}
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def service(standalone_module: Launch, tmp_path_factory: pytest.TempPathFactory) -> Standalone:
    """A service with the older one's keys; its Gmail is the mail catcher."""
    service = standalone_module()
    file = tmp_path_factory.mktemp("older") / "data.csv"
    file.write_text(DATA_CSV, "utf-8")
    imported = command(service.folder.parent, "import-keys", str(file))
    assert imported.returncode == 0, imported.stderr
    with closing(sqlite3.connect(service.database)) as database, database:
        database.execute(
            "UPDATE tbl_EMailParameters SET SMTPServer = '127.0.0.1', SMTPPort = ?, "
            "SMTPSSLFlag = 'N', SMTPAccountName = NULL, SMTPPassword = NULL",
            (service.settings["ROWPOST_CATCHER_PORT"],),
        )
    return service


def curl(service: Standalone, *arguments: str) -> tuple[int, object]:
    """What curl gets, as a caller runs it."""
    ran = subprocess.run(
        [program("curl"), "-sS", "-w", "\n%{http_code}", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    body, _, status = ran.stdout.rpartition("\n")
    return int(status), json.loads(body)


def arrived(service: Standalone, number: int = 1) -> list[EmailMessage]:
    """The latest emails, the last one first, once all that was stored is sent."""

    def statuses() -> set[str]:
        log = service.get("/api/send-log", token=service.login()).json["items"]
        return {one["status"] for one in log}

    wait_until(lambda: statuses() == {"sent"}, 20, "all to be sent")
    return service.mail()[::-1][:number]


def test_the_older_services_own_examples(service: Standalone) -> None:
    status, taken = curl(
        service,
        *("-X", "POST", f"{service.base}/send-email"),
        *("-H", "Content-Type: application/json", "-d", json.dumps(REQUEST)),
    )

    assert isinstance(taken, dict)
    assert (status, taken["message"]) == (202, "Email request is being processed")
    request_id = taken["request_id"]
    assert GUID.fullmatch(request_id)
    mail = arrived(service)[0]
    assert (mail["To"], mail["From"]) == ("user@example.com", "example1@gmail.com")
    assert mail["Subject"] == "Welcome to Our Service"
    assert mail.get_content_type() == "text/html"
    assert "Thanks for joining us." in mail.get_content()

    def answer() -> tuple[int, object]:
        return curl(service, f"{service.base}/email-status/{request_id}")

    sent = (200, {"request_id": request_id, "status": "sent"})
    wait_until(lambda: answer() == sent, 10, "the status to be sent")


def test_each_key_sends_from_its_own_address_and_the_log_says_so(service: Standalone) -> None:
    ids = [
        service.post("/send-email", {**REQUEST, "key": key}).json["request_id"]
        for key in ("user1_key", "user2_key")
    ]
    mails = arrived(service, 2)

    assert {mail["From"] for mail in mails} == {"example1@gmail.com", "example2@gmail.com"}
    answer = service.get("/api/send-log?format=csv&limit=2", token=service.login())
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    assert [(row["id"], row["sender"], row["recipient"], row["status"]) for row in rows] == [
        (ids[1], "example2@gmail.com", "user@example.com", "sent"),
        (ids[0], "example1@gmail.com", "user@example.com", "sent"),
    ]
    assert "Thanks for joining us" not in answer.body.decode()


def test_refusals_have_the_shape_of_every_error(service: Standalone) -> None:
    answers = [
        service.post("/send-email", {**REQUEST, "key": "user3_key"}),
        service.post("/send-email", {"key": "user1_key"}),
        service.post("/send-email", {}),
        service.post("/send-email", {**REQUEST, "recipient": "nobody"}),
        service.request("POST", "/send-email", b"{"),
        service.get("/send-email"),
        service.get("/email-status/unique-request-id"),
        service.get("/email-status/0b5c1a52-5f0e-4a4e-9d5e-3a8f5f1f8f0b"),
        service.get("/api/send-log"),
        service.get("/api/send-log", token="user1_key"),
        service.post("/api/keys", {"name": "n", "smtp_config_id": 1}, token="user1_key"),
    ]

    assert [answer.status for answer in answers] == [
        *(401, 422, 422, 422, 400, 405),
        *(404, 404, 401, 403, 403),
    ]
    for answer in answers:
        assert set(answer.json) == {"success", "code", "message", "errors", "requestId"}


def test_no_key_and_no_request_number_gets_into_what_the_process_writes(
    service: Standalone,
) -> None:
    request_id = service.post("/send-email", REQUEST).json["request_id"]
    service.get(f"/email-status/{request_id}")
    service.get("/api/authenticate", token="user1_key")
    arrived(service)

    wait_until(lambda: "api/authenticate 200" in service.written(), 5, "the last line of the log")
    written = service.written()
    assert "email-status/{request_id:guid} 200" in written
    assert request_id not in written
    assert "user1_key" not in written


def test_a_key_made_over_the_api_sends_until_it_is_revoked(service: Standalone) -> None:
    token = service.login()
    made = service.post("/api/keys", {"name": "web shop", "smtp_config_id": 1}, token=token)
    key = made.json["key"]

    by_body = service.post("/send-email", {**REQUEST, "key": key})
    by_header = service.post(
        "/api/emails",
        {"subject": "Hello", "recipients": ["ann@example.com"], "text_content": "Hi"},
        token=key,
    )
    arrived(service)
    mine = service.get("/api/emails", token=key).json["items"]
    revoked = service.request("DELETE", f"/api/keys/{made.json['id']}", token=token)
    after = service.post("/send-email", {**REQUEST, "key": key})

    assert (made.status, by_body.status, by_header.status) == (201, 202, 202)
    assert len(mine) == 2
    assert (revoked.status, after.status) == (200, 401)


def test_keys_by_command(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(DATA_CSV, "utf-8")
    file = str(tmp_path / "data.csv")

    first, again = (command(tmp_path, "import-keys", file).stdout for _ in range(2))
    made = command(tmp_path, "make-key", "web shop", "--account", "2")
    revoked = command(tmp_path, "revoke-key", "1")
    listed = command(tmp_path, "keys").stdout

    assert first.startswith("Keys: 2 made, 0 were there. Accounts: 2 made")
    assert "line 2, 3" in first
    assert again.startswith("Keys: 0 made, 2 were there. Accounts: 0 made")
    assert made.stdout.startswith("rp_")
    assert revoked.returncode == 0
    assert [line.split()[:2] for line in listed.splitlines()[1:]] == [
        ["1", "revoked"],
        ["2", "good"],
        ["3", "good"],
    ]
    for secret in ("user1_key", "your_app_password", made.stdout.strip()):
        assert secret not in first + listed


def test_an_account_that_is_not_there_and_a_file_with_wrong_columns_are_told_in_one_line(
    tmp_path: Path,
) -> None:
    (tmp_path / "data.csv").write_text(DATA_CSV + "user3_key,example3@gmail.com\n", "utf-8")

    imported = command(tmp_path, "import-keys", str(tmp_path / "data.csv"))
    made = command(tmp_path, "make-key", "web shop", "--account", "1")

    assert imported.returncode == made.returncode == 1
    assert imported.stderr == "rowpost: line 4: it has 2 cells, not 3; nothing was imported\n"
    assert made.stderr.startswith("rowpost: There is no such account")
    assert made.stderr.count("\n") == 1
