"""A queue of its own for each test of Database Mail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.senders import settings_for
from tests.support.queue import Queue, make_queue


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path, lease_seconds=60))
    yield made
    made.application.close()
