"""The list of emails and one email: search, decisions, and contents that mean harm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from playwright.sync_api import Browser, expect

from shared.console.email_frame import with_inline
from shared.database.database import Database
from shared.database.engine import file_url, open_engine
from shared.outbox.sending.finish import Outcome
from tests.console.browser import sight_of
from tests.console.contents import HTML_IN_A_NAME, Elsewhere, hostile, stored
from tests.console.reader import Reader, form_token
from tests.support.emails import ended_while_stopped, many_emails
from tests.support.standalone import Launch, Standalone

PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q"
    "DwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    """A service that sends nothing, so that each email stays as a test has made it."""
    service = standalone_module()
    stopped = service.post("/api/service-control", {"action": "stop"}, token=service.login())
    assert stopped.status == 200
    return service


@pytest.fixture(scope="module")
def queue(service: Standalone) -> Iterator[Database]:
    database = Database(open_engine(file_url(service.database)))
    yield database
    database.close()


@pytest.fixture(scope="module")
def reader(service: Standalone) -> Reader:
    reader = Reader(service)
    reader.log_in()
    return reader


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    server = Elsewhere()
    yield server
    server.close()


def listed(reader: Reader, query: str) -> list[int]:
    status, _, page = reader.get(f"/console/emails?{query}")
    assert status == 200, page
    return [int(number) for number in re.findall(r'scope="row".*?/console/emails/(\d+)"', page)]


def state_of(service: Standalone, number: int) -> str:
    answer = service.get(f"/api/emails/{number}", token=service.login())
    return str(answer.json["status"])


def decide(reader: Reader, **fields: str) -> tuple[int, str]:
    """What the list answers to a decision: the status, and where it leads or what it says."""
    token = form_token(reader.get("/console/emails")[2])
    status, headers, page = reader.send("/console/emails", {"form_token": token, **fields})
    return status, headers.get("Location", page)


def test_emails_are_found_by_what_is_known_of_them(service: Standalone, reader: Reader) -> None:
    tagged = stored(service, subject="Invoice 100%_off", tags=["billing"])
    other = stored(service, subject="Newsletter", recipients=["bob@example.org"])
    request = service.get(f"/api/emails/{other}", token=service.login()).json["request_id"]

    assert listed(reader, "q=100%25_off") == [tagged]
    assert listed(reader, "q=bob@example.org") == [other]
    assert listed(reader, f"q=%23{tagged}")[0] == tagged
    assert listed(reader, f"q={request}") == [other]
    assert listed(reader, "q=tag:billing") == [tagged]
    assert listed(reader, "q=tag:bill&state=queued&way=api") == [tagged]
    assert listed(reader, "q=tag:billing&way=sql") == []
    assert listed(reader, "q=tag:billing&since=2026-01-01") == [tagged]
    assert listed(reader, "q=tag:billing&until=2026-01-01") == []
    assert reader.get("/console/emails?since=2026-02-31")[0] == 422


def test_pages_go_on_where_the_last_one_ended_though_emails_come(
    queue: Database, reader: Reader
) -> None:
    many_emails(queue, 60, "Y")
    _, _, first = reader.get("/console/emails?state=sent")
    older = re.search(r'href="(/console/emails\?[^"]*after=[^"]*)"', first)
    assert older
    numbers = listed(reader, "state=sent")
    many_emails(queue, 3, "Y")
    rest = listed(reader, unescape(older[1]).partition("?")[2])

    assert (len(numbers), len(rest)) == (50, 10)
    assert len({*numbers, *rest}) == 60


def test_a_chosen_set_is_cancelled_and_tried_again_after_a_question(
    service: Standalone, reader: Reader
) -> None:
    numbers = [stored(service, subject=f"Chosen {place}") for place in range(2)]
    token = form_token(reader.get("/console/emails")[2])
    chosen = [("form_token", token), ("action", "cancel"), *(("ids", str(n)) for n in numbers)]

    status, _, page = reader.send("/console/emails", chosen)
    assert (status, "Let 2 emails not be sent?" in page) == (200, True)
    assert state_of(service, numbers[0]) == "queued"

    status, headers, _ = reader.send("/console/emails", [*chosen, ("sure", "yes")])
    assert (status, headers["Location"]) == (303, "/console/emails")
    assert "2 emails cancelled." in reader.get("/console/emails")[2]
    assert [state_of(service, number) for number in numbers] == ["cancelled", "cancelled"]


def test_all_that_match_are_meant_where_somebody_says_so(
    service: Standalone, reader: Reader
) -> None:
    numbers = [stored(service, subject=f"Matched {place}") for place in range(3)]
    left = stored(service, subject="Left alone")

    filters = {"q": "Matched", "state": "queued", "all": "yes"}
    status, there = decide(reader, action="cancel", sure="yes", **filters)

    assert (status, there) == (303, "/console/emails?q=Matched&state=queued")
    assert {state_of(service, number) for number in numbers} == {"cancelled"}
    assert state_of(service, left) == "queued"


def test_a_decision_about_nothing_says_what_to_do_and_keeps_the_filter(reader: Reader) -> None:
    status, page = decide(reader, action="cancel", q="Left", state="queued")

    assert status == 422
    assert "Choose emails in the list first" in page
    assert 'value="Left"' in page


def test_a_number_that_no_email_can_have_is_no_error_of_ours(reader: Reader) -> None:
    status, page = decide(reader, action="cancel", ids="9" * 20)

    assert status == 422
    assert "Some values are missing or not acceptable" in page


def test_what_can_not_be_decided_is_told_and_stops_no_other(
    service: Standalone, queue: Database, reader: Reader
) -> None:
    failed = ended_while_stopped(queue, Outcome.FAILED, {}, reason="550 no such user")
    waiting = stored(service)
    token = form_token(reader.get("/console/emails")[2])
    chosen = [("ids", str(waiting)), ("ids", str(failed)), ("action", "retry"), ("sure", "yes")]

    reader.send("/console/emails", [("form_token", token), *chosen])

    told = unescape(reader.get("/console/emails")[2])
    assert "1 email queued again." in told
    assert f"email {waiting} is queued" in told
    assert state_of(service, failed) == "queued"


@pytest.mark.parametrize(("action", "then"), [("sent", "sent"), ("resend", "queued")])
def test_an_unknown_email_is_resolved_with_the_servers_last_words_beside(
    service: Standalone, queue: Database, reader: Reader, action: str, then: str
) -> None:
    said = f"the connection broke {HTML_IN_A_NAME}"
    number = ended_while_stopped(queue, Outcome.UNKNOWN, {}, reason=said, reply=said)
    page = reader.get(f"/console/emails/{number}")[2]

    assert "Was it delivered?" in page
    assert f"the connection broke {HTML_IN_A_NAME}" in unescape(page)
    assert HTML_IN_A_NAME not in page
    in_list = reader.get("/console/emails?state=unknown")[2]
    assert "the connection broke" in in_list
    fields = {"form_token": form_token(page), "action": action}
    assert "Are you sure?" in reader.send(f"/console/emails/{number}", fields)[2]
    assert reader.send(f"/console/emails/{number}", {**fields, "sure": "yes"})[0] == 303
    assert state_of(service, number) == then


def test_an_email_says_in_a_sentence_what_happens_to_it_next(
    service: Standalone, reader: Reader
) -> None:
    number = stored(service)

    page = reader.get(f"/console/emails/{number}")[2]

    assert "It waits: the service is stopped." in page
    assert "It is on its way." in page
    assert reader.get("/console/emails/2147483647")[0] == 404


def test_files_and_source_are_downloads_that_no_browser_shows_in_our_name(
    service: Standalone, reader: Reader
) -> None:
    file = {
        "filename": "Tom & Ann.html",
        "content_type": "text/html",
        "content_base64": "PHNjcmlwdD4=",
    }
    number = stored(service, attachments=[file])

    page = reader.get(f"/console/emails/{number}")[2]
    assert "Tom &amp; Ann.html" in page
    status, headers, text = reader.get(f"/console/emails/{number}/files/0")
    assert (status, text) == (200, "<script>")
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["Content-Type"] == "application/octet-stream"
    status, headers, text = reader.get(f"/console/emails/{number}/message")
    assert (status, headers["Content-Type"]) == (200, "message/rfc822")
    assert headers["Content-Disposition"].startswith("attachment")
    assert "Subject: Your order" in reader.get(f"/console/emails/{number}/source")[2]


def test_a_picture_of_the_email_itself_is_shown_and_an_svg_is_not(
    service: Standalone, reader: Reader
) -> None:
    files = [
        {
            "filename": "a.png",
            "content_type": "image/png",
            "content_base64": PICTURE,
            "content_id": "logo",
        }
    ]
    html = '<img src="cid:logo"><img src="cid:other">'
    number = stored(service, html_content=html, attachments=files)

    status, _, shown = reader.get(f"/console/emails/{number}/html")

    assert status == 200
    assert shown == f'<img src="data:image/png;base64,{PICTURE}"><img src="cid:other">'
    assert with_inline("cid:a", {}) == "cid:a"


def test_an_email_that_means_harm_runs_nothing_and_loads_nothing(
    browser: Browser, service: Standalone, reader: Reader, elsewhere: Elsewhere
) -> None:
    html = hostile(elsewhere.address)
    number = stored(service, html_content=html, subject=HTML_IN_A_NAME)
    with sight_of(browser, service) as sight:
        sight.go_on_as(reader)
        sight.open(f"/console/emails/{number}")
        page, frame = sight.page, sight.page.frame_locator("iframe.email")
        expect(frame.get_by_role("heading", name="Dear customer")).to_be_visible()
        assert HTML_IN_A_NAME in page.title()
        frame.get_by_role("button", name="Log in").click()
        frame.get_by_role("link", name="There").click()
        frame.get_by_role("link", name="Here", exact=True).click()
        assert page.url.endswith(f"/console/emails/{number}")

        # The frame alone, at its own address, is as harmless.
        sight.open(f"/console/emails/{number}/html")
        expect(page.get_by_role("heading", name="Dear customer")).to_be_visible()
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("link", name="There").click()
        assert page.url.endswith(f"/console/emails/{number}/html")
        assert page.title() == ""
    assert elsewhere.asked == []


def test_remote_pictures_are_loaded_when_somebody_says_so_and_nothing_else(
    browser: Browser, service: Standalone, reader: Reader, elsewhere: Elsewhere
) -> None:
    number = stored(service, html_content=hostile(elsewhere.address))
    with sight_of(browser, service) as sight:
        sight.go_on_as(reader)
        sight.open(f"/console/emails/{number}")
        with sight.page.expect_response(f"{elsewhere.address}/picture.png"):
            sight.page.get_by_role("link", name="Load remote pictures").click()
    assert set(elsewhere.asked) <= {"/picture.png", "/back.png"}


def test_the_frame_is_for_our_own_pages_alone(service: Standalone, reader: Reader) -> None:
    number = stored(service, html_content=hostile("https://evil.example"))

    _, headers, page = reader.get(f"/console/emails/{number}/html")

    assert page == hostile("https://evil.example")
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'; ")
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Referrer-Policy"] == "no-referrer"
