"""The console's pages of administration, in a browser: each action, and who may not."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.browser import Sight, sight_of
from tests.support.smtp import SmtpServer, only
from tests.support.standalone import USERNAME, Standalone

PASSWORD_OF_ALL = "a password of their own"
HOSTILE = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def admin(browser: Browser, service: Standalone) -> Iterator[Sight]:
    """The admin, with JavaScript, for all tests of the module."""
    with sight_of(browser, service) as sight:
        sight.log_in()
        yield sight


@pytest.fixture(scope="module")
def plain_admin(browser: Browser, service: Standalone, admin: Sight) -> Iterator[Sight]:
    """The same admin in a browser without JavaScript."""
    with sight_of(browser, service, script=False) as sight:
        sight.page.context.add_cookies(admin.page.context.cookies())  # type: ignore[arg-type]
        yield sight


@pytest.fixture(autouse=True)
def nothing_is_amiss(admin: Sight, plain_admin: Sight) -> Iterator[None]:
    """In the end nothing was complained about but answers to a wrong form."""
    yield
    for sight in (admin, plain_admin):
        assert [one for one in sight.complaints if "status of 422" not in one] == []
        assert sight.elsewhere == []
        sight.complaints.clear()


@contextmanager
def logged_in(
    browser: Browser, service: Standalone, username: str, password: str = PASSWORD_OF_ALL
) -> Iterator[Sight]:
    with sight_of(browser, service, script=False) as sight:
        sight.log_in(username, password)
        yield sight


def add_user(service: Standalone, username: str, role: str) -> None:
    user = {"username": username, "password": PASSWORD_OF_ALL, "role": role}
    assert service.post("/api/users", user, token=service.login()).status == 201


def yes(page: Page, button: str) -> None:
    """Answer the question that is asked in place, or without JavaScript on a page of its own."""
    asked = page.get_by_role("dialog").or_(page.locator("main:has(input[name=sure])"))
    asked.get_by_role("button", name=button, exact=True).click()


def said(page: Page, words: str) -> None:
    expect(page.get_by_role("status").filter(has_text=words)).to_be_visible()


def cells(page: Page) -> list[list[str]]:
    """The table's rows."""
    page.wait_for_load_state()
    rows = page.locator("tbody tr").all()
    return [row.locator("th, td").all_inner_texts() for row in rows]


def test_users_are_added_changed_logged_out_and_removed(
    admin: Sight, browser: Browser, service: Standalone
) -> None:
    page = admin.page
    admin.open("/console/users")
    page.get_by_label("User name").fill("Admin")
    page.get_by_label("Password").fill(PASSWORD_OF_ALL)
    page.get_by_role("button", name="Add the user").click()
    expect(page.locator("#username-wrong")).to_contain_text("looks like it")
    page.get_by_label("User name").fill(HOSTILE)
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Add the user").click()
    said(page, "The password is weak")
    assert [row[1:3] for row in cells(page) if row[0] == HOSTILE] == [["viewer", "an admin"]]

    page.get_by_role("link", name=f"Change {HOSTILE}").click()
    page.get_by_label("What the user may do").select_option("admin")
    page.get_by_role("button", name="Change the role").click()
    said(page, "is admin now")
    page.get_by_role("link", name=f"Change {HOSTILE}").click()
    page.get_by_label("New password").fill(PASSWORD_OF_ALL)
    page.get_by_role("button", name="Change the password").click()
    said(page, "has another password")
    with logged_in(browser, service, HOSTILE) as theirs:
        change_oneself(theirs)
        page.get_by_role("link", name=f"Change {HOSTILE}").click()
        page.get_by_role("button", name="Log out everywhere").click()
        yes(page, "Log out")
        said(page, "is logged out everywhere")
        theirs.open("/console")
        expect(theirs.page.get_by_role("button", name="Log in")).to_be_visible()
    page.get_by_role("link", name=f"Change {HOSTILE}").click()
    page.get_by_role("button", name="Remove the user").click()
    page.get_by_role("dialog").get_by_role("button", name="Leave it").click()
    page.get_by_role("button", name="Remove the user").click()
    yes(page, "Remove")
    said(page, "is removed")
    assert [row[0] for row in cells(page)] == [f"{USERNAME} you"]


def change_oneself(theirs: Sight) -> None:
    """Whoever has another password or role of their own doing stays logged in."""
    itself = theirs.page.get_by_role("link", name=f"Change {HOSTILE}")
    theirs.open("/console/users")
    itself.click()
    theirs.page.get_by_label("New password").fill("quite another password")
    theirs.page.get_by_role("button", name="Change the password").click()
    itself.click()
    theirs.page.get_by_label("What the user may do").select_option("operator")
    theirs.page.get_by_role("button", name="Change the role").click()
    expect(theirs.page.get_by_role("heading", name="Overview")).to_be_visible()


