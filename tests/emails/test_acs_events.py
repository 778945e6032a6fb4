"""Delivery reports of Azure Communication Services, as Event Grid posts them."""

from __future__ import annotations

import json
from typing import Any

from shared.app import Application
from shared.outbox.sending.operations import note_operation
from shared.transports.acs_report import report_of
from tests.emails.conftest import Api
from tests.support.queue import Queue

OPERATION = "0f8fad5b-d9cb-469f-a165-70867728950e"


def report(recipient: str, status: str, operation: str = OPERATION, text: str = "") -> Any:
    """As in Microsoft's documentation of the event."""
    return {
        "id": "00000000-0000-0000-0000-000000000000",
        "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Communication/x",
        "subject": f"sender/notices@example.com/message/{operation}",
        "eventType": "Microsoft.Communication.EmailDeliveryReportReceived",
        "data": {
            "sender": "notices@example.com",
            "recipient": recipient,
            "messageId": operation,
            "status": status,
            "deliveryStatusDetails": {"statusMessage": text},
            "deliveryAttemptTimeStamp": "2026-11-27T10:00:00.0000000+00:00",
        },
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": "2026-11-27T10:00:01.0000000Z",
    }


def post(api: Api, *events: Any) -> Any:
    reply = api.post("/api/acs-events", json.dumps(events).encode())
    assert reply.status == 200, reply.body
    return reply.json


def told(api: Api) -> list[tuple[str, str | None]]:
    types = "email.delivered,email.bounced"
    items = api.get("/api/events", types=types).json["items"]
    return [(item["type"], item["recipient"]) for item in items]


def sent(app: Application) -> int:
    """An email that was sent under this operation; of a fresh database its entry is the first."""
    (email_id,) = Queue(app).add()
    app.database().run(lambda connection: note_operation(connection, 1, OPERATION, "SHOP"))
    return email_id


def test_a_new_subscription_gets_its_code_back(api: Api) -> None:
    handshake = {
        "id": "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66",
        "topic": "/subscriptions/x",
        "subject": "",
        "data": {"validationCode": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"},
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": "2026-11-27T10:00:00Z",
        "metadataVersion": "1",
        "dataVersion": "1",
    }

    answer = post(api, handshake)

    assert answer["validationResponse"] == "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"


def test_each_report_is_an_event_once_however_often_it_comes(app: Application, api: Api) -> None:
    api.send()
    sent(app)
    delivered, bounced = report("ann@example.com", "Delivered"), report("x@gone.example", "Bounced")

    first, again = post(api, delivered, bounced), post(api, bounced, delivered)
    post(api, report("y@example.com", "Delivered", operation="somebody-elses"))
    post(api, report("list@example.com", "Expanded"), {"eventType": "Other", "data": {}})

    assert (first["noted"], again["noted"]) == (2, 0)
    assert told(api) == [
        ("email.delivered", "ann@example.com"),
        ("email.bounced", "x@gone.example"),
    ]


def test_only_whom_the_receiving_server_refuses_for_good_is_spared(
    app: Application, api: Api
) -> None:
    names = ("Gone", "full", "spam", "odd", "known")
    api.send(recipients=[f"{name}@example.com" for name in names])
    sent(app)

    post(
        api,
        report("gone@example.com", "Bounced", text="550 5.1.1 no such user"),
        report("full@example.com", "Failed"),
        report("spam@example.com", "FilteredSpam"),
        report("odd@example.com", "Quarantined"),
        report("known@example.com", "Suppressed"),
    )

    assert Queue(app).suppressed() == {"gone@example.com": "Bounced: 550 5.1.1 no such user"}
    assert len(told(api)) == 5


def test_a_report_spares_nobody_whom_its_email_was_not_for(app: Application, api: Api) -> None:
    """Whoever may send knows its own emails' operations, and could else keep any address from
    getting anything."""
    api.send(recipients=["ann@example.com"], cc=["bob@example.com"])
    sent(app)

    post(api, report("ceo@example.com", "Bounced"), report("bob@example.com", "Bounced"))
    post(api, report("ann@@-.example.com", "Bounced"))

    assert set(Queue(app).suppressed()) == {"bob@example.com"}


def test_events_are_taken_from_whoever_has_a_key_alone(api: Api) -> None:
    api.token = None

    assert api.post("/api/acs-events", b"[]").status == 401


def test_what_is_no_report_is_passed_over() -> None:
    good = report("ann@example.com", "Delivered")
    odd = [
        {},
        {**good, "data": None},
        {**good, "data": {**good["data"], "messageId": 7}},
        {**good, "data": {**good["data"], "recipient": "nobody"}},
        {**good, "data": {**good["data"], "recipient": "a@" + "b" * 400}},
        {**good, "data": {**good["data"], "status": None}},
    ]

    assert report_of(good)
    assert [report_of(each) for each in odd] == [None] * len(odd)
