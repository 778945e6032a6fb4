"""A reader that is killed at any step loses no event, and none comes twice."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from shared.app import Application
from shared.bounces import turn
from shared.bounces.mailboxes.imap import ImapInbox
from shared.settings import Settings
from tests.support.bounces import AUTOREPLY, UNCLEAR, Mailroom, complaint, report
from tests.support.dovecot import Dovecot
from tests.support.forked import CONTEXT

STEPS = {
    "under its lease": ("take", "after"),
    "before a message is written down": ("record", "before"),
    "once it is written down, before the commit": ("record", "after"),
    "before messages are filed": ("file", "before"),
    "once they are filed": ("file", "after"),
    "before it gives back": ("note_read", "before"),
}


def read_and_die(folder: Path, step: str) -> None:
    """Read what is due, and kill itself at the second time that it comes to this step."""
    verb, when = STEPS[step]
    place = {"file": ImapInbox}.get(verb, turn)
    real, once = getattr(place, verb), verb in ("take", "note_read")
    calls = []

    def dying(*arguments: object, **named: object) -> object:
        calls.append(1)
        dies = once or len(calls) == 2
        if dies and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*arguments, **named)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(place, verb, dying)
    Application(Settings(ROWPOST_DATA=folder)).bounces.finish(60)


@pytest.mark.parametrize("step", STEPS)
def test_no_event_is_lost_and_none_comes_twice(
    tmp_path: Path, server: Dovecot, user: str, step: str
) -> None:
    mailroom = Mailroom(Application(Settings(ROWPOST_DATA=tmp_path)))
    mailroom.add(user, server.port)
    people = [f"ann-{number}@example.com" for number in range(3)]
    sent = [mailroom.sent(each) for each in people]
    reports = [report(m, each) for each, (_, m) in zip(people, sent, strict=True)]
    server.put(user, *reports, complaint(sent[0][1], people[0]), AUTOREPLY, UNCLEAR)
    mailroom.app.database().close()

    process = CONTEXT.Process(target=read_and_die, args=(tmp_path, step), daemon=True)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    mailroom.collect_again()

    bounced = [
        ("email.bounced", email_id, each) for each, (email_id, _) in zip(people, sent, strict=True)
    ]
    assert mailroom.events() == [*bounced, ("email.complained", sent[0][0], people[0])]
    assert sorted(mailroom.suppressed()) == people
    assert len(mailroom.noted()) == 6
    assert server.messages(user) == []
    assert len(server.messages(user, "Processed")) == 5
    assert len(server.messages(user, "Unclear")) == 1
    mailroom.app.close()
