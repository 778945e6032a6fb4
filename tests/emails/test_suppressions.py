"""Addresses that were refused for good are spared, visibly, until somebody or time lets them go."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import literal, select, update

from shared.app import Application
from shared.database.columns.times import utc_now
from shared.database.database import Database
from shared.database.tables import suppressions
from shared.delivery import tick
from shared.delivery.composing.suppression import screened
from shared.outbox.recipients import Kind, KnownRecipient, RecipientState
from shared.outbox.sending.fetch import ClaimedEmail
from shared.outbox.sending.finish import Outcome, Result
from shared.outbox.suppressions import forget_over, suppressed_among
from tests.emails.conftest import Api
from tests.outbox.sender import Sender
from tests.support.emails import waiting_email
from tests.support.queue import Queue
from tests.support.smtp import SmtpServer

REFUSED = "550 5.1.1 no such user"


def refuse(
    queue: Database,
    address: str = "gone@example.com",
    reply: str = REFUSED,
    *,
    bad_address: bool = True,
) -> int:
    """An email whose recipient is refused with this reply."""
    number = waiting_email(queue, dd_toEmailid=address)
    sender = Sender(queue)
    sender.claim()
    known = KnownRecipient(Kind.TO, address, "", RecipientState.REFUSED, reply, bad_address)
    sender.finish(Result(number, Outcome.FAILED, "SHOP", reason=reply, recipients=(known,)))
    return number


def claimed(queue: Database, to: str) -> ClaimedEmail:
    """An email to these, as a sender gets it."""
    waiting_email(queue, dd_toEmailid=to)
    sender = Sender(queue)
    ids = sender.claim()
    emails = sender.collect(*ids)
    with queue.write() as connection:
        (email,) = screened(connection, emails)
    assert isinstance(email, ClaimedEmail)
    return email


def test_who_was_refused_is_listed_for_30_days(api: Api, queue: Database) -> None:
    number = refuse(queue, "Gone@Example.com")

    (one,) = api.get("/api/suppressions").json["items"]

    assert (one["address"], one["email_id"]) == ("gone@example.com", number)
    assert one["reason"] == REFUSED
    with queue.read() as connection:
        row = connection.execute(select(suppressions)).one()
    assert 29.9 < (row.Until - row.Since).total_seconds() / 86400 < 30.1


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("a/b@example.com", "a%2Fb@example.com"),
        ("a/b@example.com", "a/b@example.com"),
        ("100%@example.com", "100%@example.com"),
    ],
)
def test_an_address_with_a_slash_or_percent_is_let_go_as_the_host_hands_it_over(
    api: Api, queue: Database, address: str, written: str
) -> None:
    refuse(queue, address)

    assert api.delete(f"/api/suppressions/{written}").status == 200
    assert api.get("/api/suppressions").json["items"] == []


@pytest.mark.parametrize(
    "reply",
    ["550 5.7.1 spam", "550 no", "550 5.1.0 <shop@example.com>: Sender address rejected"],
)
def test_another_refusal_lists_nobody(api: Api, queue: Database, reply: str) -> None:
    refuse(queue, reply=reply, bad_address=False)

    assert api.get("/api/suppressions").json == {"items": [], "next_cursor": None}


def test_one_who_is_spared_does_not_hold_the_others(queue: Database) -> None:
    refuse(queue)

    email = claimed(queue, "ann@example.com, GONE@example.com")

    states = {one.address: one.state for one in email.recipients}
    assert states == {
        "ann@example.com": RecipientState.PENDING,
        "GONE@example.com": RecipientState.REFUSED,
    }
    assert "suppression list" in (email.recipients[1].reply or "")


def test_an_email_to_others_is_left_as_it_is(queue: Database) -> None:
    refuse(queue)

    assert claimed(queue, "ann@example.com").recipients == ()


def test_a_bad_list_is_left_to_whoever_composes_it(queue: Database) -> None:
    refuse(queue)

    assert claimed(queue, "nobody, gone@example.com").recipients == ()


def test_after_its_time_and_after_a_removal_an_address_gets_emails_again(
    api: Api, queue: Database
) -> None:
    refuse(queue)
    refuse(queue, "old@example.com")
    with queue.write() as connection:
        old = update(suppressions).where(suppressions.c.Address == "old@example.com")
        connection.execute(old.values(Until=utc_now(literal(-1.0))))

    removed = api.delete("/api/suppressions/GONE@example.com")
    again = api.delete("/api/suppressions/gone@example.com")

    assert (removed.status, again.status) == (200, 404)
    names = ["gone@example.com", "old@example.com"]
    assert queue.run(partial(suppressed_among, addresses=names)) == {}
    assert queue.run(forget_over) == 1


def test_a_second_refusal_begins_the_30_days_anew(api: Api, queue: Database) -> None:
    refuse(queue)
    second = refuse(queue, reply="550 5.1.1 still no such user")

    (one,) = api.get("/api/suppressions").json["items"]
    assert (one["email_id"], one["reason"]) == (second, "550 5.1.1 still no such user")


def test_the_list_has_pages(api: Api, queue: Database) -> None:
    for name in "abcde":
        refuse(queue, f"{name}@example.com")

    first = api.get("/api/suppressions", limit="3").json
    second = api.get("/api/suppressions", limit="3", cursor=first["next_cursor"]).json

    listed = [one["address"][0] for one in first["items"] + second["items"]]
    assert "".join(listed) == "abcde"
    assert second["next_cursor"] is None


BOTH = ["ann@example.com", "gone@example.com"]
GONE = {"RCPT": {"gone@example.com": REFUSED.encode()}}
Servers = Callable[..., SmtpServer]


def tried(server: SmtpServer) -> list[str]:
    """Whom the mail server was asked for, in order."""
    return [line for _, line in server.commands if line.startswith("RCPT")]


def test_a_refused_address_is_not_tried_again_and_the_other_recipient_gets_every_email(
    app: Application, api: Api, smtp_server: Servers
) -> None:
    server = smtp_server(reactions=GONE)
    Queue(app).account(server)

    first = api.send(recipients=BOTH)
    tick.force(app, 20)
    second = api.send(recipients=["Ann <ann@example.com>"], bcc=["GONE@example.com"])
    tick.force(app, 20)

    assert [one.recipients for one in server.messages] == [("ann@example.com",)] * 2
    assert sum("gone" in one.lower() for one in tried(server)) == 1
    (refused,) = shown(api, first)["refused"]
    assert refused == {"address": "gone@example.com", "reply": REFUSED}
    (spared,) = shown(api, second)["refused"]
    assert spared["address"] == "GONE@example.com"
    assert spared["reply"].startswith("not tried: on the suppression list until ")
    assert spared["reply"].endswith(f"({REFUSED})")
    assert shown(api, second)["error_message"] == f"GONE@example.com: {spared['reply']}"
    for number in (first, second):
        assert shown(api, number)["status"] == "sent"
        (attempt,) = api.get(f"/api/emails/{number}/attempts").json["items"]
        assert (attempt["outcome"], attempt["code"]) == ("sent", 250)


def test_an_email_to_a_spared_address_alone_fails_without_a_question(
    app: Application, api: Api, smtp_server: Servers
) -> None:
    server = smtp_server(reactions=GONE)
    Queue(app).account(server)
    api.send(recipients=BOTH)
    tick.force(app, 20)
    asked = len(tried(server))

    number = api.send(recipients=["gone@example.com"])
    tick.force(app, 20)

    assert len(tried(server)) == asked
    assert shown(api, number)["status"] == "failed"
    assert "suppression list" in shown(api, number)["error_message"]
    (attempt,) = api.get(f"/api/emails/{number}/attempts").json["items"]
    assert (attempt["outcome"], attempt["code"]) == ("failed", None)
    assert "suppression list" in attempt["reply"]


def test_an_address_that_was_taken_off_the_list_is_tried_again(
    app: Application, api: Api, smtp_server: Servers
) -> None:
    server = smtp_server(reactions=GONE)
    Queue(app).account(server)
    api.send(recipients=BOTH)
    tick.force(app, 20)
    failed = api.send(recipients=["gone@example.com"])
    tick.force(app, 20)

    assert api.delete("/api/suppressions/gone@example.com").status == 200
    server.reactions = {}
    number = api.send(recipients=BOTH)
    assert api.post(f"/api/emails/{failed}/retry").status == 200
    tick.force(app, 20)

    arrived = {one.recipients for one in server.messages[1:]}
    assert arrived == {tuple(BOTH), ("gone@example.com",)}
    assert shown(api, number)["refused"] == []
    assert {shown(api, one)["status"] for one in (number, failed)} == {"sent"}
    assert api.get("/api/suppressions").json["items"] == []


def shown(api: Api, number: int) -> dict[str, Any]:
    """The email as the API shows it."""
    found: dict[str, Any] = api.get(f"/api/emails/{number}").json
    return found
