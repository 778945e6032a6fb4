"""Webhooks: made, tried, looked at, turned on and off, removed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from functions.webhooks import WebhookWish
from shared.api.models import QueryNumber, SnakeInput
from shared.app import application
from shared.console.page import Page, Redirect
from shared.console.pages import Pages, Question, Visit
from shared.events.event import EventType
from shared.security.roles import Role
from shared.webhooks.admin import Wish
from shared.webhooks.deliveries import NEWEST, log_of, redeliver
from shared.webhooks.register import all_webhooks, webhook

pages = Pages()

HERE = "/console/webhooks"
_AT_ONCE = 50

_REMOVAL = Question(
    "Remove this webhook? Its receiver is told nothing more, and its secret and the log of its "
    "deliveries are gone.",
    "Remove",
)
_ROTATION = Question(
    "Make a new secret? It is shown this once. For a day messages are signed with both.",
    "Make a new secret",
)


class DeliveryPlace(SnakeInput):
    before: QueryNumber = Field(NEWEST, ge=1, le=NEWEST)


class Again(SnakeInput):
    delivery: Annotated[int, Field(ge=1, le=NEWEST)]


class Switched(SnakeInput):
    enabled: bool


@pages.page("console/webhooks", who=Role.ADMIN)
def webhooks(visit: Visit) -> Page:
    """List the webhooks and how they are doing."""
    with application().database().read() as connection:
        found = all_webhooks(connection)
    return visit.show("webhooks.html", webhooks=found, types=[each.value for each in EventType])


@pages.form("console/webhooks", who=Role.ADMIN, shown_by=webhooks)
def make_webhook(visit: Visit[WebhookWish]) -> Page:
    """Make a webhook and show its secret, this once."""
    here = application()
    made = here.webhook_admin().make(visit.form.wish(), visit.caller.identity, here.clock())
    return visit.show("webhook_secret.html", webhook=made.webhook, secret=made.secret)


@pages.page("console/webhooks/{id:int}", who=Role.ADMIN)
def one_webhook(visit: Visit[None, DeliveryPlace]) -> Page:
    """Show a webhook and what was posted to it."""
    with application().database().read() as connection:
        here = webhook(connection, int(visit.path["id"]))
        found = log_of(connection, here.id, visit.query.before, _AT_ONCE + 1)
    return visit.show(
        "webhook.html",
        webhook=here,
        deliveries=found[:_AT_ONCE],
        further=found[_AT_ONCE - 1].event_id if len(found) > _AT_ONCE else None,
        removal=_REMOVAL,
        rotation=_ROTATION,
    )


@pages.form("console/webhooks/{id:int}/test", who=Role.ADMIN, shown_by=one_webhook)
def test_webhook(visit: Visit) -> Redirect:
    """Post a message to try it with."""
    here = application()
    number = int(visit.path["id"])
    answer = here.webhook_admin().test(number, here.clock())
    said = "took the message" if answer.delivered else f"did not take the message: {answer.fault}"
    return visit.go(f"{HERE}/{number}", f"Its receiver {said} ({answer.duration_ms} ms).")


@pages.form("console/webhooks/{id:int}/switch", who=Role.ADMIN, shown_by=one_webhook)
def switch_webhook(visit: Visit[Switched]) -> Redirect:
    """Turn it on or off."""
    number = int(visit.path["id"])
    with application().database().read() as connection:
        here = webhook(connection, number)
    application().webhook_admin().change(number, Wish(here.url, here.types, visit.form.enabled))
    application().waker.tell()
    words = "on: it goes on where it stopped" if visit.form.enabled else "off"
    return visit.go(f"{HERE}/{number}", f"The webhook is turned {words}.")


@pages.form(
    "console/webhooks/{id:int}/rotate", who=Role.ADMIN, shown_by=one_webhook, asks=_ROTATION
)
def rotate_secret(visit: Visit) -> Page:
    """Make a new secret and show it, this once."""
    number, here = int(visit.path["id"]), application()
    secret = here.webhook_admin().rotate(number, here.clock())
    with here.database().read() as connection:
        return visit.show("webhook_secret.html", webhook=webhook(connection, number), secret=secret)


@pages.form("console/webhooks/{id:int}/redeliver", who=Role.ADMIN, shown_by=one_webhook)
def deliver_again(visit: Visit[Again]) -> Redirect:
    """Post an event again."""
    number, delivery = int(visit.path["id"]), visit.form.delivery
    application().database().run(lambda connection: redeliver(connection, number, delivery))
    application().waker.tell()
    return visit.go(f"{HERE}/{number}", "The event is posted again within seconds.")


@pages.form("console/webhooks/{id:int}/remove", who=Role.ADMIN, shown_by=one_webhook, asks=_REMOVAL)
def remove_webhook(visit: Visit) -> Redirect:
    """Remove a webhook."""
    application().webhook_admin().remove(int(visit.path["id"]))
    return visit.go(HERE, "The webhook is removed.")
