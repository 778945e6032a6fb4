"""`python -m standalone` from its first line to its exit code."""

from __future__ import annotations

import re
import signal
import smtplib
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.standalone import (
    PASSWORD,
    STOP_SECONDS,
    Launch,
    Standalone,
    command,
    environment,
    start,
    wait_until,
)
from tests.support.tools import ROOT, free_port

EMAIL = ("send", "--to", "a@example.com", "--subject", "hello", "--immediate")


def test_a_row_becomes_an_email_in_the_folder(standalone: Launch, tmp_path: Path) -> None:
    service = standalone()
    document = tmp_path / "invoice.pdf"
    document.write_bytes(bytes(range(256)) * 400)

    command(tmp_path, *EMAIL, "--body", "Grüße", "--attach", str(document))
    ticked = service.post("/admin/functions/queue_timer", {"input": ""}, token=service.login())

    assert ticked.status == 202
    (received,) = service.wait_for_mail(1)
    body = received.get_body()
    (attachment,) = received.iter_attachments()
    assert (received["To"], received["Subject"]) == ("a@example.com", "hello")
    assert body is not None
    assert body.get_content().strip() == "Grüße"
    assert attachment.get_filename() == "invoice.pdf"
    assert attachment.get_content() == document.read_bytes()
    wait_until(lambda: "sent     1" in command(tmp_path, "queue").stdout, 10, "the row's Y")
    service.stop()


def test_the_start_says_what_a_newcomer_needs_and_the_password_once(
    standalone: Launch, tmp_path: Path
) -> None:
    first = standalone(ROWPOST_ADMIN_PASSWORD="", ROWPOST_ADMIN_USERNAME="")
    wait_until(lambda: "Database: " in first.written(), 5, "the last line of the greeting")
    said = first.written()
    login = re.search(r"First login: (\S+) / (\S+)", said)

    assert login is not None
    assert f"Rowpost answers at {first.base}" in said
    assert f"Emails land in {tmp_path / 'data' / 'mail'}" in said
    assert f"Database: {first.database}" in said
    answer = first.post("/api/authenticate", {"username": login[1], "password": login[2]})
    assert answer.status == 200
    first.stop()

    again = standalone(ROWPOST_ADMIN_PASSWORD="", ROWPOST_ADMIN_USERNAME="")
    assert "First login" not in again.written()
    assert login[2] not in again.written()


def test_a_password_of_the_settings_is_written_nowhere(standalone: Launch) -> None:
    service = standalone()
    service.login()
    service.stop()
    assert PASSWORD not in service.written()
    assert "Traceback" not in service.written()


def test_ctrl_c_ends_it_with_code_0(standalone: Launch) -> None:
    service = standalone()
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(STOP_SECONDS) == 0


