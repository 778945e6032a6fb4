"""Passwords that sysmail_add_account_sp was given: taken into the secret store by the next tick."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.accounts.credentials.pending_passwords import take_pending_passwords
from shared.accounts.directory import load_accounts
from shared.delivery.tick import tick
from shared.outbox.states import Flag
from tests.database_mail.queues import execute, insert, profile, scalar, send, sent_by_procedure
from tests.support.configuration import store_away
from tests.support.queue import Queue
from tests.support.smtp import SmtpServer, TlsFiles

PASSWORD = "Correct horse 9"


@pytest.fixture
def server(smtp_server: Callable[..., SmtpServer], trusted: TlsFiles) -> SmtpServer:
    return smtp_server(login=("alerts", PASSWORD), tls=trusted)


def account_by_procedure(queue: Queue, server: SmtpServer, password: str = PASSWORD) -> int:
    account = queue.account(
        server, "ALERTS", SMTPSSLFlag="Y", SMTPAccountName="alerts", SMTPServer="localhost"
    )
    insert(queue, "Rowpost_PendingPasswords", AccountId=account, Password=password)
    return account


def test_the_account_sends_nothing_until_a_tick_has_taken_its_password(
    queue: Queue, server: SmtpServer
) -> None:
    account = account_by_procedure(queue, server)
    mailitem_id = sent_by_procedure(queue, profile(queue, "Alerts", account))

    send(queue)
    with queue.database.read() as connection:
        book = load_accounts(connection, queue.application.secrets, queue.application.settings)
    assert [each.reason for each in book.unusable] == [
        "its password is on its way into the secret store: a tick takes it there"
    ]
    assert server.commands == []

    tick(queue.application)
    assert queue.became(mailitem_id).state is Flag.SENT
    assert scalar(queue, "SELECT COUNT(*) FROM Rowpost_PendingPasswords") == 0
    kept = scalar(queue, "SELECT SMTPPassword FROM tbl_EMailParameters")
    assert kept.startswith("secret:smtp-alerts-")


def test_while_the_secret_store_is_away_it_waits(queue: Queue, server: SmtpServer) -> None:
    account_by_procedure(queue, server)

    with store_away(queue.application.settings.data):
        assert take_pending_passwords(queue.application) == 0
    assert scalar(queue, "SELECT COUNT(*) FROM Rowpost_PendingPasswords") == 1
    assert take_pending_passwords(queue.application) == 1


def test_one_of_an_account_that_is_gone_or_does_not_log_in_is_removed(queue: Queue) -> None:
    without_login = queue.account(9, "PLAIN")
    for account in (without_login, 99):
        insert(queue, "Rowpost_PendingPasswords", AccountId=account, Password=PASSWORD)

    assert take_pending_passwords(queue.application) == 0
    assert scalar(queue, "SELECT COUNT(*) FROM Rowpost_PendingPasswords") == 0
    assert scalar(queue, "SELECT SMTPPassword FROM tbl_EMailParameters") is None


def test_an_account_whose_row_cannot_be_changed_keeps_neither_emails_nor_others_waiting(
    queue: Queue, server: SmtpServer
) -> None:
    account = account_by_procedure(queue, server)
    stuck = queue.account(9, "STUCK", SMTPAccountName="stuck", SMTPServer="localhost")
    insert(
        queue,
        "Rowpost_PendingPasswords",
        AccountId=stuck,
        Password=PASSWORD,
        Since="2026-01-01 00:00:00.000000",
    )
    execute(
        queue,
        "CREATE TRIGGER theirs BEFORE UPDATE ON tbl_EMailParameters WHEN new.ParamCode = 'STUCK' "
        "BEGIN SELECT RAISE(ABORT, 'not by you'); END",
    )
    mailitem_id = sent_by_procedure(queue, profile(queue, "Alerts", account))

    tick(queue.application)

    assert queue.became(mailitem_id).state is Flag.SENT
    assert scalar(queue, "SELECT AccountId FROM Rowpost_PendingPasswords") == stuck
    assert len(queue.application.secrets.names("smtp-")) == 1
