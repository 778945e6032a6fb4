"""Files of emails that come by REST: checked, kept, listed, and deleted where nobody has them."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from functions.emails import CONTENT_ID, CONTENT_TYPE
from shared.app import Application
from shared.attachments.folder import FolderStore
from shared.attachments.names import safe_name
from shared.database.database import Database
from shared.database.tables import loose_files
from shared.mime.addresses import Mailbox
from shared.mime.compose import compose
from shared.mime.message import Attachment, Draft
from shared.outbox.attachments import attachments_of
from shared.settings import Settings
from tests.emails.conftest import Api, email
from tests.support.api import Reply
from tests.support.emails import became, states
from tests.support.standalone import Launch

PDF = b"%PDF-1.7\n" + bytes(range(256))
MEGABYTE = 1024 * 1024


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(ROWPOST_DATA=tmp_path, ROWPOST_MOST_ATTACHED_MB=1)


def file(name: str = "a.pdf", content: bytes = PDF, **more: Any) -> dict[str, Any]:
    written = b64encode(content).decode()
    return {"filename": name, "content_type": "application/pdf", "content_base64": written} | more


def kept_on_disk(app: Application) -> list[bytes]:
    folder = app.settings.data / "attachments"
    return sorted(one.read_bytes() for one in folder.rglob("*") if one.is_file())


def loose(queue: Database) -> int:
    with queue.read() as connection:
        return connection.scalar(select(func.count()).select_from(loose_files)) or 0


def test_files_are_kept_for_their_email_and_listed_without_their_content(
    app: Application, api: Api, queue: Database
) -> None:
    picture = file("logo.png", b"\x89PNG", content_type="image/png", content_id="logo@x")

    number = api.send(attachments=[file("März 1.pdf"), picture])

    shown = api.get(f"/api/emails/{number}")
    assert shown.json["attachments"] == [
        {
            "filename": "März 1.pdf",
            "content_type": "application/pdf",
            "size": len(PDF),
            "content_id": None,
        },
        {"filename": "logo.png", "content_type": "image/png", "size": 4, "content_id": "logo@x"},
    ]
    assert b"email_attachments" not in shown.body
    with queue.read() as connection:
        files = attachments_of(connection, [number])[number]
    assert [b"".join(app.attachments.store.read(one.key)) for one in files] == [PDF, b"\x89PNG"]
    assert became(queue, number).attachment_count == 2
    assert loose(queue) == 0


def test_an_email_without_files_lists_none(api: Api) -> None:
    for number in (api.send(), api.send(attachments=[])):
        assert api.get(f"/api/emails/{number}").json["attachments"] == []


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\invoice.pdf", "invoice.pdf"),
        ("a\r\nBcc: x@example.com.pdf", "a Bcc_ x@example.com.pdf"),
        ("..", "file"),
        ("con.txt", "_con.txt"),
        ("x" * 251 + ".pdf", "x" * 96 + ".pdf"),
    ],
)
def test_names_are_made_safe(api: Api, given: str, safe: str) -> None:
    number = api.send(attachments=[file(given)])

    (shown,) = api.get(f"/api/emails/{number}").json["attachments"]
    assert shown["filename"] == safe


def test_a_type_need_not_be_given_and_a_file_may_be_empty(api: Api) -> None:
    number = api.send(attachments=[{"filename": "a.txt", "content_base64": ""}])

    (shown,) = api.get(f"/api/emails/{number}").json["attachments"]
    assert (shown["content_type"], shown["size"]) == (None, 0)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (file(content_base64="not base64!"), "[1].content_base64"),
        (file(content_base64="QUJD\nREVG"), "[1].content_base64"),
        (file(content_base64="QUI"), "[1].content_base64"),
        (file(content_base64="QQ==QQ=="), "[1].content_base64"),
        (file(content_base64="-_-_"), "[1].content_base64"),
        (file(content_base64="ÄÖÜß"), "[1].content_base64"),
        (file(content_base64=7), "[1].content_base64"),
        (file(content_base64=None), "[1].content_base64"),
        ({"filename": "a.pdf"}, "[1].content_base64"),
        (file(filename=""), "[1].filename"),
        (file(filename="x" * 256), "[1].filename"),
        (file(content_type="pdf"), "[1].content_type"),
        (file(content_type="a/b\r\nBcc: x@example.com"), "[1].content_type"),
        (file(content_type='a/b; x="1'), "[1].content_type"),
        (file(content_type="a/b" + "; x=" + "y" * 100 + "; x=" + "y" * 150), "[1].content_type"),
        (file(content_id="<logo>"), "[1].content_id"),
        (file(content_id="lo go"), "[1].content_id"),
        (file(content_id="x" * 61), "[1].content_id"),
        ("a.pdf", "[1]"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(
    app: Application, api: Api, queue: Database, wrong: Any, field: str
) -> None:
    reply = api.post("/api/emails", email(attachments=[file(), wrong]))

    assert (reply.status, reply.json["code"]) == (422, "validation_failed")
    assert [one["field"] for one in reply.json["errors"]] == [f"attachments{field}"]
    assert (states(queue), kept_on_disk(app)) == ("", [])


def test_a_hundred_files_are_taken_and_one_more_is_too_many(api: Api, queue: Database) -> None:
    hundred = [file(f"{number}.pdf", b"%PDF") for number in range(100)]

    number = api.send(attachments=hundred)
    reply = api.post("/api/emails", email(attachments=[*hundred, file()]))

    listed = api.get(f"/api/emails/{number}").json["attachments"]
    assert [one["filename"] for one in listed] == [f"{number}.pdf" for number in range(100)]
    assert reply.status == 422
    assert reply.json["errors"][0]["field"] == "attachments"
    assert states(queue) == "N"


def too_large(reply: Reply) -> bool:
    said = (reply.status, reply.json["code"], reply.json["errors"][0]["field"])
    return said == (413, "file_too_large", "attachments") and "1 MB" in reply.json["message"]


def test_the_size_of_all_files_together_has_a_limit(
    app: Application, api: Api, queue: Database
) -> None:
    half = file("half.bin", b"x" * (MEGABYTE // 2))

    assert api.send(attachments=[half, half])
    assert too_large(api.post("/api/emails", email(attachments=[half, half, file("x", b"1")])))
    assert too_large(api.post("/api/emails", email(attachments=[file("x", b"x" * 1048577)])))

    assert states(queue) == "N"
    assert len(kept_on_disk(app)) == 2
    assert loose(queue) == 0


def test_a_body_has_room_for_what_may_be_attached_and_no_more(api: Api) -> None:
    full = file("full.bin", b"x" * MEGABYTE)
    longest = MEGABYTE * 10 - 1000

    assert api.send(attachments=[full], text_content="x" * longest)
    reply = api.post("/api/emails", email(attachments=[full], text_content="x" * MEGABYTE * 10))
    assert (reply.status, reply.json["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "fields",
    [{"recipients": ["nobody"]}, {"smtp_config_id": 77}, {"template": "x", "html_content": None}],
)
def test_an_email_that_is_not_stored_leaves_no_files(
    app: Application, api: Api, queue: Database, fields: dict[str, Any]
) -> None:
    reply = api.post("/api/emails", email(attachments=[file(), file()], **fields))

    assert reply.status == 422
    assert kept_on_disk(app) == []
    assert loose(queue) == 0


def test_while_the_store_is_away_nothing_is_stored(
    app: Application, api: Api, queue: Database
) -> None:
    (app.settings.data / "not-a-folder").write_bytes(b"")
    app.attachments.store = FolderStore(app.settings.data / "not-a-folder")

    reply = api.post("/api/emails", email(attachments=[file()]))

    assert (reply.status, reply.json["code"]) == (503, "attachment_store_unavailable")
    assert states(queue) == ""


def test_in_a_batch_each_email_has_its_own_files(
    app: Application, api: Api, queue: Database
) -> None:
    large = file("large.bin", b"x" * (MEGABYTE + 1))
    emails = [
        email(attachments=[file("first.pdf", b"first")]),
        email(attachments=[file(), file(content_base64="?")]),
        email(attachments=[file("small.pdf"), large]),
        email(attachments=[file("unknown.pdf")], smtp_config_id=77),
        email(attachments=[file("last.pdf", b"last")]),
        email(),
    ]

    results = api.post("/api/emails/batch", {"emails": emails}).json["results"]

    assert [one["status"] for one in results] == [202, 422, 413, 422, 202, 202]
    assert results[1]["errors"][0]["field"] == "attachments[1].content_base64"
    assert results[2]["errors"][0]["field"] == "attachments"
    names = [
        [file["filename"] for file in api.get(f"/api/emails/{one['email_id']}").json["attachments"]]
        for one in results
        if one["email_id"]
    ]
    assert names == [["first.pdf"], ["last.pdf"], []]
    assert kept_on_disk(app) == [b"first", b"last"]
    assert loose(queue) == 0


def test_the_same_files_again_are_the_same_request_and_other_content_is_another(
    app: Application, api: Api, queue: Database
) -> None:
    def post(content: bytes) -> Reply:
        body = email(attachments=[file(content=content)])
        return api.post("/api/emails", body, headers={"idempotency-key": "invoice-1"})

    first, again, other = post(b"1"), post(b"1"), post(b"2")

    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.json == again.json
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    assert states(queue) == "N"
    assert kept_on_disk(app) == [b"1"]


def test_the_content_of_a_file_is_in_no_error_and_in_no_repr(api: Api) -> None:
    from functions.emails import AttachedFile

    secret = b64encode(b"very secret").decode()
    reply = api.post("/api/emails", email(attachments=[file(content_base64=f"{secret}!")]))

    assert reply.status == 422
    assert secret.encode() not in reply.body
    assert "secret" not in repr(AttachedFile(filename="a", content_base64=secret))


@given(
    content_type=st.from_regex(CONTENT_TYPE.strip("^$"), fullmatch=True).filter(
        lambda kind: len(kind) < 256
    ),
    content_id=st.from_regex(CONTENT_ID.strip("^$"), fullmatch=True),
    filename=st.text(min_size=1, max_size=255),
)
def test_every_file_that_is_taken_can_be_composed(
    content_type: str, content_id: str, filename: str
) -> None:
    draft = Draft(
        sender=Mailbox("shop@example.com"),
        to=(Mailbox("ann@example.com"),),
        message_id="<1@example.com>",
        date=datetime(2026, 11, 21, tzinfo=UTC),
        html="<p>Hi</p>",
        attachments=(
            Attachment(safe_name(filename), PDF, content_type),
            Attachment(safe_name(filename), PDF, content_id=content_id),
        ),
    )

    mail = message_from_bytes(compose(draft).content, policy=policy.default)

    files = [one for one in mail.walk() if one.get_filename()]
    assert [one.get_payload(decode=True) for one in files] == [PDF, PDF]
    assert files[0]["Content-ID"] == f"<{content_id}>"


def test_as_much_as_may_be_attached_arrives_as_it_was_sent(standalone: Launch) -> None:
    service = standalone(ROWPOST_MOST_ATTACHED_MB="1")
    logo = b"\x89PNG\r\n\x1a\n" * 99
    rest = (bytes(range(256)) * 4096)[len(PDF) + len(logo) :]
    pictured = email(
        html_content="<img src='cid:logo@x'>",
        text_content="Your invoice",
        attachments=[
            file("Rechnung März.pdf"),
            file("logo.png", logo, content_type="image/png", content_id="logo@x"),
            file("big.bin", rest, content_type="application/octet-stream"),
        ],
    )

    stored = service.post("/api/emails", pictured, token=service.login())
    (mail,) = service.wait_for_mail(1)

    assert stored.status == 202, stored
    assert [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        for part in mail.iter_attachments()
    ] == [
        ("Rechnung März.pdf", "application/pdf", PDF),
        ("big.bin", "application/octet-stream", rest),
    ]
    related = mail.get_body(("related",))
    assert related is not None
    _, shown = related.iter_parts()
    assert (shown["Content-ID"], shown.get_content_type()) == ("<logo@x>", "image/png")
    assert shown.get_payload(decode=True) == logo
