from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from shared.database.database import Database
from shared.database.tables import emails
from shared.outbox.counts import COUNT_LIMIT, QueueCounts, counts, due, sending, waiting
from shared.outbox.finish import Outcome, Result
from tests.outbox.sender import Sender
from tests.support.database import change, insert_rows


def counted(database: Database) -> QueueCounts:
    with database.read() as connection:
        return counts(connection)


def test_an_empty_queue_counts_nothing(database: Database) -> None:
    assert counted(database) == QueueCounts(
        waiting=0, later=0, sending=0, unknown=0, sent=0, failed=0, oldest_waiting=None
    )


def test_emails_are_counted_where_they_stand(database: Database, sender: Sender) -> None:
    ids = insert_rows(database, 10)
    long_ago = datetime(2020, 1, 1, 12, 30, tzinfo=UTC)
    sender.claim(most=7)
    sender.mark(*ids[:5])
    sender.finish(
        Result(ids[0], Outcome.SENT, "MAIN"),
        Result(ids[1], Outcome.SENT, "MAIN"),
        Result(ids[2], Outcome.FAILED, "MAIN"),
        Result(ids[3], Outcome.UNKNOWN, "MAIN"),
        Result(ids[5], Outcome.RETRY, "MAIN", wait=600.0),
    )
    change(database, ids[0], dd_CreatedDate=long_ago - timedelta(days=1))
    change(database, ids[8], dd_CreatedDate=long_ago)

    assert counted(database) == QueueCounts(
        waiting=4, later=1, sending=2, unknown=1, sent=2, failed=1, oldest_waiting=long_ago
    )
    with database.read() as connection:
        assert (waiting(connection), due(connection), sending(connection)) == (4, 3, 2)


@pytest.mark.parametrize("flag", ["N", "P"])
def test_counting_stops_at_its_bound(sqlite_database: Database, flag: str) -> None:
    with sqlite_database.write() as connection:
        connection.execute(insert(emails), [{"dd_SendFlag": flag}] * (COUNT_LIMIT + 5))

    now = counted(sqlite_database)

    assert (now.waiting if flag == "N" else now.sending) == COUNT_LIMIT == 10_000
