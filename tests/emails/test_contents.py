"""What an email says, as an operator reads it: its content, its files, its message."""

from __future__ import annotations

import base64
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from shared.app import Application
from shared.database.database import Database
from shared.maintenance.retention import empty_old
from shared.outbox.states import Flag
from shared.security.roles import Role
from tests.emails.conftest import Api, caller
from tests.emails.test_emails import account
from tests.support.api import Client
from tests.support.emails import (
    ACCOUNT,
    date_its_end,
    email_in,
    stored_email,
    waiting_email,
)


def content(api: Api, number: int) -> Any:
    reply = api.get(f"/api/emails/{number}/content")
    assert reply.status == 200, reply.body
    return reply.json


def message(api: Api, number: int) -> EmailMessage:
    reply = api.get(f"/api/emails/{number}/raw")
    assert reply.status == 200, reply.body
    name = f"attachment; filename*=UTF-8''email-{number}.eml"
    assert reply.headers["Content-Disposition"] == name
    parsed = message_from_bytes(reply.body, policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def refusal(api: Api, path: str) -> tuple[int, str]:
    reply = api.get(path)
    return reply.status, reply.json["code"]


def test_the_content_is_what_was_asked_to_be_sent(api: Api, queue: Database) -> None:
    account(queue)
    number = api.send(
        html_content="<p>Hi <img src='cid:logo'></p>",
        text_content="Hi",
        recipients=['"Doe, Jane" <jane@example.com>'],
        cc=["cc@example.com"],
        bcc=["bcc@example.com"],
        reply_to="help@example.com",
        headers={"X-Order": "4711"},
        attachments=[
            {
                "filename": "logo.gif",
                "content_type": "image/gif",
                "content_id": "logo",
                "content_base64": base64.b64encode(b"GIF89a").decode(),
            }
        ],
    )

    shown = content(api, number)

    assert (shown["html"], shown["text"]) == ("<p>Hi <img src='cid:logo'></p>", "Hi")
    assert shown["headers"] == {
        "From": "Your Name <your-email@gmail.com>",
        "To": '"Doe, Jane" <jane@example.com>',
        "Cc": "cc@example.com",
        "Bcc": "bcc@example.com",
        "Reply-To": "help@example.com",
        "Subject": "Hello",
        "X-Order": "4711",
    }
    assert shown["attachments"] == [
        {"filename": "logo.gif", "content_type": "image/gif", "size": 6, "content_id": "logo"}
    ]


def test_a_row_by_sql_is_shown_before_and_after_its_admission(api: Api, queue: Database) -> None:
    row: dict[str, Any] = {
        "dd_bodyText": "x" * 70_000,
        "dd_document": b"%PDF-1.7",
        "dd_filename": "a.pdf",
    }
    waiting = waiting_email(queue, **row, dd_bccEmailid="b@example.com")
    sent = email_in(queue, Flag.SENT, **row, dd_IsHtml="Y")

    before, after = content(api, waiting), content(api, sent)

    assert (before["html"], before["text"]) == (None, "x" * 70_000)
    assert before["headers"]["Bcc"] == "b@example.com"
    assert (after["html"], after["text"]) == ("x" * 70_000, None)
    file = {"filename": "a.pdf", "content_type": "application/pdf", "size": 8, "content_id": None}
    assert before["attachments"] == after["attachments"] == [file]


def test_the_message_is_whole_before_anything_was_sent(api: Api, queue: Database) -> None:
    account(queue)
    number = waiting_email(
        queue, dd_bodyText="Grüße", dd_document=b"%PDF-1.7", dd_filename="März.pdf"
    )

    composed = message(api, number)

    assert composed["From"] == "Your Name <your-email@gmail.com>"
    assert composed["To"] == "ann@example.com"
    assert composed["Message-ID"] == f"<not-sent-yet.{number}@gmail.com>"
    assert composed["Bcc"] is None
    text = composed.get_body()
    assert text is not None
    assert text.get_content().strip() == "Grüße"
    (file,) = composed.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("März.pdf", b"%PDF-1.7")


def test_the_message_of_a_sent_email_has_its_own_number_and_time(api: Api, queue: Database) -> None:
    account(queue, "SHOP")
    number = email_in(queue, Flag.SENT, dd_EmailParamCode="SHOP")
    known = api.get(f"/api/emails/{number}").json

    composed = message(api, number)

    assert composed["Message-ID"] == known["message_id"]
    sent_at = api.get(f"/api/emails/{number}/content").json["headers"]["Date"]
    assert sent_at.startswith(known["sent_at"][:19])
    assert composed["Date"].datetime.isoformat()[:19] == known["sent_at"][:19]


def test_what_a_failover_sent_says_so(api: Api, queue: Database) -> None:
    account(queue, "NEWS", SMTPMailId="news@example.com")
    account(queue, ACCOUNT, SMTPMailId="shop@example.org")
    number = email_in(queue, Flag.SENT, dd_EmailParamCode="NEWS")

    composed = message(api, number)

    assert "shop@example.org" in composed["From"]
    assert "news@example.com" in composed["Reply-To"]


def test_in_test_mode_the_message_says_who_it_is_for(api: Api, queue: Database) -> None:
    account(queue, Rowpost_RedirectTo="tests@example.com")
    number = waiting_email(queue, dd_subject="Sale")

    composed = message(api, number)

    assert (composed["To"], composed["X-Original-To"]) == ("tests@example.com", "ann@example.com")
    assert composed["Subject"] == "[Test, for ann@example.com] Sale"
    assert content(api, number)["headers"]["To"] == "ann@example.com"


def test_a_file_comes_as_octets_to_be_saved(api: Api, queue: Database) -> None:
    number = waiting_email(queue, dd_document=b"<script>", dd_filename="ä.html")

    reply = api.get(f"/api/emails/{number}/attachments/0")
    missing = refusal(api, f"/api/emails/{number}/attachments/1")

    assert (reply.status, reply.body) == (200, b"<script>")
    assert reply.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%C3%A4.html"
    assert missing == (404, "file_not_found")


def test_a_file_in_the_store_is_given_as_it_was_stored(api: Api, queue: Database) -> None:
    file = {"filename": "a.txt", "content_base64": base64.b64encode(b"Total: 10").decode()}
    number = api.send(attachments=[file])

    assert api.get(f"/api/emails/{number}/attachments/0").body == b"Total: 10"


@pytest.mark.parametrize("part", ["content", "raw", "attachments/0"])
def test_what_carries_a_code_is_shown_to_nobody(api: Api, queue: Database, part: str) -> None:
    number = stored_email(queue, subject="Your code", body="4711", origin="reset")

    assert refusal(api, f"/api/emails/{number}/{part}") == (403, "confidential")


@pytest.mark.parametrize("part", ["content", "raw", "attachments/0"])
def test_what_was_removed_is_gone(api: Api, queue: Database, part: str) -> None:
    number = email_in(queue, Flag.SENT)
    date_its_end(queue, number, 100)
    assert queue.run(lambda connection: empty_old(connection, 90)) == 1

    assert refusal(api, f"/api/emails/{number}/{part}") == (409, "wrong_state")
    assert refusal(api, f"/api/emails/{number + 1}/{part}") == (404, "email_not_found")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"dd_toEmailid": "nobody"}, "'nobody' is not an email address"),
        ({"dd_Headers": "[]"}, "dd_Headers is not a JSON object"),
        ({"dd_EmailParamCode": "GONE"}, "no active account answers for it"),
    ],
)
def test_a_message_that_cannot_be_made_says_why_and_the_content_is_shown_all_the_same(
    api: Api, queue: Database, row: dict[str, str], reason: str
) -> None:
    account(queue)
    number = waiting_email(queue, **row)

    reply = api.get(f"/api/emails/{number}/raw")

    assert (reply.status, reply.json["code"]) == (409, "no_message")
    assert reason in reply.json["message"]
    assert content(api, number)["text"] == "Hi Ann"


def test_more_files_than_may_be_sent_make_no_message(api: Api, queue: Database) -> None:
    account(queue)
    number = waiting_email(queue, dd_document=bytes(26 * 1024 * 1024), dd_filename="a.bin")

    assert refusal(api, f"/api/emails/{number}/raw") == (409, "no_message")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SERVICE])
def test_only_operators_read_what_emails_say(
    app: Application, client: Client, api: Api, role: Role
) -> None:
    number = api.send()
    somebody = caller(app, client, role.value, role)

    for part in ("content", "raw", "attachments/0"):
        assert somebody.get(f"/api/emails/{number}/{part}").status == 403
