"""Replies are charged to the right party: session, recipient, sender, message or account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.accounts.pauses import pauses
from shared.delivery import tick
from shared.outbox.suppressions import any_suppressed
from tests.faults.senders import settings_for
from tests.support.queue import Queue, make_queue
from tests.support.smtp import Answer, Command, SmtpServer

Servers = Callable[..., SmtpServer]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path))
    yield made
    made.application.close()


def after_so_many(number: int, reply: bytes) -> Callable[[Command], Answer | None]:
    """This answer once the connection has had so many of these commands."""
    had: defaultdict[int, int] = defaultdict(int)

    def react(command: Command) -> Answer | None:
        had[command.connection] += 1
        return reply if had[command.connection] > number else None

    return react


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()], ids=["pipelining", "in turn"])
@pytest.mark.parametrize(
    ("verb", "reply"),
    [
        ("MAIL", b"452 4.4.5 Maximum number of messages per session exceeded."),
        ("MAIL", b"421 Connection closed by server. Maximum message count per session reached."),
        ("DATA", b"452 4.4.5 Maximum number of messages per session exceeded."),
        ("DATA_END", b"421 too many messages in this connection"),
    ],
    ids=str,
)
def test_the_limit_of_a_session_costs_no_attempt(
    queue: Queue, smtp_server: Servers, verb: str, reply: bytes, extensions: tuple[str, ...]
) -> None:
    server = smtp_server(reactions={verb: after_so_many(10, reply)}, extensions=extensions)
    queue.account(server)
    queue.add(100)

    tick.force(queue.application, 20)

    assert queue.states() == {"Y": 100}
    assert {email.retries for email in queue.emails()} == {0}
    assert all(copies == 1 for copies in server.copies().values())


def test_a_session_that_takes_nothing_at_all_is_the_accounts_trouble(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server(reactions={"MAIL": b"452 4.4.5 Too many messages per session"})
    queue.account(server)
    queue.add(3)

    tick.force(queue.application, 3)

    assert queue.states() == {"N": 3}
    assert server.connections < 20
    with queue.database.read() as connection:
        assert len(pauses(connection)) == 1


def test_what_was_said_to_recipients_counts_though_the_server_hangs_up(
    queue: Queue, smtp_server: Servers
) -> None:
    errors: defaultdict[int, int] = defaultdict(int)

    def no_such_user(command: Command) -> Answer | None:
        if not command.argument.startswith("dead"):
            return None
        errors[command.connection] += 1
        if errors[command.connection] > 20:
            return b"421 4.7.0 mail.example.com Error: too many errors"
        return b"550 5.1.1 <%b>: User unknown" % command.argument.encode()

    server = smtp_server(reactions={"RCPT": no_such_user})
    queue.account(server)
    (dead,) = queue.add(dd_toEmailid=", ".join(f"dead{n}@example.com" for n in range(30)))
    good = queue.add(10)

    tick.force(queue.application, 20)

    assert {queue.became(number).state for number in good} == {"Y"}
    assert queue.became(dead).state == "F"
    assert queue.became(dead).retries == 0


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
def test_a_refused_sender_suppresses_nobody_and_costs_no_email(
    queue: Queue, smtp_server: Servers, verb: str
) -> None:
    refusal = b"550 5.1.0 <shop@example.com>: Sender address rejected"
    queue.account(smtp_server(reactions={verb: refusal}))
    (number,) = queue.add(dd_toEmailid="a@example.org, b@example.org")

    tick.force(queue.application, 3)

    assert (queue.became(number).state, queue.became(number).retries) == ("N", 0)
    with queue.database.read() as connection:
        assert not any_suppressed(connection)
        (pause,) = pauses(connection).values()
    assert "Sender address rejected" in pause.reason


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
def test_a_sender_of_its_own_that_is_refused_fails_the_email_alone(
    queue: Queue, smtp_server: Servers, verb: str
) -> None:
    def refuse(command: Command) -> Answer | None:
        return (
            b"550 5.1.0 <odd@example.com>: Sender address rejected"
            if command.argument in ("odd@example.com", "a@example.org")
            else None
        )

    queue.account(smtp_server(reactions={verb: refuse}))
    (odd,) = queue.add(dd_Sender="odd@example.com", dd_toEmailid="a@example.org")
    others = queue.add(3)

    tick.force(queue.application, 10)

    assert queue.became(odd).state == "F"
    assert {queue.became(number).state for number in others} == {"Y"}
    with queue.database.read() as connection:
        assert not any_suppressed(connection)


@pytest.mark.parametrize(
    ("verb", "reply"),
    [
        ("DATA", b"550 5.7.0 Requested action not taken: too many emails per second"),
        ("DATA_END", b"550 5.1.8 Access denied, bad outbound sender AS(42003)"),
        ("DATA_END", b"450 4.7.1 <END-OF-MESSAGE>: Number messages per hour exceeded."),
        ("MAIL", b"452 4.5.3 Daily message limit exceeded"),
        ("MAIL", b"452 4.4.5 Messages per second limit exceeded"),
    ],
    ids=str,
)
def test_a_limit_of_the_account_costs_no_email(
    queue: Queue, smtp_server: Servers, verb: str, reply: bytes
) -> None:
    queue.account(smtp_server(reactions={verb: reply}))
    (number,) = queue.add()

    tick.force(queue.application, 3)

    assert (queue.became(number).state, queue.became(number).retries) == ("N", 0)
    with queue.database.read() as connection:
        assert len(pauses(connection)) == 1
