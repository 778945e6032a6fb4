"""`/api/users`: who may log in is listed, added, changed and removed by an admin."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from shared.app import Application
from shared.features.database_mail import administration
from shared.features.database_mail.administration import ShownProfile
from shared.features.database_mail.profiles import caller_principal
from shared.security import tokens
from shared.security.logins import MOST_LOGINS, SECRET_NAME
from shared.security.roles import Role
from tests.api.conftest import ADMIN, OPERATOR, OPERATOR_PASSWORD
from tests.support.api import Client, Reply

PATH = "api/users"
PASSWORD = "a password of its own"
TIMES = {"intervalUnit": "minutes", "dbRequestTimeout": 30000, "dbConnectionTimeout": 30000}


@pytest.fixture
def admin(app: Application) -> str:
    """The admin's token."""
    return token_of(app, ADMIN)


def token_of(app: Application, username: str) -> str:
    login = app.logins.find(username)
    assert login
    return tokens.issue(app.signing, login, datetime.now(UTC)).token


def of(client: Client, method: str, username: str, token: str, **body: Any) -> Reply:
    return client.request(
        method,
        f"{PATH}/{username}",
        body or b"",
        token=token,
        route="api/users/{*username}",
        route_params={"username": username},
    )


def add(client: Client, token: str, username: str, role: str = "viewer") -> Reply:
    body = {"username": username, "password": PASSWORD, "role": role}
    return client.post(PATH, body, token=token)


def log_in(client: Client, username: str, password: str = PASSWORD) -> Reply:
    return client.post("api/authenticate", {"username": username, "password": password})


def give_profile(app: Application, username: str) -> None:
    def give(connection: Connection) -> None:
        number = administration.add_profile(connection, f"Of {username}", None, [], "admin")
        administration.allow(
            connection, number, caller_principal(f"login:{username}"), default=True, by="admin"
        )

    app.database().run(give)


def profiles(app: Application) -> list[ShownProfile]:
    with app.database().read() as connection:
        return administration.shown_profiles(connection)


def test_users_are_added_listed_changed_and_removed(client: Client, admin: str) -> None:
    added = add(client, admin, " vera ")
    listed = client.get(PATH, token=admin)
    changed = of(client, "PUT", "vera", admin, role="operator")
    role = log_in(client, "vera").json["user"]["role"]
    removed = of(client, "DELETE", "vera", admin)

    assert (added.status, added.json) == (
        201,
        {
            "success": True,
            "message": "The user is added.",
            "user": {"username": "vera", "role": "viewer"},
        },
    )
    assert listed.json == {
        "items": [
            {"username": "admin", "role": "admin", "named_by": "settings"},
            {"username": OPERATOR, "role": "operator", "named_by": "schedule"},
            {"username": "vera", "role": "viewer", "named_by": "admin"},
        ],
        "next_cursor": None,
    }
    assert (changed.status, role, removed.status) == (200, "operator", 200)
    assert log_in(client, "vera").status == 401


@pytest.mark.parametrize("change", [{"role": "operator"}, {"password": "another password"}])
def test_a_change_ends_the_sessions_that_there_are(
    client: Client, app: Application, admin: str, change: dict[str, str]
) -> None:
    add(client, admin, "vera")
    before = token_of(app, "vera")
    assert client.get("api/authenticate", token=before).status == 200

    reply = of(client, "PUT", "vera", admin, **change)

    assert reply.status == 200
    assert client.get("api/authenticate", token=before).status == 401
    assert log_in(client, "vera", change.get("password", PASSWORD)).status == 200


def test_a_removed_user_s_session_is_over(client: Client, app: Application, admin: str) -> None:
    add(client, admin, "vera")
    before = token_of(app, "vera")

    of(client, "DELETE", "vera", admin)

    assert client.get("api/authenticate", token=before).status == 401


@pytest.mark.parametrize("way_out", ["removed", "another operator in place"])
def test_whoever_gets_a_former_users_name_gets_no_mail_profile(
    client: Client, app: Application, admin: str, way_out: str
) -> None:
    add(client, admin, "vera", "service")
    for name in (OPERATOR, "vera"):
        give_profile(app, name)

    if way_out == "removed":
        reply = of(client, "DELETE", OPERATOR, admin)
    else:
        schedule = {"startTime": "09:00", "endTime": "18:00", "interval": 30, **TIMES}
        reply = client.post(
            "api/save-email-config",
            {**schedule, "username": "olaf", "password": PASSWORD},
            token=admin,
        )
    add(client, admin, OPERATOR, "service")

    assert reply.status == 200
    assert {"caller:login:vera"} == {
        principal for profile in profiles(app) for principal in profile.principals
    }


