"""Screening: recipients on the suppression list are taken out of a claimed email, visibly."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from shared.delivery.composing.prepare import recipients_of
from shared.mime.addresses import envelope_address
from shared.mime.bad_email import BadEmail
from shared.outbox.recipients import KnownRecipient, RecipientState
from shared.outbox.sending.fetch import ClaimedEmail, UnreadableEmail
from shared.outbox.suppressions import Suppression, any_suppressed, suppressed_among


def screened(
    connection: Connection, emails: Sequence[ClaimedEmail | UnreadableEmail]
) -> list[ClaimedEmail | UnreadableEmail]:
    """The same emails; those with a spared address know their recipients one by one."""
    if not emails or not any_suppressed(connection):
        return list(emails)
    recipients = {one.number: _recipients(one) for one in emails}
    addresses = {who.address for several in recipients.values() for who in several}
    spared = suppressed_among(connection, sorted(addresses))
    return [
        _without(one, recipients[one.number], spared) if isinstance(one, ClaimedEmail) else one
        for one in emails
    ]


def _recipients(email: ClaimedEmail | UnreadableEmail) -> tuple[KnownRecipient, ...]:
    """None of an email whose lists can't be read: composing it says what is wrong."""
    if isinstance(email, UnreadableEmail):
        return ()
    try:
        known = recipients_of(email)
        return tuple([one._replace(address=envelope_address(one.address).address) for one in known])
    except BadEmail:
        return ()


def _without(
    email: ClaimedEmail, recipients: tuple[KnownRecipient, ...], spared: dict[str, Suppression]
) -> ClaimedEmail:
    pending = [one for one in recipients if one.state is RecipientState.PENDING]
    if not any(one.address in spared for one in pending):
        return email
    return email._replace(
        recipients=tuple(
            [
                one._replace(state=RecipientState.REFUSED, reply=_said(spared[one.address]))
                if one.state is RecipientState.PENDING and one.address in spared
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
