"""A sender that is killed at any step leaves no gap, and every event its one id."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any, Literal

import pytest

from shared.app import Application
from shared.settings import Settings
from shared.webhooks import sender, turn
from shared.webhooks.post import Poster
from tests.support.forked import CONTEXT
from tests.support.webhook_receiver import Receiver
from tests.support.webhooks import Hooks

When = Literal["before", "after"]
EVENTS = 120
STEPS: dict[str, tuple[Any, str, When]] = {
    "before its lease": (turn, "take", "before"),
    "before its lease is committed": (turn, "take", "after"),
    "under its lease": (turn._Turn, "send", "before"),
    "before a post": (Poster, "post", "before"),
    "after a post": (Poster, "post", "after"),
    "before a commit": (turn, "write", "before"),
    "in a commit": (turn, "write", "after"),
    "after a commit": (turn._Turn, "_send_batch", "after"),
    "before it gives back": (turn, "give_back", "before"),
    "after its turn": (sender, "take_turn", "after"),
}
AT_THE_FIRST = ("take", "send", "give_back", "take_turn")


def settings_for(folder: Path) -> Settings:
    return Settings(ROWPOST_DATA=folder, ROWPOST_WEBHOOK_HOSTS="127.0.0.1")


def send_and_die(folder: Path, step: str) -> None:
    """Send what is due, and kill itself at the second time that it comes to this step, or at the
    first where there is one only."""
    place, verb, when = STEPS[step]
    real, left = getattr(place, verb), [1] if verb in AT_THE_FIRST else [1, 2]

    def dying(*arguments: object, **named: object) -> object:
        left.pop()
        if not left and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*arguments, **named)
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(place, verb, dying)
    application = Application(settings_for(folder))
    application.webhooks.finish(20)


@pytest.mark.parametrize("step", STEPS)
def test_no_gap_and_no_second_id(tmp_path: Path, receiver: Receiver, step: str) -> None:
    hooks = Hooks(Application(settings_for(tmp_path)))
    made = hooks.make(receiver.url)
    hooks.happen(EVENTS)
    hooks.app.database().close()

    process = CONTEXT.Process(target=send_and_die, args=(tmp_path, step), daemon=True)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL

    hooks.let_leases_run_out()
    hooks.send_until(lambda: hooks.state(made.webhook.id).last_event == EVENTS)
    hooks.send()

    log = hooks.log(made.webhook.id)
    assert [delivery.event_id for delivery in log] == list(range(1, EVENTS + 1))
    assert {message.event_id for message in receiver.messages} == set(range(1, EVENTS + 1))
    assert len(set(receiver.ids)) == EVENTS
    hooks.app.close()
