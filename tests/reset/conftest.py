"""A process's parts with a mail server of the test's own, and the door for reset codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from functions import reset_codes
from shared.app import Application, use
from shared.security import tokens
from shared.security.logins import Login, Logins
from shared.security.roles import Role
from shared.settings import Settings
from tests.support.api import Client, Reply
from tests.support.queue import Queue
from tests.support.smtp import SmtpServer

PATH = "email-service/send-reset-code"
EMAIL, CODE = "user@example.com", "123456"
CHEAP = 4


@dataclass(frozen=True)
class Service:
    """One process, its queue, and whoever calls it."""

    application: Application
    queue: Queue

    def ask(
        self, *, email: str = EMAIL, code: str = CODE, token: str | None = None, **headers: str
    ) -> Reply:
        return self.post({"email": email, "code": code}, token=token, **headers)

    def post(self, body: Any, *, token: str | None = None, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return _client().post(PATH, body, token=token or self.token(), headers=named)

    def token(self, role: Role = Role.SERVICE) -> str:
        login = Login(f"a {role}", role, "", 1)
        logins = self.application.logins
        logins._document.update(lambda known: {**known, login.username: login})
        return tokens.issue(self.application.signing, login, datetime.now(UTC)).token


@lru_cache(maxsize=1)
def _client() -> Client:
    return Client(reset_codes.routes.blueprint)


Begin = Callable[..., Service]


@pytest.fixture
def begin(tmp_path: Path, migrated_file: Path) -> Iterator[Begin]:
    """`begin(server, **settings)` gives a service whose only account is that server."""
    begun: list[Application] = []

    def begin(server: SmtpServer | int, **settings: Any) -> Service:
        (tmp_path / "rowpost.db").write_bytes(migrated_file.read_bytes())
        values = {"ROWPOST_DATA": tmp_path, "ROWPOST_SMTP_TIMEOUT": 5} | settings
        application = Application(Settings.model_validate(values))
        application.logins = Logins(application.secrets, cost=CHEAP, look_again_seconds=0)
        begun.append(application)
        use(application)
        queue = Queue(application)
        queue.account(server)
        return Service(application, queue)

    yield begin
    use(None)
    for application in begun:
        application.stop.set()
        application.close()
