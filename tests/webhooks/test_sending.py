"""Events reach every webhook that wants them, each by itself."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from shared.app import Application
from shared.configuration.secret_store import SecretStoreUnavailable
from shared.database.database import Database
from shared.database.engine import file_url
from shared.database.errors import DatabaseUnreachable
from shared.database.tables import webhooks
from shared.delivery import tick
from shared.events.event import Event, EventType, NumberedEvent
from shared.settings import Settings
from shared.webhooks import retry, sender, turn
from shared.webhooks.admin import WebhookAdmin, Wish
from shared.webhooks.connections import MOST_AT_ONCE, Connections
from shared.webhooks.deliveries import Attempted, Due, forget_old_deliveries
from shared.webhooks.webhook import Answer, DeliveryState
from tests.support.queue import Queue
from tests.support.smtp import SmtpServer
from tests.support.standalone import wait_until
from tests.support.webhook_receiver import Received, Receiver, Reply
from tests.support.webhooks import Hooks

GONE_AWAY = "http://127.0.0.1:9/"


def test_an_email_that_is_sent_is_told_while_its_drain_goes_on(
    app: Application, hooks: Hooks, receiver: Receiver
) -> None:
    made = hooks.make(receiver.url)
    queue = Queue(app)
    with SmtpServer() as server:
        queue.account(server)
        (email_id,) = queue.add(dd_EmailParamCode="SHOP", dd_Lane="immediate")
        tick.tick(app)
    receiver.wait_for(3)

    assert [message.body["type"] for message in receiver.messages] == [
        "email.queued",
        "email.sending",
        "email.sent",
    ]
    assert {message.body["data"]["email_id"] for message in receiver.messages} == {email_id}
    for message in receiver.messages:
        message.verify(made.secret)


def test_only_the_types_that_it_wants_and_only_what_happens_from_now_on(
    hooks: Hooks, receiver: Receiver
) -> None:
    hooks.happen(what=EventType.BOUNCED)
    hooks.make(receiver.url, [EventType.BOUNCED])
    hooks.happen(3)
    hooks.happen(what=EventType.BOUNCED)

    hooks.send()

    assert [message.event_id for message in receiver.messages] == [5]


def test_a_secret_that_is_replaced_signs_for_another_day(
    app: Application, hooks: Hooks, receiver: Receiver
) -> None:
    made = hooks.make(receiver.url)
    later = app.webhook_admin().rotate(made.webhook.id, app.clock())
    hooks.happen()
    hooks.send()

    for secret in (made.secret, later):
        receiver.messages[0].verify(secret)
    tomorrow = app.clock() + timedelta(hours=25)
    assert app.signing_secrets.of(made.webhook.token, tomorrow) == [later]


def test_what_is_refused_is_tried_again_with_the_same_id_and_the_others_go_on(
    hooks: Hooks, receiver: Receiver
) -> None:
    made = hooks.make(receiver.url)
    receiver.reply = lambda message: Reply(500 if message.event_id == 2 else 204)
    hooks.happen(4)
    hooks.send()
    assert sorted(message.event_id for message in receiver.messages) == [1, 2, 3, 4]
    waiting = hooks.log(made.webhook.id)[1]
    assert (waiting.state, waiting.attempts, waiting.status) == (DeliveryState.WAITING, 1, 500)

    receiver.reply = lambda _: Reply()
    hooks.let_waits_pass()
    hooks.send()

    assert [message.event_id for message in receiver.messages[4:]] == [2]
    assert len(set(receiver.ids)) == 4
    assert {delivery.state for delivery in hooks.log(made.webhook.id)} == {"delivered"}


def test_a_receiver_that_is_away_costs_one_attempt_a_rest_and_gets_everything_later(
    hooks: Hooks, receiver: Receiver
) -> None:
    made = hooks.make(receiver.url)
    receiver.reply = lambda _: Reply(503)
    hooks.happen(200)
    hooks.send()
    hooks.send()
    assert len(receiver.messages) == 1

    receiver.reply = lambda _: Reply()
    hooks.let_waits_pass()
    hooks.send_until(lambda: len(set(receiver.ids)) == 200)
    hooks.send()

    assert [delivery.event_id for delivery in hooks.log(made.webhook.id)] == list(range(1, 201))
    assert hooks.state(made.webhook.id).failures == 0


def test_a_receiver_that_is_down_for_a_day_misses_nothing(hooks: Hooks, receiver: Receiver) -> None:
    made = hooks.make(receiver.url)
    receiver.reply = lambda _: Reply(503)
    hooks.happen(60)
    longest_rest = timedelta(minutes=36)
    for _ in range(40):
        hooks.send()
        hooks.let_pass(longest_rest)
    assert len(receiver.messages) == 40
    assert hooks.state(made.webhook.id).enabled

    receiver.messages.clear()
    receiver.reply = lambda _: Reply()
    for _ in range(4):
        hooks.send()
        hooks.let_pass(timedelta(hours=8))

    for message in receiver.messages:
        message.verify(made.secret)
    assert sorted(message.event_id for message in receiver.messages) == list(range(1, 61))
    assert {delivery.state for delivery in hooks.log(made.webhook.id)} == {"delivered"}


def test_one_that_asks_for_time_gets_it(hooks: Hooks, receiver: Receiver) -> None:
    hooks.make(receiver.url)
    receiver.reply = lambda _: Reply(429, {"Retry-After": "600"})
    hooks.happen(3)
    hooks.send()
    hooks.let_pass(timedelta(minutes=9))
    hooks.send()
    assert len(receiver.messages) == 1

    receiver.reply = lambda _: Reply()
    hooks.let_pass(timedelta(minutes=4))
    hooks.send()

    assert sorted(message.event_id for message in receiver.messages) == [1, 1, 2, 3]


def test_one_that_is_down_or_silent_delays_no_other(hooks: Hooks, receiver: Receiver) -> None:
    over = threading.Event()
    with Receiver().running() as silent:
        silent.reply = lambda _: Reply((over.wait(20) and 204) or 204)
        hooks.make(GONE_AWAY)
        hooks.make(silent.url)
        hooks.make(receiver.url)
        hooks.happen(50)
        hooks.send_until(lambda: len(silent.messages) == 1 and len(receiver.messages) == 50)

        hooks.happen()
        began = time.monotonic()
        hooks.send_until(lambda: len(receiver.messages) == 51)
        took = time.monotonic() - began
        over.set()

    assert not [message for message in silent.messages if message.event_id == 51]
    assert took < 10


def test_however_many_want_nothing_of_it_the_last_one_is_served(
    hooks: Hooks, receiver: Receiver
) -> None:
    for _ in range(sender.MOST_SERVED):
        hooks.make(GONE_AWAY, [EventType.BOUNCED])
    hooks.make(receiver.url)
    hooks.happen()

    hooks.send_until(lambda: len(receiver.messages) == 1)


def test_410_turns_it_off_with_an_alert(
    app: Application, hooks: Hooks, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    made = hooks.make(receiver.url)
    receiver.reply = lambda _: Reply(410)
    hooks.happen(3)
    with caplog.at_level(logging.ERROR, "rowpost.webhooks"):
        hooks.send()
        hooks.send()

    assert len(receiver.messages) == 1
    assert not hooks.state(made.webhook.id).enabled
    assert "turned off" in caplog.text
    wait_until(
        lambda: "turned itself off" in " ".join(app.health.check().problems), 20, "the alert"
    )

    receiver.reply = lambda _: Reply()
    app.webhook_admin().change(made.webhook.id, Wish(receiver.url))
    hooks.let_waits_pass()
    hooks.send_until(lambda: len(set(receiver.ids)) == 3)


def test_days_of_failure_turn_it_off(hooks: Hooks, receiver: Receiver) -> None:
    made = hooks.make(receiver.url)
    receiver.reply = lambda _: Reply(500)
    hooks.happen()
    long_ago = hooks.app.clock() - timedelta(days=6)
    with hooks.app.database().write() as connection:
        connection.execute(update(webhooks).values(FailingSince=long_ago, Failures=9))
    hooks.send()

    assert "5 days" in (hooks.state(made.webhook.id).disabled_reason or "")


def test_without_its_secret_it_waits_and_has_failed_at_nothing(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = hooks.make(receiver.url)
    hooks.happen()

    def away(*_: object) -> list[str]:
        raise SecretStoreUnavailable("away")

    with monkeypatch.context() as during:
        during.setattr(hooks.app.signing_secrets, "of", away)
        hooks.send()
    assert hooks.state(made.webhook.id).failures == 0

    hooks.let_leases_run_out()
    hooks.send()
    assert len(receiver.messages) == 1


def test_two_senders_at_once_post_each_event_once(hooks: Hooks, receiver: Receiver) -> None:
    hooks.make(receiver.url)
    hooks.happen(100)
    other = sender.WebhookSender(hooks.app.webhooks._means)
    threads = [
        threading.Thread(target=each.finish, args=(20,)) for each in (hooks.app.webhooks, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hooks.send_until(lambda: len(receiver.messages) >= 100)

    assert sorted(message.event_id for message in receiver.messages) == list(range(1, 101))


def test_types_that_nobody_wants_cost_no_commit_each_and_are_passed_over(
    app: Application, hooks: Hooks, receiver: Receiver
) -> None:
    made = hooks.make(receiver.url, [EventType.BOUNCED])
    hooks.happen(3)
    hooks.send()
    assert hooks.state(made.webhook.id).last_event == 0
    app.webhooks.ask()
    wait_until(lambda: hooks.state(made.webhook.id).last_event == 3, 60, "its place")

    hooks.happen(what=EventType.BOUNCED)
    hooks.send()
    assert [message.event_id for message in receiver.messages] == [4]


def test_a_look_that_finds_nothing_is_one_statement(
    app: Application, hooks: Hooks, receiver: Receiver
) -> None:
    for types in (None, [EventType.BOUNCED]):
        hooks.make(receiver.url, types)
    hooks.happen(3)
    hooks.send()
    hooks.send()
    asked: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    app.webhooks.finish(20)
    event.remove(Engine, "before_cursor_execute", note)

    assert len(asked) == 1


def test_a_database_that_is_away_is_logged_once(
    hooks: Hooks, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> Database:
        raise DatabaseUnreachable("away")

    sending = sender.WebhookSender(hooks.app.webhooks._means._replace(database=away))
    with caplog.at_level(logging.WARNING, "rowpost.webhooks"):
        assert not any(sending.look() for _ in range(3))

    assert caplog.text.count("could not be looked at") == 1


def test_many_of_them_are_passed_over_while_a_drain_goes_on(
    hooks: Hooks, receiver: Receiver
) -> None:
    made = hooks.make(receiver.url, [EventType.BOUNCED])
    hooks.happen(1_000)
    hooks.send()

    assert hooks.state(made.webhook.id).last_event == 1_000


def test_what_happens_while_a_drain_goes_on_is_told_at_once_whoever_is_silent(
    app: Application, hooks: Hooks, receiver: Receiver
) -> None:
    over = threading.Event()
    with Receiver().running() as silent:
        silent.reply = lambda _: Reply((over.wait(60) and 204) or 204)
        for url in (GONE_AWAY, silent.url, receiver.url):
            hooks.make(url)
        with app.webhooks.during():
            for number in range(1, 6):
                hooks.happen(20)
                receiver.wait_for(number * 20)
        hooks.happen()
        app.webhooks.ask()
        receiver.wait_for(101)

        assert not over.is_set()
        assert len(silent.messages) == 1
        over.set()


def test_a_connection_is_kept_from_one_turn_to_the_next_while_a_drain_goes_on(
    app: Application, hooks: Hooks, receiver: Receiver
) -> None:
    made = hooks.make(receiver.url)

    def is_noted(number: int) -> bool:
        return hooks.state(made.webhook.id).last_event == number

    with app.webhooks.during():
        for number in range(1, 4):
            hooks.happen()
            wait_until(partial(is_noted, number), 60, "its place")

    assert receiver.connections == 1


def test_what_failed_is_tried_again_soon_though_no_tick_comes(
    app: Application, hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "WAITS", (0.3, 0.3))
    monkeypatch.setattr(retry, "RESTS", (0.3,))
    made = hooks.make(receiver.url)
    receiver.reply = lambda _: Reply(503 if len(receiver.messages) < 3 else 204)
    hooks.happen()

    app.webhooks.ask()

    receiver.wait_for(3)
    wait_until(
        lambda: hooks.log(made.webhook.id)[0].state == DeliveryState.DELIVERED,
        60,
        "its delivery to be noted",
    )


def test_a_slow_receiver_gets_several_at_once(hooks: Hooks, receiver: Receiver) -> None:
    at_once = MOST_AT_ONCE

    def slow(_: Received) -> Reply:
        if len(receiver.messages) > 1:
            receiver.wait_for(1 + at_once)
        time.sleep(0.05)
        return Reply()

    receiver.reply = slow
    made = hooks.make(receiver.url)
    hooks.happen(1 + at_once)
    hooks.send()

    assert [delivery.event_id for delivery in hooks.log(made.webhook.id)] == list(range(1, 10))
    assert receiver.connections == at_once


def test_what_was_posted_beside_one_that_failed_is_not_posted_again(
    hooks: Hooks, receiver: Receiver
) -> None:
    made = hooks.make(receiver.url)

    def slow_until_one_is_refused(message: Received) -> Reply:
        if message.event_id == 3:
            return Reply(503)
        if message.event_id > 3:
            receiver.wait_for(5)
        time.sleep(0.05)
        return Reply()

    receiver.reply = slow_until_one_is_refused
    hooks.happen(30)
    hooks.send()
    assert hooks.state(made.webhook.id).last_fault == "its receiver answered 503"

    receiver.reply = lambda _: Reply()
    hooks.let_waits_pass()
    hooks.send_until(lambda: len(set(receiver.ids)) == 30)
    hooks.send()

    assert Counter(receiver.ids).most_common(2)[0][1] == 2
    assert len(receiver.messages) == 31
    assert {delivery.state for delivery in hooks.log(made.webhook.id)} == {"delivered"}


def due(*email_ids: int | None) -> list[Due]:
    noon = datetime(2026, 11, 27, 12, tzinfo=UTC)
    return [
        Due(NumberedEvent(number, noon, Event(EventType.SENT, email_id)))
        for number, email_id in enumerate(email_ids, 1)
    ]


def numbers(some: Sequence[Due]) -> list[int]:
    return [one.event.id for one in some]


def test_what_is_about_one_email_is_posted_one_after_the_other() -> None:
    rows = turn.by_email(due(7, 8, 7, None, 8, None))

    assert [numbers(row) for row in rows] == [[1, 3], [2, 5], [4, 6]]


@pytest.mark.parametrize(
    ("attempted", "seen"), [((), 0), ((1,), 1), ((1, 3), 1), ((2, 3), 0), ((1, 2, 3), 9)]
)
def test_the_place_is_before_the_first_that_was_not_posted(
    attempted: tuple[int, ...], seen: int
) -> None:
    found = due(1, 2, 3)
    answer = Answer(204, None, 1)
    done = [Attempted(each, answer, None) for each in found if each.event.id in attempted]

    assert turn.looked_at(found, done, 9) == seen


def test_where_others_wait_a_turn_is_short(
    app: Application, hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "_SECONDS_WHERE_OTHERS_WAIT", 0.0)
    made = hooks.make(receiver.url)
    hooks.happen(turn.EVENTS_A_COMMIT * 2)
    target = turn.Target(made.webhook.id, app.database(), Connections({"127.0.0.1"}))

    place = turn.take_turn(app.webhooks._means, target, 0, lambda: True)
    target.connections.close()

    assert place is not None
    assert place.seen == len(receiver.messages) <= turn.EVENTS_A_COMMIT


def test_what_was_seen_in_one_database_says_nothing_of_another(
    app: Application, hooks: Hooks, receiver: Receiver, tmp_path: Path
) -> None:
    address = file_url(tmp_path / "other.db")
    other = Hooks(Application(Settings(ROWPOST_DATA=tmp_path / "other", DATABASE_URL=address)))
    here = [hooks.app.database()]
    sending = sender.WebhookSender(app.webhooks._means._replace(database=lambda: here[0]))
    hooks.make(receiver.url, [EventType.BOUNCED])
    hooks.happen(5)
    sending.finish(20)

    here[0] = other.app.database()
    admin = WebhookAdmin(here[0], app.signing_secrets, {"127.0.0.1"})
    admin.make(Wish(receiver.url), "login:admin", app.clock())
    other.happen()
    sending.finish(20)
    other.app.close()

    assert [message.event_id for message in receiver.messages] == [1]


def test_old_deliveries_are_forgotten(hooks: Hooks, receiver: Receiver) -> None:
    made = hooks.make(receiver.url)
    hooks.happen(3)
    hooks.send()

    def forget(days: float) -> int:
        return hooks.app.database().run(lambda connection: forget_old_deliveries(connection, days))

    assert (forget(1), len(hooks.log(made.webhook.id))) == (0, 3)
    assert (forget(-1), len(hooks.log(made.webhook.id))) == (3, 0)
