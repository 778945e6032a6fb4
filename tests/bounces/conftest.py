from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from shared.app import Application, use
from shared.settings import Settings
from tests.support.bounces import Mailroom
from tests.support.dovecot import Dovecot, dovecot
from tests.support.smtp import TlsFiles

_USERS = tuple(f"bounces-{number}@shop.example" for number in range(60))
_unused = count()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    app = Application(Settings(ROWPOST_DATA=tmp_path))
    use(app)
    yield app
    use(None)
    app.close()


@pytest.fixture
def mailroom(app: Application) -> Mailroom:
    return Mailroom(app)


@pytest.fixture(scope="session")
def server(tls_files: TlsFiles) -> Iterator[Dovecot]:
    with dovecot(tls_files, _USERS) as server:
        yield server


@pytest.fixture
def user() -> str:
    """A user of the server whose mailbox is still empty."""
    return _USERS[next(_unused)]
