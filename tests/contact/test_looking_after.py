"""What became of what was written: shown to whom it concerns, changed, cancelled, tried again."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import func, select

from shared.app import Application
from shared.database.database import Database
from shared.database.tables import contacts
from shared.features.contact import decide, entries
from shared.features.contact.states import ContactStatus
from shared.maintenance.retention import empty_old, remove_old
from shared.outbox.queries.search import attempts_at
from shared.outbox.recipients import known_recipients
from shared.outbox.states import Flag
from shared.security.roles import Role
from tests.contact.conftest import PDF, WORDS, Files, Visitor, sent
from tests.emails.conftest import Api, caller
from tests.support.api import Client, Reply
from tests.support.emails import became, bring, date_its_end, email_in, states, waiting_email

NOBODY = "00000000-0000-4000-8000-000000000000"
STATUSES = {
    Flag.WAITING: "Pending",
    Flag.PREPARING: "Processing",
    Flag.TRANSMITTING: "Processing",
    Flag.UNKNOWN: "Processing",
    Flag.SENT: "Sent",
    Flag.FAILED: "Failed",
    Flag.CANCELLED: "Cancelled",
}


def path(contact_id: str, action: str = "") -> str:
    return f"/api/email/emails/{contact_id}{action}"


def put(api: Api, contact_id: str, file: tuple[str, bytes] | None = None, **fields: Any) -> Reply:
    return sent(api, "PUT", path(contact_id), file, {}, fields)


@pytest.fixture
def viewer(app: Application, client: Client) -> Api:
    return caller(app, client, "viewer", Role.VIEWER)


@pytest.fixture
def operator(app: Application, client: Client) -> Api:
    return caller(app, client, "operator", Role.OPERATOR)


@pytest.fixture
def service(app: Application, client: Client) -> Api:
    return caller(app, client, "service", Role.SERVICE)


class TestShowing:
    def test_without_a_token_one_shows_its_status_and_times_only(self, visitor: Visitor) -> None:
        written = visitor.wrote()

        shown = visitor.api.get(path(written))

        assert shown.status == 200
        assert set(shown.json) == {"id", "status", "created_at", "updated_at", "sent_at"}
        assert (shown.json["id"], shown.json["status"]) == (written, "Pending")
        for value in WORDS.values():
            assert value.encode() not in shown.body

    def test_a_viewer_sees_everything(self, visitor: Visitor, viewer: Api) -> None:
        written = visitor.wrote()

        shown = viewer.get(path(written)).json

        assert {name: shown[name] for name in WORDS} == WORDS
        assert (shown["retry_count"], shown["error_message"], shown["email_id"]) == (0, None, 1)
        assert (shown["file_attached"], shown["file_path"]) == (None, None)

    def test_a_service_sees_no_more_than_anyone(self, visitor: Visitor, service: Api) -> None:
        written = visitor.wrote()

        assert "message" not in service.get(path(written)).json
        assert "items" not in service.get("/api/email/emails").json

    def test_a_token_that_is_not_good_is_told(self, visitor: Visitor) -> None:
        written = visitor.wrote()
        stale = visitor.api.request("GET", path(written), headers={"authorization": "Bearer x.y.z"})

        assert (stale.status, stale.json["code"]) == (401, "invalid_token")

    @pytest.mark.parametrize(("flag", "status"), STATUSES.items())
    def test_each_state_of_the_queue_has_its_word(
        self, visitor: Visitor, viewer: Api, queue: Database, flag: Flag, status: str
    ) -> None:
        written = visitor.wrote()
        bring(queue, 1, flag)

        assert visitor.api.get(path(written)).json["status"] == status
        (listed,) = viewer.get("/api/email/emails", status=status).json["items"]
        assert (listed["id"], listed["status"]) == (written, status)
        others = {one for one in STATUSES.values() if one != status}
        for other in others:
            assert viewer.get("/api/email/emails", status=other).json["items"] == []

    def test_an_id_may_be_written_in_any_way_that_the_host_takes(self, visitor: Visitor) -> None:
        written = visitor.wrote()

        for text in (written.upper(), uuid.UUID(written).hex, f"{{{written}}}"):
            assert visitor.api.get(path(text)).json["id"] == written

    def test_nothing_of_nobody_is_there(self, operator: Api, queue: Database) -> None:
        waiting_email(queue, dd_subject="not from the form")

        assert operator.get(path(NOBODY)).json["code"] == "contact_not_found"
        assert operator.get(path(f"({NOBODY})")).status == 404
        assert put(operator, NOBODY).status == 404
        assert operator.delete(path(NOBODY)).status == 404
        assert operator.post(path(NOBODY, "/cancel")).status == 404
        assert operator.get("/api/email/emails").json == {"items": [], "next_cursor": None}


class TestCounting:
    def test_without_a_token_list_and_statistics_are_counts(
        self, visitor: Visitor, queue: Database
    ) -> None:
        for flag in (*STATUSES, Flag.SENT):
            visitor.wrote()
            bring(queue, len(states(queue)), flag)
        waiting_email(queue)

        expected = {"total": 8, "pending": 1, "processing": 3, "sent": 2, "failed": 1} | {
            "cancelled": 1,
            "capped": False,
        }
        assert visitor.api.get("/api/email/emails/statistics").json == expected
        assert visitor.api.get("/api/email/emails").json == expected

    def test_no_more_than_the_latest_are_counted(
        self, visitor: Visitor, viewer: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(entries, "LOOKED_AT", 2)
        for _ in range(3):
            visitor.wrote()

        counted = viewer.get("/api/email/emails/statistics").json

        assert (counted["total"], counted["pending"], counted["capped"]) == (2, 2, True)

    @pytest.mark.parametrize("looked_at", [2, 3, 100])
    def test_pages_have_everyone_once_whatever_their_status(
        self,
        visitor: Visitor,
        viewer: Api,
        queue: Database,
        monkeypatch: pytest.MonkeyPatch,
        looked_at: int,
    ) -> None:
        monkeypatch.setattr(entries, "LOOKED_AT", looked_at)
        written = [visitor.wrote() for _ in range(7)]
        for number in (1, 2, 6):
            bring(queue, number, Flag.FAILED)

        assert _all(viewer) == written[::-1]
        assert _all(viewer, status="Failed") == [written[5], written[1], written[0]]
        assert _all(viewer, status="Sent") == []


def _all(api: Api, **query: str) -> list[str]:
    found: list[str] = []
    cursor = ""
    for _ in range(10):
        page = api.get("/api/email/emails", limit="2", cursor=cursor, **query)
        assert page.status == 200, page.body
        assert len(page.json["items"]) <= 2
        found += [one["id"] for one in page.json["items"]]
        cursor = page.json["next_cursor"]
        if cursor is None:
            return found
    raise AssertionError("the pages have no end")


class TestChanging:
    def test_what_waits_says_something_else(
        self, visitor: Visitor, operator: Api, queue: Database
    ) -> None:
        written = visitor.wrote()

        changed = put(operator, written, email="jane@example.com", message="<i>Other</i>")

        assert changed.status == 200, changed.body
        assert (changed.json["email"], changed.json["message"]) == (
            "jane@example.com",
            "<i>Other</i>",
        )
        stored = became(queue, 1)
        assert stored.reply_to == "jane@example.com"
        assert "&lt;i&gt;Other&lt;/i&gt;" in str(stored.body)
        assert WORDS["message"] not in stored.wording

    def test_without_a_file_the_former_one_stays(
        self, visitor: Visitor, operator: Api, queue: Database, files: Files
    ) -> None:
        written = visitor.wrote(("a.pdf", PDF))
        before = files()

        changed = put(operator, written, subject="Other").json

        assert changed["file_attached"] == "a.pdf"
        assert files() == before
        assert "a.pdf</td>" in str(became(queue, 1).body)

    def test_another_file_takes_the_place_of_the_former_one(
        self, visitor: Visitor, operator: Api, queue: Database, files: Files
    ) -> None:
        written = visitor.wrote(("a.pdf", PDF))

        changed = put(operator, written, file=("b.txt", b"Hello")).json

        assert (changed["file_attached"], changed["file_size"]) == ("b.txt", 5)
        assert [str(one) for one in files()] == [changed["file_path"]]
        assert became(queue, 1).attachment_count == 1

    @pytest.mark.parametrize("flag", [one for one in STATUSES if one is not Flag.WAITING])
    def test_what_does_not_wait_stays_as_it_is(
        self, visitor: Visitor, operator: Api, queue: Database, files: Files, flag: Flag
    ) -> None:
        written = visitor.wrote()
        bring(queue, 1, flag)

        refused = put(operator, written, file=("b.txt", b"Hello"), message="Other")

        assert (refused.status, refused.json["code"]) == (409, "wrong_state")
        assert operator.get(path(written)).json["message"] == WORDS["message"]
        assert "Other" not in became(queue, 1).wording
        assert files() == []

    def test_bad_input_is_refused_as_when_it_was_written(
        self, visitor: Visitor, operator: Api, queue: Database
    ) -> None:
        written = visitor.wrote()

        assert put(operator, written, email="a@example.com, b@example.com").status == 422
        assert put(operator, written, file=("a.exe", b"MZ")).status == 415
        assert became(queue, 1).reply_to == WORDS["email"]

    @pytest.mark.parametrize("role", ["viewer", "service", "anyone"])
    def test_only_operators_change_anything(
        self, request: pytest.FixtureRequest, visitor: Visitor, queue: Database, role: str
    ) -> None:
        api = visitor.api if role == "anyone" else request.getfixturevalue(role)
        written = visitor.wrote()

        answers = [
            put(api, written),
            api.delete(path(written)),
            api.post(path(written, "/cancel")),
            api.post("/api/email/emails/retry_failed"),
        ]

        assert {one.status for one in answers} == {401 if role == "anyone" else 403}
        assert states(queue) == "N"


class TestDeciding:
    def test_what_waits_is_cancelled(
        self, visitor: Visitor, operator: Api, queue: Database
    ) -> None:
        written = visitor.wrote()

        cancelled = operator.post(path(written, "/cancel"))
        again = operator.post(path(written, "/cancel"))

        assert (cancelled.status, cancelled.json["status"]) == (200, "Cancelled")
        assert (again.status, again.json["code"]) == (409, "wrong_state")
        assert states(queue) == "C"

    def test_what_failed_waits_again_and_nothing_else_does(
        self, visitor: Visitor, operator: Api, queue: Database
    ) -> None:
        for flag in STATUSES:
            visitor.wrote()
            bring(queue, len(states(queue)), flag)
        foreign = email_in(queue, Flag.FAILED)

        tried = operator.post("/api/email/emails/retry_failed")

        assert tried.status == 200
        assert (tried.json["retried"], tried.json["more"]) == (1, False)
        assert states(queue) == "NPTUYNCF"
        assert became(queue, foreign).state == "F"

    def test_many_that_failed_are_tried_again_part_by_part(
        self,
        visitor: Visitor,
        operator: Api,
        queue: Database,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(decide, "MOST_AT_ONCE", 2)
        for number in range(1, 4):
            visitor.wrote()
            bring(queue, number, Flag.FAILED)

        first = operator.post("/api/email/emails/retry_failed").json
        second = operator.post("/api/email/emails/retry_failed").json

        assert (first["retried"], first["more"]) == (2, True)
        assert (second["retried"], second["more"]) == (1, False)
        assert states(queue) == "NNN"

    @pytest.mark.parametrize("flag", [Flag.WAITING, Flag.SENT, Flag.FAILED, Flag.CANCELLED])
    def test_what_is_deleted_leaves_nothing(
        self, visitor: Visitor, operator: Api, queue: Database, files: Files, flag: Flag
    ) -> None:
        written = visitor.wrote(("a.pdf", PDF))
        other = visitor.wrote()
        bring(queue, 1, flag)

        deleted = operator.delete(path(written))

        assert (deleted.status, deleted.json["id"]) == (200, written)
        assert operator.get(path(written)).status == 404
        assert operator.get(path(other)).status == 200
        assert states(queue) == "N"
        assert files() == []
        with queue.read() as connection:
            assert connection.scalar(select(func.count()).select_from(contacts)) == 1
            assert attempts_at(connection, 1) == []
            assert known_recipients(connection, [1]) == {}

    @pytest.mark.parametrize("flag", [Flag.PREPARING, Flag.TRANSMITTING, Flag.UNKNOWN])
    def test_what_is_on_its_way_or_undecided_is_not_deleted(
        self, visitor: Visitor, operator: Api, queue: Database, files: Files, flag: Flag
    ) -> None:
        written = visitor.wrote(("a.pdf", PDF))
        bring(queue, 1, flag)

        refused = operator.delete(path(written))

        assert (refused.status, refused.json["code"]) == (409, "wrong_state")
        assert states(queue) == flag.value
        assert len(files()) == 1
        assert operator.get(path(written)).json["status"] == ContactStatus.PROCESSING


class TestForgetting:
    @pytest.fixture
    def written(self, visitor: Visitor, queue: Database) -> str:
        """Ended an hour ago."""
        written = visitor.wrote(("a.pdf", PDF))
        bring(queue, 1, Flag.SENT)
        date_its_end(queue, 1, days_ago=1 / 24)
        return written

    def test_what_was_written_goes_with_the_content(
        self, written: str, viewer: Api, queue: Database
    ) -> None:
        assert queue.run(lambda connection: empty_old(connection, days=0.01)) == 1

        shown = viewer.get(path(written)).json
        assert (shown["message"], shown["file_path"]) == ("", None)
        assert (shown["subject"], shown["status"]) == (WORDS["subject"], "Sent")

    def test_who_wrote_goes_with_the_record(
        self, written: str, viewer: Api, queue: Database
    ) -> None:
        assert queue.run(lambda connection: remove_old(connection, days=0.01)) == 1

        assert viewer.get(path(written)).status == 404
        with queue.read() as connection:
            assert connection.scalar(select(func.count()).select_from(contacts)) == 0
