"""Webhooks: where events are posted to, signed as Standard Webhooks says."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from shared.api.endpoint import Request, Room, Routes
from shared.api.models import (
    Answer,
    QueryNumber,
    SnakeAnswer,
    SnakeInput,
    Timestamp,
    example,
)
from shared.app import application
from shared.events.event import EventType
from shared.security.roles import Role
from shared.webhooks.admin import Wish
from shared.webhooks.deliveries import NEWEST, log_of, redeliver
from shared.webhooks.destinations import MOST_CHARACTERS
from shared.webhooks.register import all_webhooks, webhook
from shared.webhooks.webhook import Delivery, DeliveryState, Webhook

routes = Routes({"id": "The webhook's number.", "delivery": "The delivery's number."})

_EXAMPLE = {
    "id": 1,
    "url": "https://shop.example.com/hooks/email",
    "types": ["email.sent", "email.failed"],
    "enabled": True,
    "disabled_reason": None,
    "failures": 0,
    "failing_since": None,
    "last_fault": None,
    "last_event": 4711,
    "created_at": "2026-11-27T09:00:00.000Z",
    "created_by": "login:admin",
}


class WebhookWish(SnakeInput):
    model_config = example(
        url="https://shop.example.com/hooks/email", types=["email.sent", "email.failed"]
    )

    url: Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]
    """Where events are posted to: an https address of a public server, or of a host that
    ROWPOST_WEBHOOK_HOSTS names."""
    types: Annotated[list[EventType], Field(max_length=len(EventType))] = Field(
        default_factory=list
    )
    """Only these; left out or empty: all."""
    enabled: bool = True
    """Whether anything is posted. Turned on again, it goes on where it stopped."""

    def wish(self) -> Wish:
        """The same for whoever carries it out."""
        return Wish(self.url, self.types or None, self.enabled)


class WebhookChange(SnakeInput):
    """What is left out stays."""

    model_config = example(enabled=False)

    url: Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)] | None = None
    """Where events are posted to from now on."""
    types: Annotated[list[EventType], Field(max_length=len(EventType))] | None = None
    """Only these; empty: all."""
    enabled: bool | None = None
    """Whether anything is posted. Turned on again, it goes on where it stopped."""

    def of(self, here: Webhook) -> Wish:
        """The webhook as it is to be."""
        types = here.types if self.types is None else self.types or None
        enabled = here.enabled if self.enabled is None else self.enabled
        return Wish(self.url or here.url, types, enabled)


class WebhookShown(SnakeAnswer):
    model_config = example(**_EXAMPLE)

    id: int
    """The webhook's number."""
    url: str
    """Where events are posted to."""
    types: list[EventType]
    """Only these; empty: all."""
    enabled: bool
    """Whether anything is posted."""
    disabled_reason: str | None
    """Why it has turned itself off; null: it has not."""
    failures: int
    """Attempts that have failed in a row."""
    failing_since: Timestamp | None
    """Since when none has succeeded; null: the last one did."""
    last_fault: str | None
    """What went wrong at the last attempt; null: nothing."""
    last_event: int
    """The event up to which all have been looked at."""
    created_at: Timestamp
    """When it was made."""
    created_by: str | None
    """Who made it."""

    @classmethod
    def of(cls, here: Webhook) -> WebhookShown:
        return cls(
            id=here.id,
            url=here.url,
            types=list(here.types or ()),
            enabled=here.enabled,
            disabled_reason=here.disabled_reason,
            failures=here.failures,
            failing_since=here.failing_since,
            last_fault=here.last_fault,
            last_event=here.last_event,
            created_at=here.created_at,
            created_by=here.created_by,
        )


class WebhookMade(Answer):
    """The secret is shown this once."""

    http_status: ClassVar[int] = 201

    id: int
    """The webhook's number."""
    secret: str = Field(repr=False)
    """What its messages are signed with. Nobody can show it again."""


class WebhookSecret(Answer):
    id: int
    """The webhook's number."""
    secret: str = Field(repr=False)
    """What its messages are signed with from now on; for a day the one before signs, too."""


class WebhookList(SnakeAnswer):
    items: list[WebhookShown]
    """The webhooks, the oldest first."""
    next_cursor: str | None = None
    """Always null: there are a hundred at most."""


class WebhookRemoved(Answer):
    message: str = "The webhook, its secret and the log of its deliveries are removed."
    """The same in words."""
    id: int
    """The webhook's number."""


class WebhookTested(Answer):
    delivered: bool
    """Whether its receiver took the message."""
    status: int | None
    """The status that it answered; null: there was no answer."""
    fault: str | None
    """What went wrong; null: nothing."""
    duration_ms: int
    """How long it took, in milliseconds."""


