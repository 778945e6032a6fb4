"""What holds for every page: no barrier, no complaint, nothing from elsewhere, no side scroll."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.console.browser import NARROW, sight_of
from tests.console.contents import stored, watched_mailbox
from tests.console.every_page import EVERY_PAGE
from tests.support.standalone import Standalone


def test_every_page_is_without_barriers_complaints_and_foreign_requests(
    browser: Browser, service: Standalone
) -> None:
    stored(service, tags=["order"], html_content="<p>It is on its way.</p>")
    service.wait_for_mail(1)
    watched_mailbox(service)
    found: dict[str, list[str]] = {}
    with sight_of(browser, service, size=NARROW) as sight:
        sight.log_in()
        for name, path in EVERY_PAGE:
            sight.open(path)
            wide = ["it has to be scrolled sideways"] if sight.is_too_wide() else []
            found[name] = [*sight.barriers(), *wide]
        complaints = [one for one in sight.complaints if "status of 404" not in one]
        elsewhere = sight.elsewhere

    assert {name: these for name, these in found.items() if these} == {}
    assert complaints == []
    assert elsewhere == []
