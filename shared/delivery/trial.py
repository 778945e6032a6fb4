"""A test email: sent at once over one account, beside the queue, to see whether that works."""

from __future__ import annotations

import uuid
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.accounts.directory import Account, AccountBook, load_accounts
from shared.accounts.errors import AccountNotFound
from shared.accounts.numbers import number_new_accounts
from shared.app import Application
from shared.errors import RowpostError
from shared.mime.addresses import Mailbox, envelope_address, parse_mailbox
from shared.mime.compose import Draft, Message, compose
from shared.smtp.connection import AccountFault, ConnectionLost, Envelope, Server, SmtpSession
from shared.smtp.pump import Pump

LONGEST_SECONDS = 30.0
_SUBJECT = "A test email from Rowpost"
_TEXT = (
    "Rowpost can send emails over this account.\n\n"
    "Somebody asked for this email with POST /api/email-test."
)


class AccountUnusable(RowpostError):
    """The account is there, and can't be used; the text says why."""


class TrialFailed(RowpostError):
    """The mail server did not take the email; the text has its own words."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A test email that the mail server has accepted, and the account that it went over."""

    message_id: str
    recipient: str
    account: Account


def send_test_email(application: Application, recipient: str, code: str | None = None) -> Trial:
    """Send one over the account of this code, or over the default one; 30 seconds at most.

    The queue is not touched, and a stopped service or a paused account is no obstacle. Raises
    BadAddress, AccountNotFound, AccountUnusable, TrialFailed and DatabaseUnreachable.
    """
    mailbox = parse_mailbox(recipient)
    number_new_accounts(application.database())
    with application.database().read() as connection:
        book = load_accounts(connection, application.secrets, application.settings)
    account = _chosen(book, code)
    message_id = f"<{uuid.uuid4().hex}@{account.message_domain}>"
    message = compose(
        Draft(account.sender, (mailbox,), message_id, datetime.now(UTC), _SUBJECT, _TEXT)
    )
    with closing(Pump()) as pump:
        try:
            pump.carry_out(
                _deliver(pump, account.server, _envelope(account, mailbox, message), message),
                LONGEST_SECONDS,
            )
        except (AccountFault, ConnectionLost) as error:
            raise TrialFailed(str(error)) from error
        except TimeoutError as error:
            raise TrialFailed("the mail server did not answer in time") from error
    return Trial(message_id, mailbox.address, account)


def _chosen(book: AccountBook, code: str | None) -> Account:
    if account := book.usable_for(code):
        return account
    if reason := book.problems.get(code or ""):
        raise AccountUnusable(f"This account can't be used: {reason}.")
    if code:
        raise AccountNotFound("paramCode", "No active account has this code.")
    raise AccountUnusable("There is no active account: add one first.")


def _envelope(account: Account, mailbox: Mailbox, message: Message) -> Envelope:
    sender = envelope_address(account.sender.address)
    to = envelope_address(mailbox.address)
    return Envelope(
        sender.address,
        (to.address,),
        len(message.content),
        smtputf8=message.smtputf8 or sender.smtputf8 or to.smtputf8,
    )


async def _deliver(pump: Pump, server: Server, envelope: Envelope, message: Message) -> None:
    hasty = replace(
        server,
        connect_timeout=min(server.connect_timeout, LONGEST_SECONDS),
        command_timeout=min(server.command_timeout, LONGEST_SECONDS),
        reply_timeout=min(server.reply_timeout, LONGEST_SECONDS),
    )
    session = await pump.in_thread(lambda: SmtpSession.connect(hasty))
    try:
        await session.write_envelope(envelope)
        opened = await session.read_envelope()
        replies = (opened.sender, *opened.recipients, opened.data)
        if not opened.ready:
            refusal = next(one for one in replies if one is not None and one.code >= 400)
            raise TrialFailed(str(refusal))
        await session.write_body(message.content)
        await session.write_dot()
        reply = await session.read_final_reply()
        if not reply.positive:
            raise TrialFailed(str(reply))
        await session.quit()
    finally:
        session.close()
