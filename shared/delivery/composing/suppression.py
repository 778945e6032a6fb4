"""Screening: who is to be spared is taken out of a claimed email, visibly.

Spared are addresses on the suppression list, and those that have unsubscribed from the email's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from shared.delivery.composing.prepare import recipients_of
from shared.mime.addresses import envelope_address
from shared.mime.bad_email import BadEmail
from shared.outbox.recipients import KnownRecipient, RecipientState
from shared.outbox.sending.fetch import ClaimedEmail, Fetched, UnreadableEmail
from shared.outbox.suppressions import Suppression, any_suppressed, suppressed_among
from shared.unsubscribing.unsubscribed import list_named, subscription_key, unsubscribed_among


def screened(connection: Connection, emails: Sequence[Fetched]) -> list[Fetched]:
    """The same emails; those with a spared address know their recipients one by one."""
    suppressed, of_a_list = bool(emails) and any_suppressed(connection), any_of_a_list(emails)
    if not suppressed and not of_a_list:
        return list(emails)
    recipients = {email.number: _recipients(email) for email in emails}
    addresses = {who.address for several in recipients.values() for who in several}
    spared = suppressed_among(connection, sorted(addresses)) if suppressed else {}
    gone = unsubscribed_among(connection, addresses) if of_a_list else frozenset()
    return [
        _without(email, recipients[email.number], _reasons(email, recipients, spared, gone))
        if isinstance(email, ClaimedEmail)
        else email
        for email in emails
    ]


def any_of_a_list(emails: Sequence[Fetched]) -> bool:
    """Whether one of these may be unsubscribed from."""
    return any(isinstance(email, ClaimedEmail) and email.unsubscribe for email in emails)


def _reasons(
    email: ClaimedEmail,
    recipients: Mapping[int, tuple[KnownRecipient, ...]],
    spared: Mapping[str, Suppression],
    gone: frozenset[tuple[str, str]],
) -> dict[str, str]:
    """Why which of its addresses get nothing."""
    list_name = _list_of(email)
    reasons: dict[str, str] = {}
    for recipient in recipients[email.number]:
        address = recipient.address
        if list_name is not None and subscription_key(address, list_name) in gone:
            reasons[address] = f'not tried: unsubscribed from the list "{list_name}"'
        elif address in spared:
            reasons[address] = _said(spared[address])
    return reasons


def _list_of(email: ClaimedEmail) -> str | None:
    """None of an email whose list can't be read: composing it says what is wrong."""
    try:
        return list_named(email.unsubscribe)
    except ValueError:
        return None


def _recipients(email: Fetched) -> tuple[KnownRecipient, ...]:
    """None of an email whose lists can't be read: composing it says what is wrong."""
    if isinstance(email, UnreadableEmail):
        return ()
    try:
        known = recipients_of(email)
        return tuple([one._replace(address=envelope_address(one.address).address) for one in known])
    except BadEmail:
        return ()


def _without(
    email: ClaimedEmail, recipients: tuple[KnownRecipient, ...], reasons: Mapping[str, str]
) -> ClaimedEmail:
    pending = [one for one in recipients if one.state is RecipientState.PENDING]
    if not any(one.address in reasons for one in pending):
        return email
    return email._replace(
        recipients=tuple(
            [
                one._replace(state=RecipientState.REFUSED, reply=reasons[one.address])
                if one.state is RecipientState.PENDING and one.address in reasons
                else one
                for one in recipients
            ]
        )
    )


def _said(suppression: Suppression) -> str:
    return (
        f"not tried: on the suppression list until {suppression.until:%Y-%m-%d} "
        f"({suppression.reason})"
    )
