"""Rows that Rowpost has not admitted, or never will, as the API tells of them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from shared.database.database import Database
from shared.database.tables import service
from shared.outbox.admission.admit import admit
from shared.scheduling import service_state
from shared.security.roles import Role
from tests.emails.conftest import Api, caller
from tests.support.accounts import answered_by
from tests.support.api import Client
from tests.support.emails import email_in, foreign_row, overwrite, waiting_email


def shown(api: Api, email_id: int) -> tuple[str, str | None]:
    reply = api.get(f"/api/emails/{email_id}")
    assert reply.status == 200, reply.body
    return reply.json["status"], reply.json["error_message"]


def listed(api: Api, **query: str) -> list[int]:
    return [one["id"] for one in api.get("/api/emails", **query).json["items"]]


def service_row(database: Database, **columns: Any) -> None:
    with database.write() as connection:
        connection.execute(update(service).values(columns))


def test_a_row_that_is_to_be_admitted_is_queued(api: Api, queue: Database) -> None:
    email_id = waiting_email(queue, dd_subject="Hello", dd_toEmailid="ann@example.com")

    assert shown(api, email_id) == ("queued", None)
    details = api.get(f"/api/emails/{email_id}").json
    assert (details["subject"], details["recipients"]) == ("Hello", ["ann@example.com"])


def test_a_row_that_is_held_says_why(api: Api, queue: Database) -> None:
    email_id = waiting_email(queue, dd_Lane="fast")
    assert admit(queue, answered_by([None])).held == 1

    status, reason = shown(api, email_id)

    assert status == "held"
    assert str(reason).startswith("its lane is 'fast'")
    assert listed(api, status="held") == [email_id]
    assert [one["id"] for one in api.get("/api/emails/status/held").json] == [email_id]


def test_a_row_that_was_held_and_says_something_else_by_now_is_held_no_more(
    api: Api, queue: Database
) -> None:
    email_id = waiting_email(queue, dd_Lane="fast")
    admit(queue, answered_by([None]))
    overwrite(queue, email_id, "Y")

    assert shown(api, email_id) == ("sent", None)
    assert listed(api, status="held") == []


def test_a_row_below_the_first_id_to_send_is_not_said_to_be_queued(
    api: Api, queue: Database
) -> None:
    old, first = waiting_email(queue), waiting_email(queue)
    service_row(queue, FirstId=first)

    status, reason = shown(api, old)

    assert status == "held"
    assert f"below {first}, the first id to send" in str(reason)
    assert shown(api, first) == ("queued", None)


def test_a_row_of_an_adopted_queue_says_that_nobody_has_started_it(
    api: Api, queue: Database
) -> None:
    email_id = waiting_email(queue)
    service_row(queue, Adopted=1, StartedAt=None, State=service_state.STOPPED)

    status, reason = shown(api, email_id)

    assert status == "held"
    assert "the first to send" in str(reason)


@pytest.mark.parametrize(
    ("letter", "status"), [("Y", "sent"), ("F", "failed"), ("C", "cancelled"), ("X", "unknown")]
)
def test_a_row_that_was_never_rowposts_is_shown_by_its_letter(
    api: Api, queue: Database, letter: str, status: str
) -> None:
    assert shown(api, foreign_row(queue, letter))[0] == status


def test_lists_speak_of_the_ledgers_emails_and_the_count_of_what_waits_of_all(
    api: Api, queue: Database
) -> None:
    admitted = email_in(queue, "N")
    waiting_email(queue)
    foreign_row(queue, "Y")

    assert listed(api) == [admitted]
    assert listed(api, status="queued") == [admitted]
    assert listed(api, status="sent") == []
    assert api.get("/api/dashboard").json["service"]["queue"]["waiting"] == 2


def test_who_may_see_only_what_it_stored_sees_no_row_of_others(
    app: Any, api: Api, client: Client, queue: Database
) -> None:
    email_id = waiting_email(queue)

    shop = caller(app, client, "shop", Role.SERVICE)

    assert shop.get(f"/api/emails/{email_id}").status == 404
    assert shop.get("/api/emails", status="held").json["items"] == []
