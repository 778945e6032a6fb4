from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.app import Application
from shared.settings import Settings


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    application = Application(Settings(ROWPOST_DATA=tmp_path))
    yield application
    application.close()