def test_a_key_is_made_shown_once_and_revoked(plain_admin: Sight, service: Standalone) -> None:
    page = plain_admin.page
    plain_admin.open("/console/keys")
    page.get_by_label("What it is for").fill(HOSTILE)
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("#key").inner_text()
    assert service.get("/api/authenticate", token=key).json["user"]["role"] == "service"
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_visible()
    assert key not in page.content()
    assert cells(page)[0][0].startswith(HOSTILE)
    page.get_by_role("button", name="Revoke").click()
    yes(page, "Revoke")
    said(page, "The key is revoked")
    assert cells(page)[0][1].startswith("revoked")


def test_an_account_is_changed_tried_used_and_removed(
    admin: Sight, smtp_server: Callable[..., SmtpServer]
) -> None:
    page = admin.page
    full = b"452 4.3.1 the disk is <b>full</b>"
    server = smtp_server(reactions={"MAIL": only(1, full)})
    admin.open("/console/accounts")
    page.get_by_role("link", name="Add an account").click()
    page.get_by_role("link", name="A mailbox of your organisation").click()
    assert page.get_by_label("Host").input_value() == "smtp.office365.com"
    assert page.get_by_label("A minute").input_value() == "30"
    page.get_by_label("Name", exact=True).fill(HOSTILE)
    page.get_by_label("Address", exact=True).fill("shop@example.com")
    page.get_by_label("Host").fill("127.0.0.1")
    page.get_by_label("Port").fill(str(server.port))
    page.get_by_label("Encryption", exact=True).select_option("none")
    page.get_by_label("A minute").fill("")
    page.get_by_label("First").select_option(index=1)
    page.get_by_role("button", name="Add the account").click()
    said(page, "is added. Now try it.")
    expect(page.get_by_role("link", name="Rowpost", exact=True).last).to_be_visible()
    expect(page.get_by_text("0 of 10,000 this day")).to_be_visible()
    expect(page.get_by_text("of 30 this minute"), "a limit that was emptied is none").to_have_count(
        0
    )

    page.get_by_label("To", exact=True).fill("boss@example.com")
    page.get_by_role("button", name="Send it").click()
    expect(page.get_by_role("alert")).to_contain_text("the disk is <b>full</b>")
    assert page.get_by_label("To", exact=True).input_value() == "boss@example.com"
    page.get_by_role("button", name="Send it").click()
    said(page, "has accepted the test email to boss@example.com")

    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("The account works")).to_be_visible()
    expect(page.locator(".steps li strong")).to_have_text(
        ["Connect", "Introduce ourselves", "Ask once more", "Say goodbye"]
    )
    assert admin.barriers() == []
    page.get_by_role("link", name="Change", exact=True).click()
    page.get_by_label("User name").fill("shop")
    page.get_by_role("button", name="Save the account").click()
    expect(page.locator("#password-wrong")).to_contain_text("password")
    page.get_by_label("User name").fill("")
    page.get_by_label("A day").fill("7")
    page.get_by_role("button", name="Save the account").click()
    said(page, "The account is changed.")
    expect(page.get_by_text("0 of 7 this day")).to_be_visible()
    server.stop()
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("The account does not work")).to_be_visible()
    page.get_by_role("link", name=HOSTILE).click()
    page.get_by_role("button", name="Remove the account").click()
    yes(page, "Remove")
    said(page, "The account is removed")
    assert len(cells(page)) == 1


def test_an_account_keeps_its_way_out_and_all_its_failovers_in_their_order(
    plain_admin: Sight, service: Standalone
) -> None:
    page, token = plain_admin.page, service.login()
    plain_admin.open("/console/accounts/new?preset=microsoft-graph")
    page.get_by_label("Name", exact=True).fill("Graph")
    page.get_by_label("Address", exact=True).fill("box@example.com")
    page.get_by_role("button", name="Add the account").click()
    said(page, "is added")
    made = [account["id"] for account in service.get("/api/smtp-configs", token=token).json][-1]
    others = [add_account(service, f"Other {number}") for number in range(6)]
    order = {"failover_ids": others[::-1]}
    service.request("PUT", f"/api/smtp-configs/{made}", order, token=token)

    page.get_by_role("link", name="Change", exact=True).click()
    page.get_by_label("Name beside the address").fill("The shop")
    page.get_by_text("Bounces: where").click()
    page.get_by_label("Bounce address").fill("bounces@example.com")
    page.get_by_role("button", name="Save the account").click()
    expect(page.locator("#bounce_address-wrong")).to_contain_text("only SMTP takes another")
    page.get_by_label("Bounce address").fill("")
    page.get_by_role("button", name="Save the account").click()
    said(page, "The account is changed.")
    expect(page.get_by_text("Other 5, then Other 4, then Other 3")).to_be_visible()

    shown = service.get(f"/api/smtp-configs/{made}", token=token).json
    assert (shown["transport"], shown["preset"]) == ("graph", "microsoft-graph")
    assert (shown["display_name"], shown["minute_limit"]) == ("The shop", 30)
    assert shown["failover_ids"] == others[::-1]
    for number in (made, *others):
        service.request("DELETE", f"/api/smtp-configs/{number}", token=token)


