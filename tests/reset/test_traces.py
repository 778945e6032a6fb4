"""A code that has ended leaves no trace in the files of SQLite: neither free pages nor log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.app import Application
from shared.delivery import tick
from shared.outbox.cancel_retry_resolve import cancel
from shared.settings import Settings
from tests.support.emails import stored_email

CODE = "trace-of-a-code-471100"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Application]:
    here = Application(Settings(ROWPOST_DATA=tmp_path))
    yield here
    here.close()


def traces(folder: Path) -> list[str]:
    return [
        file.name
        for file in sorted(folder.glob("rowpost.db*"))
        if CODE.encode() in file.read_bytes()
    ]


# One row in a page with others, and one of many pages.
@pytest.mark.parametrize("length", [10, 100_000])
def test_the_next_tick_has_swept_it_away(here: Application, length: int, tmp_path: Path) -> None:
    database = here.database()
    email_id = stored_email(database, body=CODE + "x" * length, origin="reset")
    assert traces(tmp_path)

    database.run(lambda connection: cancel(connection, email_id))
    tick.tick(here)

    assert traces(tmp_path) == []
