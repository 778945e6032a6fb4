"""Emails that a procedure put into the tables: how they are admitted, and how they go out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from shared.accounts.pauses import pause
from shared.maintenance.retention import empty_old
from shared.outbox.admission.loose_options import Sweep
from shared.outbox.admission.rules import LONGEST_LISTS
from shared.outbox.cancel_retry_resolve import try_again
from shared.outbox.queries.search import find
from shared.outbox.removal import remove
from shared.outbox.states import Flag
from tests.database_mail.queues import execute, profile, scalar, send, sent_by_procedure
from tests.support.emails import date_its_end, let_retries_come_due
from tests.support.queue import Queue
from tests.support.smtp import SmtpServer

Servers = Callable[..., SmtpServer]
LONG_LIST = "; ".join(f"reader{number:03}@example.com" for number in range(60))


def messages(server: SmtpServer) -> list[EmailMessage]:
    return [
        message_from_bytes(each.content, _class=EmailMessage, policy=policy.default)
        for each in server.messages
    ]


def held(queue: Queue, email_id: int) -> str | None:
    reason: str | None = scalar(
        queue, "SELECT Reason FROM Rowpost_Held WHERE EmailId = :id", id=email_id
    )
    return reason


def test_it_goes_out_over_its_profile_with_all_that_its_call_said(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    # Not the profile's: nobody but it is the default.
    queue.account(server, "OTHER", SMTPMailId="other@example.com", Rowpost_Default="Y")
    alerts = queue.account(server, "ALERTS", SMTPMailId="alerts@example.com", ApplicationName=None)
    mailitem_id = sent_by_procedure(
        queue,
        profile(queue, "Alerts", alerts),
        dd_ccEmailid="bob@example.com",
        bccEmailid="cyd@example.com",
        Importance="HIGH",
        Sensitivity="Confidential",
        Sender="Night job <jobs@example.com>",
        ReplyTo="helpdesk@example.com",
    )

    send(queue)

    (mail,) = messages(server)
    assert (mail["From"], mail["Reply-To"]) == (
        "Night job <jobs@example.com>",
        "helpdesk@example.com",
    )
    assert (mail["Importance"], mail["X-Priority"]) == ("high", "1")
    assert mail["Sensitivity"] == "Company-Confidential"
    assert mail.get_content_type() == "text/plain"
    assert list(server.messages[0].recipients) == [
        "ann@example.com",
        "bob@example.com",
        "cyd@example.com",
    ]
    assert queue.attempts(mailitem_id)[0].account == "ALERTS"
    assert queue.became(mailitem_id).state is Flag.SENT
    with queue.database.read() as connection:
        assert find(connection, mailitem_id).origin == "database_mail"


def test_an_account_without_an_email_of_its_own_to_say_where_answers_go_says_it_itself(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    alerts = queue.account(server, "ALERTS", Rowpost_ReplyTo="answers@example.com")
    sent_by_procedure(queue, profile(queue, "Alerts", alerts))

    send(queue)

    (mail,) = messages(server)
    assert (mail["From"], mail["Reply-To"]) == (
        "The Shop <shop@example.com>",
        "answers@example.com",
    )
    assert mail["Importance"] is mail["Sensitivity"] is None


def test_while_an_account_rests_the_next_of_the_profile_sends_and_not_its_own_failover(
    queue: Queue, smtp_server: Servers
) -> None:
    first, second, own = smtp_server(), smtp_server(), smtp_server()
    failover = queue.account(own, "FAILOVER", Rowpost_Default="Y")
    one = queue.account(first, "ONE", Rowpost_FallbackId=failover)
    two = queue.account(second, "TWO", SMTPMailId="two@example.com")
    sent_by_procedure(queue, profile(queue, "Alerts", one, two))
    queue.add(1, dd_EmailParamCode="ONE")
    queue.database.run(lambda connection: pause(connection, one, 900, "535 no"))

    send(queue)

    assert [len(server.messages) for server in (first, second, own)] == [0, 1, 1]
    assert messages(second)[0]["From"] == "The Shop <two@example.com>"


def test_an_account_that_cannot_be_used_is_passed_over(queue: Queue, smtp_server: Servers) -> None:
    server = smtp_server()
    broken = queue.account(server, "BROKEN", SMTPServer="")
    gone = queue.account(server, "GONE", IsActive="N")
    works = queue.account(server, "WORKS")
    mailitem_id = sent_by_procedure(queue, profile(queue, "Alerts", broken, gone, works))

    send(queue)

    assert queue.attempts(mailitem_id)[0].account == "WORKS"


def test_without_anybody_who_sends_for_its_profile_it_is_held_until_there_is_somebody(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    account = queue.account(server, "ALERTS")
    empty, full = profile(queue, "Empty"), profile(queue, "Full", account)
    without_account = sent_by_procedure(queue, empty)
    of_no_profile = sent_by_procedure(queue, 99)
    goes = sent_by_procedure(queue, full)

    send(queue)

    assert queue.became(goes).state is Flag.SENT
    assert "its mail profile 'Empty': give the profile one" in (held(queue, without_account) or "")
    assert "its mail profile, number 99, is gone" in (held(queue, of_no_profile) or "")
    execute(
        queue,
        "INSERT INTO Rowpost_MailProfileAccounts (ProfileId, AccountId, SequenceNumber)"
        " VALUES (:profile, :account, 1)",
        profile=empty,
        account=account,
    )
    send(queue)
    assert held(queue, without_account) is None
    assert queue.became(without_account).state is Flag.SENT


def test_while_database_mail_is_stopped_what_waits_for_profiles_waits_and_others_go(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    account = queue.account(server, "ALERTS")
    mailitem_id = sent_by_procedure(queue, profile(queue, "Alerts", account))
    (other,) = queue.add(1, dd_EmailParamCode="ALERTS")
    switch = "UPDATE Rowpost_MailConfiguration SET Value = :value WHERE Name = 'Rowpost.Status'"

    execute(queue, switch, value="STOPPED")
    send(queue)
    assert (queue.became(other).state, held(queue, mailitem_id) is None) == (Flag.SENT, False)

    execute(queue, switch, value="STARTED")
    send(queue)
    assert queue.became(mailitem_id).state is Flag.SENT


def test_lists_that_are_longer_than_the_columns_of_the_row_stand_beside_it(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    account = queue.account(server, "ALERTS")
    mailitem_id = sent_by_procedure(
        queue,
        profile(queue, "Alerts", account),
        dd_toEmailid=None,
        Recipients=f"{LONG_LIST};",
        CopyRecipients='"Doe; Jane" <jane@example.com>; nobody at all; reader001@EXAMPLE.com',
        BlindCopyRecipients="cyd@example.com",
    )

    send(queue)

    went_to = list(server.messages[0].recipients)
    assert went_to[:2] == ["reader000@example.com", "reader001@example.com"]
    assert went_to[60:] == ["jane@example.com", "cyd@example.com"]
    assert queue.became(mailitem_id).state is Flag.SENT
    assert "nobody at all: 5.1.3 this is no email address" in queue.became(mailitem_id).reason


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # As the procedure writes it: a list that is too long takes the others out of the row.
        (
            {
                "dd_toEmailid": "",
                "bccEmailid": "cyd@example.com",
                "Recipients": LONG_LIST,
                "CopyRecipients": "bob@example.com",
                "BlindCopyRecipients": "cyd@example.com",
            },
            62,
        ),
        # Long by repeating itself.
        (
            {
                "dd_toEmailid": "ann@example.com",
                "Recipients": "ann@example.com",
                "BlindCopyRecipients": "cyd@example.com;" * 40,
            },
            2,
        ),
        ({"dd_toEmailid": "ann@example.com", "BlindCopyRecipients": LONG_LIST}, 61),
        ({"dd_toEmailid": "", "Recipients": "ann@example.com;" * 40}, 1),
    ],
)
def test_nobody_is_lost_between_the_row_and_what_stands_beside_it(
    given: dict[str, str], expected: int, queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    alerts = profile(queue, "Alerts", queue.account(server, "ALERTS"))
    sent_by_procedure(queue, alerts, **({"Recipients": "ann@example.com"} | given))

    send(queue)

    (message,) = server.messages
    assert len(set(message.recipients)) == len(message.recipients) == expected


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"Importance": "urgent"}, "its importance is 'urgent': it may be low, normal, high"),
        ({"Sensitivity": "secret"}, "its sensitivity is 'secret': it may be normal, personal,"),
        ({"Recipients": "a" * (LONGEST_LISTS + 1)}, "its lists of recipients are longer than"),
    ],
)
def test_what_cannot_be_meant_holds_its_email_and_no_other(
    given: dict[str, str], reason: str, queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    alerts = profile(queue, "Alerts", queue.account(server, "ALERTS"))
    odd, plain = sent_by_procedure(queue, alerts, **given), sent_by_procedure(queue, alerts)

    send(queue)

    assert reason in (held(queue, odd) or "")
    assert queue.became(plain).state is Flag.SENT


def test_account_retry_attempts_and_delay_say_when_it_is_tried_again(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server(reactions={"DATA_END": lambda _: b"451 4.3.0 not now"})
    account = queue.account(server, "ALERTS")
    mailitem_id = sent_by_procedure(queue, profile(queue, "Alerts", account))
    (other,) = queue.add(1, dd_EmailParamCode="ALERTS")
    for name, value in (("AccountRetryAttempts", "1"), ("AccountRetryDelay", "86400")):
        execute(
            queue,
            "UPDATE Rowpost_MailConfiguration SET Value = :value WHERE Name = :name",
            name=name,
            value=value,
        )

    send(queue)
    now = datetime.now(UTC)
    with queue.database.read() as connection:
        own, usual = (find(connection, each).next_attempt_at for each in (mailitem_id, other))
    assert own is not None
    assert usual is not None
    assert own - now > timedelta(hours=23) > usual - now

    let_retries_come_due(queue.database)
    send(queue)
    assert queue.became(mailitem_id).state is Flag.FAILED
    assert queue.became(other).state is Flag.WAITING


def test_what_the_call_said_stays_with_the_email_when_it_is_sent_again_and_goes_with_it(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server(reactions={"RCPT": lambda _: b"550 5.1.1 nobody"})
    account = queue.account(server, "ALERTS")
    mailitem_id = sent_by_procedure(queue, profile(queue, "Alerts", account), Query="SELECT 1")
    send(queue)
    number = "SELECT Number FROM Rowpost_MailItems WHERE EmailId = :id"
    before = scalar(queue, number, id=mailitem_id)

    queue.database.run(lambda connection: try_again(connection, mailitem_id))
    assert scalar(queue, number, id=mailitem_id) > before
    send(queue)
    date_its_end(queue.database, mailitem_id, 3)
    queue.database.run(lambda connection: empty_old(connection, 2))
    query = "SELECT COALESCE(Query, '') FROM Rowpost_MailItems WHERE EmailId = :id"
    assert scalar(queue, query, id=mailitem_id) == ""
    queue.database.run(lambda connection: remove(connection, mailitem_id))
    assert scalar(queue, number, id=mailitem_id) is None


def test_what_stands_beside_no_email_is_swept_after_a_day(queue: Queue) -> None:
    execute(
        queue,
        "INSERT INTO Rowpost_MailItems (EmailId, ProfileId, RequestedBy, RequestedAt)"
        " VALUES (98, 1, 'ann', '2026-01-01 00:00:00.000'),"
        " (99, 1, 'ann', strftime('%Y-%m-%d %H:%M:%f', 'now'))",
    )

    assert queue.database.run(Sweep().batch) == 1
    assert scalar(queue, "SELECT EmailId FROM Rowpost_MailItems") == 99
