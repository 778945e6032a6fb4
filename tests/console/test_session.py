"""Logging in to the console, forms that are somebody else's, and what is kept of a lost session."""

from __future__ import annotations

import re
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from shared.console.pages import own_address
from tests.console.browser import Sight
from tests.console.reader import Reader, form_token
from tests.support.standalone import PASSWORD, USERNAME, Standalone


@pytest.fixture
def reader(service: Standalone) -> Reader:
    return Reader(service)


@pytest.fixture(scope="module")
def admin(service: Standalone) -> Reader:
    """A reader who has logged in, for tests that leave the session as it is."""
    reader = Reader(service)
    assert reader.log_in()[0] == 303
    return reader


def test_programs_still_find_nothing_at_the_first_address(service: Standalone) -> None:
    assert service.get("/").json["code"] == "not_found"


def test_who_is_not_logged_in_goes_on_to_the_page_that_was_asked_for(reader: Reader) -> None:
    status, headers, _ = reader.get("/console?later=1")

    assert (status, headers["Location"]) == (303, "/console/login?next=/console%3Flater%3D1")
    assert reader.log_in(next="/console?later=1")[1]["Location"] == "/console?later=1"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/console", "/console//evil", "/other", "//["],
)
def test_a_login_leads_to_no_other_place(elsewhere: str) -> None:
    assert own_address(elsewhere) == "/console"


def test_a_wrong_password_is_said_beside_what_was_typed_and_the_password_is_not_shown(
    reader: Reader,
) -> None:
    status, _, page = reader.log_in("wrong <b>password")

    assert status == 401
    assert "The user name or the password is wrong" in page
    assert f'value="{USERNAME}"' in page
    assert "wrong &lt;b&gt;" not in page


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({}, {}),
        ({"form_token": "0" * 64}, {}),
        ({"form_token": "own"}, {"Origin": "https://evil.example"}),
        ({"form_token": "own"}, {"Origin": "null"}),
        ({"form_token": "own"}, {"Origin": ""}),
        ({"form_token": "own"}, {"Sec_Fetch_Site": "cross-site"}),
        ({"form_token": "own"}, {"Sec_Fetch_Site": "same-site"}),
    ],
    ids=["without a token", "foreign token", "other site", "null", "no origin", "cross", "sibling"],
)
def test_a_form_of_somebody_else_is_refused(
    admin: Reader, fields: dict[str, str], headers: dict[str, str]
) -> None:
    token = form_token(admin.get("/console")[2])
    sent = {name: token if value == "own" else value for name, value in fields.items()}

    status, _, page = admin.send("/console/logout", sent, **headers)

    assert status == 403
    assert "This form was not accepted" in page
    assert admin.get("/console")[0] == 200


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://["}, {"Host": "["}, {"Referer": "http://["}], ids=str
)
def test_a_header_that_holds_no_address_is_no_error_of_ours(
    reader: Reader, headers: dict[str, str]
) -> None:
    reader.get("/console/login")

    for path in ("/console/login", "/console/start"):
        status = reader.send(path, {"form_token": "0" * 64}, **headers)[0]
        assert status in (400, 401, 403), (path, status)
    assert reader.get("/console/login?next=//[")[0] == 200


def test_a_form_of_one_browser_is_refused_in_another(reader: Reader, admin: Reader) -> None:
    token = form_token(reader.get("/console/login")[2])

    assert admin.send("/console/logout", {"form_token": token})[0] == 403


def test_the_token_of_the_api_opens_no_page_and_the_cookie_no_endpoint(
    admin: Reader, service: Standalone
) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in admin.cookies.items())

    by_cookie = service.request("GET", "/api/dashboard", headers={"Cookie": cookie})
    assert by_cookie.status == 401
    bearer = HTTPConnection(urlsplit(service.base).netloc, timeout=30)
    bearer.request("GET", "/console", headers={"Authorization": f"Bearer {service.login()}"})
    assert bearer.getresponse().status == 303
    bearer.close()


