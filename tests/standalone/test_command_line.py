"""`rowpost` as an operator uses it from day to day."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.outbox.states import Flag
from shared.version import VERSION
from standalone.commands.cli import _MODULES
from tests.support.command_line import Rowpost
from tests.support.database import database_in
from tests.support.emails import email_in
from tests.support.smtp import SmtpServer
from tests.support.standalone import environment
from tests.support.tools import ROOT

WANTED = {
    *("run", "send", "queue", "list", "show", "retry", "resolve", "cancel", "accounts", "users"),
    *("keys", "start", "stop", "schedule", "migrate", "doctor", "sql"),
}


def answer(rowpost: Rowpost, *arguments: str, code: int = 0) -> Any:
    """What a verb prints for programs."""
    done = rowpost(*arguments, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_every_verb_says_what_it_does_and_changes_nothing_meanwhile(
    rowpost: Rowpost, tmp_path: Path
) -> None:
    assert _MODULES.keys() >= WANTED
    from standalone.commands.cli import cli

    listed = rowpost("--help").stdout
    for name in _MODULES:
        verb = cli.get_command(None, name)  # type: ignore[arg-type]
        assert verb is not None
        assert verb.get_short_help_str()
        assert f"  {name} " in listed
    assert "Usage: rowpost send" in rowpost("send", "--help").stdout
    assert rowpost("--version").stdout == f"rowpost {VERSION}\n"
    assert not (tmp_path / "data").exists()


def test_emails_are_listed_shown_cancelled_and_tried_again(
    rowpost: Rowpost, tmp_path: Path
) -> None:
    rowpost("migrate")
    with database_in(tmp_path / "data" / "rowpost.db") as database:
        for state in (Flag.FAILED, Flag.UNKNOWN, Flag.WAITING):
            email_in(database, state)

    assert [one["status"] for one in answer(rowpost, "list")["items"]] == [
        "queued", "unknown", "failed",
    ]  # fmt: skip
    assert [one["id"] for one in answer(rowpost, "list", "--status", "failed")["items"]] == [1]
    assert answer(rowpost, "show", "2")["status"] == "unknown"
    told = rowpost("list").stdout.splitlines()
    assert told[0].split() == ["ID", "STATUS", "TRIES", "CREATED", "TO", "SUBJECT"]
    assert told[1].split()[:2] == ["3", "queued"]

    both = rowpost("cancel", "3", "1")
    assert (both.returncode, both.stdout) == (1, "Email 3 is now cancelled.\n")
    assert "email 1" in both.stderr
    assert rowpost("retry", "1", "3").stdout.count("is now queued") == 2
    assert answer(rowpost, "resolve", "2", "sent")["status"] == "sent"
    assert answer(rowpost, "queue")["waiting"] == 2


def test_what_applications_wrote_moves_no_cursor(rowpost: Rowpost, tmp_path: Path) -> None:
    rowpost("migrate")
    with database_in(tmp_path / "data" / "rowpost.db") as database:
        email_in(database, Flag.WAITING)
    hostile = "\x1b[2J\u202ehello\n"
    rowpost("sql", f"UPDATE Digital_Emaildetails SET dd_subject = '{hostile}'")

    for said in (rowpost("list").stdout, rowpost("show", "1").stdout):
        assert "hello" in said
        assert not {"\x1b", "\u202e"} & set(said)


def test_the_service_is_stopped_started_and_scheduled(rowpost: Rowpost) -> None:
    assert answer(rowpost, "stop")["status"]["status"] == "stopped"
    assert answer(rowpost, "start")["status"]["status"] == "running"

    changed = answer(
        rowpost, "schedule", "--from", "08:00", "--to", "20:00", "--every", "15",
        "--zone", "America/New_York", "--days", "fri,mon",
    )  # fmt: skip
    assert changed == {
        "startTime": "08:00", "endTime": "20:00", "interval": 15, "intervalUnit": "minutes",
        "timeZone": "America/New_York", "days": ["mon", "fri"],
    }  # fmt: skip
    assert answer(rowpost, "schedule", "--days", "all")["interval"] == 15
    assert "08:00 to 20:00" in rowpost("schedule").stdout


def test_an_adopted_queue_is_started_from_an_id_that_somebody_names(rowpost: Rowpost) -> None:
    rowpost("sql", "SELECT 1")
    rowpost(
        "sql",
        "UPDATE Rowpost_Service SET Adopted = 1, StartedAt = NULL, State = 'stopped'",
    )
    rowpost("sql", "INSERT INTO Digital_Emaildetails (dd_toEmailid) VALUES ('a@b.example')")

    refused = rowpost("start")
    assert refused.returncode == 1
    assert "--from-id" in refused.stderr
    assert "newest is 1" in refused.stderr
    assert answer(rowpost, "start", code=1)["code"] == "choose_first_id"

    assert answer(rowpost, "start", "--from-id", "1")["status"]["status"] == "running"


def test_accounts_are_added_tried_used_and_removed(
    rowpost: Rowpost, smtp_server: Callable[..., SmtpServer]
) -> None:
    server = smtp_server()
    rowpost(
        "accounts", "add", "--name", "Shop", "--address", "shop@example.com", "--no-tls",
        "--host", "127.0.0.1", "--port", str(server.port), "--code", "SHOP", "--default",
    )  # fmt: skip

    (shop,) = answer(rowpost, "accounts")
    assert (shop["param_code"], shop["default"], shop["state"]) == ("SHOP", True, "ready")
    assert "SHOP (default)" in rowpost("accounts").stdout
    assert answer(rowpost, "accounts", "test", "1")["success"]

    rowpost("send", "--to", "a@b.example; c@d.example", "--subject", "s", "--body", "b")
    assert answer(rowpost, "drain") == {"processed": 1, "sent": 1, "failed": 0, "remaining": 0}
    assert len(server.messages) == 1

    key = rowpost("make-key", "web shop", "--account", "1").stdout.strip()
    (kept,) = answer(rowpost, "keys")["items"]
    assert key.startswith("rp_")
    assert key not in str(kept)
    assert answer(rowpost, "revoke-key", "1")["id"] == 1
    assert "revoked" in rowpost("keys").stdout

    made = rowpost("dkim", "make", "1").stdout
    assert re.match(r'rowpost-\S+\._domainkey\.example\.com\. IN TXT \( "v=DKIM1; k=rsa; p=', made)
    assert rowpost("dkim", "sign", "1", "--unchecked").returncode == 0
    assert made.partition("\n")[0] in rowpost("dkim", "show", "1").stdout
    assert rowpost("dkim", "end", "1").returncode == 0
    assert "no key" in rowpost("dkim", "show", "1").stdout
    assert rowpost("dkim", "make", "7").returncode != 0
    assert rowpost("accounts", "remove", "1").stdout == "Account 1 is removed.\n"
    assert answer(rowpost, "accounts") == []


def test_who_may_log_in_is_listed_and_changed(rowpost: Rowpost, tmp_path: Path) -> None:
    first = {"ROWPOST_ADMIN_PASSWORD": "the first admin's own"}
    rowpost("users", **first)

    weak = rowpost("users", "operator", "olga", "--password", "short")
    rowpost("users", "password", "olga", "--password", "a long password")
    rowpost("users", "logout", "olga")

    assert "olga is the operator." in weak.stdout
    assert "12 characters" in weak.stdout
    rowpost("users", "add", "vera", "--role", "viewer", "--password", "a long password")
    rowpost("users", "role", "vera", "operator")
    last = rowpost("users", "remove", "admin")
    assert (last.returncode, "last admin" in last.stderr) == (1, True)
    assert answer(rowpost, "users")["items"] == [
        {"username": "admin", "role": "admin", "named_by": "settings"},
        {"username": "olga", "role": "operator", "named_by": "schedule"},
        {"username": "vera", "role": "operator", "named_by": "admin"},
    ]
    assert rowpost("users", "remove", "vera").stdout == "vera is removed.\n"
    assert "long password" not in (tmp_path / "data" / "secrets").read_text()


def test_sql_reads_and_writes_as_an_application_would(rowpost: Rowpost) -> None:
    inserted = rowpost(
        "sql",
        "INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_subject, dd_document) "
        "VALUES ('ann@example.com', 'at 10:30', x'00ff')",
    )
    rows = answer(
        rowpost,
        "sql",
        "SELECT dd_srno, dd_subject, dd_document, dd_filename FROM Digital_Emaildetails",
    )

    assert inserted.stdout == "Rows changed: 1\n"
    assert rows == [
        {"dd_srno": 1, "dd_subject": "at 10:30", "dd_document": "<2 bytes>", "dd_filename": None}
    ]
    shown = rowpost("sql", "SELECT dd_srno, dd_filename FROM Digital_Emaildetails").stdout
    assert shown.split() == ["dd_srno", "dd_filename", "1", "NULL"]


def test_a_saved_database_address_is_forgotten_and_passwords_stay(
    rowpost: Rowpost, tmp_path: Path
) -> None:
    from shared.app import Application
    from shared.configuration.document import DatabaseAddress
    from shared.settings import Settings

    rowpost("users", "operator", "olga", "--password", "a long password")
    address = DatabaseAddress(server="127.0.0.1", port=1, user="sa", password="x", database="mail")
    here = Application(Settings(ROWPOST_DATA=tmp_path / "data"))
    here.configuration.save(lambda before: before.model_copy(update={"database": address}))

    assert rowpost("queue").returncode == 1
    forgotten = rowpost("forget-config")

    assert forgotten.stdout == "The database is that of: local file.\n", forgotten.stderr
    assert rowpost("queue").returncode == 0
    assert [one["username"] for one in answer(rowpost, "users")["items"]] == ["olga"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_it(rowpost: Rowpost, shell: str) -> None:
    script = rowpost("completion", shell).stdout
    assert "_ROWPOST_COMPLETE" in script
    if found := shutil.which(shell):
        subprocess.run([found, "-n"], input=script.encode(), check=True)


def test_a_shell_is_told_what_goes_on(tmp_path: Path) -> None:
    asked = {"_ROWPOST_COMPLETE": "bash_complete", "COMP_WORDS": "rowpost sch", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "standalone"],
        cwd=ROOT, env=environment(tmp_path, asked), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "plain,schedule"
