"""A visitor's file: what is let through and how, and what is not."""

from __future__ import annotations

import re

import pytest

from shared.database.database import Database
from tests.attachments.test_checks import DOCX_PARTS, EXE, MEGABYTE, packed_of, png
from tests.contact.conftest import PDF, SUPPORT, WORDS, Files, MakeApp, Visitor, visitor_of
from tests.emails.conftest import Api
from tests.support.api import Client
from tests.support.emails import became, states
from tests.support.forms import Part, form


def test_a_file_is_kept_by_its_day_and_goes_with_the_email(
    visitor: Visitor, admin: Api, queue: Database, files: Files
) -> None:
    written = visitor.wrote(("document.pdf", PDF))

    shown = admin.get(f"/api/email/emails/{written}").json
    assert (shown["file_attached"], shown["file_size"]) == ("document.pdf", len(PDF))
    path = r"email_attachments/\d{4}/\d{2}/\d{2}/[0-9a-f]{32}-document\.pdf"
    assert re.fullmatch(path, shown["file_path"])
    assert [str(one) for one in files()] == [shown["file_path"]]
    stored = became(queue, 1)
    assert stored.attachment_count == 1
    assert "File: document.pdf\n" in str(stored.text_alternative)


def test_a_form_needs_no_file(visitor: Visitor, queue: Database, files: Files) -> None:
    for parts in ((), (Part("file_attached", "", b""),)):
        kind, body = form(WORDS, *parts)
        reply = visitor.api.post("/api/email/emails", body, {"content-type": kind})
        assert reply.status == 201, reply.body

    assert states(queue) == "NN"
    assert files() == []


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("tool.exe", EXE, 415, "file_type_refused"),
        ("page.html", b"<script>x</script>", 415, "file_type_refused"),
        ("all.zip", packed_of({"a.txt": b"x"}), 415, "file_type_refused"),
        ("no ending", PDF, 415, "file_type_refused"),
        ("tool.pdf", EXE, 422, "file_refused"),
        ("tool.txt", EXE, 422, "file_refused"),
        ("picture.pdf", png(), 422, "file_refused"),
        ("a.docx", packed_of({"a.txt": b"x"}), 422, "file_refused"),
    ],
)
def test_what_is_not_on_the_list_or_not_what_it_says_is_refused_whole(
    visitor: Visitor,
    queue: Database,
    files: Files,
    name: str,
    content: bytes,
    status: int,
    code: str,
) -> None:
    refused = visitor.writes((name, content))

    assert (refused.status, refused.json["code"]) == (status, code), refused.body
    assert states(queue) == ""
    assert files() == []


def test_a_zip_bomb_is_refused(visitor: Visitor, queue: Database, files: Files) -> None:
    bomb = packed_of(DOCX_PARTS | {"word/bomb.xml": bytes(50 * MEGABYTE)})

    refused = visitor.writes(("report.docx", bomb))

    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "file_attached")
    assert states(queue) == ""
    assert files() == []


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../../etc/passwd.txt", "passwd.txt"),
        ("..\\\\..\\\\windows\\\\win.txt", "win.txt"),
        ("/etc/cron.d/x.txt", "x.txt"),
        ("a.exe%00.txt", "a.exe%00.txt"),
        ("<script>.txt", "_script_.txt"),
    ],
)
def test_a_name_becomes_no_path(
    visitor: Visitor, admin: Api, files: Files, name: str, safe: str
) -> None:
    written = visitor.wrote((name, b"Hello"))

    shown = admin.get(f"/api/email/emails/{written}").json
    assert shown["file_attached"] == safe
    (stored,) = files()
    assert stored.parts[0] == "email_attachments"
    assert len(stored.parts) == 5
    assert re.fullmatch(r"[0-9a-f]{32}-[A-Za-z0-9._-]+", stored.name)


def test_a_file_that_is_too_large_is_refused_while_it_is_read(
    make_app: MakeApp, client: Client
) -> None:
    app = make_app(CONTACT_EMAIL=SUPPORT, ROWPOST_CONTACT_FILE_MB=1)
    visitor = visitor_of(app, client)

    fits = visitor.writes(("a.txt", b"x" * MEGABYTE))
    refused = visitor.writes(("a.txt", b"x" * (MEGABYTE + 1)))

    assert fits.status == 201
    assert (refused.status, refused.json["code"]) == (413, "file_too_large")
    assert "1,048,576" in refused.json["message"]
    assert states(app.database()) == "N"


def test_ten_megabytes_are_the_limit_unless_a_setting_says_otherwise(visitor: Visitor) -> None:
    refused = visitor.writes(("a.txt", b"x" * (10 * MEGABYTE + 1)))

    assert (refused.status, refused.json["code"]) == (413, "file_too_large")
    assert "10,485,760" in refused.json["message"]


def test_a_file_in_another_field_or_two_files_are_refused(
    visitor: Visitor, queue: Database, files: Files
) -> None:
    for parts in (
        [Part("photo", "a.txt", b"x")],
        [Part("file_attached", "a.txt", b"x"), Part("file_attached", "b.txt", b"y")],
    ):
        kind, body = form(WORDS, *parts)
        refused = visitor.api.post("/api/email/emails", body, {"content-type": kind})
        assert (refused.status, refused.json["code"]) == (422, "validation_failed")

    assert states(queue) == ""
    assert files() == []


def test_a_malformed_form_is_400_and_a_foreign_one_415(visitor: Visitor) -> None:
    kind, body = form(WORDS)

    cut = visitor.api.post("/api/email/emails", body[:-10], {"content-type": kind})
    foreign = visitor.api.post(
        "/api/email/emails", b"full_name=x", {"content-type": "application/x-www-form-urlencoded"}
    )

    assert (cut.status, cut.json["code"]) == (400, "malformed_form")
    assert foreign.status == 415
