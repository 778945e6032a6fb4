"""Pages of emails: complete, in order, and as cheap in a long table as in a short one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from shared.database.database import Database
from shared.outbox.queries.search import LOOKED_AT, Page, Position, Wish, page
from shared.outbox.states import Status
from tests.emails.conftest import Api
from tests.outbox.test_plans import on_emails, plan
from tests.support.emails import email_in, many_emails

INDEX = {
    None: "INTEGER PRIMARY KEY",
    Status.QUEUED: "IX_Rowpost_Waiting",
    Status.RETRY: "IX_Rowpost_Retried",
    Status.SENDING: "IX_Rowpost_Leased",
    Status.UNKNOWN: "IX_Rowpost_Unknown",
    Status.SENT: "IX_Rowpost_Ended",
    Status.FAILED: "IX_Rowpost_Ended",
    Status.CANCELLED: "IX_Rowpost_Ended",
}

# Here all emails wait: read in the order of their numbers, each of them belongs to the page.
IN_ORDER = (None, Status.QUEUED)


def walk(api: Api, **query: str) -> list[int]:
    """The numbers of all pages, one after the other."""
    found: list[int] = []
    for _ in range(100):
        reply = api.get("/api/emails", **query)
        assert reply.status == 200, reply.body
        found += [one["id"] for one in reply.json["items"]]
        if reply.json["next_cursor"] is None:
            return found
        query["cursor"] = reply.json["next_cursor"]
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize(
    ("status", "flag", "more"),
    [
        ("", "N", {}),
        ("queued", "N", {}),
        ("retry", "N", {"retries": 1}),
        ("sending", "P", {}),
        ("unknown", "U", {}),
        ("sent", "Y", {}),
        ("failed", "F", {}),
        ("cancelled", "C", {}),
        ("sent", "Y", {"undated": 20}),
        ("sent", "Y", {"undated": 45}),
    ],
    ids=str,
)
def test_the_pages_together_are_the_whole_list_the_latest_first(
    api: Api, queue: Database, status: str, flag: str, more: dict[str, int]
) -> None:
    many_emails(queue, 45, flag, **more)

    for limit in ("7", "20", "45"):
        query = {"limit": limit} | ({"status": status} if status else {})
        assert walk(api, **query) == list(range(45, 0, -1))


def test_emails_that_come_between_two_pages_shift_nothing(api: Api, queue: Database) -> None:
    many_emails(queue, 10)
    first = api.get("/api/emails", limit="4").json
    many_emails(queue, 5)

    second = api.get("/api/emails", limit="4", cursor=first["next_cursor"]).json

    assert [one["id"] for one in second["items"]] == [6, 5, 4, 3]


def test_text_is_looked_for_in_subject_and_recipients(api: Api, queue: Database) -> None:
    found = [
        email_in(queue, "N", dd_subject="Your 100% order"),
        email_in(queue, "N", dd_toEmailid="zoe@example.com"),
        email_in(queue, "N", dd_ccEmailid="bob@example.com"),
        email_in(queue, "N", dd_subject="[urgent] a/b_c"),
    ]
    email_in(queue, "N")

    assert walk(api, query="100%") == found[:1]
    assert walk(api, query="zoe@") == found[1:2]
    assert walk(api, query="BOB") == found[2:3]
    for wanted in ("[urgent]", "a/b_c", "b_c", "] a"):
        assert walk(api, query=wanted) == found[3:]
    assert walk(api, query="b_d") == walk(api, query="[u]") == []
    assert walk(api, query="nothing of the kind") == []


def test_what_is_rare_is_found_however_far_away_it_is(api: Api, queue: Database) -> None:
    needle = email_in(queue, "N", dd_subject="needle")
    many_emails(queue, 2 * LOOKED_AT + 10)

    first = api.get("/api/emails", query="needle").json

    assert (first["items"], first["next_cursor"] is not None) == ([], True)
    assert walk(api, query="needle") == [needle]


@pytest.mark.parametrize("cursor", ["x", "1-", "-1", "1-2-3", "12345678901", "é"])
def test_a_cursor_that_is_not_ours_is_refused(api: Api, cursor: str) -> None:
    reply = api.get("/api/emails", cursor=cursor)

    assert reply.status == 422
    assert reply.json["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize("status", INDEX)
@pytest.mark.parametrize("search", ["", "x"])
@pytest.mark.parametrize("after", [None, Position(datetime.now(UTC), 9), Position(None, 9)])
def test_a_page_reads_a_range_of_one_index(
    sqlite_database: Database, status: Status | None, search: str, after: Position | None
) -> None:
    many_emails(sqlite_database, 2_000)
    with sqlite_database.write() as connection:
        connection.execute(text("ANALYZE"))
    wish = Wish(status, search)

    steps = on_emails(plan(sqlite_database, lambda connection: page(connection, wish, after, 50)))

    assert steps
    for step in steps:
        in_order = step == "SCAN Rowpost_Emails" and status in IN_ORDER and after is None
        assert in_order or "INTEGER PRIMARY KEY" in step or INDEX[status] in step, step
    sorted_by_time = status not in (*IN_ORDER, Status.RETRY, Status.SENDING, Status.UNKNOWN)
    if after is not None and sorted_by_time:
        assert any(f"{INDEX[status]} (" in step for step in steps)


def test_a_page_costs_the_same_however_many_there_are(sqlite_database: Database) -> None:
    many_emails(sqlite_database, LOOKED_AT, "Y")
    few = cost(sqlite_database)
    many_emails(sqlite_database, 30_000, "Y")

    assert cost(sqlite_database) < 1.5 * few


def cost(database: Database) -> int:
    """Steps of SQLite's machine for a page of each kind, and one from the middle."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    wishes: list[tuple[Wish, Any]] = [
        (Wish(), None),
        (Wish(), Position(None, 5_000)),
        (Wish(Status.SENT), None),
        (Wish(Status.SENT), Position(datetime(2026, 2, 1, 0, 30, tzinfo=UTC), 5_000)),
        (Wish(Status.SENT, "nowhere"), None),
        (Wish(Status.QUEUED), None),
    ]
    with database.read() as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.set_progress_handler(count, 100)
        for wish, after in wishes:
            found = page(connection, wish, after, 50)
            assert isinstance(found, Page)
        driver.set_progress_handler(None, 0)
    return steps
