"""Keyed sending and its log, door by door."""

from __future__ import annotations

import csv
import io
import uuid
from typing import Any

import pytest
from sqlalchemy import delete

from shared.accounts.numbers import insert_account
from shared.app import Application
from shared.database.tables import accounts
from shared.outbox.sending.finish import Outcome
from shared.security.roles import Role
from shared.submissions.submission import Origin
from tests.support.api import Client, Reply
from tests.support.emails import all_emails, all_that_is_kept, attempt, became, states, stored_email

EMAIL = {
    "subject": "Welcome to Our Service",
    "recipient": "user@example.com",
    "body": "<h1>Hello!</h1> Thanks for joining us.",
    "is_html": True,
}


@pytest.fixture
def shop(app: Application) -> int:
    """The number of an account."""
    with app.database().write() as connection:
        values = {"SMTPServer": "m", "SMTPMailId": "=shop@example.com", "ParamCode": "SHOP"}
        return insert_account(connection, values)


@pytest.fixture
def key(app: Application, shop: int) -> str:
    return app.keys.make("shop", shop, Role.SERVICE, "login:admin").text


def send(client: Client, key: str, **changes: Any) -> Reply:
    return client.post("send-email", {**EMAIL, "key": key, **changes})


def status(client: Client, request_id: str) -> Reply:
    return client.get(
        f"email-status/{request_id}",
        route="email-status/{request_id:guid}",
        route_params={"request_id": request_id},
    )


def send_log(client: Client, token: str, **query: str) -> Reply:
    return client.get("api/send-log", query=query, token=token)


def test_an_email_is_stored_over_the_keys_account_for_now(
    app: Application, client: Client, key: str
) -> None:
    reply = send(client, key)

    assert reply.status == 202
    assert reply.json["message"] == "Email request is being processed"
    request_id = reply.json["request_id"]
    assert str(uuid.UUID(request_id)) == request_id
    stored = became(app.database(), 1)
    assert (stored.to, stored.subject) == (EMAIL["recipient"], EMAIL["subject"])
    assert (stored.body, stored.is_html) == (EMAIL["body"], 1)
    assert (stored.account_code, stored.lane, stored.origin) == ("SHOP", "immediate", "key")
    assert (stored.request_id, stored.stored_by) == (request_id, "key:1")
    assert key not in all_that_is_kept(app.database())


def test_a_body_is_text_unless_it_is_said_to_be_html(
    app: Application, client: Client, key: str
) -> None:
    without = {name: value for name, value in EMAIL.items() if name != "is_html"}

    client.post("send-email", {**without, "key": key})

    assert became(app.database(), 1).is_html == 0


def test_a_wrong_or_revoked_key_stores_nothing(app: Application, client: Client, key: str) -> None:
    wrong = send(client, "user1_key")
    app.keys.revoke(1)
    revoked = send(client, key)

    assert [(one.status, one.json["code"]) for one in (wrong, revoked)] == [(401, "wrong_key")] * 2
    assert wrong.json["message"] == revoked.json["message"]
    assert key not in str(revoked.json)
    assert states(app.database()) == ""


