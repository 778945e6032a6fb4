"""What a visitor writes, and what the support address gets of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser

import pytest

from functions import contact
from shared.database.database import Database
from shared.security.limits import Limit
from tests.contact.conftest import SUPPORT, WORDS, Files, MakeApp, Visitor, visitor_of
from tests.emails.conftest import Api
from tests.support.api import Client, Reply
from tests.support.emails import became, states

SCRIPT = """"><script>alert('x')</script><img src=x onerror=alert(1)><a href="//x">&amp;{{ 7*7 }}"""


def faults(reply: Reply) -> dict[str, str]:
    assert (reply.status, reply.json["code"]) == (422, "validation_failed"), reply.body
    return {one["field"]: one["message"] for one in reply.json["errors"]}


class Elements(HTMLParser):
    """The names of a page's elements, and the text that a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.names.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_was_written_goes_to_the_support_address_with_answers_to_the_visitor(
    visitor: Visitor, queue: Database
) -> None:
    visitor.wrote()

    stored = became(queue, 1)
    assert (stored.to, stored.reply_to) == (SUPPORT, "john.doe@example.com")
    assert stored.subject == "Contact form: General Inquiry"
    assert (stored.lane, stored.origin, stored.is_html) == ("immediate", "contact", 1)
    for value in WORDS.values():
        assert value in str(stored.body)
        assert value in str(stored.text_alternative)


def test_only_what_is_needed_is_needed(visitor: Visitor, queue: Database) -> None:
    visitor.wrote(phone="", job_profession=None)

    stored = became(queue, 1)
    assert "Phone" not in stored.wording
    assert "Profession" not in stored.wording


@pytest.mark.parametrize("name", ["full_name", "email", "subject", "message"])
@pytest.mark.parametrize("value", ["", " \t ", None])
def test_what_is_needed_has_to_hold_something(
    visitor: Visitor, queue: Database, name: str, value: str | None
) -> None:
    assert list(faults(visitor.writes(**{name: value}))) == [name]
    assert states(queue) == ""


@pytest.mark.parametrize("name", ["full_name", "phone", "job_profession", "subject", "message"])
def test_html_and_script_are_text_in_whatever_field(
    visitor: Visitor, queue: Database, name: str
) -> None:
    said = SCRIPT[:50] if name == "phone" else SCRIPT

    visitor.wrote(**{name: said})

    stored = became(queue, 1)
    page = Elements(str(stored.body))
    assert page.names == {"html", "body", "h1", "table", "tr", "th", "td", "p"}
    assert said in page.text
    assert said in str(stored.text_alternative)
    assert stored.reply_to == "john.doe@example.com"


def test_html_in_the_name_of_a_file_is_text_too(visitor: Visitor, queue: Database) -> None:
    visitor.wrote(file_attached="<script>x</script>.pdf")

    page = Elements(str(became(queue, 1).body))
    assert "script" not in page.names
    assert "<script>x</script>.pdf (not attached: only its name was sent)" in page.text


@pytest.mark.parametrize("name", ["full_name", "phone", "job_profession", "subject"])
@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\u2028", "\x00", "\x85"])
def test_a_line_may_hold_no_line_break(
    visitor: Visitor, queue: Database, name: str, break_: str
) -> None:
    injected = f"x{break_}Bcc: victim@example.org"

    assert list(faults(visitor.writes(**{name: injected}))) == [name]
    assert states(queue) == ""


@pytest.mark.parametrize(
    "address",
    [
        "a@example.com\r\nBcc: victim@example.org",
        "a@example.com\nX: y",
        "a@example.com, victim@example.org",
        "a@example.com; victim@example.org",
        "Support <a@example.com>",
        "<a@example.com>",
        "a@example.com (Support)",
        "a@exa mple.com",
        "a@example.com\x00",
        '<script>alert("x")</script>',
        "nobody",
        "@@@",
        "a@",
        " , ",
    ],
)
def test_an_address_that_is_none_or_more_is_refused_by_name(
    visitor: Visitor, queue: Database, address: str
) -> None:
    assert list(faults(visitor.writes(email=address))) == ["email"]
    assert states(queue) == ""


def test_several_lines_stay_several_lines_in_the_message(visitor: Visitor, queue: Database) -> None:
    visitor.wrote(message="One\r\n\r\nTwo\tthree")

    assert "One\r\n\r\nTwo\tthree" in str(became(queue, 1).text_alternative)


def test_too_long_is_refused_by_name(visitor: Visitor, queue: Database) -> None:
    too_long = {"full_name": 201, "phone": 51, "job_profession": 101, "subject": 201} | {
        "message": 20_001
    }

    refused = faults(visitor.writes(**{name: "x" * length for name, length in too_long.items()}))

    assert set(refused) == set(too_long)
    assert states(queue) == ""


def test_the_widest_that_is_allowed_fits_its_columns(visitor: Visitor, admin: Api) -> None:
    wide = {"full_name": "😀" * 200, "phone": "😀" * 50, "job_profession": "😀" * 100} | {
        "subject": "😀" * 200
    }

    written = visitor.wrote(**wide)

    shown = admin.get(f"/api/email/emails/{written}").json
    assert {name: shown[name] for name in wide} == wide


def test_who_fills_the_hidden_field_is_answered_as_all_and_nothing_is_stored(
    visitor: Visitor, admin: Api, queue: Database
) -> None:
    trapped = visitor.writes(website="https://spam.example")

    assert (trapped.status, set(trapped.json)) == (201, {"id", "status"})
    assert trapped.json["status"] == "Pending"
    assert states(queue) == ""
    assert admin.get("/api/email/emails").json["items"] == []


def test_a_filled_hidden_field_keeps_no_file_either(visitor: Visitor, files: Files) -> None:
    visitor.wrote(("a.pdf", b"%PDF-1.7"), website="x")

    assert files() == []


@pytest.mark.parametrize("setting", [None, "nobody", "a@example.com, b@example.com"])
def test_without_a_support_address_the_answer_says_what_to_set(
    make_app: MakeApp, client: Client, setting: str | None
) -> None:
    app = make_app(**({} if setting is None else {"CONTACT_EMAIL": setting}))
    visitor = visitor_of(app, client)

    refused = visitor.writes()

    assert (refused.status, refused.json["code"]) == (503, "contact_not_set_up")
    assert "CONTACT_EMAIL" in refused.json["message"]
    assert states(app.database()) == ""


def test_an_account_that_is_not_there_is_no_fault_of_the_visitor(
    make_app: MakeApp, client: Client
) -> None:
    app = make_app(CONTACT_EMAIL=SUPPORT, CONTACT_ACCOUNT="GONE")

    refused = visitor_of(app, client).writes(("a.txt", b"Hello"))

    assert (refused.status, refused.json["code"]) == (503, "contact_not_set_up")
    assert "CONTACT_ACCOUNT" in refused.json["message"]
    assert not any(one.is_file() for one in (app.settings.data / "attachments").rglob("*"))


def test_the_same_with_the_same_key_is_one_email(visitor: Visitor, queue: Database) -> None:
    first = visitor.writes(("a.txt", b"Hello"), key="k")
    again = visitor.writes(("a.txt", b"Hello"), key="k")
    other_file = visitor.writes(("a.txt", b"Hallo"), key="k")
    other_name = visitor.writes(("b.txt", b"Hello"), key="k")

    assert (first.status, again.status, again.json) == (201, 201, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other_file.status, other_name.status) == (422, 422)
    assert other_file.json["code"] == "idempotency_key_reused"
    assert states(queue) == "N"


def test_ten_at_the_same_time_with_one_key_are_one_email_and_one_file(
    visitor: Visitor, queue: Database, files: Files
) -> None:
    with ThreadPoolExecutor(10) as threads:
        answers = list(
            threads.map(lambda _: visitor.writes(("a.txt", b"Hello"), key="k"), range(10))
        )

    taken = [one for one in answers if one.status == 201]
    assert {one.status for one in answers} <= {201, 409}
    assert len({one.json["id"] for one in taken}) == 1
    assert states(queue) == "N"
    assert len(files()) == 1


def test_it_takes_20_a_minute_and_200_a_day_from_one_address() -> None:
    writing, *_ = contact.routes.operations

    assert (writing.method, writing.path) == ("POST", "api/email/emails")
    assert writing.limits == (Limit(20, 60), Limit(200, 86_400))
