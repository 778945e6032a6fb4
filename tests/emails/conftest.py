"""The emails' doors over a process's parts in a folder of their own, and callers of each role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functions.groups import GROUPS
from shared.app import Application, use
from shared.database.database import Database
from shared.security import tokens
from shared.security.logins import Login, Logins
from shared.security.roles import Role
from shared.settings import Settings
from standalone.index import FunctionIndex, HttpFunction
from standalone.routing import Router
from tests.support.api import Client, Reply

CHEAP = 4


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(ROWPOST_DATA=tmp_path)


@pytest.fixture
def app(settings: Settings, migrated_file: Path) -> Iterator[Application]:
    (settings.data / "rowpost.db").write_bytes(migrated_file.read_bytes())
    app = Application(settings)
    app.logins = Logins(app.secrets, cost=CHEAP, look_again_seconds=0)
    app.logins.ensure_first_admin("admin", "the admin's own password")
    use(app)
    yield app
    use(None)
    app.close()


@pytest.fixture
def queue(app: Application) -> Database:
    return app.database()


@dataclass
class Api:
    """Requests as one caller; the path decides which function answers, as in the host."""

    client: Client
    router: Router
    token: str | None

    def get(self, path: str, **query: str) -> Reply:
        return self.request("GET", path, query=query)

    def post(self, path: str, body: Any = b"", headers: Mapping[str, str] | None = None) -> Reply:
        return self.request("POST", path, body, headers=headers)

    def delete(self, path: str) -> Reply:
        return self.request("DELETE", path)

    def send(self, **fields: Any) -> int:
        """Store an email with these fields beside the needed ones; its number."""
        reply = self.post("/api/emails", email(**fields))
        assert reply.status == 202, reply.body
        return int(reply.json["email_id"])

    def request(self, method: str, path: str, body: Any = b"", **options: Any) -> Reply:
        match = self.router.match(method, path)
        assert match is not None, path
        return self.client.request(
            method,
            path.strip("/"),
            body,
            token=self.token,
            route=match.function.route,
            route_params=match.values,
            **options,
        )


def email(**fields: Any) -> dict[str, Any]:
    """A valid email with these fields."""
    needed = {"subject": "Hello", "recipients": ["ann@example.com"], "html_content": "<p>Hi</p>"}
    return needed | fields


@pytest.fixture(scope="session")
def client() -> Client:
    return Client(*(group.routes.blueprint for group in GROUPS))


@pytest.fixture
def api(app: Application, client: Client) -> Api:
    """The admin's."""
    return caller(app, client, "admin", Role.ADMIN)


def caller(app: Application, client: Client, name: str, role: Role) -> Api:
    """Somebody of this name and role."""
    routes = FunctionIndex(
        tuple(
            HttpFunction(f"f{number:03}", "req", print, operation_path)
            for number, operation_path in enumerate(_paths())
        ),
        (),
        (),
    )
    login = app.logins.find(name) or _added(app, name, role)
    token = tokens.issue(app.signing, login, datetime.now(UTC)).token
    return Api(client, Router(routes.http), token)


def _paths() -> list[str]:
    """In the order in which the host tries them."""
    from shared.api.endpoint import function_name

    paths = {operation.path for group in GROUPS for operation in group.routes.operations}
    return sorted(paths, key=lambda path: function_name(path).upper())


def _added(app: Application, name: str, role: Role) -> Login:
    """A login of a role that no endpoint makes yet."""
    added = Login(name, role, "", 1)
    app.logins._document.update(lambda known: {**known, name: added})
    return added
