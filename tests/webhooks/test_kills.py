"""A sender that is killed at any step leaves no gap, and every event its one id."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from shared.app import Application
from shared.settings import Settings
from shared.webhooks import sender
from shared.webhooks.post import Poster
from tests.support.forked import CONTEXT
from tests.support.webhook_receiver import Receiver
from tests.support.webhooks import Hooks

EVENTS = 120
STEPS = {
    "before its lease": ("take", "before"),
    "under its lease": ("take", "after"),
    "before a post": ("post", "before"),
    "after a post": ("post", "after"),
    "before a commit": ("write", "before"),
    "after a commit": ("_tell", "before"),
    "before it gives back": ("give_back", "before"),
}


def settings_for(folder: Path) -> Settings:
    return Settings(ROWPOST_DATA=folder, ROWPOST_WEBHOOK_HOSTS="127.0.0.1")


def send_and_die(folder: Path, step: str) -> None:
    """Send what is due, and kill itself at the second time that it comes to this step."""
    verb, when = STEPS[step]
    place = {"post": Poster, "_tell": sender.WebhookSender}.get(verb, sender)
    real, once = getattr(place, verb), verb in ("take", "give_back")
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
    process.join(20)
    assert process.exitcode == -signal.SIGKILL

    hooks.let_leases_run_out()
    hooks.send_until(lambda: hooks.state(made.webhook.id).last_event == EVENTS)
    hooks.send()

    log = hooks.log(made.webhook.id)
    assert [delivery.event_id for delivery in log] == list(range(1, EVENTS + 1))
    assert {message.event_id for message in receiver.messages} == set(range(1, EVENTS + 1))
    assert len(set(receiver.ids)) == EVENTS
    hooks.app.close()
