"""The commands as an operator types them."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from shared.database.migrations import HEAD
from shared.outbox.states import Flag
from tests.support.command_line import Rowpost
from tests.support.database import database_in
from tests.support.emails import all_emails, bring, waiting_email
from tests.support.standalone import command

Outcome = subprocess.CompletedProcess[str]

EMAIL = ("send", "--to", "a@example.com", "--subject", "hello", "--body", "text")


def select(folder: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "data" / "rowpost.db")) as database:
        return database.execute(query).fetchall()


def account(folder: Path, code: str, port: int = 25) -> None:
    """An account to send with, as an operator adds one."""
    added = command(
        folder, "accounts", "add", "--name", code, "--address", "a@shop.example",
        "--host", "127.0.0.1", "--port", str(port), "--no-tls", "--code", code, "--default",
    )  # fmt: skip
    assert added.returncode == 0, added.stderr


def execute(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "data" / "rowpost.db")) as database, database:
        database.execute(statement)


def assert_one_line(outcome: Outcome, text: str) -> None:
    """The command failed with one line that holds `text`, and without a traceback."""
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("rowpost: ")
    assert outcome.stderr.count("\n") == 1
    assert text in outcome.stderr


def test_send_stores_an_email_and_says_its_number(tmp_path: Path) -> None:
    attached = tmp_path / "résumé.txt"
    attached.write_bytes(b"Grusse")
    account(tmp_path, "SALES")

    plain_said, full_said = (
        json.loads(command(tmp_path, *EMAIL, "--json", *more).stdout)
        for more in (
            (),
            (
                *("--cc", "c@example.com", "--bcc", "b@example.com", "--html", "--immediate"),
                *("--account", "SALES", "--priority", "1", "--attach", str(attached)),
            ),
        )
    )

    assert (plain_said["email_id"], full_said["email_id"]) == (1, 2)
    with database_in(tmp_path / "data" / "rowpost.db") as database:
        plain, full = all_emails(database)
    for email in (plain, full):
        assert (email.to, email.subject, email.body) == ("a@example.com", "hello", "text")
    assert (plain.cc, plain.bcc, plain.is_html) == (None, None, 0)
    assert (plain.lane, plain.account_code, plain.priority) == ("scheduled", None, 3)
    assert (full.cc, full.bcc, full.is_html) == ("c@example.com", "b@example.com", 1)
    assert (full.lane, full.account_code, full.priority) == ("immediate", "SALES", 1)
    shown = json.loads(command(tmp_path, "show", "2", "--json").stdout)
    assert [one["filename"] for one in shown["attachments"]] == ["résumé.txt"]


def test_send_says_when_the_email_goes(tmp_path: Path) -> None:
    never_ran = command(tmp_path, *EMAIL).stdout
    assert never_ran == ("Email 1 goes as soon as Rowpost runs: nobody has looked at the queue.\n")

    command(tmp_path, "stop")
    assert "when the service is started" in command(tmp_path, *EMAIL).stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("send", "--to", "", "--subject", "s", "--body", "b"), "recipient"),
        (("send", "--to", "a@b@c", "--subject", "s", "--body", "b"), "recipients[0]"),
        (("send", "--to", "ann", "--subject", "s", "--body", "b"), "recipients[0]"),
        ((*EMAIL, "--account", "NOBODY"), "no such account"),
        (("show", "7"), "7"),
        (("cancel", "7"), "7"),
        (("sql", "SELECT nothing"), "nothing"),
        (("users", "logout", "nobody"), "no such user"),
        (("accounts", "remove", "7"), "account"),
        (("accounts", "add", "--name", "X", "--address", "nonsense"), "host"),
        (("schedule", "--zone", "Mars/Olympus"), "IANA"),
        (("send", "--to", "a@b.example", "--subject", "s" * 501, "--body", "b"), "500"),
        ((*EMAIL, "--attach", "no/such/file.pdf"), "no/such/file.pdf"),
        (("resolve", "7", "sent"), "7"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    rowpost: Rowpost, arguments: tuple[str, ...], text: str
) -> None:
    assert_one_line(rowpost(*arguments), text)


def test_a_database_out_of_reach_is_said_in_one_line(tmp_path: Path) -> None:
    away = f"sqlite:///{tmp_path}"
    assert_one_line(command(tmp_path, "queue", DATABASE_URL=away), "database")


def test_queue_counts_by_state_and_resolve_decides(tmp_path: Path) -> None:
    command(tmp_path, *EMAIL)
    with database_in(tmp_path / "data" / "rowpost.db") as database:
        bring(database, 1, Flag.UNKNOWN)
        waiting_email(database, dd_toEmailid="b@example.com")

    before = command(tmp_path, "queue").stdout.split()
    decided = command(tmp_path, "resolve", "1", "resend")
    after = command(tmp_path, "queue").stdout.split()

    assert before[before.index("waiting") + 1] == "1"
    assert before[before.index("unknown") + 1] == "1"
    assert "oldest" in before
    assert decided.stdout == "Email 1 is now waiting.\n"
    assert after[after.index("waiting") + 1] == "2"
    assert_one_line(command(tmp_path, "resolve", "1", "sent"), "email 1")


def test_migrate_makes_the_tables_or_prints_their_sql(tmp_path: Path) -> None:
    off = {"ROWPOST_MIGRATE": "off"}

    printed = command(tmp_path, "migrate", "--sql", **off)
    assert "CREATE TABLE" in printed.stdout
    assert "Digital_Emaildetails" in printed.stdout
    assert_one_line(command(tmp_path, "queue", **off), "migrate")

    assert command(tmp_path, "migrate", **off).stdout == "The database is up to date.\n"
    assert command(tmp_path, "queue", **off).returncode == 0


def test_migrate_makes_again_what_somebody_has_dropped_and_says_so(tmp_path: Path) -> None:
    command(tmp_path, "migrate")
    with closing(sqlite3.connect(tmp_path / "data" / "rowpost.db")) as connection:
        connection.execute("DROP INDEX IX_Rowpost_New")

    again = command(tmp_path, "migrate")

    assert again.stdout == "made again: index IX_Rowpost_New\nThe database is up to date.\n"
    assert command(tmp_path, "migrate").stdout == "The database is up to date.\n"


def test_migrate_prints_from_the_version_that_the_database_has_or_from_a_named_one(
    tmp_path: Path,
) -> None:
    off = {"ROWPOST_MIGRATE": "off"}
    server = {"DATABASE_URL": "mssql+pyodbc://nobody@127.0.0.1:1/nowhere"}

    fresh = command(tmp_path, "migrate", "--sql", **off).stdout
    assert not (tmp_path / "data" / "rowpost.db").exists()
    assert command(tmp_path, "migrate", "--from", "none", **off).stdout == fresh
    command(tmp_path, "migrate", **off)

    again = command(tmp_path, "migrate", "--sql", **off).stdout
    assert command(tmp_path, "migrate", "--from", HEAD, **off).stdout == again
    assert "version_num" not in again
    assert_one_line(command(tmp_path, "migrate", "--from", "0008", **off), "development state")
    assert_one_line(command(tmp_path, "migrate", "--from", "nonsense", **off), "nonsense")
    # Without the server: whoever runs the script may be somebody else, on another machine.
    assert "CREATE TABLE dbo." in command(tmp_path, "migrate", "--from", "none", **server).stdout


@pytest.mark.parametrize("arguments", [("nonsense",), ("resolve", "1", "perhaps"), ("send",)])
def test_a_command_that_is_none_shows_how_it_is_written(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    outcome = command(tmp_path, *arguments)
    assert outcome.returncode == 2
    assert "Usage:" in outcome.stderr


def test_plain_passwords_are_moved_and_named(tmp_path: Path) -> None:
    assert "no plain password" in command(tmp_path, "move-passwords").stdout
    execute(
        tmp_path,
        "INSERT INTO tbl_EMailParameters (SMTPServer, SMTPPort, SMTPAccountName, SMTPPassword, "
        "SMTPMailId, SMTPSSLFlag, ParamCode) "
        "VALUES ('mail.example', 587, 'shop', 'plain words', 's@b.example', 'Y', 'SHOP')",
    )

    outcome = command(tmp_path, "move-passwords")

    assert outcome.stdout.splitlines() == ["moved    SHOP", "1 moved."]
    ((reference,),) = select(
        tmp_path, "SELECT SMTPPassword FROM tbl_EMailParameters WHERE ParamCode = 'SHOP'"
    )
    assert str(reference).startswith("secret:smtp-shop-")
