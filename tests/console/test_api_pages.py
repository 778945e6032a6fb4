"""The API's pages: all that the API does, to read, to copy and to try."""

from __future__ import annotations

import ast
import json
import shlex
from typing import Any

from playwright.sync_api import expect

from functions.docs import description
from functions.groups import GROUPS
from shared.console.api_examples import Call, curl, python
from shared.console.api_reference import groups_of
from tests.console.browser import Sight
from tests.console.reader import Reader
from tests.support.standalone import PASSWORD, USERNAME, Standalone

OPERATIONS = [operation for group in GROUPS for operation in group.routes.operations]


def test_every_operation_is_shown_under_its_group() -> None:
    shown = groups_of(json.loads(description()))

    assert len(shown) == len(GROUPS)
    assert sum(len(group.operations) for group in shown) == len(OPERATIONS)
    assert all(one.text and one.summary for group in shown for one in group.operations)


def test_fields_that_lie_within_others_have_lines_of_their_own() -> None:
    (emails,) = [one for one in groups_of(json.loads(description())) if one.name == "emails"]
    (store,) = [one for one in emails.operations if one.name == "storeEmail"]
    fields = {field.name: field for field in store.body}

    assert fields["recipients"].required
    assert fields["recipients"].kind == "list of strings"
    assert fields["recipients"].rules == ("1 to 1,000 entries",)
    assert fields["priority"].rules == ("1 to 5", "3 if left out")
    assert fields["attachments[].filename"].text.startswith("The name that its reader sees")
    assert fields["send_at"].kind == "time (ISO 8601, UTC) or null"


def test_every_example_can_be_pasted() -> None:
    for group in groups_of(json.loads(description())):
        for operation in group.operations:
            words = shlex.split(operation.curl.replace("\\\n", " "))
            assert words[:2] == ["curl", "-sS"]
            if "-d" in words:
                json.loads(words[words.index("-d") + 1])
            ast.parse(operation.python)
            assert "{" not in words[2], operation.path


def test_a_quote_in_an_example_ends_nothing() -> None:
    body: dict[str, Any] = {"name": 'it\'s $HOME "quoted" \\'}
    call = Call("POST", "/api/things", with_token=True, body=body)

    words = shlex.split(curl(call).replace(" \\\n", " "))
    assert json.loads(words[words.index("-d") + 1]) == body
    assert repr(body["name"]) in python(call)


def test_anyone_reads_them_and_there_is_no_other_group(service: Standalone) -> None:
    reader = Reader(service)
    status, headers, contents = reader.get("/api/docs")

    assert status == 200
    assert "'unsafe" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "https://" not in contents
    for group in GROUPS:
        name = group.__name__.rpartition(".")[2]
        assert f'href="/api/docs/{name}"' in contents
        assert reader.get(f"/api/docs/{name}")[0] == 200
    for unknown in ("nothing", "LOGIN", "login%0A"):
        assert reader.get(f"/api/docs/{unknown}")[0] == 404


def test_a_request_is_tried_with_the_token_of_a_login(sight: Sight) -> None:
    page = sight.page
    sight.open("/api/docs/login")
    log_in = page.locator("section", has=page.locator("#logIn"))
    log_in.get_by_text("Try it").click()
    log_in.get_by_label("Body").fill(json.dumps({"username": USERNAME, "password": PASSWORD}))
    log_in.get_by_role("button", name="Send POST").click()
    expect(log_in.get_by_role("status")).to_contain_text("200 after")
    expect(page.get_by_label("Token or key")).not_to_have_value("")

    sight.open("/api/docs/emails")
    listing = page.locator("section", has=page.locator("#listEmails"))
    listing.get_by_text("Try it").click()
    listing.get_by_label("status").select_option("failed")
    listing.get_by_role("button", name="Send GET").click()
    expect(listing.get_by_role("status")).to_contain_text('"items": []')
    assert sight.requests[-1].endswith("/api/emails?status=failed")

    sight.open("/api/docs/suppressions")
    removal = page.locator("section", has=page.locator("#allowAddress"))
    removal.get_by_text("Try it").click()
    removal.get_by_label("address").fill("a/b@example.com")
    removal.get_by_role("button", name="Send DELETE").click()
    page.get_by_role("button", name="Send it").click()
    expect(removal.get_by_role("status")).to_contain_text("404 after")
    assert sight.requests[-1].endswith("/api/suppressions/a%2Fb%40example.com")
    assert [one for one in sight.complaints if "status of 404" not in one] == []
    assert sight.elsewhere == []


def test_without_javascript_all_is_there_to_read(plain_sight: Sight) -> None:
    plain_sight.open("/api/docs/email_contents")
    page = plain_sight.page

    expect(page.get_by_text("Trying a request from here needs JavaScript")).to_be_visible()
    expect(page.get_by_text("Try it").first).to_be_hidden()
    expect(page.get_by_role("cell", name="In bytes.").first).to_be_visible()
