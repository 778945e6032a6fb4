"""The first visit to a fresh system, without JavaScript: from the login to the first sent email."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

from playwright.sync_api import Page, expect

from shared.console.first_steps import Step
from tests.console.browser import Sight
from tests.support.smtp import SmtpServer
from tests.support.standalone import PASSWORD, USERNAME, Standalone

INSERT = (
    "INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_subject, dd_bodyText) "
    "VALUES ('ann@example.com', 'The first one', 'Hi Ann')"
)


def stands(page: Page, **states: str) -> None:
    """These steps are in these states."""
    for step, state in states.items():
        expect(page.locator(f"#step-{step} .state")).to_have_text(state)


def test_somebody_sets_a_fresh_system_up_leaves_comes_back_and_an_email_goes(
    plain_sight: Sight, service: Standalone, smtp_server: Callable[..., SmtpServer]
) -> None:
    server = smtp_server(login=("shop", "an app password"))
    page = plain_sight.page
    plain_sight.open("/console")
    plain_sight.log_in()
    page.get_by_role("link", name="take the first steps").click()
    stands(page, login="done", database="next", account="later", test_email="later", start="done")

    page.get_by_role("button", name="Keep the file").click()
    stands(page, database="done", account="next")
    page.get_by_role("button", name="Take it up again").click()
    stands(page, database="next", account="later")
    page.get_by_role("button", name="Keep the file").click()

    page.get_by_role("link", name="Add an account").click()
    page.get_by_role("link", name="Another mail server").click()
    page.get_by_label("Name", exact=True).fill("The <b>shop</b>")
    page.get_by_label("Address", exact=True).fill("shop@example.com")
    page.get_by_label("Host").fill("127.0.0.1")
    page.get_by_label("Port").fill(str(server.port))
    page.get_by_label("Encryption", exact=True).select_option("none")
    page.get_by_label("User name").fill("shop")
    page.get_by_label("Rows that name no account").check()
    page.get_by_role("button", name="Add the account").click()
    expect(page.locator("#password-wrong")).to_contain_text("Give the account's password too")
    assert page.get_by_label("Name", exact=True).input_value() == "The <b>shop</b>"
    page.locator("#password").fill("an app password")
    page.get_by_role("button", name="Add the account").click()
    expect(page.get_by_role("status").filter(has_text="is added")).to_be_visible()
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("The account works")).to_be_visible()
    assert "an app password" not in page.content()

    # Leave, and come back by another browser's session.
    page.get_by_role("button", name="Log out").click()
    plain_sight.log_in(USERNAME, PASSWORD)
    plain_sight.open("/console/first-steps")
    stands(page, account="done", test_email="next")
    page.get_by_label("To", exact=True).fill("boss@example.com")
    page.get_by_role("button", name="Send it").click()
    expect(page.get_by_text("has accepted the test email to boss@example.com")).to_be_visible()
    assert server.messages[0].recipients == ("boss@example.com",)

    token = service.login()
    page.get_by_role("link", name="Set the schedule").click()
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_role("button", name="Show its next runs").click()
    expect(page.get_by_role("heading", name="This is not saved yet")).to_be_visible()
    expect(page.locator("ol.runs li")).to_have_count(5)
    expect(page.get_by_text("Clocks in Europe/Berlin go")).to_be_visible()
    before = service.get("/api/get-current-config", token=token).json["config"]["email"]
    assert before["timeZone"] == "UTC"
    page.get_by_role("button", name="Save this schedule").click()
    expect(page.get_by_text("The schedule is saved")).to_be_visible()

    page.get_by_role("link", name="First steps", exact=True).click()
    expect(page.get_by_text("All is set up.")).to_be_visible()
    stands(page, **dict.fromkeys(Step, "done"))
    with closing(sqlite3.connect(service.database)) as database, database:
        database.execute(INSERT)
    service.post("/admin/functions/queue_timer", {"input": ""}, token=token)
    assert server.wait_for_messages(2, 30)
    # The one answer that was no success: the account without its password.
    assert [one for one in plain_sight.complaints if "status of 422" not in one] == []
    assert plain_sight.elsewhere == []
