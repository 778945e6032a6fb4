"""Claims and commits that are one round trip, for a database that is a network away.

They do what `claim` and `fetch`, and what `finish` and `mark` do, in one text each: a transaction
of its own, whose break leaves its end open. The conformance tests hold both ways to the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Float, String, Unicode, bindparam, select
from sqlalchemy.types import TypeEngine

from shared.database.database import Database
from shared.database.statements.batch import COMMIT_BATCH, Batch, committed_alone
from shared.database.tables import entries
from shared.outbox.attachments import by_number, files_statement
from shared.outbox.conditions import TOKEN, state_is
from shared.outbox.recipients import by_email, known_statement
from shared.outbox.rows.their_table import their_table
from shared.outbox.sending.begin import Mark
from shared.outbox.sending.claim import Wanted, claiming_for
from shared.outbox.sending.fetch import Claimed, ClaimedEmail, fetch_statement, sorted_out
from shared.outbox.sending.finish import Result
from shared.outbox.sending.lease import Lease
from shared.outbox.states import Flag
from shared.outbox.suppressions import ANY

_CLAIMED = "SELECT Number FROM @claimed"
_TEXT: TypeEngine[Any] = Unicode()
_ASCII: TypeEngine[Any] = String(36)
_NUMBER: TypeEngine[Any] = Float()
_HELD = select(entries.c.Number).where(
    state_is(Flag.PREPARING),
    entries.c.LeaseToken == TOKEN,
    entries.c.Number.not_in(bindparam("known", expanding=True)),
)


class ClaimedAtOnce(NamedTuple):
    """What a claim came to; `anybody_suppressed`: recipients are to be screened."""

    claimed: Claimed
    anybody_suppressed: bool


def claim_and_fetch(database: Database, wanted: Wanted, lease: Lease) -> ClaimedAtOnce:
    """Claim, and learn what a sender needs to know of the emails.

    Raises CommitUncertain, and UnicodeError where a row holds what is no text: then the emails are
    claimed all the same, and `unfetched` names them.
    """
    with database.read() as connection:
        there = their_table(connection).options

    def fill(batch: Batch) -> None:
        claiming, values = claiming_for(wanted, lease)
        batch.say("DECLARE @claimed TABLE (Number INT NOT NULL PRIMARY KEY)")
        batch.add(claiming, values, into="@claimed")
        batch.add(known_statement(_CLAIMED))
        batch.add(files_statement(_CLAIMED))
        batch.add(ANY)
        batch.add(fetch_statement(there, _CLAIMED))

    known, files, suppressed, rows = committed_alone(database, fill)
    claimed = sorted_out(rows, by_email(known))
    found = by_number(files)
    claimed.emails = [
        email._replace(attachments=found[email.number])
        if isinstance(email, ClaimedEmail) and email.number in found
        else email
        for email in claimed.emails
    ]
    return ClaimedAtOnce(claimed, bool(suppressed))


def unfetched(connection: Connection, lease: Lease, known: Sequence[int]) -> list[int]:
    """The numbers of emails that are claimed under the lease, and none of the `known` ones."""
    values = {"token": lease.token, "known": list(known)}
    return list(connection.scalars(_HELD, values))


def commit(
    database: Database, sent: Sequence[Result], marks: Sequence[Mark], lease: Lease
) -> tuple[set[int], set[int]]:
    """Write that these were accepted for everybody, and mark those; answers the numbers of the
    marked and of the finished ones. For emails without recipients of their own, of accounts
    without limits. Raises CommitUncertain."""
    results = json.dumps(
        [
            {
                "n": result.number,
                "a": result.account,
                "c": result.code,
                "e": result.enhanced_code,
                "r": result.reply,
                "d": result.duration_ms,
            }
            for result in sent
        ]
    )
    prints = json.dumps([{"n": mark.number, "p": mark.fingerprint} for mark in marks])

    def fill(batch: Batch) -> None:
        batch.say(
            COMMIT_BATCH,
            (lease.token, _ASCII),
            (lease.seconds, _NUMBER),
            (results, _TEXT),
            (prints, _TEXT),
        )

    finished, marked = committed_alone(database, fill)
    return {row[0] for row in marked}, {row[0] for row in finished}
