"""Emails by REST: stored, looked at, cancelled, tried again, resolved."""

from __future__ import annotations

import json
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.accounts.numbers import insert_account
from shared.app import Application
from shared.database.database import Database
from shared.maintenance.retention import empty_old
from shared.outbox.recipients import known_recipients
from shared.outbox.sending.finish import Outcome
from shared.outbox.states import Flag
from shared.security.roles import Role
from tests.emails.conftest import Api, caller, email
from tests.support.api import Client
from tests.support.emails import (
    attempt,
    became,
    date_its_end,
    email_in,
    expire_in,
    foreign_row,
    states,
    waiting_email,
)


def faults(api: Api, **fields: Any) -> dict[str, str]:
    reply = api.post("/api/emails", email(**fields))
    assert reply.status == 422, reply.body
    assert reply.json["code"] == "validation_failed"
    return {one["field"]: one["message"] for one in reply.json["errors"]}


def account(database: Database, code: str | None = "GMAIL", **columns: Any) -> int:
    values = {
        "SMTPServer": "smtp.example.com",
        "SMTPPort": 587,
        "SMTPMailId": "your-email@gmail.com",
        "ApplicationName": "Your Name",
        "SMTPSSLFlag": "Y",
        "ParamCode": code,
        "IsActive": "Y",
    } | columns
    with database.write() as connection:
        return insert_account(connection, values)


class TestStoring:
    def test_the_seeds_own_example_is_stored_and_shown(self, api: Api, queue: Database) -> None:
        config_id = account(queue, Rowpost_Name="Gmail Account")
        example = {
            "subject": "Test Email",
            "recipients": ["recipient1@example.com", "recipient2@example.com"],
            "html_content": "<html><body><h1>Hello!</h1><p>This is a test email.</p></body></html>",
            "cc": ["cc1@example.com"],
            "bcc": ["bcc1@example.com"],
            "priority": 1,
            "smtp_config_id": config_id,
        }

        stored = api.post("/api/emails", example)
        shown = api.get(f"/api/emails/{stored.json['email_id']}")

        assert stored.status == 202
        assert stored.json == {"message": "Email created and queued successfully", "email_id": 1}
        assert shown.status == 200
        expected = {
            "id": 1,
            "subject": "Test Email",
            "sender": "your-email@gmail.com",
            "sender_name": "Your Name",
            "recipients": example["recipients"],
            "cc": example["cc"],
            "bcc": example["bcc"],
            "status": "queued",
            "priority": 1,
            "retry_count": 0,
            "smtp_config": "Gmail Account",
            "smtp_config_id": config_id,
            "sent_at": None,
            "error_message": None,
            "lane": "immediate",
            "origin": "api",
        }
        assert {name: shown.json[name] for name in expected} == expected
        assert shown.json["created_at"] == shown.json["updated_at"]
        assert "html_content" not in shown.json

    def test_all_that_can_be_said_of_an_email_reaches_its_row(
        self, api: Api, queue: Database
    ) -> None:
        tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
        number = api.send(
            recipients=['"Doe, Jane" <jane@example.com>', "Zoë <zoe@example.com>"],
            text_content="Hi",
            reply_to="help@example.com; Bob <bob@example.com>",
            headers={"X-Order": "4711", "List-Unsubscribe": "<https://example.com/u>"},
            lane="scheduled",
            send_at=tomorrow.isoformat(),
            expires_at=(tomorrow + timedelta(hours=1)).isoformat(),
            tags=["orders", "März"],
        )

        kept = became(queue, number)
        shown = api.get(f"/api/emails/{number}").json

        assert kept.to == '"Doe, Jane" <jane@example.com>, "Zoë" <zoe@example.com>'
        assert (kept.body, kept.text_alternative, kept.is_html) == ("<p>Hi</p>", "Hi", 1)
        assert kept.reply_to == "help@example.com, Bob <bob@example.com>"
        assert json.loads(kept.headers or "") == {
            "X-Order": "4711",
            "List-Unsubscribe": "<https://example.com/u>",
        }
        assert (kept.lane, kept.send_at) == ("scheduled", tomorrow)
        assert (kept.origin, kept.stored_by) == ("api", "login:admin")
        assert kept.request_id == shown["request_id"]
        assert shown["recipients"] == ['"Doe, Jane" <jane@example.com>', '"Zoë" <zoe@example.com>']
        assert shown["tags"] == ["orders", "März"]

    def test_a_text_alone_is_no_html(self, api: Api, queue: Database) -> None:
        number = api.send(html_content=None, text_content="<b>not bold</b>")

        kept = became(queue, number)
        assert (kept.body, kept.text_alternative, kept.is_html) == (
            "<b>not bold</b>",
            None,
            0,
        )

    def test_a_thousand_recipients_are_kept_one_by_one(self, api: Api, queue: Database) -> None:
        everybody = [f"Customer {n} <customer{n}@example.com>" for n in range(1_000)]

        number = api.send(recipients=everybody)

        with queue.read() as connection:
            known = known_recipients(connection, [number])
        assert len(known[number]) == 1_000
        assert len(api.get(f"/api/emails/{number}").json["recipients"]) == 1_000

    def test_one_more_than_a_thousand_are_too_many(self, api: Api) -> None:
        everybody = [f"customer{n}@example.com" for n in range(1_000)]

        assert set(faults(api, recipients=everybody, cc=["one@example.com"])) == {"recipients"}

    def test_an_address_that_is_named_twice_gets_one_copy(self, api: Api) -> None:
        number = api.send(recipients=["a@example.com", "a@EXAMPLE.com"], cc=["a@example.com"])

        shown = api.get(f"/api/emails/{number}").json
        assert (shown["recipients"], shown["cc"]) == (["a@example.com"], [])

    def test_an_account_that_is_not_there_is_named(self, api: Api) -> None:
        reply = api.post("/api/emails", email(smtp_config_id=77))

        assert (reply.status, reply.json["code"]) == (422, "validation_failed")
        assert reply.json["errors"][0]["field"] == "smtp_config_id"

    def test_an_account_without_a_code_can_not_be_chosen(self, api: Api, queue: Database) -> None:
        reply = api.post("/api/emails", email(smtp_config_id=account(queue, None)))

        assert (reply.status, reply.json["code"]) == (422, "validation_failed")


NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"recipients": ["a@example.com", "nobody"]}, "recipients[1]"),
        ({"recipients": ["a@example.com\r\nBcc: b@example.com"]}, "recipients[0]"),
        ({"recipients": ["a@example.com, b@example.com"]}, "recipients[0]"),
        ({"recipients": [" "]}, "recipients[0]"),
        ({"recipients": []}, "recipients"),
        ({"cc": ["x@"]}, "cc[0]"),
        ({"bcc": ["@x"]}, "bcc[0]"),
        ({"subject": "Hello\r\nBcc: b@example.com"}, "subject"),
        ({"subject": "x" * 501}, "subject"),
        ({"subject": "🎉" * 300}, "subject"),
        ({"html_content": None}, "html_content"),
        ({"priority": 6}, "priority"),
        ({"lane": "fast"}, "lane"),
        ({"reply_to": "me"}, "reply_to"),
        ({"reply_to": "a@example.com\nX-Y: z"}, "reply_to"),
        ({"headers": {"Bcc": "b@example.com"}}, "headers.Bcc"),
        ({"headers": {"X-A": "1\r\nBcc: b@example.com"}}, "headers.X-A"),
        ({"headers": {"X-A:b": "1"}}, "headers.X-A:b"),
        ({"headers": {"References": "1", "references": "2"}}, "headers.references"),
        ({"headers": {"X-A": "y" * 999}}, "headers.X-A"),
        ({"headers": {f"X-{n}": "1" for n in range(21)}}, "headers"),
        ({"send_at": "tomorrow"}, "send_at"),
        ({"send_at": "2030-01-01T10:00:00"}, "send_at"),
        ({"send_at": "0001-01-01T00:00:00+14:00"}, "send_at"),
        ({"tags": ["a\nb"]}, "tags[0]"),
        ({"tags": ["🎉" * 50] * 11}, "tags"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(
    api: Api, queue: Database, fields: dict[str, Any], wrong: str
) -> None:
    assert wrong in faults(api, **fields)
    assert states(queue) == ""


@pytest.mark.parametrize("send_at", [None, NOW + timedelta(days=2)])
def test_an_email_that_expires_before_it_could_be_sent_is_refused(
    api: Api, queue: Database, send_at: datetime | None
) -> None:
    expires = NOW + timedelta(days=1) if send_at else NOW - timedelta(seconds=1)
    times = {"send_at": send_at and send_at.isoformat(), "expires_at": expires.isoformat()}

    reply = api.post("/api/emails", email(**times))

    assert (reply.status, reply.json["code"]) == (422, "validation_failed")
    assert states(queue) == ""


def test_every_wrong_field_is_named_at_once(api: Api) -> None:
    found = faults(api, recipients=["x", "y"], cc=["z"], headers={"To": "a@example.com"})

    assert set(found) == {"recipients[0]", "recipients[1]", "cc[0]", "headers.To"}


def test_a_body_of_50_megabytes_is_too_large(api: Api) -> None:
    reply = api.post("/api/emails", b'{"x": "' + b"x" * 50 * 1024 * 1024 + b'"}')

    assert (reply.status, reply.json["code"]) == (413, "body_too_large")


class TestWhoMay:
    def test_a_viewer_looks_but_sends_nothing(self, app: Application, client: Client) -> None:
        viewer = caller(app, client, "vera", Role.VIEWER)

        assert viewer.get("/api/emails").status == 200
        for path in ("", "/1/cancel", "/1/retry", "/1/resolve"):
            assert viewer.post(f"/api/emails{path}", email()).status == 403

    def test_a_service_sees_only_what_it_stored_itself(
        self, app: Application, client: Client, api: Api
    ) -> None:
        shop = caller(app, client, "shop", Role.SERVICE)
        other, own = api.send(), shop.send()

        assert shop.get(f"/api/emails/{own}").status == 200
        assert shop.get(f"/api/emails/{other}").status == 404
        assert shop.get(f"/api/emails/{other}/attempts").status == 404
        assert [one["id"] for one in shop.get("/api/emails").json["items"]] == [own]
        assert [one["id"] for one in shop.get("/api/emails/status/queued").json] == [own]
        assert shop.post(f"/api/emails/{own}/cancel").status == 403
        assert len(api.get("/api/emails").json["items"]) == 2

    def test_nobody_without_a_login_gets_in(self, api: Api) -> None:
        api.token = None
        for method, path in [("GET", ""), ("POST", ""), ("GET", "/1"), ("POST", "/1/cancel")]:
            assert api.request(method, f"/api/emails{path}").status == 401


class TestStatuses:
    @pytest.mark.parametrize(
        ("flag", "tried", "status"),
        [
            ("N", False, "queued"),
            ("N", True, "retry"),
            ("P", False, "sending"),
            ("T", False, "sending"),
            ("Y", False, "sent"),
            ("F", False, "failed"),
            ("U", False, "unknown"),
            ("C", False, "cancelled"),
        ],
    )
    def test_each_state_has_its_name_and_its_list(
        self, api: Api, queue: Database, flag: str, tried: bool, status: str
    ) -> None:
        number = email_in(queue, flag)
        if tried:
            attempt(queue, number, Outcome.RETRY)

        assert api.get(f"/api/emails/{number}").json["status"] == status
        listed = {
            name: [one["id"] for one in api.get(f"/api/emails/status/{name}").json]
            for name in ["queued", "sending", "retry", "sent", "failed", "unknown", "cancelled"]
        }
        assert listed == {name: [number] if name == status else [] for name in listed}

    def test_a_list_by_status_is_the_seeds_array(self, api: Api) -> None:
        number = api.send(priority=1)

        (shown,) = api.get("/api/emails/status/queued", limit="50").json

        assert shown.pop("created_at").endswith("Z")
        assert shown == {
            "id": number,
            "subject": "Hello",
            "status": "queued",
            "priority": 1,
            "retry_count": 0,
        }

    def test_a_status_that_does_not_exist_is_refused(self, api: Api) -> None:
        reply = api.get("/api/emails", status="lost")

        assert reply.status == 422
        assert reply.json["errors"][0]["field"] == "status"
        assert api.router.match("GET", "/api/emails/status/lost") is None
        assert api.router.match("GET", "/api/emails/status/SENT") is not None

    @pytest.mark.parametrize("limit", ["0", "501", "many"])
    def test_a_limit_has_limits(self, api: Api, limit: str) -> None:
        assert api.get("/api/emails/status/sent", limit=limit).status == 422

    @pytest.mark.parametrize("path", ["/api/emails/9", "/api/emails/9/attempts"])
    def test_a_number_that_nobody_has_is_not_found(self, api: Api, path: str) -> None:
        assert api.get(path).status == 404


class TestDeciding:
    def test_a_waiting_email_is_cancelled_and_then_tried_again(
        self, api: Api, queue: Database
    ) -> None:
        number = api.send()

        cancelled = api.post(f"/api/emails/{number}/cancel")
        again = api.post(f"/api/emails/{number}/cancel")
        stood = states(queue)
        retried = api.post(f"/api/emails/{number}/retry")

        assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
        assert (again.status, again.json["code"]) == (409, "wrong_state")
        assert stood == "C"
        assert (retried.status, retried.json["status"]) == (200, "queued")
        assert states(queue) == "N"

    @pytest.mark.parametrize("flag", ["P", "T", "Y", "F", "U", "C"])
    def test_only_a_waiting_one_can_be_cancelled(
        self, api: Api, queue: Database, flag: str
    ) -> None:
        number = email_in(queue, flag)

        assert api.post(f"/api/emails/{number}/cancel").status == 409
        assert states(queue) == flag

    def test_a_failed_one_is_tried_again_with_all_its_retries(
        self, api: Api, queue: Database
    ) -> None:
        number = waiting_email(queue)
        for _ in range(3):
            attempt(queue, number, Outcome.RETRY, reason="450 busy")
        attempt(queue, number, Outcome.FAILED, reason="550 no")
        expire_in(queue, number, -3600)

        assert api.post(f"/api/emails/{number}/retry").status == 200

        waits = became(queue, number)
        assert (waits.state, waits.retries, waits.reason) == ("N", 0, "")
        assert (waits.ended_at, waits.expires_at) == (None, None)

    @pytest.mark.parametrize("flag", ["N", "P", "T", "Y", "U"])
    def test_no_other_one_is_tried_again(self, api: Api, queue: Database, flag: str) -> None:
        number = email_in(queue, flag)

        assert api.post(f"/api/emails/{number}/retry").status == 409
        assert states(queue) == flag

    def test_what_somebody_else_cancelled_is_not_tried_again(
        self, api: Api, queue: Database
    ) -> None:
        number = foreign_row(queue, "C")

        assert api.post(f"/api/emails/{number}/retry").status == 409
        assert states(queue) == "C"

    def test_one_without_its_content_is_not_tried_again(self, api: Api, queue: Database) -> None:
        number = email_in(queue, Flag.FAILED)
        date_its_end(queue, number, days_ago=31)
        assert queue.run(lambda connection: empty_old(connection, 30)) == 1

        reply = api.post(f"/api/emails/{number}/retry")

        assert reply.status == 409
        assert "content" in reply.json["message"]

    @pytest.mark.parametrize(("decision", "flag"), [("resend", "N"), ("sent", "Y")])
    def test_an_unknown_outcome_is_resolved(
        self, api: Api, queue: Database, decision: str, flag: str
    ) -> None:
        number = email_in(queue, Flag.UNKNOWN)

        reply = api.post(f"/api/emails/{number}/resolve", {"decision": decision})

        assert reply.status == 200
        assert states(queue) == flag

    def test_only_an_unknown_outcome_is_resolved(self, api: Api, queue: Database) -> None:
        number = api.send()

        assert api.post(f"/api/emails/{number}/resolve", {"decision": "sent"}).status == 409
        assert api.post(f"/api/emails/{number}/resolve", {"decision": "maybe"}).status == 422
        assert api.post("/api/emails/99/resolve", {"decision": "sent"}).status == 404


class TestBatches:
    def test_each_email_of_a_batch_is_answered_for_itself(self, api: Api, queue: Database) -> None:
        emails = [
            email(),
            email(recipients=["nobody"]),
            email(priority="high"),
            email(smtp_config_id=99),
            email(template="welcome", variables={"name": "Ann"}),
            {},
            email(subject="The last"),
        ]

        reply = api.post("/api/emails/batch", {"emails": emails})

        assert reply.status == 207
        results = reply.json["results"]
        assert [one["index"] for one in results] == list(range(7))
        assert [one["status"] for one in results] == [202, 422, 422, 422, 422, 422, 202]
        assert [one["email_id"] for one in results if one["status"] == 202] == [1, 2]
        assert results[1]["errors"][0]["field"] == "recipients[0]"
        assert results[2]["errors"][0]["field"] == "priority"
        assert states(queue) == "NN"

    @pytest.mark.parametrize("number", [0, 501])
    def test_a_batch_has_1_to_500_emails(self, api: Api, number: int) -> None:
        assert api.post("/api/emails/batch", {"emails": [email()] * number}).status == 422

    def test_a_batch_with_a_key_is_stored_once(self, api: Api, queue: Database) -> None:
        batch = {"emails": [email(), email(recipients=["nobody"])] * 50}
        headers = {"idempotency-key": "monday"}

        first = api.post("/api/emails/batch", batch, headers=headers)
        second = api.post("/api/emails/batch", batch, headers=headers)

        assert (first.status, first.json) == (second.status, second.json)
        assert second.headers["Idempotency-Replayed"] == "true"
        assert states(queue) == "N" * 50

    def test_an_email_without_a_subject_names_it(self, api: Api) -> None:
        nothing = {"recipients": ["ann@example.com"], "text_content": "Hi"}

        assert api.post("/api/emails", nothing).json["errors"][0]["field"] == "subject"


def test_a_storage_account_that_is_away_keeps_nobody_waiting_for_the_answer(
    app: Application, api: Api
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}/devstoreaccount1"
        storage = f"AccountName=devstoreaccount1;AccountKey=a2V5;QueueEndpoint={endpoint}"
        app.settings = app.settings.model_copy(update={"storage": storage})
        began = time.monotonic()

        stored = [api.send() for _ in range(3)]
        answered = time.monotonic() - began
        api.post(f"/api/emails/{stored[0]}/cancel")
        api.post(f"/api/emails/{stored[0]}/retry")

        assert stored == [1, 2, 3]
        assert answered < 15  # The storage would be asked for 18 s and more, each time.
        silent.settimeout(5)
        with silent.accept()[0] as asked:
            assert b"drain-requests" in asked.recv(1000)
