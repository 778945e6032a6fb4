"""Both stores, and an application over each of them, for tests that hold for both alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.app import Application
from shared.attachments.blobs import BlobStore
from shared.attachments.folder import FolderStore
from shared.attachments.store import AttachmentStore
from shared.settings import Settings


@pytest.fixture(params=["folder", "blobs"])
def store_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings with a storage account, and without one."""
    if request.param == "folder":
        return Settings(data=tmp_path)
    return Settings(data=tmp_path, storage=request.getfixturevalue("azurite"))


@pytest.fixture
def application(store_settings: Settings) -> Iterator[Application]:
    made = Application(store_settings)
    yield made
    made.close()


@pytest.fixture
def store(application: Application) -> AttachmentStore:
    chosen = application.attachments.store
    wanted = BlobStore if application.settings.has_storage else FolderStore
    assert isinstance(chosen, wanted)
    return chosen
