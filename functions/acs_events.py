"""Delivery reports of Azure Communication Services, brought by Event Grid."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from pydantic import Field, JsonValue

from shared.api.endpoint import Request, Routes
from shared.api.models import Answer, Input, example
from shared.app import application
from shared.outbox.sending.delivery_reports import note_reports
from shared.security.roles import Role
from shared.transports.acs_report import report_of, validation_code

routes = Routes()

_MOST_EVENTS = 5_000
_A_COMMIT = 100
"""Reports of one transaction, so that nobody who sends waits long for it."""


class GridEvents(Input):
    """Events of Event Grid's own schema; a bare array of them is what Event Grid posts."""

    model_config = example(
        events=[
            {
                "id": "5f0c0d7c-4e5b-4d3f-9f5e-2f1f4a1b2c3d",
                "eventType": "Microsoft.Communication.EmailDeliveryReportReceived",
                "data": {
                    "messageId": "0f8fad5b-d9cb-469f-a165-70867728950e",
                    "recipient": "ann@example.com",
                    "status": "Delivered",
                },
            }
        ]
    )
    list_field: ClassVar[str | None] = "events"

    events: list[dict[str, JsonValue]] = Field(max_length=_MOST_EVENTS)
    """What happened, each for one recipient."""


class GridAnswer(Answer):
    """Any 2xx is enough; the handshake wants its code back."""

    model_config = example(validationResponse=None, noted=1)

    validation_response: str | None
    """The code of a new subscription's handshake; null: it was none."""
    noted: int
    """How many reports were new."""


@routes.post("api/acs-events", who=Role.SERVICE)
def take_acs_events(request: Request[GridEvents]) -> GridAnswer:
    """Take delivery reports of Azure Communication Services from Event Grid."""
    events = request.body.events
    code = next((code for event in events if (code := validation_code(event))), None)
    reports = [report for event in events if (report := report_of(event)) is not None]
    here = application()
    database, noted = here.database(), 0
    for start in range(0, len(reports), _A_COMMIT):
        some = reports[start : start + _A_COMMIT]
        noted += database.run(partial(note_reports, reports=some))
    if noted:
        here.waker.tell()
    return GridAnswer(validation_response=code, noted=noted)
