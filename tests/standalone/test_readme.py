"""The commands of the README and the guide, as a newcomer pastes them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.standalone import Launch, Standalone, wait_until
from tests.support.tools import ROOT, program

PASSWORD = "as make run shows it"
SHOWN = "the password that make run has shown"


GUIDE = ROOT / "docs" / "guide.md"
README = ROOT / "README.md"


def blocks_under(heading: str, page: Path = GUIDE) -> list[str]:
    """The blocks of shell commands below a heading."""
    text = page.read_text("utf-8")
    found = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, heading
    return re.findall(r"^```sh\n(.*?)^```$", found[1], re.MULTILINE | re.DOTALL)


def commands_under(heading: str) -> str:
    """The first block of shell commands below a heading of the guide."""
    return blocks_under(heading)[0]


def in_this_python(commands: str) -> str:
    assert ".venv/bin/python" in commands
    return commands.replace(".venv/bin/python", sys.executable)


def test_the_readme_is_a_page() -> None:
    text = README.read_text("utf-8")

    assert len(text.splitlines()) <= 85  # Two of them are pictures, twenty comparisons.
    assert "WSL" in text[: text.index("**No email is lost")]


def test_no_page_of_a_newcomer_needs_a_program_or_a_file_that_is_not_there() -> None:
    for page in (README, GUIDE):
        text = page.read_text("utf-8")
        assert not re.search(r"^ *sqlite3 |readfile|\.pdf", text, re.MULTILINE)


def test_the_first_email_of_the_readme_is_sent(standalone: Launch) -> None:
    service = standalone()
    insert, look = blocks_under("Your first email", README)
    functions = insert.splitlines()[0]
    look = f"{functions}\n{look}".replace(".rowpost/", f"{service.folder}/")

    def paste(commands: str) -> list[str]:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", in_this_python(commands)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "ROWPOST_DATA": str(service.folder)},
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    paste(insert)
    service.wait_for_mail(1, 15)

    # The row is told within a second after the email has gone.
    wait_until(lambda: paste(look)[-1].split()[:2] == ["1", "Y"], 10, "the row's Y")
    assert any(line.endswith(".eml") for line in paste(look))


def test_a_wrong_password_is_said_in_one_line(standalone: Launch) -> None:
    program("curl")
    service = standalone()
    login = commands_under("Set it up").partition("api()")[0]
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", login.replace("http://127.0.0.1:7071", service.base)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_setting_it_up_works_when_pasted(standalone: Launch) -> None:
    program("curl")
    service = standalone(ROWPOST_ADMIN_PASSWORD=PASSWORD)
    commands = commands_under("Set it up")
    for here, there in (
        ("http://127.0.0.1:7071", service.base),
        (SHOWN, PASSWORD),
        (".venv/bin/python", sys.executable),
    ):
        assert here in commands
        commands = commands.replace(here, there)

    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env={**os.environ, "ROWPOST_DATA": str(service.folder)},
    )

    assert run.returncode == 0, run.stderr
    saved, tested, before, sent, after, stopped, started, health = (
        json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")
    )
    assert saved["success"]
    assert tested["recipient"] == "ann@example.com"
    assert before["service"]["queue"]["waiting"] <= 1  # A tick may have taken it.
    assert (sent["failed"], sent["remaining"]) == (0, 0)
    assert after["service"]["queue"]["waiting"] == 0
    assert stopped["status"]["status"] == "stopped"
    assert started["status"]["status"] == "running"
    assert (health["status"], health["problems"]) == ("healthy", [])
    subjects = {str(mail["Subject"]) for mail in service.wait_for_mail(2)}
    assert "Your order" in subjects


def test_sending_over_the_api_works_when_pasted(standalone: Launch) -> None:
    program("curl")
    service = standalone()

    earlier = {"subject": "x", "recipients": ["x@example.com"], "text_content": "x"}
    service.post("/api/emails", earlier, token=service.login())
    service.wait_for_mail(1)

    taken, listed, later, content, cancelled, none = pasted(service, "Send over the API")

    assert taken["email_id"] == 2
    assert [one["id"] for one in listed["items"]] == [3, 2, 1]
    assert (later["id"], later["status"]) == (3, "queued")
    assert content["headers"]["Subject"] == "Welcome, Bob"
    assert cancelled["status"] == "cancelled"
    assert (none["decided"], none["more"]) == (0, False)
    mail = service.wait_for_mail(2)[-1]
    (note,) = mail.iter_attachments()
    assert (note.get_filename(), note.get_content()) == ("note.txt", "Thank you!")


def lines_of(service: Standalone, heading: str, folder: Path = ROOT) -> list[str]:
    """What the commands below a heading print, for somebody who is logged in."""
    api = next(line for line in commands_under("Set it up").splitlines() if "api()" in line)
    given = f"URL={service.base}\nTOKEN={service.login()}\n{api}\n"
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", given + commands_under(heading)],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def pasted(service: Standalone, heading: str, folder: Path = ROOT) -> list[Any]:
    """The same, each line being JSON."""
    return [json.loads(line) for line in lines_of(service, heading, folder)]


def test_sending_with_a_key_works_when_pasted(standalone: Launch) -> None:
    program("curl")
    service = standalone()

    status, emails, header, line, *_, revoked = lines_of(service, "Send with a key")
    assert json.loads(status)["status"] in {"queued", "sending", "sent"}
    assert [one["subject"] for one in json.loads(emails)["items"]] == ["Welcome"]
    assert header == '"id","sender","recipient","date","status"'
    assert '"ann@example.com"' in line
    assert json.loads(revoked)["id"] == 1
    (mail,) = service.wait_for_mail(1)
    assert mail["To"] == "ann@example.com"


def test_the_contact_form_works_when_pasted(standalone: Launch, tmp_path: Path) -> None:
    program("curl")
    service = standalone(CONTACT_EMAIL="support@example.com")

    taken, masked, shown, counted, retried = pasted(service, "Contact form", tmp_path)

    assert taken["status"] == "Pending"
    assert "message" not in masked
    assert (shown["message"], shown["file_attached"]) == ("Please see the file.", "document.txt")
    assert (counted["total"], retried["retried"]) == (2, 0)
    assert len(service.wait_for_mail(2)) == 2


def test_sending_files_works_when_pasted(standalone: Launch) -> None:
    program("curl")
    service = standalone()

    lines_of(service, "Send files along")

    (mail,) = service.wait_for_mail(1)
    (invoice,) = mail.iter_attachments()
    assert invoice.get_payload(decode=True) == (ROOT / "LICENSE").read_bytes()
    related = mail.get_body(("related",))
    assert related is not None
    _, logo = related.iter_parts()
    assert (logo["Content-ID"], logo.get_filename()) == ("<logo>", "logo.gif")
