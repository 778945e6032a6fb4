"""A process's parts over a folder of their own, and the doors that work on them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from functions.groups import GROUPS
from shared.app import Application, use
from shared.security import tokens
from shared.security.logins import Logins
from shared.settings import Settings
from standalone.catcher import Catcher
from tests.support.api import Client

ADMIN, ADMIN_PASSWORD = "admin", "the admin's own password"
OPERATOR, OPERATOR_PASSWORD = "olga", "the operator's own password"
_CHEAP = 4


@pytest.fixture
def catcher(tmp_path: Path) -> Iterator[Catcher]:
    catcher = Catcher(tmp_path / "mail", 0)
    catcher.start()
    yield catcher
    catcher.stop()


@pytest.fixture
def app(tmp_path: Path, catcher: Catcher) -> Iterator[Application]:
    settings = Settings(ROWPOST_DATA=tmp_path, ROWPOST_CATCHER_PORT=catcher.port)
    app = Application(settings)
    app.logins = Logins(app.secrets, cost=_CHEAP, look_again_seconds=0)
    app.logins.ensure_first_admin(ADMIN, ADMIN_PASSWORD)
    app.logins.set_operator(OPERATOR, OPERATOR_PASSWORD)
    use(app)
    yield app
    use(None)
    app.close()


@pytest.fixture
def client(app: Application) -> Client:
    return Client(*(group.routes.blueprint for group in GROUPS))


@pytest.fixture
def token(app: Application) -> str:
    """The operator's."""
    operator = app.logins.find(OPERATOR)
    assert operator
    return tokens.issue(app.signing, operator, datetime.now(UTC)).token
