"""Whoever numbers events and is killed at any step leaves no gap and numbers none twice."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select

from shared.app import Application
from shared.database.tables import events, new_events
from shared.events.event import EventType
from shared.events.numbering import number_batch
from shared.settings import Settings
from tests.support.forked import CONTEXT

EVENTS = 30
STEPS = {
    "before they are numbered": "INSERT INTO Rowpost_Events",
    "before their first place is cleared": "DELETE FROM Rowpost_NewEvents",
    "before the commit": "DELETE FROM Rowpost_NewEvents",
    "after the commit": "",
}


def application_in(folder: Path) -> Application:
    return Application(Settings(ROWPOST_DATA=folder))


def number_and_die(folder: Path, step: str) -> None:
    database = application_in(folder).database()
    moment = "after_cursor_execute" if step == "before the commit" else "before_cursor_execute"

    def die(*arguments: Any) -> None:
        if STEPS[step] and arguments[2].replace('"', "").startswith(STEPS[step]):
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database.engine, moment, die)
    database.run(number_batch)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("step", STEPS)
def test_no_gap_and_none_twice(tmp_path: Path, step: str) -> None:
    database = application_in(tmp_path).database()
    rows = [{"Type": EventType.SENT.value, "EmailId": number} for number in range(EVENTS)]
    database.run(lambda connection: connection.execute(insert(new_events), rows))
    database.close()

    process = CONTEXT.Process(target=number_and_die, args=(tmp_path, step), daemon=True)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL

    assert database.run(number_batch) == (0 if step == "after the commit" else EVENTS)
    with database.read() as connection:
        found = connection.execute(select(events.c.Id, events.c.EmailId).order_by(events.c.Id))
        assert [tuple(row) for row in found] == [(n + 1, n) for n in range(EVENTS)]
    database.close()