class DeliveryShown(SnakeAnswer):
    id: int
    """The delivery's number."""
    event_id: int
    """The event."""
    type: EventType
    """What happened."""
    state: DeliveryState
    """Where it stands."""
    attempts: int
    """How often it was posted."""
    next_at: Timestamp | None
    """When it is posted again; null: not by itself."""
    last_at: Timestamp
    """When it was last posted."""
    status: int | None
    """The status that its receiver answered; null: there was no answer."""
    fault: str | None
    """What went wrong; null: nothing."""
    duration_ms: int | None
    """How long the last attempt took, in milliseconds."""

    @classmethod
    def of(cls, delivery: Delivery) -> DeliveryShown:
        return cls(**delivery._asdict())


class DeliveryPage(SnakeAnswer):
    items: list[DeliveryShown]
    """The deliveries, the latest events first."""
    next_cursor: str | None
    """To be given as `cursor` for the next page; null: this is the last."""


class DeliveryQuery(SnakeInput):
    cursor: str = Field("", pattern=r"^[0-9]{0,18}$")
    """`next_cursor` of the page before; left out, the first page."""
    limit: QueryNumber = Field(50, ge=1, le=500)
    """How many deliveries at most."""


class Redelivering(Answer):
    message: str = "The event is posted again within seconds, with the same webhook-id."
    """The same in words."""
    id: int
    """The delivery's number."""


@routes.post("api/webhooks", who=Role.ADMIN, errors={409})
def make_webhook(request: Request[WebhookWish]) -> WebhookMade:
    """Make a webhook. It is told of what happens from now on."""
    made = (
        application()
        .webhook_admin()
        .make(request.body.wish(), request.caller.identity, application().clock())
    )
    return WebhookMade(id=made.webhook.id, secret=made.secret)


@routes.get("api/webhooks", who=Role.ADMIN)
def list_webhooks(request: Request) -> WebhookList:
    """List the webhooks and how they are doing."""
    with application().database().read() as connection:
        found = all_webhooks(connection)
    return WebhookList(items=[WebhookShown.of(each) for each in found])


@routes.get("api/webhooks/{id:int}", who=Role.ADMIN, errors={404})
def show_webhook(request: Request) -> WebhookShown:
    """Show a webhook and how it is doing."""
    with application().database().read() as connection:
        return WebhookShown.of(webhook(connection, int(request.path["id"])))


@routes.put("api/webhooks/{id:int}", who=Role.ADMIN, errors={404})
def change_webhook(request: Request[WebhookChange]) -> WebhookShown:
    """Change a webhook. Turned on again, it goes on where it stopped."""
    number, here = int(request.path["id"]), application()
    with here.database().read() as connection:
        before = webhook(connection, number)
    changed = here.webhook_admin().change(number, request.body.of(before))
    here.waker.tell()
    return WebhookShown.of(changed)


@routes.delete("api/webhooks/{id:int}", who=Role.ADMIN, errors={404})
def remove_webhook(request: Request) -> WebhookRemoved:
    """Remove a webhook, its secret and the log of its deliveries."""
    webhook_id = int(request.path["id"])
    application().webhook_admin().remove(webhook_id)
    return WebhookRemoved(id=webhook_id)


@routes.post("api/webhooks/{id:int}/rotate", who=Role.ADMIN, errors={404})
def rotate_secret(request: Request) -> WebhookSecret:
    """Make a new secret. For a day messages are signed with both."""
    webhook_id = int(request.path["id"])
    secret = application().webhook_admin().rotate(webhook_id, application().clock())
    return WebhookSecret(id=webhook_id, secret=secret)


@routes.post(
    "api/webhooks/{id:int}/test", who=Role.ADMIN, errors={404, 409}, room=Room.OTHER_SERVERS
)
def test_webhook(request: Request) -> WebhookTested:
    """Post a message of the type `webhook.test`, and say what came of it."""
    admin = application().webhook_admin()
    answer = admin.test(int(request.path["id"]), application().clock())
    return WebhookTested(
        delivered=answer.delivered,
        status=answer.status,
        fault=answer.fault,
        duration_ms=answer.duration_ms,
    )


@routes.get("api/webhooks/{id:int}/deliveries", who=Role.ADMIN, errors={404})
def list_deliveries(request: Request[None, DeliveryQuery]) -> DeliveryPage:
    """List what was posted to a webhook, and what came of it."""
    limit = request.query.limit
    before = int(request.query.cursor or NEWEST)
    with application().database().read() as connection:
        here = webhook(connection, int(request.path["id"]))
        found = log_of(connection, here.id, before, limit + 1)
    return DeliveryPage(
        items=[DeliveryShown.of(each) for each in found[:limit]],
        next_cursor=str(found[limit - 1].event_id) if len(found) > limit else None,
    )


@routes.post(
    "api/webhooks/{id:int}/deliveries/{delivery:int}/redeliver", who=Role.ADMIN, errors={404}
)
def deliver_again(request: Request) -> Redelivering:
    """Post an event again, delivered or not, with the id that it had."""
    webhook_id, delivery_id = int(request.path["id"]), int(request.path["delivery"])
    application().database().run(lambda connection: redeliver(connection, webhook_id, delivery_id))
    application().waker.tell()
    return Redelivering(id=delivery_id)
