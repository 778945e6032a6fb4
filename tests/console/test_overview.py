"""The overview: start, stop and send now, by whom and with which questions, and what it shows."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.console.browser import Sight, sight_of
from tests.console.contents import HTML_IN_A_NAME, stored
from tests.console.reader import Reader, form_token
from tests.support.standalone import Launch, Standalone

VIEWER = {"username": "vera", "password": "a viewer's password", "role": "viewer"}
OPERATOR = {"username": "olga", "password": "an operator's password", "role": "operator"}


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    service = standalone_module()
    for user in (VIEWER, OPERATOR):
        assert service.post("/api/users", user, token=service.login()).status in (200, 201)
    return service


@pytest.fixture(scope="module")
def operator(service: Standalone) -> Reader:
    reader = Reader(service)
    assert reader.log_in(OPERATOR["password"], username=OPERATOR["username"])[0] == 303
    return reader


@pytest.fixture(scope="module")
def viewer(service: Standalone) -> Reader:
    reader = Reader(service)
    assert reader.log_in(VIEWER["password"], username=VIEWER["username"])[0] == 303
    return reader


def status(service: Standalone) -> str:
    return str(service.get("/api/service-status", token=service.login()).json["status"])


def test_an_operator_stops_and_starts_after_a_question_and_sees_it_without_loading(
    browser: Browser, service: Standalone, operator: Reader
) -> None:
    with sight_of(browser, service) as sight:
        sight.go_on_as(operator)
        sight.open("/console")
        page = sight.page
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(page.get_by_role("dialog")).to_contain_text("Stop sending?")
        page.get_by_role("button", name="Leave it").click()
        assert status(service) == "running"

        page.get_by_role("button", name="Stop", exact=True).click()
        page.get_by_role("button", name="Stop sending").click()
        expect(page.get_by_text("Nothing more is sent.")).to_be_visible()
        assert status(service) == "stopped"

        service.post("/api/service-control", {"action": "start"}, token=service.login())
        expect(page.locator("#service .state")).to_have_text("running")
        assert sight.complaints == []


def test_without_javascript_a_page_asks(
    browser: Browser, service: Standalone, operator: Reader
) -> None:
    with sight_of(browser, service, script=False) as sight:
        sight.go_on_as(operator)
        sight.open("/console")
        page = sight.page
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(page.get_by_role("heading", name="Are you sure?")).to_be_visible()
        page.get_by_role("link", name="Leave it").click()
        assert status(service) == "running"

        page.get_by_role("button", name="Stop", exact=True).click()
        page.get_by_role("button", name="Stop sending").click()
        assert status(service) == "stopped"
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_text("Emails are being sent from now on.")).to_be_visible()
        assert status(service) == "running"


def test_send_now_leads_to_its_progress(service: Standalone, operator: Reader) -> None:
    stored(service)
    token = form_token(operator.get("/console")[2])

    status, headers, _ = operator.send("/console/send-now", {"form_token": token, "sure": "yes"})

    assert status == 303
    assert headers["Location"].startswith("/console?begun=")
    assert "Sen" in operator.get(headers["Location"])[2].partition('id="run-title">')[2][:20]


def test_send_now_of_a_stopped_service_says_what_to_do_on_the_same_page(
    operator: Reader,
) -> None:
    token = form_token(operator.get("/console")[2])
    operator.send("/console/stop", {"form_token": token, "sure": "yes"})

    status, _, page = operator.send("/console/send-now", {"form_token": token, "sure": "yes"})

    assert status == 409
    assert "The service is stopped" in page
    assert 'data-address="/console"' in page
    assert operator.send("/console/start", {"form_token": token})[0] == 303


def test_a_viewer_sees_no_button_and_may_press_none(viewer: Reader) -> None:
    page = viewer.get("/console")[2]

    assert "Last 24 hours" in page
    assert page.count("<button") == page.count("Log out</button>") + 2
    assert "Send now" not in page
    for path in ("/console/stop", "/console/start", "/console/send-now"):
        status, _, refused = viewer.send(path, {"form_token": form_token(page), "sure": "yes"})
        assert (status, "Not for you" in refused) == (403, True)


def test_a_viewer_reads_no_content_and_decides_nothing(service: Standalone, viewer: Reader) -> None:
    number = stored(service, subject=HTML_IN_A_NAME)
    page = viewer.get(f"/console/emails/{number}")[2]

    assert "An operator may read it." in page
    assert "It is on its way." not in page
    assert HTML_IN_A_NAME not in page
    for path in ("html", "source", "message", "files/0"):
        assert viewer.get(f"/console/emails/{number}/{path}")[0] == 403
    token = form_token(page)
    decided = {"form_token": token, "sure": "yes", "action": "cancel", "ids": str(number)}
    assert viewer.send("/console/emails", decided)[0] == 403
    assert viewer.send(f"/console/emails/{number}", decided)[0] == 403


def test_times_are_told_in_the_viewers_zone_with_utc_beside(
    browser: Browser, service: Standalone, operator: Reader
) -> None:
    with sight_of(browser, service, zone="Asia/Kolkata") as sight:
        sight.go_on_as(operator)
        stored(service)
        sight.open("/console/emails")
        time = sight.page.locator("table time").first
        expect(time).to_contain_text("UTC")
        local = str(time.evaluate("time => time.firstChild.textContent"))
        minute = int(str(time.get_attribute("datetime"))[14:16])
        assert int(local[-2:]) == (minute + 30) % 60


def test_a_page_of_a_lost_session_says_so_in_place(sight: Sight, operator: Reader) -> None:
    sight.go_on_as(operator)
    sight.open("/console")
    sight.page.context.clear_cookies()

    expect(sight.page.get_by_text("Your session has ended")).to_be_visible()
