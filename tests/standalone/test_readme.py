"""The README's commands, as a newcomer pastes them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.support.standalone import Launch, Standalone
from tests.support.tools import ROOT, program

PASSWORD = "as make run shows it"
SHOWN = "the password that make run has shown"


def commands_under(heading: str) -> str:
    """The first block of shell commands below a heading."""
    readme = (ROOT / "README.md").read_text("utf-8")
    found = re.search(rf"^## {heading}$.*?^```sh\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def test_setting_it_up_works_when_pasted(standalone: Launch) -> None:
    program("curl")
    program("sqlite3")
    service = standalone(ROWPOST_ADMIN_PASSWORD=PASSWORD)
    commands = commands_under("Set it up")
    for here, there in (
        ("http://127.0.0.1:7071", service.base),
        (SHOWN, PASSWORD),
        (".rowpost/", f"{service.folder}/"),
    ):
        assert here in commands
        commands = commands.replace(here, there)

    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    saved, tested, before, sent, after, stopped, started, health = (
        json.loads(line) for line in run.stdout.splitlines()
    )
    assert saved["success"]
    assert tested["recipient"] == "ann@example.com"
    assert before["service"]["queue"]["waiting"] + sent["sent"] >= 1
    assert (sent["failed"], sent["remaining"]) == (0, 0)
    assert after["service"]["queue"]["waiting"] == 0
    assert after["service"]["emailStats"]["totalSent"] == 1
    assert stopped["status"]["status"] == "stopped"
    assert started["status"]["status"] == "running"
    assert (health["status"], health["problems"]) == ("healthy", [])
    subjects = {str(mail["Subject"]) for mail in service.wait_for_mail(2)}
    assert "Your order" in subjects


def test_sending_over_the_api_works_when_pasted(standalone: Launch) -> None:
    program("curl")
    service = standalone()

    taken, later, listed, attempts, cancelled = pasted(service, "Send over the API")

    assert (taken["email_id"], later["email_id"]) == (1, 2)
    assert [one["id"] for one in listed["items"]] == [2, 1]
    assert {one["outcome"] for one in attempts["items"]} <= {"sent"}
    assert cancelled["status"] == "cancelled"
    (mail,) = service.wait_for_mail(1)
    (note,) = mail.iter_attachments()
    assert (note.get_filename(), note.get_content()) == ("note.txt", "Thank you!")


def lines_of(service: Standalone, heading: str, folder: Path = ROOT) -> list[str]:
    """What the commands below a heading print, for somebody who is logged in."""
    rowpost = next(line for line in commands_under("Set it up").splitlines() if "rowpost()" in line)
    given = f"URL={service.base}\nTOKEN={service.login()}\n{rowpost}\n"
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
