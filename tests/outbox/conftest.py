from __future__ import annotations

import pytest

from shared.database.database import Database
from tests.outbox.sender import Sender


@pytest.fixture
def sender(database: Database) -> Sender:
    return Sender(database)
