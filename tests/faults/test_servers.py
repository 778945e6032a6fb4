"""Mail servers that misbehave, through the whole drain: what becomes of the row and its copies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.delivery import tick
from shared.delivery.tick import RunResult
from tests.faults.senders import settings_for
from tests.support.emails import let_retries_come_due, seen_by_the_application
from tests.support.queue import Queue, make_queue
from tests.support.smtp import (
    AcceptAndDrop,
    Drop,
    Endless,
    Hang,
    SmtpServer,
    TlsFiles,
    refused_port,
)

Servers = Callable[..., SmtpServer]


@pytest.fixture
def queue(tmp_path: Path) -> Any:
    made = make_queue(settings_for(tmp_path, smtp_timeout=1, retry_seconds=60))
    yield made
    made.application.close()


def run(queue: Queue, seconds: float = 8) -> RunResult:
    return tick.force(queue.application, seconds)


def test_an_email_arrives_whole_and_its_row_says_so(queue: Queue, smtp_server: Servers) -> None:
    server = smtp_server()
    queue.account(server)
    (email_id,) = queue.add(dd_document=b"%PDF-1.7 " + bytes(range(256)), dd_filename="Größe.pdf")

    assert run(queue) == RunResult(processed=1, sent=1, failed=0, remaining=0)

    seen = seen_by_the_application(queue.database, email_id)
    assert seen.letter == "Y"
    assert seen.sent_at is not None
    assert server.copies() == {queue.became(email_id).message_id: 1}
    assert [attempt.outcome for attempt in queue.attempts(email_id)] == ["sent"]


@pytest.mark.parametrize(
    ("verb", "answer", "flag", "retries"),
    [
        ("MAIL", b"451 4.3.0 later", "N", 0),
        ("MAIL", b"552 5.3.4 too big", "F", 0),
        ("RCPT", b"450 4.2.1 busy", "N", 1),
        ("RCPT", b"452 4.2.2 mailbox full", "N", 1),
        ("RCPT", b"550 5.1.1 nobody", "F", 0),
        ("DATA", b"451 4.3.0 later", "N", 1),
        ("DATA", b"554 5.7.1 policy", "F", 0),
        ("DATA_END", b"451 4.3.0 later", "N", 1),
        ("DATA_END", b"554 5.6.0 no", "F", 0),
        ("MAIL", b"421 4.3.2 going down", "N", 0),
        ("RCPT", b"421 4.7.0 too many", "N", 0),
        ("DATA_END", b"421 4.3.2 going down", "N", 0),
        ("CONNECT", b"554 5.3.2 not today", "N", 0),
        ("MAIL", b"530 5.7.0 log in first", "N", 0),
        ("BODY", Drop(), "N", 1),
        ("MAIL", Drop(), "N", 1),
        ("MAIL", b"nonsense", "N", 1),
        ("DATA_END", Drop(), "U", 0),
        ("DATA_END", AcceptAndDrop(), "U", 0),
        ("DATA_END", Hang(), "U", 0),
        ("DATA_END", b"nonsense", "U", 0),
        ("DATA_END", Endless(), "U", 0),
    ],
    ids=lambda value: value.decode() if isinstance(value, bytes) else None,
)
@pytest.mark.parametrize("extensions", [("PIPELINING",), None], ids=["pipelining", "HELO only"])
def test_what_a_server_says_decides_and_nothing_is_sent_twice(
    queue: Queue,
    smtp_server: Servers,
    extensions: tuple[str, ...] | None,
    verb: str,
    answer: Any,
    flag: str,
    retries: int,
) -> None:
    server = smtp_server(reactions={verb: answer}, extensions=extensions)
    queue.account(server)
    # Long enough for the server to hang up in the middle of it.
    (email_id,) = queue.add(dd_document=b"x" * 4_000_000 if verb == "BODY" else None)

    run(queue)
    run(queue, 1)

    became = queue.became(email_id)
    assert (became.state, became.retries) == (flag, retries)
    assert server.copies()[became.message_id] <= 1
    assert became.leased_until is None


def test_a_server_that_is_not_there_costs_the_emails_nothing_and_pauses_the_account(
    queue: Queue, smtp_server: Servers
) -> None:
    with refused_port() as port:
        queue.account(port, "AWAY")
        queue.account(smtp_server(), "SHOP", Rowpost_Default="Y")
        away, here = queue.add(3, dd_EmailParamCode="AWAY"), queue.add(3)

        run(queue)

        assert {queue.became(number).state for number in here} == {"Y"}
        for email_id in away:
            became = queue.became(email_id)
            assert (became.state, became.retries) == ("N", 0)


def test_a_refused_login_pauses_and_one_probe_ends_the_pause(
    queue: Queue, smtp_server: Servers
) -> None:
    refusals = [b"535 5.7.8 wrong password"]
    reactions = {"AUTH": lambda _: refusals[0] if refusals else None}
    server = smtp_server(login=("shop", "secret"), reactions=reactions)
    queue.account(server, SMTPAccountName="shop", SMTPPassword="secret")
    queue.add(20)

    run(queue)
    assert queue.states() == {"N": 20}
    before = server.connections
    run(queue)
    assert (queue.states(), server.connections) == ({"N": 20}, before + 1)
    refusals.clear()
    run(queue)

    assert queue.states() == {"Y": 20}
    assert {email.retries for email in queue.emails()} == {0}


def test_only_who_has_not_had_it_gets_it_again(queue: Queue, smtp_server: Servers) -> None:
    answers = {"bob@example.com": b"450 4.2.1 busy", "eve@example.com": b"550 5.1.1 nobody"}
    server = smtp_server(reactions={"RCPT": answers})
    queue.account(server)
    (email_id,) = queue.add(dd_toEmailid="ann@example.com; bob@example.com, eve@example.com")

    run(queue)
    assert queue.became(email_id).state == "N"
    answers.pop("bob@example.com")
    let_retries_come_due(queue.database)
    run(queue)

    became = queue.became(email_id)
    assert became.state == "Y"
    assert "eve@example.com" in became.reason
    assert [message.recipients for message in server.messages] == [
        ("ann@example.com",),
        ("bob@example.com",),
    ]
    assert len(server.copies()) == 1


@pytest.mark.parametrize(
    "others", [{}, {"ann@example.com": b"550 5.1.1 nobody"}], ids=["one had it", "nobody had it"]
)
def test_what_is_put_off_for_some_says_so_in_the_server_s_words(
    queue: Queue, smtp_server: Servers, others: dict[str, bytes]
) -> None:
    answers = {"bob@example.com": b"451 4.3.2 busy", **others}
    queue.account(smtp_server(reactions={"RCPT": answers}))
    (email_id,) = queue.add(dd_toEmailid="ann@example.com; bob@example.com")

    run(queue)

    assert queue.became(email_id).reason == "451 4.3.2 busy"
    (attempt,) = queue.attempts(email_id)
    assert (attempt.outcome, attempt.code, attempt.enhanced_code, attempt.reply) == (
        "retry",
        451,
        "4.3.2",
        "4.3.2 busy",
    )


def test_the_last_try_of_what_some_have_had_ends_with_the_reply_that_they_got(
    tmp_path: Path, smtp_server: Servers
) -> None:
    queue = make_queue(settings_for(tmp_path, max_retries=0))
    queue.account(smtp_server(reactions={"RCPT": {"bob@example.com": b"451 4.3.2 busy"}}))
    (email_id,) = queue.add(dd_toEmailid="ann@example.com; bob@example.com")

    run(queue)

    assert queue.became(email_id).reason == "bob@example.com: 451 4.3.2 busy"
    (attempt,) = queue.attempts(email_id)
    assert (attempt.outcome, attempt.code) == ("sent", 250)
    queue.application.close()


def test_retries_end(tmp_path: Path, smtp_server: Servers) -> None:
    queue = make_queue(settings_for(tmp_path, max_retries=2, retry_seconds=60))
    queue.account(smtp_server(reactions={"RCPT": b"450 4.2.1 busy"}))
    (email_id,) = queue.add()

    for _ in range(3):
        run(queue)
        let_retries_come_due(queue.database)

    assert queue.became(email_id).state == "F"
    assert len(queue.attempts(email_id)) == 3
    queue.application.close()


def test_a_message_above_the_offered_size_is_not_even_tried(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server(size_limit=10_000)
    queue.account(server)
    (large,) = queue.add(dd_document=b"x" * 3_000_000, dd_filename="large.bin")
    (small,) = queue.add()

    run(queue)

    assert queue.became(large).state == "F"
    assert "bytes" in queue.became(large).reason
    assert queue.became(small).state == "Y"


def test_tls_that_is_demanded_is_never_done_without(
    queue: Queue, smtp_server: Servers, tls_files: TlsFiles
) -> None:
    queue.account(smtp_server(), SMTPSSLFlag="Y")
    (email_id,) = queue.add()

    run(queue)

    assert queue.became(email_id).state == "N"
