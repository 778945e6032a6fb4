from __future__ import annotations

from pathlib import Path

import pytest

from shared.configuration.secret_store import SecretStore
from tests.support.configuration import Clock, file_store


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    return file_store(tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()
