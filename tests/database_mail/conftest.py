"""A queue of its own for each test of Database Mail, and callers of its endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.app import Application
from shared.security.roles import Role
from tests.emails.conftest import Api, app, caller, client, settings
from tests.faults.senders import settings_for
from tests.support.api import Client
from tests.support.queue import Queue, make_queue

__all__ = ["app", "client", "settings"]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path, lease_seconds=60))
    yield made
    made.application.close()


@pytest.fixture
def here(app: Application) -> Queue:
    """The queue that the endpoint works on, with an account that nothing is sent over."""
    queue = Queue(app)
    queue.account(9, "ALERTS")
    return queue


@pytest.fixture
def ann(app: Application, client: Client) -> Api:
    """Somebody of the role `service`."""
    return caller(app, client, "ann", Role.SERVICE)


@pytest.fixture
def admin(app: Application, client: Client) -> Api:
    return caller(app, client, "admin", Role.ADMIN)
