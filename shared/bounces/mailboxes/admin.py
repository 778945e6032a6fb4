"""What an admin does with mailboxes: their rows, their passwords and a look into them.

A password is stored under a name of its own each time it is given, before the row that refers to it
is written, and belongs to the connection that it was given for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection

from shared.accounts.credentials import passwords
from shared.accounts.credentials.passwords import same_connection
from shared.background import NoAnswerYet, Work
from shared.bounces.mailboxes import register
from shared.bounces.mailboxes.inbox import MailboxFault
from shared.bounces.mailboxes.mailbox import (
    BadMailboxValue,
    Mailbox,
    MailboxSettings,
)
from shared.bounces.mailboxes.open_inbox import open_inbox
from shared.configuration.secret_store import SecretStore, SecretStoreUnavailable
from shared.database.database import Database
from shared.database.errors import CommitUncertain
from shared.errors import RowpostError

log = logging.getLogger("rowpost.bounces")

T = TypeVar("T")

LONGEST_SECONDS = 30.0
_AGAIN = "Give the password again: host, port, TLS or user has changed."


class TooManyMailboxes(RowpostError):
    """Each is read once a minute."""


class Tried(NamedTuple):
    """How a look into a mailbox went: how many messages lie in its folder, or what went wrong."""

    messages: int | None
    fault: str | None = None


class MailboxAdmin:
    """Verbs on mailboxes. Each raises DatabaseUnreachable, and SecretStoreUnavailable where it
    needs the secret store."""

    def __init__(self, database: Database, secrets: SecretStore) -> None:
        self._database = database
        self._secrets = secrets

    def make(self, settings: MailboxSettings, password: str | None, created_by: str) -> Mailbox:
        """A new mailbox. Raises BadMailboxValue and TooManyMailboxes."""
        settings.check()
        if settings.has_secret and password is None:
            raise _password_missing(settings, "Give the mailbox's password too.")

        def write(connection: Connection, reference: str | None) -> Mailbox:
            if len(register.all_mailboxes(connection)) >= register.MOST_MAILBOXES:
                raise TooManyMailboxes(
                    f"there are {register.MOST_MAILBOXES} mailboxes: remove one first"
                )
            return register.make(connection, settings, reference, created_by)

        return self._with_password(settings, password, write)

    def change(self, mailbox_id: int, settings: MailboxSettings, password: str | None) -> Mailbox:
        """Another host, port, encryption or user needs the password again. Raises BadMailboxValue
        and MailboxNotFound."""
        settings.check()
        before = self.found(mailbox_id)
        known = before.settings.has_secret and same_connection(
            before.settings.binding, settings.binding
        )
        if settings.has_secret and password is None and not known:
            raise _password_missing(settings, _AGAIN)
        kept = before.secret if settings.has_secret else None
        after = self._with_password(
            settings,
            password,
            lambda connection, reference: register.change(
                connection, mailbox_id, settings, reference or kept
            ),
        )
        if after.secret != before.secret:
            self._forget(before.secret)
        return after

    def remove(self, mailbox_id: int) -> None:
        """Remove a mailbox and its password; what it has brought is kept. Raises
        MailboxNotFound."""
        here = self.found(mailbox_id)
        self._database.run(lambda connection: register.remove(connection, mailbox_id))
        self._forget(here.secret)

    def test(self, mailbox_id: int) -> Tried:
        """Log in and look into its folder; no message is read. Raises MailboxNotFound."""
        here = self.found(mailbox_id)
        try:
            # Beside the caller, who waits no longer: to look up a host's name has no time-out.
            work = Work(lambda: self._look_into(here), "mailbox test", daemon=True)
            return Tried(work.result(LONGEST_SECONDS))
        except MailboxFault as fault:
            return Tried(None, str(fault))
        except NoAnswerYet:
            return Tried(None, f"it did not answer within {LONGEST_SECONDS:.0f} seconds")

    def _look_into(self, here: Mailbox) -> int:
        inbox = open_inbox(here.settings, here.secret, self._secrets, LONGEST_SECONDS)
        number = inbox.count()
        inbox.close()
        return number

    def found(self, mailbox_id: int) -> Mailbox:
        """The mailbox of this number. Raises MailboxNotFound."""
        with self._database.read() as connection:
            return register.mailbox(connection, mailbox_id)

    def _with_password(
        self,
        settings: MailboxSettings,
        password: str | None,
        write: Callable[[Connection, str | None], T],
    ) -> T:
        """Store the password, then write the row that refers to it, or leave neither."""
        reference = None
        if password is not None:
            if not settings.has_secret:
                raise BadMailboxValue(
                    "password", "The app's own identity logs in: give no password, or a client_id."
                )
            name = passwords.new_name("bounces")
            reference = passwords.keep(self._secrets, name, password, settings.binding)
        try:
            return self._database.run(lambda connection: write(connection, reference))
        except CommitUncertain:
            raise  # The row may be there, and then its password must be.
        except BaseException:
            self._forget(reference)
            raise

    def _forget(self, reference: str | None) -> None:
        """A secret that nothing refers to does no harm, so a store that is away stops nobody."""
        try:
            passwords.forget(self._secrets, reference)
        except SecretStoreUnavailable:
            log.warning("a password that is no longer used could not be deleted")


def _password_missing(settings: MailboxSettings, message: str) -> BadMailboxValue:
    return BadMailboxValue("client_secret" if settings.client_id else "password", message)
