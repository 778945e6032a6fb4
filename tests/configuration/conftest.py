from __future__ import annotations

from pathlib import Path

import pytest

from shared.configuration.secret_store import SecretStore
from tests.support.configuration import Clock, FilePlace, StorePlace


@pytest.fixture(params=["file", "key vault"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> StorePlace:
    """Each kind of place for secrets; the key vault is a stub that the real SDK speaks to."""
    if request.param == "file":
        return FilePlace(tmp_path)
    vault: StorePlace = request.getfixturevalue("key_vault")
    return vault


@pytest.fixture
def store(place: StorePlace) -> SecretStore:
    return place.store()


@pytest.fixture
def clock() -> Clock:
    return Clock()
