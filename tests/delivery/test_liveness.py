"""One bad thing never stops the rest: one is frozen or poisoned, and the others are measured."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from shared.accounts import directory
from shared.delivery import dispatcher, tick
from shared.delivery.composing import composer, prepare
from shared.delivery.dispatcher import Drained, Order, drain
from shared.events.event import EventType
from shared.events.read import read_events
from shared.outbox.admission.admit import AT_ONCE
from shared.outbox.sending import fetch
from shared.outbox.sending.finish import Outcome
from shared.outbox.states import Lane
from tests.faults.senders import settings_for
from tests.support.emails import kill_its_sender, let_retries_come_due
from tests.support.queue import Queue, make_queue
from tests.support.smtp import AcceptAndHang, Answer, Command, Late, SmtpServer
from tests.support.standalone import wait_until

Servers = Callable[..., SmtpServer]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path, lease_seconds=30, retry_seconds=60))
    yield made
    made.application.close()


def to(recipient: str, answer: bytes) -> Callable[[Command], Answer | None]:
    """This answer where the command, or the message that it ends, names that recipient."""
    return lambda command: (
        answer if recipient in command.argument or recipient.encode() in command.content else None
    )


def arrived(server: SmtpServer, number: int, within: float) -> bool:
    return server.wait_for_messages(number, within)


class Running:
    """A drain on a thread of its own."""

    def __init__(self, queue: Queue, seconds: float, **more: Any) -> None:
        self.came_to: Drained | None = None
        self._thread = threading.Thread(target=self._run, args=(queue, seconds), kwargs=more)
        self._thread.start()

    def _run(self, queue: Queue, seconds: float, **more: Any) -> None:
        self.came_to = drain(queue.application, Order(seconds=seconds, forced=True), **more)

    def wait(self, seconds: float) -> Drained:
        self._thread.join(seconds)
        assert self.came_to is not None
        return self.came_to


# What passes ends no email.


def test_a_database_that_is_away_while_documents_are_read_ends_no_email(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    queue.account(server)
    queue.add(45, dd_document=b"x" * 5_000, dd_filename="a.txt")
    away_until = time.monotonic() + 1.5

    @event.listens_for(queue.database.engine, "before_cursor_execute")
    def fail(_: Any, __: Any, statement: str, *___: Any) -> None:
        is_document = statement.lstrip().startswith("SELECT") and "dd_document" in statement
        if is_document and "length" not in statement.lower() and time.monotonic() < away_until:
            raise sqlite3.OperationalError("disk I/O error")

    drain(queue.application, Order(seconds=10))
    assert queue.states()["F"] == 0
    time.sleep(max(0.0, away_until - time.monotonic()))
    let_retries_come_due(queue.database)
    drain(queue.application, Order(seconds=10))

    assert queue.states() == {"Y": 45}
    assert {email.retries for email in queue.emails()} == {0}


# One email cannot stop its account.


@pytest.mark.parametrize(
    ("verb", "answer"),
    [
        ("RCPT", b"421 4.3.2 try again later"),
        ("DATA_END", b"421 4.3.2 try again later"),
        ("RCPT", b"550 5.7.1 relay limit exceeded for your account"),
    ],
    ids=str,
)
def test_an_email_that_always_gets_a_reply_about_the_account_stops_no_other(
    queue: Queue, smtp_server: Servers, verb: str, answer: bytes
) -> None:
    """Six runs, five new emails before each: all but the one are sent, which uses attempts."""
    server = smtp_server(reactions={verb: to("poison@example.com", answer)})
    queue.account(server)
    (poison,) = queue.add(dd_toEmailid="poison@example.com")

    for _ in range(6):
        queue.add(5)
        drain(queue.application, Order(seconds=5, forced=True))
        let_retries_come_due(queue.database)

    assert queue.states() == {"Y": 30, "N": 1}
    blamed = queue.became(poison)
    assert (blamed.retries or 0) >= 2
    assert blamed.reason is not None
    assert answer.decode()[4:] in blamed.reason


@pytest.mark.parametrize("died", [False, True], ids=["blamed", "suspect"])
def test_an_account_is_tried_again_with_an_odd_email_where_it_has_no_other(
    queue: Queue, smtp_server: Servers, died: bool
) -> None:
    """The one that it rests for, or one whose sender died."""
    replies = [b"421 4.3.2 try again later"]
    server = smtp_server(reactions={"RCPT": lambda _: replies[0] if replies else None})
    queue.account(server)
    (odd,) = queue.add()
    drain(queue.application, Order(seconds=5))
    if died:
        kill_its_sender(queue.database, odd)
    assert len(queue.reasons_to_pause()) == 1
    replies.clear()

    drain(queue.application, Order(seconds=5, forced=True))

    assert queue.became(odd).state == "Y"
    assert queue.reasons_to_pause() == []


def test_an_error_of_our_own_holds_the_email_that_it_comes_up_with(
    queue: Queue, smtp_server: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = smtp_server()
    queue.account(server)
    ids = queue.add(10)

    def fail_at_one(email: Any, *more: Any) -> Any:
        if email.id == ids[3]:
            raise IndexError("an error of our own")
        return prepare.prepare(email, *more)

    monkeypatch.setattr(composer, "prepare", fail_at_one)
    for _ in range(3):
        drain(queue.application, Order(seconds=5))

    assert queue.states() == {"Y": 9, "N": 1}
    held = queue.became(ids[3])
    assert (held.state, held.retries) == ("N", 1)
    assert held.reason is not None
    assert "IndexError" in held.reason


# A backlog cannot keep back what is urgent.


def test_an_immediate_email_overtakes_rows_that_were_not_admitted_yet(
    queue: Queue, smtp_server: Servers
) -> None:
    queue.account(smtp_server())
    queue.add(2 * AT_ONCE)
    (immediate,) = queue.add(dd_Lane="immediate")

    assert drain(queue.application, Order((Lane.IMMEDIATE,), seconds=20)).sent == 1

    assert queue.states() == {"Y": 1, "N": 2 * AT_ONCE}
    with queue.database.read() as connection:
        queued = read_events(connection, 0, (EventType.QUEUED,), AT_ONCE + 1)
    assert queued.items[-1].event.email_id == immediate


# One account cannot stop another.


def test_idle_accounts_cost_no_claims(queue: Queue, smtp_server: Servers) -> None:
    server = smtp_server()
    for number in range(100):
        queue.account(server, f"IDLE{number}")
    queue.account(server, "BUSY")
    queue.add(300, dd_EmailParamCode="BUSY")
    claims = 0

    @event.listens_for(queue.database.engine, "before_cursor_execute")
    def count(_: Any, __: Any, statement: str, *___: Any) -> None:
        nonlocal claims
        claims += statement.startswith("UPDATE") and "MessageId" in statement

    assert drain(queue.application, Order(seconds=20)).sent == 300

    assert claims < 20


def test_suspects_do_not_delay_another_account(queue: Queue, smtp_server: Servers) -> None:
    slow = smtp_server(reactions={"RCPT": Late(1.5)})
    fast = smtp_server()
    queue.account(slow, "SLOW")
    queue.account(fast, "FAST")
    for email_id in queue.add(40, dd_EmailParamCode="SLOW"):
        kill_its_sender(queue.database, email_id)
    running = Running(queue, 40)
    queue.add(20, dd_EmailParamCode="FAST")

    assert arrived(fast, 20, 30)  # Behind the suspects it would be a minute.
    queue.application.stop.set()
    running.wait(30)


def test_slow_reads_of_one_account_do_not_delay_another(
    queue: Queue, smtp_server: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, other = smtp_server(), smtp_server()
    queue.account(server, "FILES")
    queue.account(other, "SMALL")
    queue.add(20, dd_EmailParamCode="FILES", dd_document=b"x" * 5_000, dd_filename="a.txt")
    queue.add(200, dd_EmailParamCode="SMALL")
    usual = fetch.read_document

    goes_on = threading.Event()

    def slowly(*given: Any) -> bytes:
        goes_on.wait(60)
        return usual(*given)

    monkeypatch.setattr(composer, "read_document", slowly)
    running = Running(queue, 60)

    assert arrived(other, 200, 40)
    assert server.messages == []
    goes_on.set()
    running.wait(60)
    assert queue.states() == {"Y": 220}


def test_a_server_that_is_silent_after_the_dot_keeps_nobody_waiting(
    tmp_path: Path, smtp_server: Servers
) -> None:
    queue = make_queue(settings_for(tmp_path, lease_seconds=60, smtp_timeout=60))
    silent, other = smtp_server(reactions={"DATA_END": AcceptAndHang()}), smtp_server()
    queue.account(silent, "SILENT")
    queue.account(other, "OTHER")
    queue.add(4, dd_EmailParamCode="SILENT")
    handed_over = threading.Event()
    running = Running(queue, 5, hand_over=handed_over.set)

    assert silent.wait_for_command("DATA", 1, 30)
    queue.add(5, dd_EmailParamCode="OTHER")
    assert handed_over.wait(30)
    assert running.came_to is None

    queue.add(5, dd_EmailParamCode="OTHER")
    drain(queue.application, Order(seconds=10))
    assert arrived(other, 10, 30)
    assert running.came_to is None
    silent.drop_connections()
    assert running.wait(30).unknown >= 1
    queue.application.close()


def test_a_vault_that_does_not_answer_keeps_no_drain_from_what_it_has_read_before(
    queue: Queue, smtp_server: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = smtp_server(login=("shop", "secret"))
    queue.account(server, SMTPAccountName="shop", SMTPPassword="secret")
    queue.add(1)
    assert drain(queue.application, Order(seconds=5)).sent == 1
    usual, answers = directory.load_accounts, threading.Event()

    def slowly(*given: Any) -> Any:
        answers.wait(60)
        return usual(*given)

    monkeypatch.setattr(dispatcher, "load_accounts", slowly)
    queue.add(5)
    running = Running(queue, 40)

    assert arrived(server, 6, 30)
    answers.set()
    assert running.wait(60).sent == 5


def test_a_tick_ends_though_a_server_is_silent(
    tmp_path: Path, smtp_server: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = make_queue(settings_for(tmp_path, lease_seconds=60, smtp_timeout=60))
    silent = smtp_server(reactions={"DATA_END": AcceptAndHang()})
    queue.account(silent)
    queue.add(1, dd_Lane="immediate")
    monkeypatch.setattr(tick, "DRAIN_SECONDS", 2.0)
    monkeypatch.setattr(tick, "SECONDS_FOR_REPLIES", 0.5)

    tick.tick(queue.application)

    assert queue.states() == {"T": 1}
    silent.drop_connections()
    wait_until(lambda: queue.states() == {"U": 1}, 30, "its outcome to be unknown")
    queue.application.close()


def test_nothing_blocks_the_loop(
    queue: Queue,
    smtp_server: Servers,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """asyncio's own debugging names each callback that takes longer than 50 ms. On a machine that
    does other things, too, one quiet run of several is enough."""
    queue.account(smtp_server())
    usual = dispatcher.loop_factory() or asyncio.new_event_loop

    def watchful() -> asyncio.AbstractEventLoop:
        loop = usual()
        loop.set_debug(True)
        loop.slow_callback_duration = 0.05
        return loop

    monkeypatch.setattr(dispatcher, "loop_factory", lambda: watchful)
    for _ in range(8):
        caplog.clear()
        queue.add(20)
        queue.add(2, dd_document=b"x" * 3_000_000, dd_filename="large.bin")
        assert drain(queue.application, Order(seconds=20)).sent == 22
        slow = [record.getMessage() for record in caplog.records if record.name == "asyncio"]
        if not slow:
            return
    pytest.fail(f"the loop was blocked: {slow}")


def test_what_was_sent_is_counted_while_it_goes_on(queue: Queue, smtp_server: Servers) -> None:
    queue.account(smtp_server())
    queue.add(3)
    written: Counter[Outcome] = Counter()

    drain(queue.application, Order(seconds=5), written)

    assert written == {Outcome.SENT: 3}
