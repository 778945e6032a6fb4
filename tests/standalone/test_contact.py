"""The contact form as its callers had it: their requests, their answers, and the emails of them."""

from __future__ import annotations

import json
import subprocess
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.support.standalone import Launch, Standalone, wait_until
from tests.support.tools import program

SUPPORT = "support@tcall.ai"
MEGABYTE = 1024 * 1024
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"
WORDS = {
    "full_name": "John Doe",
    "email": "john.doe@example.com",
    "phone": "+1-555-123-4567",
    "job_profession": "Software Engineer",
    "subject": "General Inquiry",
    "message": "I would like to know more about your services.",
}


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    return standalone_module(CONTACT_EMAIL=SUPPORT)


def curl(service: Standalone, *arguments: str, folder: Path | None = None) -> tuple[int, Any]:
    """What curl gets, as a caller runs it."""
    ran = subprocess.run(
        [program("curl"), "-sS", "-w", "\n%{http_code}", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=30,
        check=True,
    )
    body, _, status = ran.stdout.rpartition("\n")
    return int(status), json.loads(body)


def arrived(service: Standalone, subject: str) -> EmailMessage:
    """The email of this subject, as soon as the mail catcher has it."""

    def found() -> list[EmailMessage]:
        return [one for one in service.mail() if one["Subject"] == f"Contact form: {subject}"]

    wait_until(lambda: len(found()) == 1, 30, "the email")
    return found()[0]


def test_the_curl_line_with_json_sends_an_email(service: Standalone) -> None:
    status, taken = curl(
        service,
        *("-X", "POST", f"{service.base}/api/email/emails/"),
        *("-H", "Content-Type: application/json"),
        *("-d", json.dumps(WORDS)),
    )

    assert (status, taken["status"]) == (201, "Pending")
    message = arrived(service, "General Inquiry")
    assert (message["To"], message["Reply-To"]) == (SUPPORT, "john.doe@example.com")
    plain, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    for value in WORDS.values():
        assert value in plain.get_content()
        assert value in html.get_content()
    wait_until(
        lambda: service.get(f"/api/email/emails/{taken['id']}/").json["status"] == "Sent",
        30,
        "the status to say so",
    )


def test_the_curl_line_with_a_file_attaches_it(service: Standalone, tmp_path: Path) -> None:
    (tmp_path / "document.pdf").write_bytes(PDF)

    status, taken = curl(
        service,
        *("-X", "POST", f"{service.base}/api/email/emails/"),
        *("-F", "full_name=John Doe"),
        *("-F", "email=john.doe@example.com"),
        *("-F", "phone=+1-555-123-4567"),
        *("-F", "job_profession=Software Engineer"),
        *("-F", "subject=Document Review"),
        *("-F", "message=Please review the attached document."),
        *("-F", "file_attached=@document.pdf"),
        folder=tmp_path,
    )

    assert (status, taken["status"]) == (201, "Pending")
    (attached,) = arrived(service, "Document Review").iter_attachments()
    assert attached.get_filename() == "document.pdf"
    assert attached.get_content_type() == "application/pdf"
    assert attached.get_payload(decode=True) == PDF
    shown = service.get(f"/api/email/emails/{taken['id']}/", token=service.login()).json
    kept = service.folder / "attachments" / shown["file_path"]
    assert kept.read_bytes() == PDF
    assert shown["file_path"].split("/")[0] == "email_attachments"


def test_the_payload_that_is_documented_is_taken(service: Standalone) -> None:
    payload = WORDS | {"file_attached": "optional_file.pdf", "subject": "The payload"}

    assert service.post("/api/email/emails/", payload).status == 201

    plain = arrived(service, "The payload").get_body(("plain",))
    assert plain is not None
    assert "optional_file.pdf (not attached" in plain.get_content()


def test_every_documented_endpoint_answers_with_a_token_where_it_needs_one(
    service: Standalone,
) -> None:
    base, token = "/api/email/emails", service.login()
    later = service.post(f"{base}/", WORDS | {"subject": "Later"})
    arrived(service, "Later")
    one = f"{base}/{later.json['id']}/"
    wait_until(lambda: service.get(one).json["status"] == "Sent", 30, "it to be sent")

    assert service.get(f"{base}/").json["total"] >= 1
    assert service.get(f"{base}/", token=token).json["items"][0]["id"] == later.json["id"]
    assert service.get(f"{base}/statistics/").json["sent"] >= 1
    assert service.post(f"{base}/retry_failed/", token=token).json["retried"] == 0
    assert service.post(f"{one}cancel/", token=token).status == 409
    assert service.request("PUT", one, WORDS, token=token).status == 409
    assert service.request("DELETE", one, token=token).status == 200
    assert service.get(one).status == 404
    for method, path in (
        ("POST", f"{base}/retry_failed/"),
        ("POST", f"{one}cancel/"),
        ("PUT", one),
        ("DELETE", one),
    ):
        assert service.request(method, path, {}).status == 401


def test_50_mb_are_refused_by_their_announced_length(service: Standalone, tmp_path: Path) -> None:
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(50 * MEGABYTE)

    status, refused = curl(
        service,
        f"{service.base}/api/email/emails",
        "-F",
        "file_attached=@large.txt",
        folder=tmp_path,
    )

    assert (status, refused["code"]) == (413, "body_too_large")


def test_the_21st_in_a_minute_has_to_wait_whoever_reads_meanwhile(standalone: Launch) -> None:
    service = standalone(CONTACT_EMAIL=SUPPORT, ROWPOST_REQUEST_LIMITS="on")

    # Of two minutes at most, should one end in between.
    answers = [service.post("/api/email/emails", {}) for _ in range(41)]

    assert [one.status for one in answers[:20]] == [422] * 20
    refused = next(one for one in answers if one.status == 429)
    assert refused.json["code"] == "too_many_requests"
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert service.get("/api/email/emails/statistics").status == 200


def test_beside_the_mail_catcher_it_can_be_tried_as_it_is(standalone: Launch) -> None:
    service = standalone()

    answer = service.post("/api/email/emails", WORDS)

    assert answer.status == 201, answer
    (mail,) = service.wait_for_mail(1)
    assert mail["To"] == "support@example.com"
