"""The contact form's doors over parts of their own, as its visitors and operators see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from shared.app import Application, use
from shared.database.database import Database
from shared.security.logins import Logins
from shared.security.roles import Role
from shared.settings import Settings
from tests.emails.conftest import CHEAP, Api, caller, client
from tests.support.api import Client, Reply
from tests.support.forms import Part, form

__all__ = ["client"]

SUPPORT = "support@tcall.ai"
WORDS = {
    "full_name": "John Doe",
    "email": "john.doe@example.com",
    "phone": "+1-555-123-4567",
    "job_profession": "Software Engineer",
    "subject": "General Inquiry",
    "message": "I would like to know more about your services.",
}
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"


@dataclass
class Visitor:
    """Somebody without a login."""

    api: Api

    def writes(
        self, file: tuple[str, bytes] | None = None, /, *, key: str | None = None, **fields: Any
    ) -> Reply:
        """Write with these fields in place of the usual ones, as JSON or, with a file, a form."""
        headers = {} if key is None else {"idempotency-key": key}
        return sent(self.api, "POST", "/api/email/emails", file, headers, fields)

    def wrote(self, file: tuple[str, bytes] | None = None, /, **fields: Any) -> str:
        """The id of what was written."""
        reply = self.writes(file, **fields)
        assert reply.status == 201, reply.body
        assert reply.json["status"] == "Pending"
        return str(reply.json["id"])


def sent(
    api: Api,
    method: str,
    path: str,
    file: tuple[str, bytes] | None,
    headers: dict[str, str],
    fields: dict[str, Any],
) -> Reply:
    words = WORDS | fields
    if file is None:
        return api.request(method, path, words, headers=headers)
    kind, body = form(words, Part("file_attached", *file))
    return api.request(method, path, body, headers={**headers, "content-type": kind})


MakeApp = Callable[..., Application]
Files = Callable[[], list[Path]]


@pytest.fixture
def make_app(tmp_path: Path, migrated_file: Path) -> Iterator[MakeApp]:
    """`make_app(**settings)`: the process's parts from now on."""
    made: list[Application] = []
    (tmp_path / "rowpost.db").write_bytes(migrated_file.read_bytes())

    def make(**settings: Any) -> Application:
        app = Application(Settings(ROWPOST_DATA=tmp_path, **settings))
        app.logins = Logins(app.secrets, cost=CHEAP, look_again_seconds=0)
        app.logins.ensure_first_admin("admin", "the admin's own password")
        use(app)
        made.append(app)
        return app

    yield make
    use(None)
    for app in made:
        app.close()


@pytest.fixture
def app(make_app: MakeApp) -> Application:
    return make_app(CONTACT_EMAIL=SUPPORT)


@pytest.fixture
def queue(app: Application) -> Database:
    return app.database()


@pytest.fixture
def admin(app: Application, client: Client) -> Api:
    return caller(app, client, "admin", Role.ADMIN)


@pytest.fixture
def visitor(app: Application, client: Client) -> Visitor:
    return visitor_of(app, client)


def visitor_of(app: Application, client: Client) -> Visitor:
    """Somebody without a login, at these parts."""
    return Visitor(replace(caller(app, client, "admin", Role.ADMIN), token=None))


@pytest.fixture
def files(app: Application) -> Files:
    """Whatever lies in the attachment store."""
    folder = app.settings.data / "attachments"
    return lambda: sorted(one.relative_to(folder) for one in folder.rglob("*") if one.is_file())
