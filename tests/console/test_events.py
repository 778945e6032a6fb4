"""Events, webhooks and bounces: what happened, who is told of it, and what came back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from shared.database.database import open_database
from shared.database.engine import file_url
from shared.events.event import Event, EventType
from shared.events.record import record
from tests.console.reader import Reader, form_token
from tests.support.bounces import UNCLEAR
from tests.support.scripted_imap import having, scripted_imap
from tests.support.standalone import Launch, Standalone
from tests.support.webhook_receiver import Receiver

EVIL = "<script>alert(1)</script>"
HERE = "/console/webhooks"


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    return standalone_module(ROWPOST_WEBHOOK_HOSTS="127.0.0.1")


@pytest.fixture
def admin(service: Standalone) -> Reader:
    reader = Reader(service)
    assert reader.log_in()[0] == 303
    return reader


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


def happen(service: Standalone, *events: Event) -> None:
    database = open_database(file_url(service.database))
    database.run(lambda connection: record(connection, events))
    database.close()


def test_events_are_shown_the_latest_first_and_page_by_page(
    service: Standalone, admin: Reader
) -> None:
    happen(service, Event(EventType.FAILED, 7, None, "SHOP", 550, "5.1.1", EVIL))
    happen(service, *[Event(EventType.SENT, 8)] * 60)

    latest = admin.get("/console/events")[2]
    (further,) = re.findall(r'href="(/console/events\?before=\d+)"', latest)
    earlier = admin.get(further)[2]
    failed = admin.get("/console/events?type=email.failed")[2]

    assert latest.count("email #8") == 50
    assert earlier.count("email #8") == 10
    assert failed.count("<tr>") == 2
    assert EVIL not in failed
    assert "&lt;script&gt;" in failed


def test_a_webhook_is_made_tried_turned_off_and_removed(
    service: Standalone, admin: Reader, receiver: Receiver
) -> None:
    page = admin.get(HERE)[2]
    fields = {"form_token": form_token(page)}
    wrong = admin.send(HERE, {**fields, "url": "https://10.0.0.1/"})
    assert (wrong[0], "own network" in wrong[2]) == (422, True)

    made = admin.send(HERE, {**fields, "url": receiver.url, "types": "email.bounced"})[2]
    secret = re.findall("whsec_[A-Za-z0-9+/=]+", made)[0]
    (place,) = re.findall(rf'href="({HERE}/\d+)"', made)
    assert secret not in admin.get(place)[2]

    assert admin.send(f"{place}/test", fields)[0] == 303
    receiver.messages[0].verify(secret)
    assert admin.send(f"{place}/switch", {**fields, "enabled": "false"})[0] == 303
    assert "Turn it on" in admin.get(place)[2]

    asked = admin.send(f"{place}/remove", fields)
    assert "Remove this webhook?" in asked[2]
    assert admin.send(f"{place}/remove", {**fields, "sure": "yes"})[0] == 303
    assert admin.get(place)[0] == 404


def test_what_was_posted_is_shown_and_posted_again(
    service: Standalone, admin: Reader, receiver: Receiver
) -> None:
    fields = {"form_token": form_token(admin.get(HERE)[2])}
    made = admin.send(HERE, {**fields, "url": receiver.url})[2]
    (place,) = re.findall(rf'href="({HERE}/\d+)"', made)
    happen(service, Event(EventType.BOUNCED, 7, "ann@example.com"))
    token = service.login()
    forced = "/api/email-force-process"
    assert service.post(forced, token=token).status == 200
    receiver.wait_for(1)
    # Its drain ends when what was posted is noted.
    (delivery,) = re.findall('name="delivery" value="([0-9]+)"', admin.get(place)[2])
    assert admin.send(f"{place}/redeliver", {**fields, "delivery": delivery})[0] == 303
    assert service.post(forced, token=token).status == 200
    receiver.wait_for(2)
    assert receiver.ids[0] == receiver.ids[1]


def test_a_mailbox_for_bounces_is_added_tried_read_and_removed(
    service: Standalone, admin: Reader
) -> None:
    here, place = "/console/bounces", "/console/bounces/mailboxes/1"
    fields = {"form_token": form_token(admin.get(f"{here}/mailboxes/new")[2])}
    content = UNCLEAR.replace(b"It is hard", EVIL.encode() + b" It is hard")
    with scripted_imap({"UID FETCH": having(content)}) as port:
        mailbox = {
            "name": "Bounces", "kind": "imap", "host": "127.0.0.1", "port": str(port),
            "tls": "none", "username": "bounces@example.com", "folder": "INBOX", "enabled": "yes",
        }  # fmt: skip
        wrong = admin.send(f"{here}/mailboxes/new", {**fields, **mailbox})
        assert (wrong[0], "password too" in wrong[2]) == (422, True)
        password = {"password": "its password"}
        assert admin.send(f"{here}/mailboxes/new", {**fields, **mailbox, **password})[0] == 303
        assert admin.send(f"{place}/test", fields)[0] == 303
        assert "1 messages lie in its folder" in admin.get(place)[2]
        assert admin.send(f"{place}/collect", fields)[0] == 303

    shown = admin.get(f"{here}?what=not_understood")[2]
    assert "It is hard to say what" in shown
    assert EVIL not in shown
    changed = {**fields, **mailbox, "name": "Others"}
    assert admin.send(f"{place}/edit", changed)[0] == 303
    assert "Remove this mailbox" in admin.send(f"{place}/remove", fields)[2]
    assert admin.send(f"{place}/remove", {**fields, "sure": "yes"})[0] == 303
    assert admin.get(place)[0] == 404