def test_a_page_is_in_nobodys_frame_and_runs_nothing_inline(reader: Reader) -> None:
    _, headers, page = reader.get("/console/login")

    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert not re.search(r'<style|<script>| style=| on\w+="', page)


def test_a_static_file_is_kept_a_year_under_the_name_of_its_version(reader: Reader) -> None:
    page = reader.get("/console/login")[2]
    names = re.findall(r'"(/console/static/[^"]+)"', page)
    assert {name.rpartition(".")[2] for name in names} == {"css", "js", "svg"}
    for name in names:
        status, headers, _ = reader.get(name)
        assert (status, headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
        assert re.search(r"\.[0-9a-f]{12}\.(css|js|svg)$", name)

    assert reader.get("/console/static/console.css")[0] == 404
    assert reader.get("/console/static/..%2f..%2fhost.json")[0] == 404


def test_what_is_no_page_says_so_in_a_page(reader: Reader) -> None:
    status, headers, page = reader.get("/console/no/such/<page>")

    assert status == 404
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "There is no page at this address" in page


def test_behind_tls_the_cookie_goes_by_tls_alone_whatever_host_the_proxy_names(
    reader: Reader,
) -> None:
    _, headers, page = reader.get("/console/login", X_Forwarded_Proto="https")
    visitor = headers["Set-Cookie"]
    fields = {"form_token": form_token(page), "username": USERNAME, "password": PASSWORD}
    session = reader.send("/console/login", fields, X_Forwarded_Proto="https")[1]["Set-Cookie"]

    for cookie in (visitor, session):
        assert cookie.startswith("__Host-rowpost-")
        assert "Secure" in cookie.split("; ")
    assert reader.get("/console", X_Forwarded_Proto="https")[0] == 200


# What follows ends sessions: those of the tests above would be gone.
def test_the_cookie_is_for_this_host_and_no_script_and_dies_with_the_session(
    reader: Reader, service: Standalone
) -> None:
    cookie = reader.log_in()[1]["Set-Cookie"]

    assert cookie.startswith("rowpost-session=ey")
    assert {"Path=/", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    assert 28_700 < int(cookie.partition("Max-Age=")[2]) <= 28_800
    page = reader.get("/console")[2]
    assert reader.send("/console/logout", {"form_token": form_token(page)})[0] == 303
    reader.cookies["rowpost-session"] = cookie.partition(";")[0].partition("=")[2]
    assert reader.get("/console")[0] == 303


def test_what_was_typed_when_the_session_was_over_is_sent_after_a_new_login(
    reader: Reader,
) -> None:
    reader.log_in()
    token = form_token(reader.get("/console")[2])
    reader.cookies["rowpost-session"] = "gone"

    status, _, login = reader.send("/console/logout", {"form_token": token, "note": "<i>long text"})
    assert status == 401
    assert "What you have typed is kept" in login
    kept = re.search('name="kept" value="([^"]*)"', login)
    assert kept
    again = {
        "form_token": form_token(login),
        "username": USERNAME,
        "password": PASSWORD,
        "next": "/console/logout",
        "kept": kept[1].replace("&amp;", "&"),
    }
    status, headers, offered = reader.send("/console/login", again)

    assert status == 200
    assert "rowpost-session=ey" in headers["Set-Cookie"]
    assert '<form method="post" action="/console/logout">' in offered
    assert 'name="note" value="&lt;i&gt;long text"' in offered
    resumed = {"form_token": form_token(offered), "note": "<i>long text"}
    assert reader.send("/console/logout", resumed)[0] == 303


def test_a_browser_is_led_from_the_address_alone_to_the_login_and_then_to_the_overview(
    sight: Sight,
) -> None:
    sight.open("/")
    expect(sight.page).to_have_url(re.compile("/console/login"))
    sight.log_in()

    expect(sight.page.get_by_role("heading", name="Overview")).to_be_visible()
    assert [one["name"] for one in sight.page.context.cookies() if not one["httpOnly"]] == []
    sight.page.get_by_role("button", name="Log out").click()
    expect(sight.page.get_by_text("You are logged out")).to_be_visible()
    assert sight.complaints == []
