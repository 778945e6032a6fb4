"""Keys over the API: who makes and ends them, and what they open."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from functions.groups import GROUPS
from shared.accounts.numbers import insert_account
from shared.api.admission import Who
from shared.api.caller import authenticate
from shared.api.endpoint import Operation
from shared.app import Application
from shared.database.errors import DatabaseUnreachable
from shared.security import tokens
from shared.security.keys import Keys
from shared.security.roles import Role, includes
from tests.api.conftest import ADMIN
from tests.support.api import Client, Reply
from tests.support.emails import became
from tests.support.standalone import wait_until

OPERATIONS = [operation for group in GROUPS for operation in group.routes.operations]


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


@pytest.fixture
def admin(app: Application) -> str:
    """The admin's token."""
    login = app.logins.find(ADMIN)
    assert login
    return tokens.issue(app.signing, login, datetime.now(UTC)).token


@pytest.fixture
def shop(app: Application) -> int:
    """The number of an account."""
    return account(app, "SHOP")


def account(app: Application, code: str) -> int:
    values = {"SMTPServer": "127.0.0.1", "SMTPPort": app.settings.catcher_port, "IsActive": "Y"}
    mine = {"SMTPMailId": f"{code.lower()}@example.com", "ParamCode": code}
    with app.database().write() as connection:
        return insert_account(connection, values | mine)


def key_for(app: Application, account_id: int, role: Role = Role.SERVICE) -> str:
    return app.keys.make(role.value, account_id, role, "login:admin").text


def email_to(address: str = "ann@example.com", **more: Any) -> dict[str, Any]:
    return {"subject": "Hello", "recipients": [address], "text_content": "Hi", **more}


def test_an_admin_makes_lists_and_revokes_keys(
    app: Application, client: Client, admin: str, shop: int
) -> None:
    made = client.post("api/keys", {"name": "web shop", "smtp_config_id": shop}, token=admin)
    key = made.json["key"]
    used = client.get("api/authenticate", token=key)
    wait_until(lambda: listed(client, admin)[0]["last_used_at"], 5, "the last use")
    (shown,) = listed(client, admin)
    revoked = revoke(client, made.json["id"], token=admin)
    (after,) = listed(client, admin)

    assert (made.status, set(made.json)) == (201, {"id", "key"})
    assert used.json["user"] == {"username": f"key:{made.json['id']}", "role": "service"}
    assert shown == {
        "id": made.json["id"],
        "name": "web shop",
        "role": "service",
        "smtp_config_id": shop,
        "created_at": shown["created_at"],
        "created_by": "login:admin",
        "revoked_at": None,
        "last_used_at": shown["last_used_at"],
    }
    assert key not in str(shown)
    assert revoked.status == 200
    assert after["revoked_at"] is not None
    assert client.get("api/authenticate", token=key).status == 401


def listed(client: Client, token: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get("api/keys", token=token).json["items"]
    return items


def revoke(client: Client, key_id: int, token: str) -> Reply:
    return client.delete(
        f"api/keys/{key_id}",
        route="api/keys/{id:int}",
        route_params={"id": str(key_id)},
        token=token,
    )


def test_the_list_goes_on_where_a_page_ends(
    app: Application, client: Client, admin: str, shop: int
) -> None:
    for _ in range(5):
        key_for(app, shop)

    first = client.get("api/keys", query={"limit": "3"}, token=admin).json
    rest = client.get("api/keys", query={"cursor": first["next_cursor"]}, token=admin).json

    assert [one["id"] for one in (*first["items"], *rest["items"])] == [1, 2, 3, 4, 5]
    assert rest["next_cursor"] is None
    assert client.get("api/keys", query={"cursor": "x"}, token=admin).status == 422


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"smtp_config_id": 99}, "smtp_config_id"),
        ({"smtp_config_id": "1"}, "smtp_config_id"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"role": "god"}, "role"),
    ],
)
def test_a_key_that_cannot_be_made_is_refused_by_the_field(
    client: Client, admin: str, shop: int, change: dict[str, Any], field: str
) -> None:
    reply = client.post("api/keys", {"name": "n", "smtp_config_id": shop, **change}, token=admin)

    assert reply.status == 422
    assert [error["field"] for error in reply.json["errors"]] == [field]


def test_an_unknown_number_cannot_be_revoked(client: Client, admin: str) -> None:
    reply = revoke(client, 7, token=admin)

    assert (reply.status, reply.json["code"]) == (404, "key_not_found")