def add_account(service: Standalone, name: str) -> int:
    account = {"name": name, "email_address": "a@example.com", "smtp_host": "127.0.0.1"}
    made = service.post("/api/smtp-configs", account, token=service.login())
    assert made.status == 201
    return int(made.json["config_id"])


def test_a_schedule_that_cannot_be_is_refused_beside_its_field(admin: Sight) -> None:
    page = admin.page
    admin.open("/console/schedule")
    page.get_by_label("Time zone").fill("Europe/Berlik")
    for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"):
        page.get_by_label(day).uncheck()
    page.get_by_role("button", name="Show its next runs").click()

    expect(page.locator("#timeZone-wrong")).to_contain_text("IANA name")
    expect(page.locator("#days-wrong")).to_contain_text("Name at least one day")
    assert page.get_by_label("Time zone").input_value() == "Europe/Berlik"
    expect(page.get_by_label("Monday")).not_to_be_checked()
    page.get_by_label("Time zone").fill("America/New_York")
    page.get_by_label("Sunday").check()
    page.get_by_label("From").fill("22:00")
    page.get_by_label("To", exact=True).fill("06:00")
    page.get_by_role("button", name="Show its next runs").click()
    expect(page.get_by_text("between 22:00 and 06:00 of the next day, Sunday")).to_be_visible()
    expect(page.locator("ol.runs li").first).to_contain_text(re.compile("Sunday|Monday"))
    page.get_by_label("Every").fill("30")
    page.get_by_role("button", name="Show its next runs").click()
    expect(page.get_by_text("Every 30 minutes, between 22:00")).to_be_visible()
    assert admin.barriers() == []


def test_who_may_not_sees_no_button_and_is_refused(browser: Browser, service: Standalone) -> None:
    add_user(service, "vera", "viewer")
    add_user(service, "olga", "operator")
    closed = ("first-steps", "database", "users", "keys", "accounts/new", "accounts/1/edit")
    for username, may_send in (("vera", False), ("olga", True)):
        with logged_in(browser, service, username) as sight:
            menu = sight.page.get_by_role("navigation").inner_text()
            assert {"Accounts", "Schedule"} <= set(menu.split("\n"))
            assert not {"Users", "Keys", "Database", "First steps"} & set(menu.split("\n"))
            for path in closed:
                sight.open(f"/console/{path}")
                expect(sight.page.get_by_role("heading", name="Not for you")).to_be_visible()
            sight.open("/console/accounts/1")
            buttons = set(sight.page.locator("main").get_by_role("button").all_inner_texts())
            assert buttons == ({"Send it"} if may_send else set())
            sight.open("/console/schedule")
            assert not sight.page.locator("main").get_by_role("button").count()
            sight.open("/console/first-start")
            refused = sight.page.get_by_role("heading", name="Not for you").count()
            assert bool(refused) is not may_send


# What follows stops the service.
def test_an_adopted_queue_is_started_from_where_somebody_says(
    plain_admin: Sight, service: Standalone
) -> None:
    page = plain_admin.page
    with closing(sqlite3.connect(service.database)) as database, database:
        database.execute(
            "UPDATE Rowpost_Service SET Adopted = 1, StartedAt = NULL, State = 'stopped'"
        )
    plain_admin.open("/console/first-start")
    page.get_by_label("from this id on").check()
    page.get_by_role("button", name="Start sending").click()
    expect(page.locator("#from_id-wrong")).to_contain_text("Give the first id")
    expect(page.get_by_label("from this id on")).to_be_checked()
    page.get_by_label("First id").fill("4711")
    page.get_by_role("button", name="Start sending").click()
    said(page, "Emails are being sent from now on.")
    with closing(sqlite3.connect(service.database)) as database:
        found = database.execute("SELECT FirstId, State FROM Rowpost_Service").fetchall()
    assert found == [(4711, "running")]


def test_a_database_is_tested_before_it_is_saved_and_forgotten_again(
    plain_admin: Sight,
) -> None:
    page = plain_admin.page
    plain_admin.open("/console/database")
    page.get_by_role("button", name="Stop sending").click()
    said(page, "Sending is stopped")
    page.get_by_label("Server").fill("127.0.0.1")
    page.get_by_label("Port").fill("1")
    page.get_by_label("Database", exact=True).fill("mail")
    page.get_by_label("User").fill("sa")
    page.get_by_label("Password").fill("never shown")
    page.get_by_role("button", name="Test it").click()
    expect(page.locator("#server-wrong")).to_be_visible()
    assert page.get_by_label("Database", exact=True).input_value() == "mail"
    assert "never shown" not in page.content()
    page.get_by_label("Password").fill("never shown")
    page.get_by_label("Go on though it does not answer").check()
    page.get_by_role("button", name="Test it").click()
    page.get_by_role("button", name="Save it all the same").click()
    said(page, "The queue lives there now.")
    expect(page.get_by_text("the address saved here")).to_be_visible()
    page.get_by_role("button", name="Forget the saved address").click()
    yes(page, "Forget it")
    said(page, "The saved address is forgotten.")
    plain_admin.open("/console/first-start")
    page.get_by_role("button", name="Start sending").click()
    said(page, "Emails are being sent from now on.")
