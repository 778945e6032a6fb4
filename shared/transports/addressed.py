"""Whom a message's header names, and its envelope: for services that know no envelope. Pure."""

from __future__ import annotations

from email import policy
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from typing import NamedTuple

from shared.mime.addresses import Mailbox, address_key
from shared.transports.base import Message

_HEADER: BytesHeaderParser[EmailMessage] = BytesHeaderParser(policy=policy.default)


class Addressed(NamedTuple):
    """The envelope's recipients by the list of the header that shows them; nobody shows Bcc."""

    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    bcc: tuple[Mailbox, ...]


def addressed(message: Message) -> Addressed:
    """Each of the envelope's recipients once, and nobody else."""
    head = _HEADER.parsebytes(message.content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    left = {address_key(address): address for address in message.envelope.recipients}
    to, cc = (_taken(mailboxes_in(head, name), left) for name in ("To", "Cc"))
    return Addressed(to, cc, tuple(Mailbox(address) for address in left.values()))


def mailboxes_in(head: EmailMessage, name: str) -> tuple[Mailbox, ...]:
    """What a field of addresses lists; nothing where there is none."""
    field = head.get(name)
    if not isinstance(field, AddressHeader):
        return ()
    return tuple(
        Mailbox(address.addr_spec, address.display_name or "") for address in field.addresses
    )


def _taken(named: tuple[Mailbox, ...], left: dict[str, str]) -> tuple[Mailbox, ...]:
    """Those that the envelope names and no list before did."""
    return tuple(
        [
            Mailbox(address, mailbox.name)
            for mailbox in named
            if (address := left.pop(address_key(mailbox.address), None)) is not None
        ]
    )
