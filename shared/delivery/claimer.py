"""Claiming for a drain: what an account's queue is filled with, and which accounts have something.

All of it is for the thread of the drain's claims; nothing here waits for a mail server.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from shared.accounts.directory import Account
from shared.database.database import Database
from shared.database.errors import CommitUncertain, DatabaseUnreachable
from shared.delivery.allowance.quotas import Quotas
from shared.delivery.allowance.ration import QuotaTaken, Take
from shared.delivery.composing.suppression import any_of_a_list, screened
from shared.outbox.sending import one_trip
from shared.outbox.sending.claim import Wanted, claim
from shared.outbox.sending.fetch import Claimed, Fetched, collect, settle
from shared.outbox.sending.lease import Lease
from shared.outbox.states import Lane

if TYPE_CHECKING:
    from shared.monitoring.telemetry.witness import Witness

log = logging.getLogger("rowpost.delivery")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Catch:
    """What a claim came to. `reserved`: numbers of emails that have units of the account's limits
    reserved. `opens_in`: seconds until the account may send more; None: now."""

    emails: Sequence[Fetched] = ()
    reserved: tuple[int, ...] = ()
    opens_in: float | None = None


class Claimer:
    """Claims under one lease. Whatever goes wrong comes to an empty catch: what a claim took whose
    commit looked like a failure is given back at the end with the lease."""

    def __init__(
        self, database: Database, lease: Lease, quotas: Quotas, witness: Witness | None
    ) -> None:
        self._database = database
        self._lease = lease
        self._quotas = quotas
        self._witness = witness
        self._seen: set[int] = set()
        """Numbers of emails that were claimed in one round trip."""

    def claim(self, account: Account, lanes: tuple[Lane, ...], most: int, take: Take) -> Catch:
        """Claim up to so many emails of one account, and learn what a sender needs to know."""
        wanted = Wanted(
            account.codes,
            lanes,
            most,
            account.message_domain,
            certain=account.stands_in_for is not None,
        )
        if account.limits:
            catch = self._ration(account, wanted, take)
        else:
            catch = Catch(self._claimed(wanted, take))
        if self._witness is not None:
            self._witness.claimed([email.number for email in catch.emails])
        return catch

    def _claimed(self, wanted: Wanted, take: Take) -> Sequence[Fetched]:
        """In one round trip where those cost something."""

        def take_and_fetch(connection: Connection) -> Sequence[Fetched]:
            numbers = take(connection, wanted, self._lease)
            return screened(connection, collect(connection, numbers, self._lease))

        if self._database.has_one_writer or take is not claim:
            return self.write(take_and_fetch) or ()
        try:
            once = self.attempt(
                lambda: one_trip.claim_and_fetch(self._database, wanted, self._lease)
            )
        except UnicodeError:
            return self.write(self._fetch_the_rest) or ()
        if once is None:
            return ()
        emails = once.claimed.emails
        to_settle = once.claimed.taken_back or once.claimed.new_again
        if to_settle or once.anybody_suppressed or any_of_a_list(emails):
            emails = list(self.write(partial(self._settle, claimed=once.claimed)) or ())
        self._seen.update(email.number for email in emails)
        return emails

    def _settle(self, connection: Connection, claimed: Claimed) -> Sequence[Fetched]:
        settle(connection, claimed, self._lease)
        return screened(connection, claimed.emails)

    def _fetch_the_rest(self, connection: Connection) -> Sequence[Fetched]:
        """What was claimed with a row that holds no text: each email by itself."""
        numbers = one_trip.unfetched(connection, self._lease, sorted(self._seen))
        self._seen.update(numbers)
        return screened(connection, collect(connection, numbers, self._lease))

    def _ration(self, account: Account, wanted: Wanted, take: Take) -> Catch:
        """Claim what the account's limits allow, and no more than one sender's share of them."""
        most = self._quotas.spare_share(account.limits)
        if not most:
            return Catch()
        wanted = replace(wanted, most=min(most, wanted.most))
        try:
            ration = self.write(
                partial(self._quotas.claim, take=take, wanted=wanted, limits=account.limits)
            )
        except QuotaTaken:
            return Catch()
        if ration is None:
            return Catch()
        return Catch(ration.emails, ration.reserved, ration.opens_in)

    def write(self, work: Callable[[Connection], T]) -> T | None:
        """A write transaction; None when it came to nothing."""
        seconds = min(30.0, self._lease.seconds)
        return self.attempt(lambda: self._database.run(work, seconds=seconds))

    @staticmethod
    def attempt(work: Callable[[], T]) -> T | None:
        """What it answers; None when it came to nothing."""
        try:
            return work()
        except (SQLAlchemyError, DatabaseUnreachable, CommitUncertain) as error:
            log.warning("a step of the drain came to nothing: %s", type(error).__name__)
            return None