def test_a_user_is_removed_though_no_database_answers(
    client: Client, app: Application, admin: str, tmp_path: Path
) -> None:
    app.settings = app.settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}"})

    reply = of(client, "DELETE", OPERATOR, admin)

    assert reply.status == 200
    assert "The database does not answer: the mail profiles" in reply.json["message"]
    assert log_in(client, OPERATOR, OPERATOR_PASSWORD).status == 401


def test_the_last_admin_cannot_go(client: Client, admin: str) -> None:
    demoted = of(client, "PUT", ADMIN, admin, role="viewer")
    removed = of(client, "DELETE", ADMIN, admin)

    assert (demoted.status, demoted.json["code"]) == (409, "last_admin")
    assert (removed.status, removed.json["code"]) == (409, "last_admin")
    assert client.get(PATH, token=admin).status == 200


def test_the_settings_admin_is_not_removed_while_they_give_it(client: Client, admin: str) -> None:
    add(client, admin, "anna", "admin")

    removed = of(client, "DELETE", ADMIN, admin)

    assert (removed.status, removed.json["code"]) == (409, "given_by_settings")


def test_there_is_an_end_to_how_many_are_kept(client: Client, app: Application, admin: str) -> None:
    known = [
        {"username": f"user{n}", "role": "viewer", "password_hash": "none", "epoch": 1}
        for n in range(MOST_LOGINS - 1)
    ]
    app.secrets.update(SECRET_NAME, lambda text: _with(text, known))

    reply = add(client, admin, "one more")

    assert (reply.status, reply.json["code"]) == (409, "too_many_users")


def _with(text: str | None, known: list[dict[str, Any]]) -> str:
    admin = [login for login in json.loads(text or "[]") if login["username"] == ADMIN]
    return json.dumps(admin + known)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"username": ""}, "username"),
        ({"username": " "}, "username"),
        ({"username": "x" * 101}, "username"),
        ({"username": "ve\nra"}, "username"),
        ({"username": "Olga"}, "username"),
        ({"username": ADMIN}, "username"),
        ({"password": ""}, "password"),
        ({"password": "ä" * 37}, "password"),
        ({"role": "god"}, "role"),
        ({"role": None}, "role"),
        ({"roles": "viewer"}, "roles"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_by_the_field(
    client: Client, admin: str, change: dict[str, Any], field: str
) -> None:
    body = {"username": "vera", "password": PASSWORD, "role": "viewer", **change}

    reply = client.post(PATH, body, token=admin)

    assert reply.status == 422
    assert [error["field"] for error in reply.json["errors"]] == [field]
    assert PASSWORD not in str(reply.json)


def test_a_change_says_something(client: Client, admin: str) -> None:
    reply = of(client, "PUT", ADMIN, admin, password=None)

    assert reply.status == 422
    assert "Give a password, a role, or both" in reply.json["errors"][0]["message"]


def test_a_weak_password_is_told_to_be_one(client: Client, admin: str) -> None:
    body = {"username": "vera", "password": "short", "role": "viewer"}

    added = client.post(PATH, body, token=admin)
    changed = of(client, "PUT", "vera", admin, password="shorter")

    assert (added.status, changed.status) == (201, 200)
    assert "12 characters" in added.json["message"]
    assert "12 characters" in changed.json["message"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_nobody_is_404(client: Client, admin: str, method: str) -> None:
    body = {"role": "viewer"} if method == "PUT" else {}

    reply = of(client, method, "nobody", admin, **body)

    assert (reply.status, reply.json["code"]) == (404, "user_not_found")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SERVICE, Role.OPERATOR])
def test_only_an_admin_may(client: Client, app: Application, admin: str, role: Role) -> None:
    add(client, admin, "somebody", role.value)
    token = token_of(app, "somebody")

    replies = [
        client.get(PATH, token=token),
        add(client, token, "vera", "admin"),
        of(client, "PUT", "somebody", token, role="admin"),
        of(client, "DELETE", ADMIN, token),
    ]

    assert {reply.status for reply in replies} == {403}
