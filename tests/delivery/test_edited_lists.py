"""A row that names others after some of its recipients had its email, and some were put off."""

from __future__ import annotations

import email as reader
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.delivery import tick
from shared.delivery.composing.edited_lists import as_named
from shared.outbox.recipients import Kind, KnownRecipient, RecipientState
from tests.faults.senders import settings_for
from tests.support.emails import let_retries_come_due, overwrite, seen_by_the_application
from tests.support.queue import Queue, make_queue
from tests.support.smtp import Command, SmtpServer

ANN, BOB, CID = (KnownRecipient(Kind.TO, f"{name}@example.com") for name in ("ann", "bob", "cid"))
PENDING, SENT, REFUSED = RecipientState.PENDING, RecipientState.SENT, RecipientState.REFUSED


def had(recipient: KnownRecipient) -> KnownRecipient:
    return recipient._replace(state=SENT, reply="250 ok")


@pytest.mark.parametrize(
    ("named", "known", "now"),
    [
        pytest.param([ANN, BOB], [had(ANN), BOB], [had(ANN), BOB], id="nothing was edited"),
        pytest.param([ANN, CID], [had(ANN), BOB], [had(ANN), CID], id="one for another"),
        pytest.param([BOB, ANN], [had(ANN), BOB], [BOB, had(ANN)], id="in another order"),
        pytest.param(
            [BOB],
            [had(ANN), BOB],
            [BOB, had(ANN)._replace(kind=Kind.TAKEN_OUT)],
            id="who had it is taken out, and still known",
        ),
        pytest.param(
            [ANN],
            [had(ANN)._replace(kind=Kind.TAKEN_OUT), BOB],
            [had(ANN)],
            id="and put in again",
        ),
        pytest.param(
            [ANN._replace(kind=Kind.CC)],
            [had(ANN)],
            [had(ANN)._replace(kind=Kind.CC)],
            id="from To to Cc",
        ),
        pytest.param(
            [ANN._replace(address="ann@EXAMPLE.com")],
            [had(ANN)],
            [had(ANN)._replace(address="ann@EXAMPLE.com")],
            id="a domain in capitals is the same",
        ),
        pytest.param(
            [BOB], [ANN._replace(state=REFUSED), BOB], [BOB], id="who was refused is taken out"
        ),
        pytest.param([], [had(ANN), BOB], [had(ANN), BOB], id="a row without any list"),
    ],
)
def test_who_had_it_is_spared_who_was_added_gets_it_who_was_taken_out_does_not(
    named: list[KnownRecipient], known: list[KnownRecipient], now: list[KnownRecipient]
) -> None:
    assert as_named(named, known) == tuple(now)


def test_a_list_that_no_row_holds_whole_loses_nobody_whom_the_row_does_not_name() -> None:
    many = [KnownRecipient(Kind.TO, f"guest{n}@example.com") for n in range(40)]

    assert set(as_named(many[:20], many)) == set(many)
    assert set(as_named([*many[:20], CID], many)) == {*many, CID}


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path, lease_seconds=60))
    yield made
    made.application.close()


def put_off_once(address: str) -> Callable[[Command], bytes | None]:
    """The mail server greylists this recipient at the first try."""
    asked: list[str] = []

    def answer(command: Command) -> bytes | None:
        if command.argument != address or asked:
            return None
        asked.append(address)
        return b"451 4.7.1 come back later"

    return answer


def send(queue: Queue) -> None:
    let_retries_come_due(queue.database)
    tick.force(queue.application, 10)


def sent_to_ann_but_not_to_bob(
    queue: Queue, smtp_server: Callable[..., SmtpServer]
) -> tuple[SmtpServer, int]:
    """An email that ann has, and for which bob was put off; the server, and its number."""
    server = smtp_server(reactions={"RCPT": put_off_once("bob@example.com")})
    queue.account(server)
    (email_id,) = queue.add(dd_toEmailid="ann@example.com, bob@example.com")
    send(queue)
    return server, email_id


def test_between_two_tries_the_row_may_name_others(
    queue: Queue, smtp_server: Callable[..., SmtpServer]
) -> None:
    server, email_id = sent_to_ann_but_not_to_bob(queue, smtp_server)
    assert [one.recipients for one in server.messages] == [("ann@example.com",)]

    overwrite(queue.database, email_id, "P", dd_toEmailid="ann@example.com, cid@example.com")
    send(queue)

    assert [one.recipients for one in server.messages[1:]] == [("cid@example.com",)]
    shown = reader.message_from_bytes(server.messages[1].content)
    assert shown["To"] == "ann@example.com, cid@example.com"
    assert seen_by_the_application(queue.database, email_id).letter == "Y"


def test_who_had_it_and_was_taken_out_is_neither_sent_to_nor_shown(
    queue: Queue, smtp_server: Callable[..., SmtpServer]
) -> None:
    server, email_id = sent_to_ann_but_not_to_bob(queue, smtp_server)

    overwrite(queue.database, email_id, "P", dd_toEmailid="bob@example.com")
    send(queue)

    assert [one.recipients for one in server.messages[1:]] == [("bob@example.com",)]
    assert reader.message_from_bytes(server.messages[1].content)["To"] == "bob@example.com"


def test_an_email_of_which_nobody_is_left_who_waits_for_it_counts_as_sent(
    queue: Queue, smtp_server: Callable[..., SmtpServer]
) -> None:
    server, email_id = sent_to_ann_but_not_to_bob(queue, smtp_server)

    overwrite(queue.database, email_id, "P", dd_toEmailid="ann@example.com")
    send(queue)

    assert len(server.messages) == 1
    seen = seen_by_the_application(queue.database, email_id)
    assert seen.letter == "Y"
    assert seen.sent_at is not None
