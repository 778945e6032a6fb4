"""A test email: sent at once over one account, beside the queue, to see whether that works."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.accounts.directory import Account, AccountBook, load_accounts
from shared.accounts.errors import AccountNotFound
from shared.accounts.numbers import number_new_accounts
from shared.app import Application
from shared.delivery.transport_of import transport_of
from shared.errors import RowpostError
from shared.mime.addresses import BadAddress, Mailbox, envelope_address, parse_mailbox
from shared.mime.allowed_recipients import destination
from shared.mime.compose import compose
from shared.mime.dkim.signature import signed
from shared.mime.message import Draft
from shared.smtp.opening import Server
from shared.transports.base import AccountFault, ConnectionLost, Envelope, Message, Transport

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

    The queue is not touched, and a stopped service or a paused account is no obstacle; in test mode
    it reaches whom any email would. Raises BadAddress, AccountNotFound, AccountUnusable,
    TrialFailed and DatabaseUnreachable.
    """
    mailbox = parse_mailbox(recipient)
    number_new_accounts(application.database())
    with application.database().read() as connection:
        book = load_accounts(connection, application.secrets, application.settings)
    account = _chosen(book, code)
    mailbox = _reached(account, mailbox)
    message_id = f"<{uuid.uuid4().hex}@{account.message_domain}>"
    composed = compose(
        Draft(account.sender, (mailbox,), message_id, datetime.now(UTC), _SUBJECT, _TEXT)
    )
    content = composed.content if account.dkim is None else signed(composed.content, account.dkim)
    envelope = _envelope(account, mailbox, len(content), wide=composed.smtputf8)
    message = Message(envelope, content)
    try:
        hasty = replace(account, server=_hasty(account))
        asyncio.run(_delivered(transport_of(hasty), message))
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


def _reached(account: Account, mailbox: Mailbox) -> Mailbox:
    """Who gets it, in test mode too. Raises BadAddress for whom it reaches nobody."""
    target = destination(mailbox.address, account.recipient_rules)
    if target is None:
        reason = "test mode lets no email go to this address"
        raise BadAddress(f"{mailbox.address}: {reason}", reason)
    return mailbox if target == mailbox.address else Mailbox(target)


def _envelope(account: Account, mailbox: Mailbox, size: int, *, wide: bool) -> Envelope:
    path = account.return_path
    sender = envelope_address(path.address if path else account.sender.address)
    to = envelope_address(mailbox.address)
    return Envelope(
        sender.address, (to.address,), size, smtputf8=wide or sender.smtputf8 or to.smtputf8
    )


def _hasty(account: Account) -> Server:
    server = account.server
    return replace(
        server,
        connect_timeout=min(server.connect_timeout, LONGEST_SECONDS),
        command_timeout=min(server.command_timeout, LONGEST_SECONDS),
        reply_timeout=min(server.reply_timeout, LONGEST_SECONDS),
    )


async def _delivered(transport: Transport, message: Message) -> None:
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            await transport.open()
            offer = await transport.offer(message)
            if not offer.ready:
                replies = (offer.sender, *offer.recipients, offer.data)
                refusal = next(reply for reply in replies if reply and reply.code >= 400)
                raise TrialFailed(str(refusal))
            await transport.send(message)
            reply = await transport.commit(message)
            if not reply.positive:
                raise TrialFailed(str(reply))
            await transport.close()
    finally:
        transport.abort()
