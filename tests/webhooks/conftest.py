from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.app import Application, use
from shared.settings import Settings
from tests.support.database import SQL_SERVER, empty
from tests.support.webhook_receiver import Receiver
from tests.support.webhooks import Hooks


@pytest.fixture
def app(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Application]:
    """Its database is the SQL Server of DATABASE_URL if it is set, emptied, else SQLite's."""
    if SQL_SERVER:
        empty(request.getfixturevalue("sql_server"))
    app = Application(Settings(ROWPOST_DATA=tmp_path, ROWPOST_WEBHOOK_HOSTS="127.0.0.1"))
    use(app)
    yield app
    use(None)
    app.close()


@pytest.fixture
def hooks(app: Application) -> Hooks:
    return Hooks(app)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver
