"""An application in a folder, and the accounts' doors with an admin and a viewer before them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functions import accounts
from shared.app import Application, use
from shared.security import tokens
from shared.security.logins import Logins
from shared.settings import Settings
from tests.support.api import Client, Reply
from tests.support.queue import Queue

Ask = Callable[..., Reply]
_ROUTE = "api/smtp-configs"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    app = Application(Settings(data=tmp_path, database_url=None, storage=None, lease_seconds=1))
    app.logins = Logins(app.secrets, cost=4, look_again_seconds=0)
    use(app)
    yield app
    use(None)
    app.close()


@pytest.fixture
def queue(app: Application) -> Queue:
    return Queue(app)


@pytest.fixture
def ask(app: Application) -> Ask:
    """Calls `METHOD /api/smtp-configs<path>` as an admin, or as the operator."""
    app.logins.ensure_first_admin("admin", "the admin's own password")
    app.logins.set_operator("olga", "the operator's own password")
    client = Client(accounts.routes.blueprint)

    def asking(method: str, path: str = "", user: str = "admin", /, **body: Any) -> Reply:
        login = app.logins.find(user)
        assert login
        number, _, action = path.strip("/").partition("/")
        route = _ROUTE + ("/{id:int}" if number else "") + (f"/{action}" if action else "")
        return client.request(
            method,
            f"{_ROUTE}{path}",
            body if method in ("POST", "PUT") else b"",
            token=tokens.issue(app.signing, login, datetime.now(UTC)).token,
            route=route,
            route_params={"id": number} if number else None,
        )

    return asking
