"""What comes back into a mailbox is written down once, with what follows from it, and filed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from shared.app import Application
from shared.bounces import noted
from shared.bounces.consequence import Done
from shared.bounces.mailboxes.leases import SECONDS_BETWEEN
from shared.bounces.noted import MOST_TOLD
from shared.bounces.read_report import read_report
from shared.bounces.report import Kind, Report
from shared.delivery import tick
from shared.delivery.dispatcher import Order, drain
from shared.maintenance.cleanup import upkeep
from tests.support.bounces import (
    AUTOREPLY,
    ORDINARY,
    UNCLEAR,
    Mailroom,
    complaint,
    report,
)
from tests.support.dovecot import Dovecot
from tests.support.queue import Queue
from tests.support.smtp import SmtpServer

ANN = "ann@example.com"


def test_a_bounce_becomes_an_event_and_a_suppression_and_is_filed_with_the_next_tick(
    app: Application, mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    email_id, message_id = mailroom.sent()
    mailbox = mailroom.add(user, server.port)
    server.put(user, report(message_id))

    tick.tick(app)
    mailroom.collect()

    assert mailroom.events() == [("email.bounced", email_id, "ann@example.com")]
    assert "5.1.1 no such user" in mailroom.suppressed()["ann@example.com"]
    (bounce,) = mailroom.of_email(email_id)
    assert (bounce.kind, bounce.code, bounce.enhanced_code) == (Kind.HARD, 550, "5.1.1")
    assert bounce.done is Done.SUPPRESSED
    assert server.messages(user) == []
    assert len(server.messages(user, "Processed")) == 1
    assert mailroom.state(mailbox).brought == (1, 0, 0, 0)
    assert mailroom.state(mailbox).last_read_at is not None


def test_what_comes_back_to_an_emails_own_return_path_needs_to_name_nothing(
    app: Application, mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    """From an insert to the suppression list."""
    queue = Queue(app)
    with SmtpServer() as mail_server:
        queue.account(mail_server, Rowpost_BounceAddress=user, Rowpost_Verp="Y")
        (email_id,) = queue.add(dd_toEmailid="ann@example.com", dd_EmailParamCode="SHOP")
        drain(app, Order(seconds=20))
    (accepted,) = mail_server.messages
    mailroom.add(user, server.port)
    came_back = report(None).replace(
        b"To: bounces@shop.example", b"To: " + accepted.sender.encode()
    )
    server.put(user, came_back)

    mailroom.collect()

    assert accepted.sender != user
    assert mailroom.events() == [("email.bounced", email_id, "ann@example.com")]
    assert list(mailroom.suppressed()) == ["ann@example.com"]


SAID = {
    "email.bounced": (
        {"status": "4.2.2", "words": "452 4.2.2 mailbox full"},
        {"status": "5.2.2", "words": "552 5.2.2 mailbox full"},
        {"status": "5.7.1", "words": "550 5.7.1 refused by policy"},
    ),
    "email.retrying": ({"status": "4.4.1", "action": "delayed"},),
    "email.delivered": ({"status": "2.0.0", "action": "delivered", "words": "250 ok"},),
}


def test_what_is_no_word_against_the_address_is_told_and_suppresses_nobody(
    mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    email_id, message_id = mailroom.sent()
    mailroom.add(user, server.port)
    reports = [report(message_id, **said) for several in SAID.values() for said in several]
    server.put(user, *reports)

    mailroom.collect()

    expected = [event for event, several in SAID.items() for _ in several]
    assert mailroom.events() == [(event, email_id, "ann@example.com") for event in expected]
    assert {bounce.done for bounce in mailroom.of_email(email_id)} == {Done.NOTED}
    assert mailroom.suppressed() == {}
    assert len(server.messages(user, "Processed")) == len(reports)


def test_a_complaint_suppresses(mailroom: Mailroom, server: Dovecot, user: str) -> None:
    email_id, message_id = mailroom.sent()
    mailbox = mailroom.add(user, server.port)
    server.put(user, complaint(message_id))

    mailroom.collect()

    assert mailroom.events() == [("email.complained", email_id, "ann@example.com")]
    assert list(mailroom.suppressed()) == ["ann@example.com"]
    assert mailroom.state(mailbox).brought.complained == 1


def test_automatic_answers_and_ordinary_mail_are_counted_and_filed(
    mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    mailbox = mailroom.add(user, server.port)
    server.put(user, AUTOREPLY, ORDINARY)

    mailroom.collect()

    assert (mailroom.events(), mailroom.suppressed()) == ([], {})
    assert [bounce.done for bounce in mailroom.noted()] == [Done.COUNTED] * 2
    assert all(bounce.excerpt is None for bounce in mailroom.noted())
    assert mailroom.state(mailbox).brought.others == 2
    assert len(server.messages(user, "Processed")) == 2


def test_what_is_not_understood_is_shown_and_goes_to_its_own_folder_or_stays(
    mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    mailbox = mailroom.add(user, server.port)
    server.put(user, UNCLEAR)
    mailroom.collect()

    (bounce,) = mailroom.noted()
    assert (bounce.kind, bounce.done) == (Kind.UNCLEAR, Done.UNCLEAR)
    assert "Something went <b>wrong</b>" in (bounce.excerpt or "")
    assert mailroom.state(mailbox).brought.unclear == 1
    assert len(server.messages(user, "Unclear")) == 1


def test_what_stays_is_read_once(mailroom: Mailroom, server: Dovecot, user: str) -> None:
    mailroom.add(user, server.port, done_folder=None, unclear_folder=None)
    server.put(user, UNCLEAR, AUTOREPLY)

    mailroom.collect()
    mailroom.collect_again()

    assert len(mailroom.noted()) == 2
    assert len(server.messages(user)) == 2


def test_a_report_about_no_email_of_ours_to_that_recipient_is_not_believed(
    mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    _, message_id = mailroom.sent()
    mailroom.add(user, server.port)
    server.put(
        user,
        report(None),
        report("<nobody@elsewhere.example>"),
        report(message_id, recipient="stranger@example.org"),
    )

    mailroom.collect()

    assert (mailroom.events(), mailroom.suppressed()) == ([], {})
    assert [bounce.done for bounce in mailroom.noted()] == [Done.NOT_OURS] * 3
    assert len(server.messages(user, "Unclear")) == 3


def test_who_got_an_email_can_fill_neither_the_events_nor_the_database_with_reports_about_it(
    mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    email_id, message_id = mailroom.sent()
    mailroom.add(user, server.port)
    many = _with_a_hundred_recipients(report(message_id))
    reports = [report(message_id, report_id=str(number)) for number in range(MOST_TOLD)]
    server.put(user, many, *reports, report(message_id, report_id="last", status="5.2.2"))
    strangers = [f"stranger-{number}@example.org" for number in range(100)]
    server.put(user, _with_a_hundred_recipients(report(message_id), strangers))

    mailroom.collect()

    found = mailroom.noted()
    assert len(found) == 1 + MOST_TOLD + 2
    assert [each.done for each in found[-3:]] == [Done.REPEATED, Done.NOTED, Done.NOT_OURS]
    assert mailroom.events() == [("email.bounced", email_id, "ann@example.com")] * (MOST_TOLD + 1)
    assert [each.email_id for each in found].count(email_id) == MOST_TOLD + 1


def _with_a_hundred_recipients(written: bytes, names: Sequence[str] = (ANN,)) -> bytes:
    begin = written.index(b"Final-Recipient")
    end = written.index(b"--edge\nContent-Type: text/rfc822-headers")
    block = written[begin:end]
    named = [names[number % len(names)] for number in range(100)]
    blocks = b"".join(block.replace(ANN.encode(), name.encode()) for name in named)
    return written[:begin] + blocks + written[end:]


def test_an_access_denied_of_exchange_suppresses_once_another_day_says_the_same(
    mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    _, message_id = mailroom.sent()
    mailroom.add(user, server.port)
    denied = {
        "status": "5.4.1",
        "words": "550 5.4.1 Recipient address rejected: Access denied. "
        "[XX1EUR01FT004.eop-EUR01.prod.protection.outlook.com]",
    }
    server.put(user, report(message_id, **denied), report(message_id, report_id="2", **denied))
    mailroom.collect()
    same_day = mailroom.suppressed()

    mailroom.let_a_day_pass()
    server.put(user, report(message_id, report_id="3", **denied))
    mailroom.collect_again()

    assert same_day == {}
    assert [bounce.done for bounce in mailroom.noted()] == [Done.ONCE, Done.ONCE, Done.SUPPRESSED]
    assert list(mailroom.suppressed()) == ["ann@example.com"]


def test_the_words_about_an_email_with_a_code_are_not_kept(
    mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    email_id, message_id = mailroom.sent(origin="reset")
    mailroom.add(user, server.port)
    server.put(user, report(message_id, words="550 5.1.1 no such user, you wrote: 482913"))

    mailroom.collect()

    assert mailroom.events() == [("email.bounced", email_id, "ann@example.com")]
    assert "482913" not in f"{mailroom.noted()}{mailroom.suppressed()}"


def test_a_message_is_recorded_once_however_often_it_is_read(
    mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    """Another UIDVALIDITY means that all of a folder is new."""
    _, message_id = mailroom.sent()
    mailbox = mailroom.add(user, server.port, done_folder=None, unclear_folder=None)
    server.put(user, report(message_id), UNCLEAR)
    mailroom.collect()
    before = mailroom.state(mailbox).position

    server.forget_numbers(user)
    mailroom.collect_again()

    after = mailroom.state(mailbox)
    assert after.position.validity != before.validity
    assert (len(mailroom.events()), len(mailroom.noted()), after.brought) == (1, 2, (1, 0, 1, 0))


def test_a_copy_of_a_message_is_filed_with_it_and_tells_nothing_twice(
    mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    _, message_id = mailroom.sent()
    mailbox = mailroom.add(user, server.port)
    server.put(user, report(message_id), report(message_id))
    mailroom.collect()
    server.put(user, report(message_id))
    mailroom.collect_again()

    assert (len(mailroom.events()), len(mailroom.noted())) == (1, 1)
    assert mailroom.state(mailbox).brought.bounced == 1
    assert server.messages(user) == []
    assert len(server.messages(user, "Processed")) == 3


def test_messages_that_are_done_with_are_deleted_where_that_is_wished(
    mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    mailroom.add(user, server.port, done_folder=None, unclear_folder=None, delete_done=True)
    server.put(user, AUTOREPLY, UNCLEAR, ORDINARY)

    mailroom.collect()

    assert server.messages(user) == [UNCLEAR.replace(b"\n", b"\r\n")]


def test_a_message_that_breaks_the_reader_is_shown_and_stops_nothing(
    mailroom: Mailroom, server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    email_id, message_id = mailroom.sent()
    mailroom.add(user, server.port)
    server.put(user, b"Subject: poison\n\nx\n", report(message_id))

    def breaking(octets: bytes) -> Report:
        if b"poison" in octets:
            raise RecursionError("deeper than anybody thought")
        return read_report(octets)

    monkeypatch.setattr("shared.bounces.understand.read_report", breaking)
    mailroom.collect()

    poison, bounce = mailroom.noted()
    assert (poison.kind, poison.done) == (Kind.UNCLEAR, Done.UNREADABLE)
    assert "RecursionError" in (poison.reason or "")
    assert bounce.email_id == email_id
    assert len(server.messages(user, "Unclear")) == 1


def test_what_cant_be_filed_is_told_all_the_same_and_filed_once_that_works(
    app: Application, mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    email_id, message_id = mailroom.sent()
    mailbox = mailroom.add(user, server.port)
    server.put(user, AUTOREPLY)
    mailroom.collect()
    server.put(user, report(message_id))

    server.refuse_to_file(user, "Processed")
    mailroom.collect_again()
    told = mailroom.events()
    mailroom.collect_again()
    failing = mailroom.state(mailbox)
    server.refuse_to_file(user, "Processed", refuse=False)
    mailroom.collect_again()

    assert (failing.failures, mailroom.state(mailbox).failures) == (2, 0)
    assert (failing.next_at - app.clock()).total_seconds() <= SECONDS_BETWEEN
    assert told == mailroom.events() == [("email.bounced", email_id, "ann@example.com")]
    assert len(server.messages(user, "Processed")) == 2


def test_only_the_first_megabyte_of_a_message_is_read(
    mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    email_id, message_id = mailroom.sent()
    mailroom.add(user, server.port)
    server.put(user, report(message_id) + b"x" * 70 + (b"\n" + b"x" * 70) * 30_000)

    mailroom.collect()

    assert len(mailroom.of_email(email_id)) == 1


def test_what_came_back_is_forgotten_like_events(
    app: Application, mailroom: Mailroom, server: Dovecot, user: str
) -> None:
    mailroom.add(user, server.port)
    server.put(user, AUTOREPLY)
    mailroom.collect()
    app.settings = app.settings.model_copy(update={"event_days": 0.5})

    mailroom.let_a_day_pass()
    upkeep(app)

    assert mailroom.noted() == []


def test_of_what_is_about_no_email_the_latest_are_kept_however_many_come(
    mailroom: Mailroom, server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody can write to a bounce address."""
    monkeypatch.setattr(noted, "MOST_OF_NO_EMAIL", 2)
    email_id, message_id = mailroom.sent()
    mailroom.add(user, server.port)
    junk = [UNCLEAR + f"{number}\n".encode() for number in range(4)]
    stranger = _with_a_hundred_recipients(report(message_id), ["stranger@example.org", ANN])
    server.put(user, stranger, *junk, *(ORDINARY + each for each in junk))
    mailroom.collect()
    kept = mailroom.noted()
    server.forget_numbers(user)
    mailroom.collect_again()

    kinds = [each.kind.value for each in kept]
    assert kinds == ["hard", "soft", "unclear", "unclear", "other", "other"]
    assert [each.email_id for each in kept[:2]] == [email_id, None]
    assert mailroom.events() == [("email.bounced", email_id, ANN)]
