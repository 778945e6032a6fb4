"""Taking in what a visitor wrote."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from shared.accounts.errors import AccountNotFound
from shared.app import Application
from shared.features.contact import entries
from shared.features.contact.attached import SentFile, kept, named
from shared.features.contact.errors import ContactNotSetUp
from shared.features.contact.message import Words, message_of, support_address
from shared.outbox.attachments import write_attachments
from shared.submissions.store import store

log = logging.getLogger("rowpost.contact")

Afterwards = Callable[[Connection, list[int]], None]


@dataclass(frozen=True, slots=True)
class Contact:
    """What came in. `trap` is a field that no person sees, so that who fills it is a program."""

    words: Words
    file: SentFile | None = None
    trap: str = ""
    request_id: str | None = None


def new_id() -> str:
    """A number that nobody can guess, by which a visitor asks for what became of it."""
    return str(uuid.uuid4())


def submit(
    application: Application, contact_id: str, contact: Contact, afterwards: Afterwards | None
) -> None:
    """Store it under this id, with what else `afterwards` writes, in one transaction.

    When this returns it is safe, and on its way. What a program wrote is dropped without a word.
    Raises InvalidEmail, ContactNotSetUp, and as `attached.kept`.
    """
    support_address(application.settings)
    if contact.trap:
        log.info("a program filled the hidden field of the contact form: nothing is stored")
        return
    with kept(application, contact.file) as attachment:
        words = named(contact.words, attachment)
        message = message_of(
            words,
            application.settings,
            attached=attachment is not None,
            request_id=contact.request_id,
        )

        def write(connection: Connection, ids: list[int]) -> None:
            entries.write(connection, ids[0], contact_id, words)
            if attachment:
                write_attachments(connection, ids[0], [attachment])
            if afterwards is not None:
                afterwards(connection, ids)

        try:
            store(application, message, write)
        except AccountNotFound:
            raise ContactNotSetUp(
                "The contact form has no account to send with: set CONTACT_ACCOUNT to the code "
                "of one that is there, or leave it out for the default one."
            ) from None
