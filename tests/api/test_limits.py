"""How often an endpoint may be called, by whom, and what is answered then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from functions import unknown
from shared.api.admission import Who
from shared.api.caller import Caller
from shared.api.endpoint import Request, Routes
from shared.api.models import Answer
from shared.app import Application, use
from shared.security import kept_keys, tokens
from shared.security.limits import Limit
from shared.security.logins import Logins
from shared.security.roles import Role
from shared.settings import Settings
from tests.support.api import Client, Reply

routes = Routes()


class Nothing(Answer):
    success: Literal[True] = True


@routes.get("open", who=Who.ANYONE)
def let_anyone_in(request: Request) -> Nothing:
    """Be open to anyone."""
    return Nothing()


@routes.get("closed", who=Who.ANY_LOGIN)
def ask_for_a_login(request: Request) -> Nothing:
    """Ask for a login."""
    return Nothing()


@routes.post("form", who=Who.ANYONE, limits=(Limit(3, 60), Limit(200, 86_400)))
def take_a_form(request: Request) -> Nothing:
    """Have limits of its own."""
    return Nothing()


@routes.get("free", who=Who.ANYONE, limits=())
def never_refuse(request: Request) -> Nothing:
    """Have no limit."""
    return Nothing()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    app = Application(
        Settings(
            ROWPOST_DATA=tmp_path,
            ROWPOST_REQUEST_LIMITS="on",
            ROWPOST_ANONYMOUS_REQUESTS=60,
            ROWPOST_USER_REQUESTS=600,
        )
    )
    app.logins = Logins(app.secrets, cost=4)
    use(app)
    yield app
    use(None)
    app.close()


@pytest.fixture
def client(app: Application) -> Client:
    return Client(routes.blueprint)


def until_refused(client: Client, path: str, most: int, **options: object) -> tuple[int, Reply]:
    """How many requests were let in before one was refused, and that refusal."""
    for number in range(most + 1):
        reply = client.request("POST" if path == "form" else "GET", path, **options)  # type: ignore[arg-type]
        if reply.status == 429:
            return number, reply
    raise AssertionError(f"{most + 1} requests were let in")


ELSEWHERE = {"x-rowpost-peer": "192.0.2.99"}


def test_an_address_may_ask_60_times_a_minute_and_is_then_told_to_wait(client: Client) -> None:
    let_in, refusal = until_refused(client, "open", 120)

    assert let_in >= 60
    body = refusal.json
    assert body["code"] == "too_many_requests"
    assert 1 <= int(refusal.headers["Retry-After"]) <= 60
    assert f"wait {refusal.headers['Retry-After']} seconds" in body["message"]
    assert body["requestId"] == refusal.headers["X-Request-Id"]
    assert client.get("open", headers=ELSEWHERE).status == 200


def test_who_proves_nothing_is_counted_as_anyone(client: Client) -> None:
    let_in, refusal = until_refused(client, "closed", 120, token="eyJ.no.token")

    assert let_in >= 60
    assert refusal.json["code"] == "too_many_requests"


def test_a_key_that_somebody_thought_up_may_be_guessed_at_twenty_times(
    app: Application, client: Client
) -> None:
    app.database().run(
        lambda connection: kept_keys.add(
            connection, app.keys.hash_of("user1_key"), "imported", 1, Role.VIEWER, "test"
        )
    )
    guesses = [client.get("closed", token=f"user{n}_key").status for n in range(2, 24)]

    assert guesses == [401] * 20 + [429] * 2
    assert client.get("closed", token="user1_key").status == 429
    assert client.get("closed", token="user1_key", headers=ELSEWHERE).status == 200


def test_a_key_that_was_made_here_cannot_be_guessed_and_is_no_guess(
    app: Application, client: Client
) -> None:
    for n in range(30):
        client.get("closed", token=f"user{n}_key")

    assert client.get("closed", token="rp_" + "x" * 43).status == 401


def test_what_no_endpoint_answers_is_counted_too(client: Client) -> None:
    statuses = [client.request("OPTIONS", "open").status for _ in range(40)]
    statuses += [client.request("PUT", "open").status for _ in range(40)]

    assert statuses[0] == 204
    assert statuses[41] == 405
    assert statuses[-1] == 429


def test_an_unknown_path_is_counted_too(app: Application) -> None:
    unknown_paths = Client(unknown.blueprint)
    statuses = [unknown_paths.get("nothing", route=unknown.ROUTE).status for _ in range(70)]

    assert statuses[0] == 404
    assert statuses[-1] == 429


def test_a_user_is_counted_by_name_wherever_the_requests_come_from(
    app: Application, client: Client
) -> None:
    token = tokens.issue(app.signing, app.logins.set_operator("olga", "one"), app.clock()).token
    until_refused(client, "open", 120)

    let_in, _ = until_refused(client, "closed", 1200, token=token)

    assert let_in >= 600
    reply = client.get("closed", token=token, headers=ELSEWHERE)
    assert reply.status == 429


def test_an_endpoint_s_own_limits_are_counted_apart(client: Client) -> None:
    let_in, _ = until_refused(client, "form", 6)

    assert let_in >= 3
    assert client.get("open").status == 200


def test_an_endpoint_may_have_no_limit(client: Client) -> None:
    until_refused(client, "open", 120)

    assert {client.get("free").status for _ in range(100)} == {200}


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_caller_is_counted_by_the_network_that_is_his(address: str, origin: str) -> None:
    assert Caller(address).origin == origin


def test_limits_that_are_turned_off_refuse_nobody(tmp_path: Path) -> None:
    app = Application(Settings(ROWPOST_DATA=tmp_path, ROWPOST_REQUEST_LIMITS="off"))
    use(app)
    client = Client(routes.blueprint)
    assert {client.get("open").status for _ in range(100)} == {200}
    use(None)
