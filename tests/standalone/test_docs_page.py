"""The page at /api/docs in a real browser: it shows the API, asks nobody else, and tries it out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.support.standalone import PASSWORD, USERNAME, Launch, Standalone
from tests.support.tools import program

PATIENCE = 20_000


@dataclass
class Visit:
    """A page, with all that its browser has complained about and asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    return standalone_module(ROWPOST_CATCHER_PORT="off")


@pytest.fixture
def visit(service: Standalone) -> Iterator[Visit]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"))
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        visit = Visit(page)
        # A violation of the Content-Security-Policy comes as an error on the console.
        page.on(
            "console",
            lambda said: (
                visit.complaints.append(said.text) if said.type in ("error", "warning") else None
            ),
        )
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.on("request", lambda request: visit.requests.append(request.url))
        page.goto(f"{service.base}/api/docs")
        yield visit
        browser.close()


def test_somebody_reads_the_page_logs_in_and_tries_an_endpoint(
    service: Standalone, visit: Visit
) -> None:
    page = visit.page
    operations = service.get("/api/openapi.json").json["paths"]
    expect(page.locator(".opblock")).to_have_count(sum(map(len, operations.values())))

    login = page.locator("#operations-login-logIn")
    login.locator(".opblock-summary").click()
    login.get_by_role("button", name="Try it out").click()
    login.locator("textarea").fill(json.dumps({"username": USERNAME, "password": PASSWORD}))
    with page.expect_response("**/api/authenticate") as answered:
        login.get_by_role("button", name="Execute").click()
    token = answered.value.json()["token"]

    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".modal-ux input").fill(token)
    page.locator(".modal-ux").get_by_role("button", name="Apply credentials").click()
    page.locator(".modal-ux").get_by_role("button", name="Close", exact=True).click()

    who = page.locator("#operations-login-whoAmI")
    who.locator(".opblock-summary").click()
    who.get_by_role("button", name="Try it out").click()
    who.get_by_role("button", name="Execute").click()
    shown = who.locator(".live-responses-table .response").first
    expect(shown.locator(".response-col_status")).to_contain_text("200")
    expect(shown).to_contain_text('"role": "admin"')

    assert visit.complaints == []
    elsewhere = [
        url for url in visit.requests if not url.startswith((service.base + "/api/", "data:"))
    ]
    assert elsewhere == []
