"""Whom an email is for, to be compared with whom a report names."""

from __future__ import annotations

from sqlalchemy import Connection

from shared.mime.addresses import address_key, parse_recipients
from shared.mime.bad_email import BadAddress
from shared.outbox.entries import EmailNotFound
from shared.outbox.queries.search import find


def addressees(connection: Connection, email_id: int) -> frozenset[str]:
    """Who the email is for, as keys; nobody once that is not known any more."""
    try:
        email = find(connection, email_id)
        known = [recipient.address for recipient in email.recipients] or [
            mailbox.address
            for written in (email.to, email.cc, email.bcc)
            for mailbox in parse_recipients(written)
        ]
    except (EmailNotFound, BadAddress):
        return frozenset()
    return frozenset(map(addressee_key, known))


def addressee_key(address: str) -> str:
    """Equal for addresses that are one recipient's, whatever the case of their letters."""
    try:
        return address_key(address).lower()
    except BadAddress:
        return address.lower()
