"""Decisions about many emails: what they do to each, what they leave, and how they end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from shared.app import Application
from shared.database.database import Database
from shared.outbox.admission.admit import admit
from shared.outbox.bulk import decide
from shared.outbox.bulk.decide import Action, NotPossible, decide_all
from shared.outbox.queries.search import Wish
from shared.outbox.rows.write_back import write_all_back
from shared.outbox.states import Flag, Status
from shared.security.roles import Role
from tests.emails.conftest import Api, caller
from tests.support.accounts import answered_by
from tests.support.api import Client
from tests.support.emails import date_its_end, email_in, many_emails, states, waiting_email


def decided(api: Api, action: str, **body: Any) -> Any:
    reply = api.post(f"/api/emails/{action}", body)
    assert reply.status == 200, reply.body
    return reply.json


def test_each_of_a_list_is_decided_about_and_what_cannot_be_is_told_of(
    api: Api, queue: Database
) -> None:
    ids = [email_in(queue, flag) for flag in (Flag.FAILED, Flag.SENT, Flag.CANCELLED)]

    answer = decided(api, "retry", ids=[*ids, ids[0], 99])

    assert states(queue, ids) == "NYN"
    assert answer["message"] == "Emails queued again: 2"
    assert (answer["decided"], answer["refused"], answer["more"]) == (2, 2, False)
    reasons = {one["email_id"]: one["message"] for one in answer["errors"]}
    assert "only one that failed" in reasons[ids[1]]
    assert reasons[99] == "there is no email with this number"


@pytest.mark.parametrize(
    ("action", "body", "after"),
    [
        ("cancel", {"filter": {"status": "queued"}}, "CFYUC"),
        ("retry", {"filter": {"status": "failed"}}, "NNYUC"),
        ("retry", {"filter": {"status": "cancelled"}}, "NFYUN"),
        ("resolve", {"filter": {"status": "unknown"}, "decision": "sent"}, "NFYYC"),
        ("resolve", {"filter": {"status": "unknown"}, "decision": "resend"}, "NFYNC"),
    ],
)
def test_a_filter_means_those_about_which_it_can_be_decided(
    api: Api, queue: Database, action: str, body: dict[str, Any], after: str
) -> None:
    flags = (Flag.WAITING, Flag.FAILED, Flag.SENT, Flag.UNKNOWN, Flag.CANCELLED)
    ids = [email_in(queue, flag) for flag in flags]

    answer = decided(api, action, **body)

    assert states(queue, ids) == after
    assert (answer["decided"], answer["refused"], answer["next_cursor"]) == (1, 0, None)


def test_a_filter_narrows_by_what_the_list_is_searched_for(api: Api, queue: Database) -> None:
    ann = email_in(queue, Flag.FAILED, dd_toEmailid="ann@example.com")
    bob = email_in(queue, Flag.FAILED, dd_toEmailid="bob_b@example.com")

    decided(api, "retry", filter={"status": "failed", "query": "bob_b@"})

    assert states(queue, [ann, bob]) == "FN"


def test_held_rows_are_cancelled_by_a_filter_that_is_searched_for_too(
    api: Api, queue: Database
) -> None:
    fast = waiting_email(queue, dd_Lane="fast", dd_subject="Sale")
    slow = waiting_email(queue, dd_Lane="slow", dd_subject="News")
    admit(queue, answered_by([None]))

    answer = decided(api, "cancel", filter={"status": "held", "query": "sal"})

    assert (answer["decided"], states(queue, [fast, slow])) == (1, "CN")
    held = api.get("/api/emails", status="held").json["items"]
    assert [one["id"] for one in held] == [slow]
    assert held[0]["reason"].startswith("its lane is 'slow'")


@pytest.mark.parametrize(
    ("wish", "left"),
    [
        (Wish(Status.HELD, account="SHOP"), "CNN"),
        (Wish(Status.HELD, account=""), "NNC"),
        (Wish(Status.HELD, origin="api"), "NNN"),
        (Wish(Status.HELD, origin=""), "CCC"),
        (Wish(Status.HELD, tag="news"), "NNN"),
        (Wish(Status.HELD, since=datetime(2100, 1, 1, tzinfo=UTC)), "NNN"),
        (Wish(Status.HELD, until=datetime(2000, 1, 1, tzinfo=UTC)), "NNN"),
    ],
)
def test_no_filter_is_overlooked_where_rows_are_held(
    queue: Database, wish: Wish, left: str
) -> None:
    codes = ("SHOP", "NEWS", None)
    ids = [waiting_email(queue, dd_Lane="fast", dd_EmailParamCode=code) for code in codes]
    admit(queue, answered_by(["SHOP", "NEWS", None]))

    decide_all(queue, Action.CANCEL, wish)

    assert states(queue, ids) == left


def test_all_that_match_are_met_whatever_a_batch_holds(api: Api, queue: Database) -> None:
    many_emails(queue, 250, Flag.FAILED)

    answer = decided(api, "retry", filter={"status": "failed"})

    assert (answer["decided"], answer["more"]) == (250, False)
    assert states(queue) == "N" * 250


def test_where_a_bound_is_reached_the_answer_says_so_and_the_next_goes_on(
    api: Api, queue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    many_emails(queue, 250, Flag.FAILED)
    monkeypatch.setattr(decide, "LONGEST_SECONDS", -1)
    first = decide_all(queue, Action.RETRY, Wish(Status.FAILED), seconds=-1)
    assert (first.done, first.more) == (100, True)

    again = email_in(queue, Flag.FAILED)
    second = decide_all(queue, Action.RETRY, Wish(Status.FAILED), first.after, most=100)
    third = decide_all(queue, Action.RETRY, Wish(Status.FAILED), second.after)

    assert (second.done, second.more, third.done, third.more) == (100, True, 50, False)
    assert states(queue, [again]) == "F"


def test_a_cursor_is_taken_by_the_next_request(api: Api, queue: Database) -> None:
    old, new = email_in(queue, Flag.FAILED), email_in(queue, Flag.FAILED)
    date_its_end(queue, old, 2)
    date_its_end(queue, new, 1)
    after_new = api.get("/api/emails", status="failed", limit="1").json["next_cursor"]

    decided(api, "retry", filter={"status": "failed"}, cursor=after_new)

    assert states(queue, [old, new]) == "NF"


def test_a_row_whose_trigger_fails_stops_no_other(api: Api, queue: Database) -> None:
    ids = [email_in(queue, Flag.FAILED) for _ in range(3)]
    write_all_back(queue, 10)
    with queue.write() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER theirs BEFORE UPDATE ON Digital_Emaildetails WHEN "
                f"OLD.dd_srno = {ids[1]} BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        )

    answer = decided(api, "retry", ids=ids)

    assert states(queue, ids) == "NFN"
    assert (answer["decided"], answer["refused"]) == (2, 1)
    assert "a trigger or a constraint" in answer["errors"][0]["message"]


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("retry", {}),
        ("retry", {"ids": [1], "filter": {"status": "failed"}}),
        ("retry", {"ids": []}),
        ("retry", {"ids": list(range(1, 1002))}),
        ("retry", {"ids": [1], "cursor": "5"}),
        ("retry", {"filter": {"status": "unknown"}}),
        ("cancel", {"filter": {"status": "sent"}}),
        ("resolve", {"ids": [1]}),
        ("cancel", {"filter": {"colour": "red"}}),
        ("cancel", {"filter": {}}),
        ("cancel", {"filter": {"query": " "}}),
        ("retry", {"filter": {}}),
        ("resolve", {"filter": {}, "decision": "resend"}),
    ],
)
def test_what_is_not_meant_clearly_is_refused(api: Api, action: str, body: dict[str, Any]) -> None:
    assert api.post(f"/api/emails/{action}", body).status == 422


def test_no_action_takes_a_status_that_it_can_do_nothing_about(queue: Database) -> None:
    with pytest.raises(NotPossible, match="failed or cancelled"):
        decide_all(queue, Action.RETRY, Wish(Status.SENT))
    with pytest.raises(NotPossible):
        decide_all(queue, Action.CANCEL, Wish())


def test_only_operators_decide(app: Application, client: Client, queue: Database) -> None:
    number = email_in(queue, Flag.FAILED)
    viewer = caller(app, client, "viewer", Role.VIEWER)

    assert viewer.post("/api/emails/retry", {"ids": [number]}).status == 403
    assert states(queue, [number]) == "F"
