"""One-click unsubscribe: the link in an email, what it does, and what it does not."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from sqlalchemy import text

from shared.app import Application
from shared.delivery.dispatcher import Order, drain
from shared.unsubscribing.unsubscribed import list_named
from tests.emails.conftest import Api
from tests.support.emails import let_retries_come_due
from tests.support.queue import Queue
from tests.support.smtp import SmtpServer

BASE = "https://mail.example.com"
ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def server(app: Application, smtp_server: Callable[..., SmtpServer]) -> SmtpServer:
    app.settings = app.settings.model_copy(update={"public_url": BASE})
    server = smtp_server()
    Queue(app).account(server, Rowpost_Default="Y")
    return server


def send(app: Application) -> None:
    drain(app, Order(seconds=20))


def last(server: SmtpServer) -> EmailMessage:
    return email.message_from_bytes(server.messages[-1].content, policy=email.policy.default)


def path_in(server: SmtpServer) -> str:
    """The path of the link in the email that came last, as its octets have it."""
    found = re.search(
        rb"^List-Unsubscribe: <https://mail\.example\.com(/unsubscribe/[\w-]+)>\r$",
        server.messages[-1].content,
        re.MULTILINE,
    )
    assert found, server.messages[-1].content
    return found[1].decode()


def ask_for_a_link(app: Application, email_id: int, option: str) -> None:
    """As an application does beside its row."""
    options = text("INSERT INTO Rowpost_Options (EmailId, Unsubscribe) VALUES (:id, :option)")
    with app.database().write() as connection:
        connection.execute(options, {"id": email_id, "option": option})


def test_an_email_that_asks_for_it_carries_the_link_on_one_line_that_nothing_encodes(
    app: Application, api: Api, server: SmtpServer
) -> None:
    recipient = f"{'a' * 60}@{'b' * 60}.example"
    api.send(recipients=[recipient], unsubscribe=True)
    api.send(recipients=["eve@example.com"])

    send(app)

    with_link, without = sorted(server.messages, key=lambda one: b"List-" not in one.content)
    head = with_link.content.partition(b"\r\n\r\n")[0]
    (line,) = [line for line in head.split(b"\r\n") if line.startswith(b"List-Unsubscribe:")]
    assert b"=?" not in head
    assert re.fullmatch(rb"List-Unsubscribe: <https://mail\.example\.com/unsubscribe/\S+>", line)
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in head + b"\r\n"
    assert recipient.encode() not in line
    assert b"List-Unsubscribe" not in without.content


def test_looking_at_the_page_changes_nothing_and_one_click_ends_that_list_alone(
    app: Application, api: Api, server: SmtpServer
) -> None:
    api.send(unsubscribe="News")
    send(app)
    path = path_in(server)

    page = api.get(path)
    before = api.get("/api/unsubscribed", list="news").json["items"]
    clicked = [api.post(path, ONE_CLICK, FORM) for _ in range(2)]
    again = api.send(unsubscribe="news")
    other, plain = api.send(unsubscribe=True), api.send()
    send(app)

    assert page.status == 200
    assert b"a***@example.com" in page.body
    assert b"ann@example.com" not in page.body
    assert b'<form method="post">' in page.body
    assert before == []
    assert [reply.status for reply in clicked] == [200, 200]
    assert not any("Set-Cookie" in reply.headers for reply in (page, *clicked))
    events = api.get("/api/events", types="email.unsubscribed").json["items"]
    assert [(event["email_id"], event["recipient"]) for event in events] == [(1, "ann@example.com")]
    (gone,) = api.get("/api/unsubscribed", list="news").json["items"]
    assert api.get("/api/unsubscribed", address="Ann@example.com").json["items"] == [gone]
    assert api.get("/api/unsubscribed", address="bob@example.com").json["items"] == []
    assert (gone["address"], gone["list"], gone["email_id"]) == ("ann@example.com", "news", 1)
    states = {number: Queue(app).became(number).state for number in (again, other, plain)}
    assert states == {again: "F", other: "Y", plain: "Y"}
    assert Queue(app).became(again).reason == (
        'ann@example.com: not tried: unsubscribed from the list "news"'
    )


def test_whoever_wants_the_list_again_is_put_back_on_it(
    app: Application, api: Api, server: SmtpServer
) -> None:
    api.send(unsubscribe=True)
    send(app)
    api.post(path_in(server), ONE_CLICK, FORM)

    again = api.delete("/api/unsubscribed/default/ann@example.com")
    unknown = api.delete("/api/unsubscribed/default/ann@example.com")
    number = api.send(unsubscribe=True)
    send(app)

    assert (again.status, unknown.status) == (200, 404)
    assert Queue(app).became(number).state == "Y"


@pytest.mark.parametrize("damage", [lambda t: t[:-3], lambda t: "x" + t, lambda t: "?" * 3000])
def test_a_link_that_nobody_was_given_is_not_found(
    app: Application, api: Api, server: SmtpServer, damage: Callable[[str], str]
) -> None:
    api.send(unsubscribe=True)
    send(app)
    token = path_in(server).rpartition("/")[2]

    path = f"/unsubscribe/{damage(token).replace('?', 'a')}"
    replies = (api.get(path), api.post(path, ONE_CLICK, FORM))

    assert [reply.status for reply in replies] == [404, 404]
    assert api.get("/api/unsubscribed").json["items"] == []


def test_the_link_of_an_email_in_test_mode_is_of_whoever_got_it(
    app: Application, api: Api, server: SmtpServer
) -> None:
    app.settings = app.settings.model_copy(update={"redirect_to": "tester@example.com"})
    api.send(recipients=["ann@example.com"], unsubscribe="news")
    send(app)

    assert api.post(path_in(server), ONE_CLICK, FORM).status == 200

    gone = api.get("/api/unsubscribed", list="news").json["items"]
    assert [one["address"] for one in gone] == ["tester@example.com"]
    app.settings = app.settings.model_copy(update={"redirect_to": None})
    api.send(recipients=["ann@example.com"], unsubscribe="news")
    send(app)
    assert last(server)["To"] == "ann@example.com"


def test_an_application_asks_for_it_with_a_row_of_its_options(
    app: Application, server: SmtpServer
) -> None:
    queue = Queue(app)
    news, several, odd = queue.add(), queue.add(dd_ccEmailid="bob@example.com"), queue.add()
    ask_for_a_link(app, news[0], "Yes")
    ask_for_a_link(app, several[0], "news")
    ask_for_a_link(app, odd[0], "<script>")

    send(app)

    assert path_in(server)
    assert len(server.messages) == 1
    assert queue.states() == {"Y": 1, "F": 2}
    assert "one recipient alone" in queue.became(several[0]).reason
    assert "the name of its list" in queue.became(odd[0]).reason


def test_without_a_public_address_the_api_says_so_and_a_row_waits_for_one(
    app: Application, api: Api, server: SmtpServer
) -> None:
    app.settings = app.settings.model_copy(update={"public_url": None})
    (waiting,) = Queue(app).add()
    ask_for_a_link(app, waiting, "news")

    refused = api.post(
        "/api/emails",
        {"subject": "x", "recipients": ["a@x.org"], "text_content": "x", "unsubscribe": True},
    )
    send(app)

    assert refused.status == 422
    assert refused.json["errors"][0]["field"] == "unsubscribe"
    assert "ROWPOST_PUBLIC_URL" in refused.json["errors"][0]["message"]
    held = Queue(app).became(waiting)
    assert (held.state, held.retries) == ("N", 0)
    assert "ROWPOST_PUBLIC_URL" in held.reason
    app.settings = app.settings.model_copy(update={"public_url": BASE})
    del app.unsubscribe_key
    let_retries_come_due(app.database())
    send(app)
    assert Queue(app).became(waiting).state == "Y"


def test_two_recipients_of_one_email_cannot_have_a_link_each(api: Api, server: SmtpServer) -> None:
    several = {
        "subject": "x",
        "recipients": ["a@x.org", "b@x.org"],
        "text_content": "x",
        "unsubscribe": "news",
    }

    refused = api.post("/api/emails", several)

    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "unsubscribe")


@pytest.mark.parametrize(
    ("option", "name"),
    [
        (None, None),
        (False, None),
        ("N", None),
        (" ", None),
        (True, "default"),
        ("1", "default"),
        ("Yes", "default"),
        (" Weekly  News ", "weekly news"),
    ],
)
def test_what_an_option_names(option: object, name: str | None) -> None:
    assert list_named(option) == name


@pytest.mark.parametrize("option", ["a\x00b", "<b>", "x" * 51, "-"])
def test_what_is_no_name_of_a_list(option: str) -> None:
    with pytest.raises(ValueError, match="the name of its list"):
        list_named(option)