@pytest.mark.parametrize("role", list(Role))
def test_a_key_opens_what_its_role_may_and_nothing_else(
    app: Application, client: Client, shop: int, role: Role
) -> None:
    """Bodies are left out: whoever is let in is told so by another error, or by success."""
    key = key_for(app, shop, role)

    refused = {named(one) for one in OPERATIONS if is_refused(client, one, key)}

    assert refused == {named(one) for one in OPERATIONS if not is_open_to(role, one)}
    assert (role is Role.ADMIN) is (refused == {"DELETE api/authenticate"})


def is_refused(client: Client, operation: Operation, key: str) -> bool:
    reply = client.request(
        operation.method,
        operation.path,
        route=operation.path,
        route_params={"id": "99", "status": "sent", "request_id": "0" * 32, "file": "index.html"},
        token=key,
    )
    return reply.status in (401, 403)


def is_open_to(role: Role, operation: Operation) -> bool:
    if named(operation) == "DELETE api/authenticate":  # A key has no session to end.
        return False
    who = Role.SERVICE if operation.who is Who.SERVICE_OR_TRUSTED else operation.who
    return not isinstance(who, Role) or includes(role, who)


def test_a_service_sees_only_what_it_stored_itself(
    app: Application, client: Client, token: str, shop: int
) -> None:
    mine, other = key_for(app, shop), key_for(app, shop)
    number = client.post("api/emails", email_to(), token=mine).json["email_id"]
    client.post("api/emails", email_to(), token=token)

    def sees(bearer: str) -> tuple[list[int], list[int], int, int]:
        found = [
            client.get("api/emails", token=bearer).json["items"],
            client.get(
                "api/emails/status/queued",
                route=next(one.path for one in OPERATIONS if "/status/" in one.path),
                route_params={"status": "queued"},
                token=bearer,
            ).json,
        ]
        one, attempts = (
            client.get(
                f"api/emails/{number}{rest}",
                route="api/emails/{id:int}" + rest,
                route_params={"id": str(number)},
                token=bearer,
            ).status
            for rest in ("", "/attempts")
        )
        return [one["id"] for one in found[0]], [one["id"] for one in found[1]], one, attempts

    assert sees(mine) == ([number], [number], 200, 200)
    assert sees(other) == ([], [], 404, 404)
    assert sees(token)[2:] == (200, 200)
    assert len(sees(token)[0]) == 2


@pytest.mark.parametrize("role", [Role.SERVICE, Role.OPERATOR, Role.ADMIN])
def test_an_email_sent_with_a_key_goes_over_its_account(
    app: Application, client: Client, shop: int, role: Role
) -> None:
    other, key = account(app, "OTHER"), key_for(app, shop, role)

    stored = client.post("api/emails", email_to(), token=key)
    the_same = client.post("api/emails", email_to(smtp_config_id=shop), token=key)
    elsewhere = client.post("api/emails", email_to(smtp_config_id=other), token=key)

    for reply in (stored, the_same):
        email = became(app.database(), reply.json["email_id"])
        assert email.account_code == "SHOP"
        assert str(email.stored_by).startswith("key:")
    assert elsewhere.status == 422
    assert elsewhere.json["errors"][0]["field"] == "smtp_config_id"


def test_a_key_has_no_session_to_end(app: Application, client: Client, shop: int) -> None:
    key = key_for(app, shop, Role.ADMIN)

    reply = client.delete("api/authenticate", token=key)

    assert reply.status == 403
    assert "DELETE /api/keys" in reply.json["message"]
    assert client.get("api/authenticate", token=key).status == 200


def test_with_no_database_a_key_is_not_called_wrong(
    app: Application, client: Client, token: str
) -> None:
    def away() -> Any:
        raise DatabaseUnreachable("away")

    app.keys = Keys(away, app.pseudonyms)

    assert client.get("api/authenticate", token="rp_whatever").status == 503
    assert client.get("api/authenticate", token=token).status == 200


def test_what_looks_like_a_token_is_never_looked_up_as_a_key(
    app: Application, client: Client, token: str
) -> None:
    def away() -> Any:
        raise DatabaseUnreachable("away")

    app.keys = Keys(away, app.pseudonyms)

    assert client.get("api/authenticate", token=token[:-5]).status == 401


def test_the_caller_of_a_key_is_known_by_its_number(app: Application, shop: int) -> None:
    caller = authenticate({"authorization": f"Bearer {key_for(app, shop)}"})

    assert (caller.identity, caller.username, caller.role) == ("key:1", "key:1", Role.SERVICE)
