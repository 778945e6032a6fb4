"""`POST /api/database-mail/send` as callers of sp_send_dbmail know it, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from shared.app import Application
from shared.outbox.queries.search import find
from shared.outbox.states import Lane
from shared.security.roles import Role
from tests.database_mail.queues import configure, execute, grant, insert, profile, send
from tests.emails.conftest import Api, caller
from tests.support.api import Client, Reply
from tests.support.queue import Queue
from tests.support.smtp import SmtpServer

SEND = "/api/database-mail/send"
MAIL = {"recipients": "ann@example.com", "subject": "Job failed", "body": "Step 2"}
RESULT = {
    "columns": [{"name": "Id", "type": "int"}, {"name": "Name", "type": "varchar(10)"}],
    "rows": [[1, "Ann, Zoë"], [2, None]],
}


@pytest.fixture
def public(here: Queue) -> int:
    """A public profile that calls use that name none."""
    number = profile(here, "Alerts", 1)
    grant(here, "public", number, default=True)
    return number


def refused(reply: Reply) -> tuple[int, int]:
    assert reply.status == 422, reply.body
    assert reply.json["message"]
    return reply.status, reply.json["number"]


def sent(server: SmtpServer) -> EmailMessage:
    return message_from_bytes(
        server.messages[-1].content, _class=EmailMessage, policy=policy.default
    )


@pytest.mark.usefixtures("public")
class TestTheChecks:
    """In the order of sp_send_dbmail, with its numbers."""

    @pytest.mark.parametrize(
        ("given", "number"),
        [
            ({"attach_query_result_as_file": None}, 14618),
            ({"exclude_query_output": None}, 14618),
            ({"query_result_header": None}, 14618),
            ({"query_result_separator": ""}, 14618),
            ({"append_query_error": None, "body_format": "RTF"}, 14618),
            ({"body_format": "RTF", "importance": "urgent"}, 14626),
            ({"importance": "urgent", "sensitivity": "secret"}, 14622),
            ({"importance": None}, 14622),
            ({"sensitivity": "secret", "body": "", "subject": None}, 14623),
            ({"subject": "", "body": "   ", "recipients": None}, 14624),
            ({"recipients": " ", "reply_to": "a@x.org, b@x.org"}, 14624),
            ({"recipients": "a@x.org, b@x.org", "attach_query_result_as_file": True}, 14613),
            ({"copy_recipients": "a@x.org,b@x.org"}, 14613),
            ({"blind_copy_recipients": "a@x.org,"}, 14613),
            ({"reply_to": "a@x.org,b@x.org"}, 14613),
            ({"attach_query_result_as_file": 1, "file_attachments": "C:\\a.txt"}, 14625),
            ({"query": "SELECT 1", "file_attachments": "C:\\a.txt"}, 22050),
            ({"file_attachments": "C:\\a.txt"}, 22051),
            ({"query_result": RESULT, "query_result_width": 9}, 22050),
            (
                {
                    "query_result": RESULT,
                    "query_no_truncate": True,
                    "query_result_no_padding": True,
                },
                22050,
            ),
            (
                {
                    "query_result": RESULT,
                    "attach_query_result_as_file": True,
                    "query_attachment_filename": "all. EXE ",
                },
                14630,
            ),
        ],
    )
    def test_what_is_wrong_first_is_told_by_its_number(
        self, ann: Api, given: dict[str, Any], number: int
    ) -> None:
        assert refused(ann.post(SEND, MAIL | given)) == (422, number)

    def test_a_refused_file_is_told_where_files_go(self, ann: Api) -> None:
        said = ann.post(SEND, MAIL | {"file_attachments": "C:\\a.txt"}).json["message"]

        assert "Rowpost_Attachments" in said
        assert "POST /api/emails" in said

    @pytest.mark.parametrize(
        "given",
        [
            {"recipients": '"Doe, J" <j@example.com>; bob@example.com ;'},
            {"recipients": None, "blind_copy_recipients": "bob@example.com"},
            {"body_format": "html", "importance": "low", "sensitivity": "private"},
            {"subject": None},
            # Left over in calls without a query.
            {
                "query_result_header": 0,
                "query_result_no_padding": 1,
                "execute_query_database": "Shop",
                "exclude_query_output": 1,
            },
        ],
    )
    def test_what_callers_always_wrote_is_taken(self, ann: Api, given: dict[str, Any]) -> None:
        assert ann.post(SEND, MAIL | given).status == 202

    def test_an_address_that_is_none_is_named(self, ann: Api) -> None:
        reply = ann.post(SEND, MAIL | {"copy_recipients": "bob@example.com; nobody at all"})

        assert reply.status == 422
        assert [each["field"] for each in reply.json["errors"]] == ["copy_recipients[1]"]

    def test_a_row_of_a_result_with_other_columns_is_told(self, ann: Api) -> None:
        result = RESULT | {"rows": [[1]]}

        assert ann.post(SEND, MAIL | {"query_result": result}).status == 422

    def test_results_are_no_larger_than_max_file_size(self, ann: Api, here: Queue) -> None:
        configure(here, "MaxFileSize", "100")
        reply = ann.post(SEND, MAIL | {"query_result": RESULT})

        assert refused(reply) == (422, 22050)
        assert "exceeds allowable value of 100 bytes" in reply.json["message"]

    def test_prohibited_extensions_are_those_that_are_configured(
        self, ann: Api, here: Queue
    ) -> None:
        configure(here, "ProhibitedExtensions", "exe, CSV")
        attached = MAIL | {"query_result": RESULT, "attach_query_result_as_file": True}

        assert refused(ann.post(SEND, attached | {"query_result_format": "CSV"})) == (422, 14630)
        assert ann.post(SEND, attached | {"query_attachment_filename": "a.vbs"}).status == 202

    def test_while_it_is_stopped_nothing_is_taken_whatever_else_is_wrong(
        self, ann: Api, here: Queue
    ) -> None:
        configure(here, "Rowpost.Status", "STOPPED")

        assert refused(ann.post(SEND, {"profile_name": "None such"})) == (422, 14641)


class TestProfiles:
    def test_one_that_is_not_the_callers_is_told_like_one_that_is_not_there(
        self, ann: Api, here: Queue
    ) -> None:
        profile(here, "Secret", 1)

        known, unknown = (
            ann.post(SEND, MAIL | {"profile_name": name, "body_format": "RTF"})
            for name in ("Secret", "None such")
        )
        assert refused(known) == refused(unknown) == (422, 14607)
        assert known.json["message"] == unknown.json["message"]

    def test_without_a_name_it_is_the_callers_own_default_before_the_public_one(
        self, ann: Api, admin: Api, here: Queue
    ) -> None:
        assert refused(ann.post(SEND, MAIL)) == (422, 14636)
        public, own, third = (profile(here, name, 1) for name in ("Public", "Own", "Third"))
        grant(here, "public", public, default=True)
        grant(here, "caller:login:ann", third)
        assert profile_of_last(ann) == public
        grant(here, "caller:login:ann", own, default=True)
        assert profile_of_last(ann) == own
        assert profile_of_last(ann, profile_name="third") == third
        assert profile_of_last(ann, profile_name="PUBLIC") == public
        assert profile_of_last(admin) == public
        assert profile_of_last(admin, profile_name="Own") == own

    def test_a_key_is_bound_to_its_account_and_uses_only_what_it_was_given(
        self, app: Application, client: Client, admin: Api, here: Queue, public: int
    ) -> None:
        key = admin.post("/api/keys", {"name": "shop", "smtp_config_id": 1}).json
        shop = caller(app, client, "admin", Role.ADMIN)
        shop.token = key["key"]

        assert refused(shop.post(SEND, MAIL)) == (422, 14636)
        assert refused(shop.post(SEND, MAIL | {"profile_name": "Alerts"})) == (422, 14607)
        grant(here, f"caller:key:{key['id']}", public)
        assert shop.post(SEND, MAIL | {"profile_name": "Alerts"}).status == 202

    def test_a_viewer_sends_nothing(self, app: Application, client: Client, public: int) -> None:
        assert public
        assert caller(app, client, "eve", Role.VIEWER).post(SEND, MAIL).status == 403


def profile_of_last(who: Api, **given: Any) -> int:
    mailitem_id = who.post(SEND, MAIL | given).json["mailitem_id"]
    (item,) = who.get("/api/database-mail/items", limit="1").json["items"]
    assert item["mailitem_id"] == mailitem_id
    return int(item["profile_id"])


class TestWhatGoesOut:
    @pytest.fixture
    def server(self, app: Application, smtp_server: Callable[..., SmtpServer]) -> SmtpServer:
        started = smtp_server()
        queue = Queue(app)
        number = profile(queue, "Alerts", queue.account(started, "ALERTS"))
        grant(queue, "public", number, default=True)
        return started

    def test_it_is_an_immediate_email_of_this_origin_with_all_that_was_asked(
        self, app: Application, ann: Api, server: SmtpServer
    ) -> None:
        asked = {
            "importance": "High",
            "sensitivity": "Personal",
            "from_address": "Night job <jobs@example.com>",
            "reply_to": "helpdesk@example.com",
            "copy_recipients": "bob@example.com",
            "subject": None,
        }
        mailitem_id = ann.post(SEND, MAIL | asked).json["mailitem_id"]
        with app.database().read() as connection:
            stored = find(connection, mailitem_id, "login:ann")
        assert (stored.origin, stored.lane) == ("database_mail", Lane.IMMEDIATE)

        send(Queue(app))

        mail = sent(server)
        assert mail["Subject"] == "SQL Server Message"
        assert (mail["From"], mail["Reply-To"], mail["Cc"]) == (
            "Night job <jobs@example.com>",
            "helpdesk@example.com",
            "bob@example.com",
        )
        assert (mail["Importance"], mail["Sensitivity"]) == ("high", "Personal")

    def test_a_result_follows_the_body_or_is_attached(
        self, app: Application, ann: Api, server: SmtpServer
    ) -> None:
        ann.post(SEND, MAIL | {"query_result": RESULT, "query": "SET NOCOUNT ON; SELECT Id FROM a"})
        send(Queue(app))
        assert sent(server).get_content().splitlines() == [
            "Step 2",
            "Id          Name      ",
            "----------- ----------",
            "          1 Ann, Zoë  ",
            "          2 NULL      ",
        ]

        attached = {"attach_query_result_as_file": True, "query_result": RESULT}
        csv = {"query_result_format": "CSV", "query_attachment_filename": "people.csv"}
        ann.post(SEND, MAIL | attached | csv)
        send(Queue(app))
        (file,) = sent(server).iter_attachments()
        assert file.get_filename() == "people.csv"
        content = file.get_payload(decode=True)
        assert content == '\ufeffId,Name\r\n1,"Ann, Zoë"\r\n2,\r\n'.encode()

        ann.post(SEND, MAIL | attached)
        send(Queue(app))
        (file,) = sent(server).iter_attachments()
        assert (file.get_filename() or "").startswith("QueryResults")
        raw = file.get_payload(decode=True)
        assert isinstance(raw, bytes)
        assert raw.startswith(b"\xff\xfeI\x00d\x00")
        assert "(2 rows affected)" in raw.decode("utf-16")

    def test_the_same_request_with_a_key_is_one_email(self, ann: Api, server: SmtpServer) -> None:
        assert server.port
        headers = {"Idempotency-Key": "load-1"}
        first, again = (ann.post(SEND, MAIL, headers=headers) for _ in range(2))

        assert first.json == again.json
        assert again.headers["Idempotency-Replayed"] == "true"
        assert len(ann.get("/api/database-mail/items").json["items"]) == 1


class TestWhatBecameOfIt:
    def test_items_are_listed_page_by_page_and_a_service_sees_its_own(
        self, ann: Api, admin: Api, public: int
    ) -> None:
        assert public
        own = [ann.post(SEND, MAIL).json["mailitem_id"] for _ in range(3)]
        admin.post(SEND, MAIL)

        page = ann.get("/api/database-mail/items", limit="2").json
        rest = ann.get("/api/database-mail/items", limit="2", cursor=page["next_cursor"]).json

        assert [item["mailitem_id"] for item in (*page["items"], *rest["items"])] == own[::-1]
        assert rest["next_cursor"] is None
        assert len(admin.get("/api/database-mail/items").json["items"]) == 4
        assert page["items"][0]["sent_status"] == "unsent"
        assert page["items"][0]["send_request_user"] == "login:ann"

    def test_tries_are_events_as_far_as_the_logging_level_shows_them(
        self,
        app: Application,
        ann: Api,
        admin: Api,
        smtp_server: Callable[..., SmtpServer],
    ) -> None:
        server = smtp_server(
            reactions={
                "RCPT": lambda command: b"550 5.1.1 nobody" if "gone@" in str(command) else None
            }
        )
        queue = Queue(app)
        account = queue.account(server, "ALERTS")
        grant(queue, "public", profile(queue, "Alerts", account), default=True)
        for recipient in ("ann@example.com", "gone@example.com"):
            ann.post(SEND, MAIL | {"recipients": recipient})
        admin.post(SEND, MAIL)
        queue.add(1, dd_EmailParamCode="ALERTS")
        insert(
            queue, "Rowpost_MailLog", EventType="information", Description="DatabaseMail started"
        )
        send(queue)

        assert events(ann) == [("error", 2)]
        assert events(admin) == [("information", None), ("error", 2)] or events(admin) == [
            ("error", 2),
            ("information", None),
        ]
        configure(queue, "LoggingLevel", "3")
        assert sorted(events(ann)) == [("error", 2), ("success", 1)]
        assert len(events(admin)) == 4
        configure(queue, "LoggingLevel", "1")
        assert events(admin) == [("error", 2)]
        execute(
            queue,
            "INSERT INTO Rowpost_MailLogCleared (EventType, Until)"
            " VALUES ('error', strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 hour'))",
        )
        assert events(admin) == []
        listed = admin.get("/api/database-mail/items").json["items"]
        assert [item["explanation"].partition(" at ")[0] for item in listed] == [
            "Email 3 was accepted by the mail server",
            "Email 2 failed",
            "Email 1 was accepted by the mail server",
        ]
        assert "550 5.1.1 nobody" in listed[1]["explanation"]
        statuses = {
            item["mailitem_id"]: (item["sent_status"], item["sent_account_id"]) for item in listed
        }
        assert statuses == {1: ("sent", account), 2: ("failed", None), 3: ("sent", account)}

    def test_pages_of_the_log_go_on_where_the_one_before_ended(
        self, admin: Api, here: Queue
    ) -> None:
        for number in range(5):
            insert(here, "Rowpost_MailLog", EventType="error", Description=f"event {number}")

        seen, cursor = [], ""
        for _ in range(5):
            page = admin.get("/api/database-mail/event-log", limit="2", cursor=cursor).json
            seen += [event["description"] for event in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break

        assert seen == [f"event {number}" for number in range(4, -1, -1)]


def events(who: Api) -> list[tuple[str, int | None]]:
    found = who.get("/api/database-mail/event-log").json["items"]
    return [(event["event_type"], event["mailitem_id"]) for event in found]
