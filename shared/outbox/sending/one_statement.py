"""A commit that is one statement, where a drain shares the interpreter with its database.

It does what `finish` and `mark` do. The tests hold both ways to the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.database.database import Database
from shared.database.statements.commit_at_once import committed_at_once
from shared.outbox.sending.begin import Mark
from shared.outbox.sending.finish import Result, attempt_of
from shared.outbox.sending.lease import Lease


def commit(
    database: Database, sent: Sequence[Result], marks: Sequence[Mark], lease: Lease
) -> tuple[set[int], set[int]] | None:
    """Write that these were accepted for everybody, and mark those; answers the numbers of the
    marked and of the finished ones. For emails without recipients of their own, of accounts
    without limits.

    None, with nothing done, where they are too many, not all of them are ours as they were, or
    something else is wrong: the two verbs find out with what. Raises what passes.
    """
    results = [attempt_of(result) for result in sent]
    prints = [(mark.number, mark.fingerprint) for mark in marks]
    if not committed_at_once(database, lease.token, lease.seconds, results, prints):
        return None
    return {mark.number for mark in marks}, {result.number for result in sent}
