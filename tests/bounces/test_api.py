"""/api/bounce-mailboxes and /api/bounces: an admin's to change, everybody's to look at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from functions.groups import GROUPS
from shared.app import Application
from shared.security import tokens
from shared.security.logins import Logins
from shared.security.roles import Role
from tests.support.api import Client, Reply
from tests.support.bounces import AUTOREPLY, UNCLEAR, Mailroom, report
from tests.support.dovecot import PASSWORD, Dovecot
from tests.support.smtp import refused_port

HERE = "api/bounce-mailboxes"
ONE = f"{HERE}/{{id:int}}"
MAILBOX = {
    "name": "Bounces",
    "host": "imap.example.com",
    "username": "bounces@example.com",
    "password": PASSWORD,
}


class Caller:
    def __init__(self, app: Application, role: Role) -> None:
        app.logins = Logins(app.secrets, cost=4, look_again_seconds=0)
        app.logins.ensure_first_admin("admin", "the admin's own password")
        if app.logins.find(role.value) is None:
            app.logins.add(role.value, f"the own password of {role.value}", role)
        login = app.logins.find(role.value)
        assert login
        self._token = tokens.issue(app.signing, login, datetime.now(UTC)).token
        self._client = Client(*(group.routes.blueprint for group in GROUPS))

    def ask(self, method: str, path: str, body: Any = None, route: str | None = None) -> Reply:
        number = path.split("/")[2] if path.startswith(f"{HERE}/") else ""
        return self._client.request(
            method,
            path,
            {} if body is None and method in ("POST", "PUT") else body or b"",
            token=self._token,
            route=route or path.replace(f"{HERE}/{number}", ONE) if number else path,
            route_params={"id": number} if number else {},
        )


@pytest.fixture
def admin(app: Application) -> Caller:
    return Caller(app, Role.ADMIN)


def test_a_mailbox_is_made_shown_changed_and_removed_and_its_password_never_shown(
    app: Application, admin: Caller
) -> None:
    made = admin.ask("POST", HERE, MAILBOX)
    (listed,) = admin.ask("GET", HERE).json["items"]
    renamed = admin.ask("PUT", f"{HERE}/1", {"name": "Others", "done_folder": "Done"})
    removed = admin.ask("DELETE", f"{HERE}/1")

    assert made.status == 201
    assert (listed["port"], listed["tls"], listed["kind"]) == (993, "implicit", "imap")
    assert (listed["folder"], listed["has_password"]) == ("INBOX", True)
    assert PASSWORD.encode() not in admin.ask("GET", HERE).body
    assert (renamed.json["name"], renamed.json["done_folder"]) == ("Others", "Done")
    assert removed.status == 200
    assert app.secrets.names("smtp-bounces") == []
    assert admin.ask("GET", f"{HERE}/1").status == 404


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"host": "imap.elsewhere.example"}, "password"),
    ({"username": "somebody@example.com"}, "password"),
    ({"tls": "none"}, "tls"),
    ({"host": "https://imap.example.com/"}, "host"),
    ({"name": None}, "name"),
    ({"done_folder": "inbox"}, "done_folder"),
    ({"done_folder": "Done", "delete_done": True}, "delete_done"),
    ({"kind": "graph", "tls": "starttls"}, "tls"),
    ({"tenant_id": "contoso.example"}, "client_id"),
)


def test_a_change_that_cant_be_is_refused_by_its_field(admin: Caller) -> None:
    admin.ask("POST", HERE, MAILBOX)
    before = admin.ask("GET", f"{HERE}/1").json

    for change, field in REFUSED:
        refused = admin.ask("PUT", f"{HERE}/1", change)
        assert (refused.status, refused.json["errors"][0]["field"]) == (422, field), change
    assert admin.ask("GET", f"{HERE}/1").json == before


def test_a_new_one_needs_what_it_needs(admin: Caller) -> None:
    without = {name: value for name, value in MAILBOX.items() if name != "password"}
    cases = {
        "password": without,
        "host": without | {"host": None},
        "client_secret": without | {"tenant_id": "contoso.example", "client_id": "an-app"},
    }

    for field, body in cases.items():
        refused = admin.ask("POST", HERE, body)
        assert (refused.status, refused.json["errors"][0]["field"]) == (422, field)
    for _ in range(20):
        assert admin.ask("POST", HERE, MAILBOX).status == 201
    assert admin.ask("POST", HERE, MAILBOX).status == 409


def test_one_is_tried_and_read_and_what_came_of_it_is_listed(
    mailroom: Mailroom, admin: Caller, server: Dovecot, user: str
) -> None:
    email_id, message_id = mailroom.sent()
    mailbox = mailroom.add(user, server.port)
    server.put(user, report(message_id), AUTOREPLY, UNCLEAR)
    here = f"{HERE}/{mailbox.id}"

    tried = admin.ask("POST", f"{here}/test").json
    collected = admin.ask("POST", f"{here}/collect").json
    everything = admin.ask("GET", "api/bounces").json
    shown = admin._client.get(
        f"api/emails/{email_id}",
        token=admin._token,
        route="api/emails/{id:int}",
        route_params={"id": str(email_id)},
    ).json

    assert (tried["success"], tried["messages"]) == (True, 3)
    assert (collected["finished"], collected["fault"]) == (True, None)
    assert collected["brought"] == {"bounced": 1, "complained": 0, "unclear": 1, "others": 1}
    assert [each["kind"] for each in everything["items"]] == ["hard", "autoreply", "unclear"]
    assert everything["items"][0]["done"] == "suppressed"
    assert everything["next"] == everything["items"][-1]["id"]
    (back,) = shown["came_back"]
    assert (back["kind"], back["enhanced_code"], back["suppressed"]) == ("hard", "5.1.1", True)

    admin.ask("PUT", here, {"enabled": False})
    assert admin.ask("POST", f"{here}/collect").json["code"] == "mailbox_off"


def test_one_that_cant_be_read_is_among_the_problems_of_health(
    mailroom: Mailroom, admin: Caller
) -> None:
    with refused_port() as closed:
        mailroom.add("bounces@example.com", closed)
        mailroom.collect()
        once = told(admin)
        for _ in range(2):
            mailroom.collect_again()

    assert once == []
    (problem,) = told(admin)
    assert "can't be read since" in problem
    assert "Connection refused" in problem


def told(admin: Caller) -> list[str]:
    problems = admin.ask("GET", "api/health").json["problems"]
    return [problem for problem in problems if "bounces@example.com" in problem]


def test_a_viewer_looks_and_changes_nothing(app: Application, admin: Caller) -> None:
    admin.ask("POST", HERE, MAILBOX)
    viewer = Caller(app, Role.VIEWER)

    assert viewer.ask("GET", HERE).status == 200
    assert viewer.ask("GET", "api/bounces").status == 200
    for method, path in (
        ("POST", HERE),
        ("PUT", f"{HERE}/1"),
        ("DELETE", f"{HERE}/1"),
        ("POST", f"{HERE}/1/test"),
        ("POST", f"{HERE}/1/collect"),
    ):
        assert viewer.ask(method, path).status == 403
