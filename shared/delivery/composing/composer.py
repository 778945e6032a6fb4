"""Composing an account's emails: short ones at once, others once what they need is fetched.

What is away for a moment makes an email wait, unharmed; a bad row fails alone. An email whose
sender died while preparing it is composed in a process of its own.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.attachments.store import AttachmentStoreUnavailable
from shared.configuration.live_document import DocumentUnreadable
from shared.configuration.secret_store import SecretStoreUnavailable
from shared.database.database import Database
from shared.database.errors import CommitUncertain, DatabaseUnreachable
from shared.delivery.account_queue import AccountQueue
from shared.delivery.composing.attached_files import AWAY_SECONDS, AttachedFiles, octets_of
from shared.delivery.composing.compose_apart import ComposingProcess, ComposingUnavailable
from shared.delivery.composing.prepare import (
    NobodyLeft,
    Prepared,
    prepare,
    with_return_path,
    with_signature,
)
from shared.delivery.composing.unsubscribing import unsubscribe_headers
from shared.delivery.delivery import Delivery
from shared.delivery.outcome import Attempt, held_back
from shared.delivery.reports import Reports
from shared.delivery.retry import RetryPolicy
from shared.delivery.threads.sql_thread import SqlThread
from shared.mime.bad_email import BadEmail
from shared.mime.message import Attachment
from shared.outbox.sending.fetch import ClaimedEmail, NoLongerOurs, read_body, read_document
from shared.outbox.sending.lease import Lease
from shared.unsubscribing.links import Headers, NoPublicAddress, UnsubscribeLinks

log = logging.getLogger("rowpost.delivery")

_SECONDS_UNTIL_THE_DATABASE_IS_BACK = 2.0
_PASSING = (
    DatabaseUnreachable,
    CommitUncertain,
    DBAPIError,
    PoolTimeout,
    MemoryError,
    ComposingUnavailable,
)
"""What may go wrong while an email is prepared without being the email's."""
_SECONDS_UNTIL_A_LINK_CAN_BE_MADE = 60.0
_NO_LINK = (NoPublicAddress, SecretStoreUnavailable, DocumentUnreadable)
"""What keeps an email's unsubscribe link from being made for now."""


@dataclass(frozen=True, slots=True)
class Fetching:
    """Where what a claim did not bring is fetched from, for all workers of a drain.

    `apart`: where emails are composed that a sender died of, one at a time, from `suspects`.
    """

    database: Database
    lease: Lease
    files: AttachedFiles
    reading: SqlThread
    suspects: SqlThread
    apart: ComposingProcess
    unsubscribe_links: Callable[[], UnsubscribeLinks]


class Composer:
    """Composes the emails of one queue. What can't be composed is reported here."""

    def __init__(
        self, queue: AccountQueue, fetching: Fetching, reports: Reports, policy: RetryPolicy
    ) -> None:
        self._queue = queue
        self._fetching = fetching
        self._reports = reports
        self._policy = policy

    def has_all_of(self, email: ClaimedEmail) -> bool:
        """Whether the claim brought all that it is composed of, and it may be composed here."""
        if email.body is None or email.document_size or email.attachment_count:
            return False
        if email.unsubscribe:  # The key of its link may have to be asked for.
            return False
        if self._queue.account.dkim is not None:
            return False
        return not self._queue.is_suspect(email.number)

    def compose(self, email: ClaimedEmail) -> Delivery | None:
        """A short email, at once; None where it was reported instead."""
        started = time.monotonic()
        try:
            prepared = prepare(email, email.body or "", None, self._queue.account)
        except NobodyLeft as error:
            self._reports.nobody_left(email, str(error))
        except BadEmail as error:
            self._reports.fail(email, str(error))
        except Exception as error:  # noqa: BLE001 - told, and held
            self._hold(email, error)
        else:
            return self._delivery(prepared, started)
        return None

    async def fetch_and_compose(self, email: ClaimedEmail) -> Delivery | None:
        """Any email; None where it was reported instead."""
        started, octets, prepared = time.monotonic(), 0, None
        try:
            octets = await self._fetching.files.budget.enter(octets_of(email))
            if self._queue.closed:
                self._reports.give_back(email)
            else:
                prepared = await self._fetched(email)
        except NoLongerOurs:
            self._reports.give_back(email)
        except AttachmentStoreUnavailable as error:
            self._reports.postpone(email, str(error), AWAY_SECONDS)
        except _NO_LINK as error:
            self._reports.postpone(email, str(error), _SECONDS_UNTIL_A_LINK_CAN_BE_MADE)
        except _PASSING as error:
            reason = f"it could not be prepared ({type(error).__name__})"
            self._reports.postpone(email, reason, _SECONDS_UNTIL_THE_DATABASE_IS_BACK)
        except NobodyLeft as error:
            self._reports.nobody_left(email, str(error))
        except BadEmail as error:
            self._reports.fail(email, str(error))
        except asyncio.CancelledError:
            self._reports.give_back(email)
            raise
        except Exception as error:  # noqa: BLE001 - told, and held
            self._hold(email, error)
        finally:
            if prepared is None:
                self._fetching.files.budget.leave(octets)
        return None if prepared is None else self._delivery(prepared, started, octets)

    async def _fetched(self, email: ClaimedEmail) -> Prepared:
        files = await self._fetching.files.read(email)
        if self._queue.is_suspect(email.number):
            body, document, further = await self._fetching.reading.run(lambda: self._read(email))
            account = self._queue.account
            return await self._fetching.suspects.run(
                lambda: with_signature(
                    self._fetching.apart.compose(email, body, document, account, files, further),
                    account.dkim,
                )
            )
        return await self._fetching.reading.run(lambda: self._prepared(email, files))

    def _prepared(self, email: ClaimedEmail, files: tuple[Attachment, ...]) -> Prepared:
        """On a thread: what takes long to read may take long to encode."""
        body, document, further = self._read(email)
        account = self._queue.account
        prepared = prepare(email, body, document, account, files, further)
        return with_signature(prepared, account.dkim)

    def _read(self, email: ClaimedEmail) -> tuple[str, bytes | None, Headers]:
        """Its body, its document, and the fields of its link."""
        body, document, lease = email.body, None, self._fetching.lease
        if body is None or email.document_size:
            with self._fetching.database.read() as connection:
                if body is None:
                    body = read_body(connection, email.number, lease)
                if email.document_size:
                    document = read_document(connection, email.number, lease)
                    if not document:
                        raise NoLongerOurs("its document was taken out since it was claimed")
        rules, links = self._queue.account.recipient_rules, self._fetching.unsubscribe_links
        return body, document, unsubscribe_headers(email, links, rules)

    def _delivery(self, prepared: Prepared, started: float, octets: int = 0) -> Delivery:
        account = self._queue.account
        prepared = with_return_path(prepared, account.return_path)
        attempt = Attempt(prepared, account.code, self._policy_of(prepared.email), random.random())
        return Delivery.of(attempt, started, octets)

    def _hold(self, email: ClaimedEmail, error: Exception) -> None:
        """An error of our own holds the email that it came up with, and no other."""
        log.error(
            "email %d could not be composed", email.id, exc_info=error, extra={"email": email.id}
        )
        reason = f"it could not be composed ({type(error).__name__})"
        account = self._queue.account.code
        policy = self._policy_of(email)
        self._reports.finish(held_back(email, account, policy, random.random(), reason))

    def _policy_of(self, email: ClaimedEmail) -> RetryPolicy:
        """Database Mail's own settings count for emails of profiles."""
        if not email.by_profile:
            return self._policy
        return self._policy.changed(*self._queue.account.profile_retries)
