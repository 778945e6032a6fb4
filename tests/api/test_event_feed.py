"""GET /api/events."""

from __future__ import annotations

import re

import pytest

from shared.app import Application
from shared.events.event import Event, EventType
from shared.events.record import record
from tests.support.api import Client


def test_events_are_read_in_order_by_whoever_may_look(
    app: Application, client: Client, token: str
) -> None:
    happened = [
        Event(EventType.QUEUED, 7),
        Event(EventType.BOUNCED, 7, "ann@example.com", "SHOP", 550, "5.1.1", "no such user"),
        Event(EventType.ACCOUNT_PAUSED, account="SHOP", reason="535 no"),
    ]
    app.database().run(lambda connection: record(connection, happened))

    reply = client.get("api/events", token=token, query={"limit": "2"})

    assert reply.status == 200
    (queued, shown) = reply.json["items"]
    assert (queued["type"], queued["detail"]["reason"]) == ("email.queued", None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown.pop("at"))
    bounced = {
        "id": 2,
        "type": "email.bounced",
        "email_id": 7,
        "recipient": "ann@example.com",
        "detail": {
            "account": "SHOP",
            "code": 550,
            "enhanced_code": "5.1.1",
            "reason": "no such user",
        },
    }
    assert shown == bounced
    assert reply.json["next"] == 2

    rest = client.get(
        "api/events",
        token=token,
        query={"after": "2", "types": "account.paused,email.sent"},
    )
    assert [item["type"] for item in rest.json["items"]] == ["account.paused"]
    assert rest.json["next"] == 3
    nothing_new = client.get("api/events", token=token, query={"after": "3"})
    assert nothing_new.json == {"items": [], "next": 3}


@pytest.mark.parametrize(
    "query", [{"types": "email.sold"}, {"after": "-1"}, {"limit": "0"}, {"limit": "1001"}]
)
def test_what_is_no_question_is_refused(client: Client, token: str, query: dict[str, str]) -> None:
    assert client.get("api/events", token=token, query=query).status == 422


def test_nobody_reads_events_without_a_login(client: Client) -> None:
    assert client.get("api/events").status == 401
