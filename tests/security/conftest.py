from __future__ import annotations

from pathlib import Path

import pytest

from shared.configuration.secret_store import SecretStore
from shared.security.logins import Logins
from tests.support.configuration import Clock, file_store

QUICK = 4


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    return file_store(tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def logins(store: SecretStore, clock: Clock) -> Logins:
    return Logins(store, QUICK, clock=clock)


@pytest.fixture
def elsewhere(store: SecretStore, clock: Clock) -> Logins:
    """The logins as another instance sees them."""
    return Logins(store, QUICK, clock=clock)
