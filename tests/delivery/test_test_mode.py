"""Test mode: a copy of production mails nobody but those it may, and says whom it was for."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from shared.accounts.directory import load_accounts
from shared.accounts.pauses import pause
from shared.delivery.dispatcher import Order, drain
from shared.delivery.test_email import send_test_email
from shared.mime.addresses import BadAddress
from tests.faults.senders import settings_for
from tests.support.emails import let_retries_come_due, seen_by_the_application
from tests.support.queue import Queue, make_queue
from tests.support.smtp import Accepted, SmtpServer

Servers = Callable[..., SmtpServer]
DEV = "dev@rowpost.example"
REDIRECTED = {"Rowpost_RedirectTo": DEV}
ALLOWED = {"Rowpost_AllowRecipients": "rowpost.example"}


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path, lease_seconds=60))
    yield made
    made.application.close()


def send(queue: Queue) -> None:
    drain(queue.application, Order(seconds=20))


def read(accepted: Accepted) -> EmailMessage:
    return email.message_from_bytes(accepted.content, policy=email.policy.default)


def sent_by(server: SmtpServer) -> tuple[tuple[str, ...], EmailMessage]:
    (accepted,) = server.messages
    return tuple(accepted.recipients), read(accepted)


def test_the_envelope_and_the_lists_name_who_gets_it_and_the_rest_says_who_it_was_for(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    queue.account(server, **REDIRECTED)
    (email_id,) = queue.add(
        dd_toEmailid="Ann <ann@customer.example>; bob@customer.example",
        dd_ccEmailid="carl@customer.example",
        dd_bccEmailid="dora@customer.example",
        dd_subject="Your invoice",
    )

    send(queue)

    recipients, message = sent_by(server)
    assert recipients == (DEV,)
    assert (message["To"], message["Cc"]) == (DEV, None)
    assert message["Subject"] == (
        "[Test, for ann@customer.example, bob@customer.example and 2 more] Your invoice"
    )
    assert message["X-Original-To"] == "ann@customer.example, bob@customer.example"
    assert message["X-Original-Cc"] == "carl@customer.example"
    assert message["X-Original-Bcc"] == "dora@customer.example"
    assert message["X-Rowpost-Test-Mode"] == f"what is for everybody goes to {DEV}"
    assert queue.became(email_id).state == "Y"
    seen = seen_by_the_application(queue.database, email_id)
    assert (seen.letter, seen.reason) == ("Y", f"test mode: it went to {DEV} instead")


def test_whoever_is_allowed_gets_the_email_itself_and_reads_of_no_bcc(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    queue.account(server, **REDIRECTED, **ALLOWED)
    queue.add(
        dd_toEmailid="Eve <eve@rowpost.example>, ann@customer.example",
        dd_bccEmailid="dora@customer.example, fred@rowpost.example",
    )

    send(queue)

    recipients, message = sent_by(server)
    assert recipients == ("eve@rowpost.example", DEV, "fred@rowpost.example")
    assert message["To"] == f"Eve <eve@rowpost.example>, {DEV}"
    assert b"dora@" not in server.messages[0].content
    assert b"fred@" not in server.messages[0].content


def test_an_email_for_those_who_are_allowed_is_as_it_always_was(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    queue.account(server, **REDIRECTED, **ALLOWED)
    (email_id,) = queue.add(dd_toEmailid="eve@rowpost.example", dd_subject="Hello")

    send(queue)

    _, message = sent_by(server)
    assert message["Subject"] == "Hello"
    assert message["X-Rowpost-Test-Mode"] is None
    assert queue.became(email_id).reason == ""


def test_without_a_place_to_go_instead_nobody_else_gets_it_and_the_email_says_so(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    queue.account(server, **ALLOWED)
    (mixed,) = queue.add(
        dd_toEmailid="ann@customer.example, eve@rowpost.example", dd_ccEmailid="c@customer.example"
    )
    (nobody,) = queue.add(dd_toEmailid="ann@customer.example")

    send(queue)

    recipients, message = sent_by(server)
    assert recipients == ("eve@rowpost.example",)
    assert (message["To"], message["Cc"]) == ("eve@rowpost.example", None)
    assert queue.became(mixed).state == "Y"
    assert queue.became(mixed).reason == (
        "ann@customer.example: not sent: test mode lets no email go to this address; "
        "c@customer.example: not sent: test mode lets no email go to this address"
    )
    assert queue.became(nobody).state == "F"
    assert "test mode" in queue.became(nobody).reason


def test_an_address_that_is_refused_is_the_redirects_and_nobody_is_spared_for_it(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server(reactions={"RCPT": b"550 5.1.1 no such user"})
    queue.account(server, **REDIRECTED)
    (email_id,) = queue.add(dd_toEmailid="ann@customer.example, bob@customer.example")

    send(queue)

    assert queue.became(email_id).state == "F"
    assert queue.suppressed() == {}


def test_who_is_spared_in_production_is_spared_in_its_copy(
    queue: Queue, smtp_server: Servers
) -> None:
    refusing = smtp_server(reactions={"RCPT": b"550 5.1.1 no such user"})
    server = smtp_server()
    queue.account(refusing, "PLAIN")
    queue.account(server, **REDIRECTED)
    (refused,) = queue.add(dd_toEmailid="gone@customer.example", dd_EmailParamCode="PLAIN")
    send(queue)
    (email_id,) = queue.add(
        dd_toEmailid="gone@customer.example, ann@customer.example", dd_EmailParamCode="SHOP"
    )

    send(queue)

    assert queue.became(refused).state == "F"
    _, message = sent_by(server)
    assert "suppression list" in queue.became(email_id).reason
    assert message["To"] == DEV


def test_what_is_put_off_at_the_redirect_goes_once_to_it_later(
    queue: Queue, smtp_server: Servers
) -> None:
    deferred = iter([b"451 4.3.0 not now"])
    server = smtp_server(
        reactions={"RCPT": lambda c: next(deferred, None) if DEV in c.argument else None}
    )
    queue.account(server, **REDIRECTED, **ALLOWED)
    (email_id,) = queue.add(
        dd_toEmailid="ann@customer.example, eve@rowpost.example, bob@customer.example"
    )

    send(queue)
    let_retries_come_due(queue.database)
    send(queue)

    assert [sorted(one.recipients) for one in server.messages] == [["eve@rowpost.example"], [DEV]]
    assert queue.became(email_id).state == "Y"


def test_an_account_that_takes_over_keeps_the_test_mode_of_the_one_that_rests(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    deputy = queue.account(server, "DEPUTY", SMTPMailId="deputy@example.net", Rowpost_Default="Y")
    main = queue.account(server, "MAIN", Rowpost_FallbackId=deputy, **REDIRECTED)
    queue.database.run(lambda connection: pause(connection, main, 900, "535 no"))
    queue.add(dd_toEmailid="ann@customer.example", dd_EmailParamCode="MAIN")

    send(queue)

    recipients, message = sent_by(server)
    assert (recipients, message["From"]) == ((DEV,), "The Shop <deputy@example.net>")


def test_the_settings_have_the_last_word_over_every_account(
    tmp_path: Path, smtp_server: Servers
) -> None:
    server = smtp_server()
    queue = make_queue(
        settings_for(tmp_path, redirect_to=DEV, allow_recipients=("rowpost.example",))
    )
    queue.account(server, Rowpost_RedirectTo="ops@customer.example")
    queue.add(dd_toEmailid="ann@customer.example")

    send(queue)

    recipients, _ = sent_by(server)
    assert recipients == (DEV,)
    assert send_test_email(queue.application, "x@customer.example").recipient == DEV
    queue.application.close()


def test_a_test_email_reaches_nobody_else_either(queue: Queue, smtp_server: Servers) -> None:
    server = smtp_server()
    queue.account(server, **ALLOWED)

    with pytest.raises(BadAddress, match="test mode"):
        send_test_email(queue.application, "ann@customer.example")

    assert server.messages == []


def test_an_account_whose_test_mode_cannot_be_read_sends_nothing(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    queue.account(server, Rowpost_RedirectTo="nobody at all")
    (email_id,) = queue.add()

    send(queue)

    assert server.messages == []
    assert queue.became(email_id).state == "N"
    with queue.database.read() as connection:
        book = load_accounts(connection, queue.application.secrets, queue.application.settings)
    assert "test mode" in book.problems["SHOP"]


def test_whoever_had_it_before_test_mode_began_is_not_redirected(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server(reactions={"RCPT": {"bob@customer.example": b"451 4.3.0 not now"}})
    queue.account(server)
    (email_id,) = queue.add(dd_toEmailid="ann@customer.example, bob@customer.example")
    send(queue)
    copy = make_queue(queue.application.settings.model_copy(update={"redirect_to": DEV}))
    let_retries_come_due(queue.database)

    send(copy)

    assert [one.recipients for one in server.messages] == [("ann@customer.example",), (DEV,)]
    assert queue.became(email_id).state == "Y"
    copy.application.close()
