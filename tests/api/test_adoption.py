"""Adopting a queue through the API: what stands in the way, and the first start."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from shared.app import Application
from shared.security import tokens
from tests.api.conftest import ADMIN
from tests.outbox.test_adoption import ACCOUNTS, KNOWS_TWO_LETTERS, QUEUE
from tests.support.api import Client


@pytest.fixture
def admin(app: Application) -> str:
    found = app.logins.find(ADMIN)
    assert found
    return tokens.issue(app.signing, found, datetime.now(UTC)).token


def their_rows(app: Application, flag: str = "") -> None:
    with closing(sqlite3.connect(app.settings.data / "rowpost.db")) as file, file:
        file.executescript(f"{QUEUE.format(flag=flag, more='')}; {ACCOUNTS};")
        insert = "INSERT INTO Digital_Emaildetails (dd_toEmailid) VALUES ('a@example.com')"
        for _ in range(3):
            file.execute(insert)


def start(client: Client, token: str, **more: object) -> tuple[int, dict[str, object]]:
    reply = client.post("api/service-control", {"action": "start", **more}, token=token)
    return reply.status, reply.json


def test_the_findings_are_the_admins_to_see(client: Client, token: str, admin: str) -> None:
    assert client.get("api/adoption", token=token).status == 403
    reply = client.get("api/adoption", token=admin)
    assert reply.status == 200
    assert reply.json["adopted"] is False


def test_refusals_are_answered_while_the_service_stays_shut(
    app: Application, client: Client, admin: str
) -> None:
    their_rows(app, KNOWS_TWO_LETTERS)

    assert client.get("health").status == 503
    reply = client.get("api/adoption", token=admin)

    assert reply.json["adopted"] is True
    assert reply.json["findings"][0]["code"] == "flag_check"


def test_the_first_start_names_the_first_id_and_later_ones_need_none(
    app: Application, client: Client, token: str
) -> None:
    their_rows(app)

    status, asked = start(client, token)
    assert (status, asked["code"], asked["newestId"]) == (409, "choose_first_id", 3)
    waiting = {"total": 3, "day": None, "week": None, "month": None, "older": None}
    assert asked["waiting"] == waiting
    status, started = start(client, token, from_id=3)
    assert (status, started["waiting"]) == (200, 1)
    client.post("api/service-control", {"action": "stop"}, token=token)
    assert start(client, token)[0] == 200
