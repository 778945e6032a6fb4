"""/api/webhooks: made, tried, looked at, changed and removed by an admin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event

from shared.app import Application
from shared.delivery import tick
from shared.delivery.wakeups import FOR_WEBHOOKS, InProcessWakeups
from shared.events.event import Event, EventType
from shared.events.record import record
from shared.security import tokens
from shared.unsubscribing.links import Subscription
from shared.webhooks.presence import Presence
from tests.api.conftest import ADMIN
from tests.support.api import Client, Reply
from tests.support.webhook_receiver import Receiver
from tests.support.webhook_receiver import Reply as Answered

ONE = "api/webhooks/{id:int}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


@pytest.fixture
def app(app: Application) -> Application:
    app.settings = app.settings.model_copy(update={"webhook_hosts": ("127.0.0.1",)})
    return app


class Admin:
    def __init__(self, app: Application, client: Client) -> None:
        admin = app.logins.find(ADMIN)
        assert admin
        self._token = tokens.issue(app.signing, admin, datetime.now(UTC)).token
        self._client = client

    def make(self, url: str, **more: Any) -> Reply:
        return self._client.post("api/webhooks", {"url": url, **more}, token=self._token)

    def send(self, email: Any) -> int:
        return int(self._client.post("api/emails", email, token=self._token).json["email_id"])

    def get(self, path: str, route: str | None = None, **places: str) -> Reply:
        return self._client.get(path, token=self._token, route=route, route_params=places)

    def post(self, path: str, route: str, **places: str) -> Reply:
        return self._client.post(path, {}, token=self._token, route=route, route_params=places)

    def put(self, path: str, route: str, body: Any, **places: str) -> Reply:
        return self._client.request(
            "PUT", path, body, token=self._token, route=route, route_params=places
        )


@pytest.fixture
def admin(app: Application, client: Client) -> Admin:
    return Admin(app, client)


def test_a_secret_is_shown_once(admin: Admin, receiver: Receiver) -> None:
    made = admin.make(receiver.url, types=["email.sent"])

    assert made.status == 201
    secret = made.json["secret"]
    assert secret.startswith("whsec_")
    (shown,) = admin.get("api/webhooks").json["items"]
    assert (shown["url"], shown["types"], shown["enabled"]) == (receiver.url, ["email.sent"], True)
    assert secret.encode() not in admin.get("api/webhooks").body
    again = admin.post("api/webhooks/1/rotate", f"{ONE}/rotate", id="1")
    assert again.json["secret"] not in ("", secret)


def test_it_is_tried_with_a_message(admin: Admin, receiver: Receiver) -> None:
    made = admin.make(receiver.url)
    tested = admin.post("api/webhooks/1/test", f"{ONE}/test", id="1")

    assert (tested.status, tested.json["delivered"], tested.json["status"]) == (200, True, 204)
    (message,) = receiver.messages
    assert message.body["type"] == "webhook.test"
    message.verify(made.json["secret"])


def test_what_was_posted_is_logged_and_posted_again(
    app: Application, admin: Admin, receiver: Receiver
) -> None:
    admin.make(receiver.url)
    app.database().run(lambda connection: record(connection, [Event(EventType.SENT, 7)] * 3))
    app.webhooks.finish(20)

    page = admin.get("api/webhooks/1/deliveries", f"{ONE}/deliveries", id="1").json
    assert [item["event_id"] for item in page["items"]] == [3, 2, 1]
    assert {item["state"] for item in page["items"]} == {"delivered"}

    route = f"{ONE}/deliveries/{{delivery:int}}/redeliver"
    number = str(page["items"][0]["id"])
    path = f"api/webhooks/1/deliveries/{number}/redeliver"
    assert admin.post(path, route, id="1", delivery=number).status == 200
    app.webhooks.finish(20)
    assert receiver.ids[3] == receiver.ids[2]
    assert admin.post(path, route, id="1", delivery="99").status == 404


def test_what_a_change_leaves_out_stays(admin: Admin, receiver: Receiver) -> None:
    admin.make(receiver.url, types=["email.sent"])

    off = admin.put("api/webhooks/1", ONE, {"enabled": False}, id="1").json
    wider = admin.put("api/webhooks/1", ONE, {"types": []}, id="1").json

    assert (off["url"], off["types"], off["enabled"]) == (receiver.url, ["email.sent"], False)
    assert (wider["url"], wider["enabled"]) == (receiver.url, False)
    assert set(wider["types"]) != {"email.sent"}


def test_one_that_has_turned_itself_off_is_among_the_problems_of_health(
    app: Application, admin: Admin, receiver: Receiver
) -> None:
    admin.make(receiver.url)
    receiver.reply = lambda _: Answered(410)
    app.database().run(lambda connection: record(connection, [Event(EventType.SENT, 7)]))
    app.webhooks.finish(20)

    told = "Webhook 1 has turned itself off: its receiver says 410 Gone."
    assert told in admin.get("api/health").json["problems"]


def woken(app: Application) -> None:
    """What the queue-triggered function does with the next wakeup."""
    assert isinstance(app.wakeups, InProcessWakeups)
    wakeup = app.wakeups.get(20)
    assert wakeup == FOR_WEBHOOKS
    tick.drain_woken(app, wakeup.to_text())


def test_what_happens_while_nothing_is_sent_is_told_without_a_tick(
    app: Application, admin: Admin, client: Client, receiver: Receiver
) -> None:
    admin.make(receiver.url)
    kept = {"recipients": ["ann@example.com"], "subject": "Hi", "html_content": "Hi"}
    number = admin.send({**kept, "lane": "scheduled"})
    woken(app)
    receiver.wait_for(1)

    one = "api/emails/{id:int}"
    assert admin.post(f"api/emails/{number}/cancel", f"{one}/cancel", id=str(number)).status == 200
    woken(app)
    receiver.wait_for(2)

    links = replace(app.unsubscribe_key.links(), base="https://mail.example.com")
    token = links.link(Subscription("ann@example.com", "news", number)).rpartition("/")[2]
    place = {"route": "unsubscribe/{token}", "route_params": {"token": token}}
    assert client.post(f"unsubscribe/{token}", {}, **place).status == 200
    woken(app)
    receiver.wait_for(3)

    assert [message.body["type"] for message in receiver.messages] == [
        "email.queued",
        "email.cancelled",
        "email.unsubscribed",
    ]


def test_where_there_are_no_webhooks_it_costs_one_statement_in_a_while(app: Application) -> None:
    presence, asked = Presence(app.database), list[str]()

    def note(*arguments: Any) -> None:
        asked.append(arguments[2])

    event.listen(app.database().engine, "before_cursor_execute", note)

    assert not any(presence.is_there() for _ in range(100))
    assert presence.is_ruled_out
    assert len([text for text in asked if "Rowpost_Webhooks" in text]) == 1


def test_a_removed_one_is_gone_with_its_secret(
    app: Application, admin: Admin, client: Client, receiver: Receiver
) -> None:
    admin.make(receiver.url)
    app.webhook_admin().remove(1)

    assert app.secrets.names("webhook-") == []
    assert admin.get("api/webhooks/1", ONE, id="1").status == 404


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "https://10.0.0.1/", "https://localhost:7071/#x", "ftp://example.com/"],
)
def test_an_address_that_webhooks_may_not_go_to_is_refused(admin: Admin, url: str) -> None:
    refused = admin.make(url)

    assert refused.status == 422
    assert refused.json["errors"][0]["field"] == "url"


def test_only_an_admin_has_to_do_with_webhooks(client: Client, token: str) -> None:
    assert client.get("api/webhooks", token=token).status == 403