@pytest.fixture
def hanging(standalone: Launch, tmp_path: Path) -> Iterator[Standalone]:
    """A service in the middle of a conversation with a mail server that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        service = standalone()
        with closing(sqlite3.connect(service.database)) as database, database:
            database.execute(
                "UPDATE tbl_EMailParameters SET SMTPPort = ?", silent.getsockname()[1:]
            )
        command(tmp_path, *EMAIL, "--body", "text")
        service.post("/admin/functions/queue_timer", {"input": ""}, token=service.login())
        silent.settimeout(20)
        with silent.accept()[0]:
            yield service


def test_work_that_hangs_does_not_keep_it_from_ending_in_time(hanging: Standalone) -> None:
    began = time.monotonic()
    hanging.stop()
    assert time.monotonic() - began < STOP_SECONDS


def test_a_second_ctrl_c_ends_it_at_once(hanging: Standalone) -> None:
    hanging.process.send_signal(signal.SIGINT)
    wait_until(lambda: not answers(hanging), 30, "the port to close")
    if hanging.process.poll() is None:
        hanging.process.send_signal(signal.SIGINT)
    assert hanging.process.wait(7) in {0, 128 + signal.SIGINT}


def test_a_second_service_of_the_same_folder_says_who_is_there_and_changes_nothing(
    standalone: Launch, tmp_path: Path
) -> None:
    first = standalone()

    second = start(tmp_path, "second", {})
    code = second.process.wait(60)
    catcher = command(tmp_path, "catcher", ROWPOST_CATCHER_PORT=str(free_port()))

    who = f"Rowpost runs here already, process {first.process.pid}, address {first.base}"
    assert (code, second.written().count("\n")) == (1, 1)
    assert who in second.written()
    assert who in catcher.stderr
    with closing(sqlite3.connect(first.database)) as database:
        ports = database.execute("SELECT SMTPPort FROM tbl_EMailParameters").fetchall()
    assert ports == [(int(first.settings["ROWPOST_CATCHER_PORT"]),)]
    first.kill()
    standalone().stop()


def answers(service: Standalone) -> bool:
    try:
        service.get("/health")
    except OSError:
        return False
    return True


@pytest.mark.parametrize("variable", ["ROWPOST_PORT", "ROWPOST_CATCHER_PORT"])
def test_a_port_in_use_is_said_in_one_line(tmp_path: Path, variable: str) -> None:
    ports = {name: str(free_port()) for name in ("ROWPOST_PORT", "ROWPOST_CATCHER_PORT")}
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = str(other.getsockname()[1])
        outcome = command(tmp_path, **{**ports, variable: taken})
    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
    assert f"Port {taken} is in use: set {variable}" in outcome.stderr
    assert outcome.stdout == ""


def test_without_a_database_it_answers_why(tmp_path: Path) -> None:
    service = start(
        tmp_path,
        "away",
        {"DATABASE_URL": f"sqlite:///{tmp_path}", "ROWPOST_CATCHER_PORT": "off"},
    )
    try:
        wait_until(lambda: answers(service), 30, "an answer")
        health = service.get("/health")
        assert (health.status, health.json["reason"]) == (503, "database_unreachable")
        assert service.login()
        assert "The database is out of reach" in service.written()
        assert "Emails land" not in service.written()
        service.stop()
    finally:
        service.kill()


def test_the_catcher_runs_alone(tmp_path: Path) -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "standalone", "catcher"],
        cwd=ROOT,
        env=environment(tmp_path, {"ROWPOST_CATCHER_PORT": str(port)}),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert f"127.0.0.1:{port}" in process.stdout.readline()
            with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost", timeout=10) as smtp:
                smtp.sendmail("a@example.com", ["b@example.com"], b"Subject: x\r\n\r\ntext\r\n")
            process.terminate()
            assert process.wait(STOP_SECONDS) == 0
        finally:
            process.kill()
    (file,) = (tmp_path / "data" / "mail").glob("*.eml")
    assert file.read_bytes() == b"Subject: x\r\n\r\ntext\r\n"


def test_a_fresh_database_sends_through_the_catcher_that_runs_alone(
    tmp_path: Path, standalone: Launch
) -> None:
    """As under `func start`, where the app itself brings no mail server along."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "standalone", "catcher"],
        cwd=ROOT,
        env=environment(tmp_path, {"ROWPOST_CATCHER_PORT": str(port)}),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert f"127.0.0.1:{port}" in process.stdout.readline()
            service = standalone(ROWPOST_CATCHER_PORT="off")
            added = command(
                tmp_path, "send", "--to", "b@example.com", "--subject", "x", "--body", "text"
            )
            assert added.returncode == 0, added.stderr
            forced = service.post("/api/email-force-process", token=service.login())
            assert forced.json["failed"] == 0  # A tick may have sent it before.
            assert len(service.wait_for_mail(1)) == 1
        finally:
            process.kill()


def test_a_catcher_that_is_off_is_said_in_one_line(tmp_path: Path) -> None:
    outcome = command(tmp_path, "catcher", ROWPOST_CATCHER_PORT="off")
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("rowpost: ROWPOST_CATCHER_PORT is off")
