"""One look into one mailbox, under a lease: its messages read, written down and filed.

A message is written down with all that follows from it, and filed once that is committed. A reader
that dies in between leaves a message that is read again, or one that is recorded and not yet filed:
the next turn makes up for either.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from shared.bounces.consequence import Filing
from shared.bounces.mailboxes.inbox import Found, Inbox, MailboxFault, Refused
from shared.bounces.mailboxes.leases import (
    SECONDS_BETWEEN,
    LeaseLost,
    note_failed,
    note_read,
    rest_after,
    take,
)
from shared.bounces.mailboxes.mailbox import Mailbox, MailboxNotFound, Position
from shared.bounces.mailboxes.open_inbox import open_inbox
from shared.bounces.mailboxes.register import mailbox
from shared.bounces.noted import (
    forget_beyond_the_latest,
    known_places,
    note_filed,
    unfiled,
)
from shared.bounces.record import folder_for, record, record_unreadable
from shared.bounces.understand import understand
from shared.configuration.live_document import DocumentUnreadable
from shared.configuration.secret_store import SecretStore, SecretStoreUnavailable
from shared.database.database import Database
from shared.database.errors import CommitUncertain, DatabaseUnreachable, is_transient

log = logging.getLogger("rowpost.bounces")

MOST_A_TURN = 3_000
"""Messages, which take some seconds; what is beyond waits for the next turn, while others work."""
_SECONDS_A_TURN = 45.0
_SECONDS_UNTIL_CUT = 120.0
"""Less than its lease: so long the whole of a turn may take."""
_MOST_REFUSED = 10
_MOST_BATCHES = 20
_AT_ONCE = 50
"""Messages that are filed together."""
AWAY = (SQLAlchemyError, DatabaseUnreachable, CommitUncertain, LeaseLost, MailboxNotFound)
"""What ends a turn and says nothing of the mailbox: the next one goes on."""
_NOT_ITS_FAULT = (
    DatabaseUnreachable,
    CommitUncertain,
    LeaseLost,
    SecretStoreUnavailable,
    DocumentUnreadable,
)
_UNEXPECTED = "an unexpected error, which the log tells of"


class Means(NamedTuple):
    """What collecting needs of the process around it."""

    database: Callable[[], Database]
    secrets: Callable[[], SecretStore]
    stop: threading.Event


def take_turn(means: Means, database: Database, mailbox_id: int) -> None:
    """Read the mailbox, unless somebody else does, and note how that went. Raises what is in
    `AWAY`."""
    token = str(uuid.uuid4())
    if not database.run(lambda connection: take(connection, mailbox_id, token)):
        return
    with database.read() as connection:
        here = mailbox(connection, mailbox_id)
    _Turn(means, database, here, token).carry_out()


class _Turn:
    """The turn of one mailbox under this lease."""

    def __init__(self, means: Means, database: Database, here: Mailbox, token: str) -> None:
        self._means = means
        self._database = database
        self._mailbox = here
        self._token = token
        self._ends = time.monotonic() + _SECONDS_A_TURN
        self._copies: list[tuple[Filing, str]] = []
        """Where messages lie that were known before, and with what they are to be filed."""

    def carry_out(self) -> None:
        """Read it, and note how that went."""
        fault: MailboxFault | None = None
        more, failures = False, self._mailbox.failures + 1
        try:
            more, fault = self._read()
            failures = 1  # What can't be filed does not put off what is to be read.
        except MailboxFault as error:
            fault = error
        except (SecretStoreUnavailable, DocumentUnreadable):
            fault = MailboxFault("the secret store does not answer")
        except AWAY:
            raise
        except Exception:
            log.exception("bounce mailbox %d: an unexpected error", self._mailbox.id)
            fault = MailboxFault(_UNEXPECTED)
        this = self._mailbox.id, self._token
        if fault is None:
            wait = 0.0 if more else SECONDS_BETWEEN
            self._database.run(lambda connection: note_read(connection, *this, wait))
        else:
            log.warning("bounce mailbox %d could not be read: %s", self._mailbox.id, fault)
            words, rest = str(fault), rest_after(failures, fault.retry_after)
            self._database.run(lambda connection: note_failed(connection, *this, words, rest))
        # Here and not with what is too old: mailboxes are read while the service is stopped, too.
        for _ in range(_MOST_BATCHES):
            if not self._database.run(forget_beyond_the_latest):
                break

    def _read(self) -> tuple[bool, MailboxFault | None]:
        """Whether more is left than one turn may take, and what could not be filed. Raises
        MailboxFault."""
        here = self._mailbox
        secrets = self._means.secrets()
        inbox = open_inbox(here.settings, here.secret, secrets, _SECONDS_UNTIL_CUT)
        try:
            # New ones first: what can't be filed keeps nobody from being told.
            read, goes_on, not_filed = 0, True, None
            given = _Given(here.position)
            for found in inbox.new(here.position, self._known, MOST_A_TURN):
                if given.takes(found):
                    self._record(found._replace(position=given.until))
                read += 1
                if read % _AT_ONCE == 0:
                    not_filed = self._file_or_why_not(inbox, not_filed)
                goes_on = not self._means.stop.is_set() and time.monotonic() < self._ends
                if not goes_on:
                    break
            self._record_refused(inbox, given)
            not_filed = self._file_or_why_not(inbox, not_filed)
            return not goes_on or read == MOST_A_TURN, not_filed
        finally:
            inbox.close()

    def _record_refused(self, inbox: Inbox, given: _Given) -> None:
        """Ask once more for what was not given. Raises MailboxFault where nothing else was either:
        then that is the mailbox's fault, and not the messages'."""
        for number, refused in enumerate(given.refused, start=1):
            again = inbox.again(refused)
            if again is not None and again.octets is None and not given.any:
                raise MailboxFault(again.refusal)
            until = given.all_until if number == len(given.refused) else given.until
            if again is not None:
                self._record(again._replace(position=until))

    def _known(self, places: Sequence[str]) -> frozenset[str]:
        with self._database.read() as connection:
            return known_places(connection, self._mailbox.id, places)

    def _record(self, found: Found) -> None:
        """One that can't be given, understood or written down is noted as such, and stops no
        other."""
        if found.octets is None:
            self._note_unreadable(found, f"its server can't give it: {found.refusal}")
            return
        try:
            self._write_down(found, found.octets)
            return
        except _NOT_ITS_FAULT:
            raise
        except Exception as error:
            if is_transient(error):
                raise
            log.exception("a message in bounce mailbox %d can't be read", self._mailbox.id)
            reason = f"it can't be read or written down ({type(error).__name__})"
        self._note_unreadable(found, reason)

    def _note_unreadable(self, found: Found, reason: str) -> None:
        self._database.run(
            lambda connection: record_unreadable(
                connection, self._mailbox, self._token, found, reason
            )
        )

    def _write_down(self, found: Found, octets: bytes) -> None:
        with self._database.read() as connection:
            message = understand(connection, octets, self._means.secrets())
        is_new = self._database.run(
            lambda connection: record(connection, self._mailbox, self._token, found, message)
        )
        if not is_new:
            self._copies.append((message.filing, found.place))

    def _file_or_why_not(self, inbox: Inbox, before: MailboxFault | None) -> MailboxFault | None:
        """Not again where more than single messages was wrong with it."""
        if before is not None and not isinstance(before, Refused):
            return before
        try:
            self._file(inbox)
        except MailboxFault as fault:
            return fault
        return None

    def _file(self, inbox: Inbox) -> None:
        """Move or delete what is recorded, as the settings say now. Raises MailboxFault."""
        with self._database.read() as connection:
            waiting = unfiled(connection, self._mailbox.id)
        copies, self._copies = self._copies, []
        refused: list[Refused] = []
        for filing in Filing:
            some = [each for each in waiting if each.filing is filing]
            places = [each.place for each in some]
            places += [place for wanted, place in copies if wanted is filing]
            is_moved, folder = folder_for(self._mailbox.settings, filing)
            stay = _moved(inbox, places, folder) if is_moved and places else {}
            refused += stay.values()
            if ids := [each.bounce_id for each in some if each.place not in stay]:
                self._database.run(partial(note_filed, bounce_ids=ids))
        if refused:
            raise refused[0]


class _Given:
    """What an inbox gave, and what it did not. `until`: all up to there was given."""

    def __init__(self, begin: Position) -> None:
        self.until = self.all_until = begin
        self.any = False
        self.refused: list[Found] = []

    def takes(self, found: Found) -> bool:
        """Whether it was given. Raises MailboxFault after many that were not, and none that was."""
        self.all_until = found.position
        if found.octets is None:
            self.refused.append(found)
            if not self.any and len(self.refused) == _MOST_REFUSED:
                raise MailboxFault(found.refusal)
            return False
        self.any = True
        if not self.refused:
            self.until = found.position
        return True


def _moved(inbox: Inbox, places: Sequence[str], folder: str | None) -> dict[str, Refused]:
    """Move or delete these; answers those for which the server does not do it. Raises MailboxFault,
    also where it does it for none."""
    waiting, stay, some_moved = [places], dict[str, Refused](), False
    while waiting:
        some = waiting.pop()
        try:
            inbox.file(some, folder)
            some_moved = True
        except Refused as refused:
            half = len(some) // 2
            if half:
                waiting += [some[half:], some[:half]]
                continue
            stay[some[0]] = refused
            if len(stay) == _MOST_REFUSED and not some_moved:
                raise
    return stay