def test_a_key_of_another_role_may_not_send(app: Application, client: Client, shop: int) -> None:
    viewer = app.keys.make("viewer", shop, Role.VIEWER, "login:admin").text

    assert send(client, viewer).status == 403


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"recipient": "nobody"}, "recipient"),
        ({"recipient": "a@example.com, b@example.com"}, "recipient"),
        ({"recipient": "a@example.com\r\nBcc: b@example.com"}, "recipient"),
        ({"recipient": None}, "recipient"),
        ({"recipient": ["a@example.com"]}, "recipient"),
        ({"subject": "Hello\r\nBcc: b@example.com"}, "subject"),
        ({"subject": "x" * 501}, "subject"),
        ({"subject": ""}, "subject"),
        ({"body": ""}, "body"),
        ({"is_html": "yes"}, "is_html"),
        ({"key": ""}, "key"),
        ({"key": "x" * 201}, "key"),
        ({"key": 7}, "key"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_the_field(
    client: Client, key: str, changes: dict[str, Any], field: str
) -> None:
    reply = client.post("send-email", {**EMAIL, "key": key, **changes})

    assert reply.status == 422
    assert [error["field"] for error in reply.json["errors"]] == [field]
    assert key not in str(reply.json)


def test_a_request_that_is_sent_again_stores_one_email_from_whatever_address(
    app: Application, client: Client, key: str, shop: int
) -> None:
    other = app.keys.make("other", shop, Role.SERVICE, "login:admin").text

    def again(key: str, address: str, **changes: Any) -> Reply:
        headers = {"idempotency-key": "order 7", "x-rowpost-peer": address}
        return client.post("send-email", {**EMAIL, **changes, "key": key}, headers=headers)

    first, second = again(key, "192.0.2.1"), again(key, "192.0.2.2")
    of_another = again(other, "192.0.2.1")
    changed = again(key, "192.0.2.1", subject="Something else")

    assert first.json == second.json
    assert second.headers["Idempotency-Replayed"] == "true"
    assert of_another.json["request_id"] != first.json["request_id"]
    assert (changed.status, changed.json["code"]) == (422, "idempotency_key_reused")
    assert [email.stored_by for email in all_emails(app.database())] == ["key:1", "key:2"]


def test_a_key_whose_account_is_gone_says_so(app: Application, client: Client, key: str) -> None:
    with app.database().write() as connection:
        connection.execute(delete(accounts))

    reply = send(client, key)

    assert (reply.status, reply.json["code"]) == (409, "account_gone")


def test_whoever_has_the_number_sees_what_became_of_the_email(
    app: Application, client: Client, key: str
) -> None:
    request_id = send(client, key).json["request_id"]
    queued = status(client, request_id)
    said = {"reason": "550 no such user at mx7.internal", "code": 550, "enhanced_code": "5.1.1"}
    attempt(app.database(), 1, Outcome.FAILED, **said)

    failed = status(client, f"{{{request_id.upper()}}}")

    assert queued.json == {"request_id": request_id, "status": "queued"}
    assert failed.json == {"request_id": request_id, "status": "failed (550 5.1.1 permanent)"}


@pytest.mark.parametrize("request_id", [str(uuid.UUID(int=7)), "(x)"])
def test_a_number_of_no_request_is_told(client: Client, key: str, request_id: str) -> None:
    reply = status(client, request_id)

    assert (reply.status, reply.json["code"]) == (404, "request_not_found")


def test_an_email_of_another_way_in_has_no_open_status(app: Application, client: Client) -> None:
    keyed, other = (str(uuid.UUID(int=number)) for number in (7, 8))
    stored_email(app.database(), origin=Origin.KEY.value, request_id=keyed)
    stored_email(app.database(), origin=Origin.API.value, request_id=other)

    assert [status(client, number).status for number in (keyed, other)] == [200, 404]


def test_the_log_shows_each_request_and_never_a_body(client: Client, key: str, token: str) -> None:
    sent = [send(client, key, recipient=f"user{n}@example.com").json for n in range(3)]

    first = send_log(client, token, limit="2").json
    rest = send_log(client, token, limit="2", cursor=first["next_cursor"]).json

    items = [*first["items"], *rest["items"]]
    assert [one["id"] for one in items] == [one["request_id"] for one in sent[::-1]]
    assert [one["recipient"] for one in items] == [f"user{n}@example.com" for n in (2, 1, 0)]
    assert set(items[0]) == {"id", "sender", "recipient", "date", "status"}
    assert items[0]["date"].endswith("Z")
    assert {one["status"] for one in items} == {"queued"}
    assert rest["next_cursor"] is None


def test_the_log_as_csv_runs_nothing_in_a_spreadsheet(client: Client, key: str, token: str) -> None:
    send(client, key)
    send(client, key, recipient="+1@example.com")

    reply = send_log(client, token, format="csv", limit="1")

    assert reply.headers["Content-Disposition"] == 'attachment; filename="send-log.csv"'
    header, row = csv.reader(io.StringIO(reply.body.decode(), newline=""))
    assert header == ["id", "sender", "recipient", "date", "status"]
    assert row[1:3] == ["'=shop@example.com", "'+1@example.com"]
    assert row[3].endswith("Z")
    last = send_log(client, token, format="csv", limit="1", cursor=reply.headers["X-Next-Cursor"])
    assert "X-Next-Cursor" not in last.headers
    assert b'"user@example.com"' in last.body


@pytest.mark.parametrize(
    "query", [{"format": "xml"}, {"limit": "0"}, {"limit": "10001"}, {"cursor": "-1"}]
)
def test_a_log_that_cannot_be_had_is_refused(
    client: Client, token: str, query: dict[str, str]
) -> None:
    assert send_log(client, token, **query).status == 422


def test_a_service_does_not_see_the_log(client: Client, key: str) -> None:
    assert send_log(client, key).status == 403
