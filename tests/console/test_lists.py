"""Contact messages, suppressions and the send log: what a visitor sees, and what operators do."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect

from shared.database.database import Database, open_database
from shared.database.engine import file_url
from shared.outbox.recipients import Kind, KnownRecipient, RecipientState
from shared.outbox.suppressions import suppress_refused, suppressed_among
from shared.unsubscribing.links import Subscription
from shared.unsubscribing.unsubscribed import unsubscribe
from tests.console.browser import NARROW, sight_of
from tests.console.reader import Reader, form_token
from tests.support.standalone import Launch, Standalone

EVIL = "<script>alert(1)</script><b>bold</b>"
REFUSED = "550 5.1.1 <i>no such user</i>"
VIEWER_PASSWORD = "a viewer's long password"


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    """Stopped, so that what is stored waits; with a viewer beside the admin."""
    service = standalone_module(CONTACT_EMAIL="support@example.com")
    token = service.login()
    assert service.post("/api/service-control", {"action": "stop"}, token=token).status == 200
    vera = {"username": "vera", "password": VIEWER_PASSWORD, "role": "viewer"}
    assert service.post("/api/users", vera, token=token).status == 201
    return service


@contextmanager
def database_of(service: Standalone) -> Iterator[Database]:
    database = open_database(file_url(service.database))
    try:
        yield database
    finally:
        database.close()


@pytest.fixture
def operator(service: Standalone) -> Reader:
    reader = Reader(service)
    assert reader.log_in()[0] == 303
    return reader


@pytest.fixture
def viewer(service: Standalone) -> Reader:
    reader = Reader(service)
    assert reader.log_in(VIEWER_PASSWORD, username="vera")[0] == 303
    return reader


def write(service: Standalone, subject: str, name: str = "Ann") -> str:
    words = {"full_name": name, "email": "ann@example.com", "subject": subject, "message": EVIL}
    answer = service.post("/api/email/emails", words)
    assert answer.status == 201, answer.json
    return str(answer.json["id"])


def suppress(service: Standalone, *addresses: str) -> None:
    refused = [
        KnownRecipient(Kind.TO, address, "", RecipientState.REFUSED, REFUSED, bad_address=True)
        for address in addresses
    ]
    with database_of(service) as database:
        database.run(lambda connection: suppress_refused(connection, 17, refused))


def is_suppressed(service: Standalone, address: str) -> bool:
    with database_of(service) as database, database.read() as connection:
        return address in suppressed_among(connection, [address])


def test_a_message_is_read_cancelled_and_tried_again(
    service: Standalone, operator: Reader, viewer: Reader
) -> None:
    number = write(service, f"Delivery {EVIL}", name=EVIL)
    page = f"/console/contact-messages/{number}"

    listed = operator.get("/console/contact-messages")[2]
    shown = operator.get(page)[2]
    assert f'href="{page}"' in listed
    for text in (listed, shown):
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert EVIL not in text

    asked = operator.send(f"{page}/cancel", {"form_token": form_token(shown)})
    assert "Let this message not be sent" in asked[2]
    done = operator.send(f"{page}/cancel", {"form_token": form_token(shown), "sure": "yes"})
    assert (done[0], done[1]["Location"]) == (303, page)
    assert '<span class="state cancelled">Cancelled</span>' in operator.get(page)[2]
    cancelled = operator.get("/console/contact-messages?status=Cancelled")[2]
    assert page in cancelled
    assert page not in operator.get("/console/contact-messages?status=Failed")[2]

    again = operator.send(f"{page}/retry", {"form_token": form_token(shown)})
    assert again[0] == 303
    assert '<span class="state queued">Pending</span>' in operator.get(page)[2]
    refused = operator.send(f"{page}/retry", {"form_token": form_token(shown)})
    assert refused[0] == 409
    assert "only one that failed" in refused[2]

    seen = viewer.get(page)[2]
    assert "Cancel" not in seen
    mine = form_token(seen)
    assert viewer.send(f"{page}/cancel", {"form_token": mine, "sure": "yes"})[0] == 403


def test_failed_messages_are_tried_again_together(service: Standalone, operator: Reader) -> None:
    page = operator.get("/console/contact-messages")[2]

    answer = operator.send(
        "/console/contact-messages/retry-failed", {"form_token": form_token(page)}
    )

    assert (answer[0], answer[1]["Location"]) == (303, "/console/contact-messages")
    assert "Messages that wait to be sent again: 0." in operator.get("/console/contact-messages")[2]


def test_a_message_that_is_not_there_is_an_error_that_says_so(operator: Reader) -> None:
    status, _, page = operator.get(f"/console/contact-messages/{uuid.uuid4()}")

    assert (status, "Nothing has this id" in page) == (404, True)


def test_an_address_is_found_and_let_go_by_an_operator(
    service: Standalone, operator: Reader, viewer: Reader
) -> None:
    suppress(service, "gone@example.com", "a/b+c@example.com")

    listed = operator.get("/console/suppressions")[2]
    assert "gone@example.com" in listed
    assert "550 5.1.1 &lt;i&gt;no such user&lt;/i&gt;" in listed
    assert 'href="/console/emails/17"' in listed
    found = operator.get("/console/suppressions?address=GONE%40example.com")[2]
    assert "gone@example.com" in found
    assert "a/b+c@example.com" not in found
    assert "it gets its emails" in operator.get("/console/suppressions?address=x%40y.org")[2]

    fields = {"form_token": form_token(listed), "address": "a/b+c@example.com"}
    assert "Send to a/b+c@example.com again?" in operator.send("/console/suppressions", fields)[2]
    assert is_suppressed(service, "a/b+c@example.com")
    assert operator.send("/console/suppressions", {**fields, "sure": "yes"})[0] == 303
    assert not is_suppressed(service, "a/b+c@example.com")
    again = operator.send("/console/suppressions", {**fields, "sure": "yes"})
    assert (again[0], "not on the list any more" in again[2]) == (404, True)

    seen = viewer.get("/console/suppressions")[2]
    assert "Remove" not in seen
    fields = {"form_token": form_token(seen), "address": "gone@example.com", "sure": "yes"}
    assert viewer.send("/console/suppressions", fields)[0] == 403
    assert is_suppressed(service, "gone@example.com")


def unsubscribe_all(service: Standalone, *left: tuple[str, str]) -> None:
    with database_of(service) as database, database.write() as connection:
        for address, list_name in left:
            unsubscribe(connection, Subscription(address, list_name, 17))


def test_who_has_left_a_list_is_shown_and_put_back_by_an_operator(
    service: Standalone, operator: Reader, viewer: Reader
) -> None:
    unsubscribe_all(service, ("lea@example.com", "news"), ("lea@example.com", "offers"))
    unsubscribe_all(service, *[(f"a{number:02}@example.com", "news") for number in range(49)])

    first = operator.get("/console/suppressions")[2]
    (further,) = re.findall(r'href="(/console/suppressions\?off_after=[^"]+)"', first)
    second = operator.get(further.replace("&amp;", "&"))[2]
    found = operator.get("/console/suppressions?address=Lea%40example.com")[2]
    token = form_token(found)
    fields = {"form_token": token, "address": "lea@example.com", "list": "news"}
    asked = operator.send("/console/suppressions/lists", fields)[2]
    done = operator.send("/console/suppressions/lists", {**fields, "sure": "yes"})[0]

    off = re.compile(r">(\S+@example.com)</th>\s*<td data-label=\"List\" class=\"break\">(\w+)")
    assert len(off.findall(first)) == 50
    assert off.findall(second) == [("lea@example.com", "offers")]
    assert off.findall(found) == [("lea@example.com", "news"), ("lea@example.com", "offers")]
    assert "Put lea@example.com back on the list news?" in asked
    assert done == 303
    seen = viewer.get("/console/suppressions?address=lea%40example.com")[2]
    assert off.findall(seen) == [("lea@example.com", "offers")]
    assert "Put back" not in seen
    fields = {"form_token": form_token(seen), "address": "lea@example.com", "list": "offers"}
    assert viewer.send("/console/suppressions/lists", {**fields, "sure": "yes"})[0] == 403


def test_the_send_log_is_filtered_and_taken_along_as_a_file(
    service: Standalone, viewer: Reader
) -> None:
    token = service.login()
    key = service.post("/api/keys", {"name": "shop", "smtp_config_id": 1}, token=token).json["key"]
    for recipient in ("ann@example.com", "bob_b@example.org"):
        words = {"key": key, "recipient": recipient, "subject": "Hi", "body": "Hi"}
        assert service.post("/send-email", words).status == 202

    whole = viewer.get("/console/send-log")[2]
    found = viewer.get("/console/send-log?query=bob_b%40&status=queued")[2]
    none = viewer.get("/console/send-log?status=sent")[2]
    file = viewer.get("/console/send-log/file?query=bob_b%40&status=queued")

    assert re.findall(r"(ann@example.com|bob_b@example.org)</th>", whole) == [
        "bob_b@example.org",
        "ann@example.com",
    ]
    assert re.findall(r"(ann@example.com|bob_b@example.org)</th>", found) == ["bob_b@example.org"]
    assert "/console/send-log/file?status=queued&amp;query=bob_b%40" in found
    assert "No request matches." in none
    assert 'filename="send-log.csv"' in file[1]["Content-Disposition"]
    assert len(file[2].splitlines()) == 2
    assert "bob_b@example.org" in file[2]


def test_they_look_well_with_much_in_them_and_ask_in_place(
    browser: Browser, service: Standalone
) -> None:
    suppress(service, f"{'long' * 40}@example.com")
    number = write(service, "W" * 190, name="Ä" * 100)
    pages = (
        "/console/contact-messages",
        f"/console/contact-messages/{number}",
        "/console/suppressions",
        "/console/send-log",
    )
    with sight_of(browser, service, size=NARROW) as sight:
        sight.log_in()
        for path in pages:
            sight.open(path)
            assert (path, sight.barriers(), sight.is_too_wide()) == (path, [], False)
        sight.open("/console/suppressions?address=gone%40example.com")
        suppress(service, "gone@example.com")
        sight.open("/console/suppressions?address=gone%40example.com")
        sight.page.get_by_role("button", name="Remove").click()
        sight.page.get_by_role("button", name="Send again").click()
        expect(sight.page.get_by_text("gone@example.com gets emails again.")).to_be_visible()
        assert sight.complaints == []
        assert sight.elsewhere == []
    assert not is_suppressed(service, "gone@example.com")
