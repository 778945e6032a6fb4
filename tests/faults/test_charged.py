"""Replies are charged to the right party: session, recipient, sender, message or account."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.accounts.pauses import pauses
from shared.delivery import tick
from shared.outbox.suppressions import any_suppressed
from tests.faults.senders import settings_for
from tests.support.queue import Queue, make_queue
from tests.support.smtp import Answer, Command, Drop, SmtpServer

Servers = Callable[..., SmtpServer]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path))
    yield made
    made.application.close()


def after_so_many(number: int, reply: Answer) -> Callable[[Command], Answer | None]:
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


@pytest.mark.parametrize(
    "extensions",
    [("LIMITS MAILMAX=10 RCPTMAX=7", "PIPELINING"), ("LIMITS MAILMAX=10 RCPTMAX=7",)],
    ids=["pipelining", "in turn"],
)
def test_the_limits_that_a_server_names_are_kept_to(
    queue: Queue, smtp_server: Servers, extensions: tuple[str, ...]
) -> None:
    """RFC 9422; a MAIL counts though its recipients are refused."""
    server = smtp_server(
        extensions=extensions, reactions={"RCPT": {"dead@example.com": b"550 no such user"}}
    )
    queue.account(server)
    queue.add(100)
    queue.add(20, dd_toEmailid="dead@example.com")
    queue.add(dd_toEmailid=", ".join(f"ann{n}@example.com" for n in range(30)))

    tick.force(queue.application, 20)

    assert queue.states() == {"Y": 101, "F": 20}
    assert queue.retries() == {0}
    mails = Counter(number for number, line in server.commands if line.startswith("MAIL"))
    assert max(mails.values()) == 10
    assert max(len(message.recipients) for message in server.messages) == 7
    assert sum(len(message.recipients) for message in server.messages) == 130


@pytest.mark.parametrize(
    "extensions",
    [("LIMITS RCPTDOMAINMAX=2", "PIPELINING"), ("LIMITS RCPTDOMAINMAX=2",)],
    ids=["pipelining", "in turn"],
)
def test_no_session_names_more_domains_than_its_server_takes(
    queue: Queue, smtp_server: Servers, extensions: tuple[str, ...]
) -> None:
    """RFC 9422 4.3: of all recipients of a session, those that were refused included."""
    server = smtp_server(
        extensions=extensions, reactions={"RCPT": {"dead@b.example": b"550 no such user"}}
    )
    queue.account(server)
    for domain in ("a.example", "B.example", "b.example", "c.example", "d.example"):
        queue.add(4, dd_toEmailid=f"ann@{domain}")
    queue.add(dd_toEmailid="dead@b.example")
    queue.add(dd_toEmailid=", ".join(f"ann@{n}.example" for n in range(5)))

    tick.force(queue.application, 20)

    assert queue.states() == {"Y": 21, "F": 1}
    assert queue.retries() == {0}
    named: dict[int, set[str]] = {}
    for number, line in server.commands:
        if line.startswith("RCPT"):
            named.setdefault(number, set()).add(line.rpartition("@")[2].rstrip(">").lower())
    assert max(map(len, named.values())) == 2
    assert sum(len(message.recipients) for message in server.messages) == 25


@pytest.mark.parametrize("answer", [b"550 no such user", b"450 not now"], ids=str)
def test_those_who_are_refused_keep_nobody_from_being_asked(
    queue: Queue, smtp_server: Servers, answer: bytes
) -> None:
    refused = {f"dead{n}@example.com": answer for n in range(20)}
    server = smtp_server(extensions=("LIMITS RCPTMAX=7",), reactions={"RCPT": refused})
    queue.account(server)
    everybody = [f"dead{n}@example.com" for n in range(20)] + ["ann@example.com"]
    queue.add(dd_toEmailid=", ".join(everybody))

    tick.force(queue.application, 5)

    assert [message.recipients for message in server.messages] == [("ann@example.com",)]


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()], ids=["pipelining", "in turn"])
@pytest.mark.parametrize(
    "answer",
    [
        b"421 4.3.0 too many messages per session",
        b"451 4.3.0 too many messages per session",
        Drop(),
    ],
    ids=str,
)
def test_a_list_that_is_too_long_for_a_session_goes_in_parts(
    queue: Queue, smtp_server: Servers, answer: Answer, extensions: tuple[str, ...]
) -> None:
    server = smtp_server(extensions=extensions, reactions={"RCPT": after_so_many(10, answer)})
    queue.account(server)
    everybody = [f"ann{n}@example.com" for n in range(35)]
    (email_id,) = queue.add(dd_toEmailid=", ".join(everybody))

    tick.force(queue.application, 20)

    became = queue.became(email_id)
    assert (became.state, became.retries) == ("Y", 0)
    had = [address for message in server.messages for address in message.recipients]
    assert sorted(had) == sorted(everybody)


def test_whom_a_server_took_before_it_hung_up_on_the_account_gets_the_email(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server(reactions={"RCPT": after_so_many(10, b"421 4.7.0 too many recipients")})
    queue.account(server)
    (email_id,) = queue.add(dd_toEmailid=", ".join(f"ann{n}@example.com" for n in range(35)))

    tick.force(queue.application, 5)

    became = queue.became(email_id)
    assert (became.state, became.retries) == ("N", 0)
    assert [len(message.recipients) for message in server.messages] == [10]
    assert len(queue.reasons_to_pause()) == 1


def test_a_message_that_one_recipient_rules_out_leaves_the_connection_in_order(
    queue: Queue, smtp_server: Servers
) -> None:
    """The server waits for the message meanwhile: it had accepted the other one."""
    too_big = {"bob@example.com": b"552 5.3.4 message too big"}
    queue.account(smtp_server(reactions={"RCPT": too_big}), Rowpost_MaxConnections=1)
    (refused,) = queue.add(dd_toEmailid="ann@example.com, bob@example.com")
    (good,) = queue.add()

    tick.force(queue.application, 5)

    assert (queue.became(refused).state, queue.became(good).state) == ("F", "Y")


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
