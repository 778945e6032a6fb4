"""Decisions by hand about many emails: those of a list, or all that a filter matches.

Each is decided about as if it were the only one, a batch of them in a transaction. One that can't
be decided about is told of and stops no other. A call ends after a bounded time, and says where to
go on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shared.database.database import Database
from shared.database.errors import is_held_by_others, is_transient
from shared.errors import RowpostError
from shared.outbox.cancel_retry_resolve import Decision, cancel, resolve, try_again
from shared.outbox.entries import EmailNotFound
from shared.outbox.queries.search import Position, Wish, page
from shared.outbox.states import Status

log = logging.getLogger("rowpost.outbox")

MOST_IDS: Final = 1_000
MOST_AT_ONCE: Final = 10_000
LONGEST_SECONDS: Final = 20.0
_BATCH = 100
_MOST_TOLD = 100
HELD_BY_OTHERS = "another session holds its row just now: try again in a moment"
ROW_REFUSED = "its table refused the change: a trigger or a constraint of its own fails"


class Action(StrEnum):
    """What is decided about each email."""

    CANCEL = "cancel"
    RETRY = "retry"
    RESEND = "resend"
    COUNT_AS_SENT = "sent"


POSSIBLE: Final[dict[Action, tuple[Status, ...]]] = {
    Action.CANCEL: (Status.QUEUED, Status.RETRY, Status.HELD),
    Action.RETRY: (Status.FAILED, Status.CANCELLED),
    Action.RESEND: (Status.UNKNOWN,),
    Action.COUNT_AS_SENT: (Status.UNKNOWN,),
}
"""The statuses of emails about which it can be decided."""

Work = Callable[[Connection, int], object]
_WORK: Final[dict[Action, Work]] = {
    Action.CANCEL: cancel,
    Action.RETRY: try_again,
    Action.RESEND: partial(resolve, decision=Decision.RESEND),
    Action.COUNT_AS_SENT: partial(resolve, decision=Decision.SENT),
}


class Refused(NamedTuple):
    """An email about which it could not be decided, and why."""

    email_id: int
    reason: str


@dataclass(slots=True)
class Decided:
    """How many were decided about and how many could not be; of these, the first hundred.

    `after`: where to go on; None where nothing is left. `more`: something is.
    """

    done: int = 0
    refused: int = 0
    first_refused: list[Refused] = field(default_factory=list)
    more: bool = False
    after: Position | None = None

    def refuse(self, email_id: int, reason: str) -> None:
        """Count this one as refused."""
        self.refused += 1
        if len(self.first_refused) < _MOST_TOLD:
            self.first_refused.append(Refused(email_id, reason))


class NotPossible(RowpostError):
    """Emails of this status can't be decided about so; the text names the statuses that can."""


def decide_each(database: Database, action: Action, ids: Sequence[int]) -> Decided:
    """Decide about these emails, up to MOST_IDS, each once.

    What the time did not allow for is refused with that reason. Raises DatabaseUnreachable.
    """
    decided, deadline = Decided(), time.monotonic() + LONGEST_SECONDS
    for batch in _batches(list(dict.fromkeys(ids))):
        if time.monotonic() > deadline:
            decided.more = True
            for email_id in batch:
                decided.refuse(email_id, "there was no time left for it: ask again")
            continue
        _decide(database, action, batch, decided)
    return decided


def decide_all(
    database: Database,
    action: Action,
    wish: Wish,
    after: Position | None = None,
    *,
    seconds: float = LONGEST_SECONDS,
    most: int = MOST_AT_ONCE,
) -> Decided:
    """Decide about all emails that the wish matches, the latest first, beginning after a position.

    It ends at `most` emails or after about `seconds`. What comes to match it behind our back, as
    what is tried again and fails, is not met twice. Raises NotPossible, DatabaseUnreachable.
    """
    if wish.status not in POSSIBLE[action]:
        raise NotPossible(
            f"only emails that are {' or '.join(POSSIBLE[action])} can be meant by this"
        )
    decided, deadline = Decided(after=after), time.monotonic() + seconds
    while decided.done + decided.refused < most:
        with database.read() as connection:
            found = page(connection, wish, decided.after, _BATCH)
        _decide(database, action, [email.id for email in found.emails], decided)
        decided.after = found.after
        if found.after is None:
            return decided
        if time.monotonic() > deadline:
            break
    decided.more = True
    return decided


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH]


def _decide(database: Database, action: Action, ids: Sequence[int], decided: Decided) -> None:
    """Decide about a batch in one transaction; where a row stops it, about each in its own."""
    work = _WORK[action]
    try:
        refusals = database.run(lambda connection: _refusals(connection, work, ids), seconds=0)
    except DBAPIError as error:
        log.info("a batch of decisions is made one by one: %s", type(error.orig).__name__)
        refusals = {}
        for email_id in ids:
            refusals |= _alone(database, work, email_id)
    decided.done += len(ids) - len(refusals)
    for email_id, reason in refusals.items():
        decided.refuse(email_id, reason)


def _refusals(connection: Connection, work: Work, ids: Sequence[int]) -> dict[int, str]:
    """Decide about each; answers why not, of those about which it could not be decided.

    What is refused has changed nothing, so it need not be rolled back.
    """
    refusals = {}
    for email_id in ids:
        try:
            work(connection, email_id)
        except EmailNotFound:
            refusals[email_id] = "there is no email with this number"
        except RowpostError as error:
            refusals[email_id] = str(error)
    return refusals


def _alone(database: Database, work: Work, email_id: int) -> dict[int, str]:
    """The same of one email whose row may be what stopped its batch."""
    try:
        return database.run(lambda connection: _refusals(connection, work, [email_id]), seconds=0)
    except DBAPIError as error:
        if is_held_by_others(error):
            return {email_id: HELD_BY_OTHERS}
        if is_transient(error):
            raise
        log.warning("email %d could not be decided about", email_id, exc_info=error)
        return {email_id: ROW_REFUSED}
