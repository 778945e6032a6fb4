from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from shared.database.database import Database
from shared.database.tables import emails, statistics
from shared.outbox.admit import admit, answered_by
from shared.outbox.counts import COUNT_LIMIT, QueueCounts, counts, due, held, sending, waiting
from shared.outbox.finish import Outcome, Result
from shared.outbox.statistics import Counted, Totals, count
from tests.outbox.sender import Sender, admit_all
from tests.support.emails import many_emails
from tests.support.rows import change_entry, insert_rows


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
    change_entry(database, ids[0], DueSince=long_ago - timedelta(days=1))
    change_entry(database, ids[8], DueSince=long_ago)

    assert counted(database) == QueueCounts(
        waiting=4, later=1, sending=2, unknown=1, sent=2, failed=1, oldest_waiting=long_ago
    )
    with database.read() as connection:
        assert (waiting(connection), due(connection), sending(connection)) == (4, 3, 2)


@pytest.mark.parametrize("flag", ["N", "P"])
def test_counting_stops_at_its_bound(sqlite_database: Database, flag: str) -> None:
    many_emails(sqlite_database, COUNT_LIMIT + 5, flag)

    now = counted(sqlite_database)

    assert (now.waiting if flag == "N" else now.sending) == COUNT_LIMIT == 10_000


def test_held_emails_are_those_whose_code_nobody_answers_for(database: Database) -> None:
    for code in (None, "", "ALPHA", "ALPHA", "BETA", "GAMMA", "NEWS", "ZULU", "ZULU", "ZULU"):
        insert_rows(database, 1, dd_EmailParamCode=code)
    insert_rows(database, 1, dd_EmailParamCode="ZULU", dd_SendFlag="Y")
    admit_all(database)

    with database.read() as connection:
        nobody = held(connection, [])
        without_default = held(connection, ["BETA", "NEWS"])
        with_default = held(connection, [None, "", "ALPHA", "GAMMA", "ZULU"])

    assert nobody == {"": 2, "ALPHA": 2, "BETA": 1, "GAMMA": 1, "NEWS": 1, "ZULU": 3}
    assert without_default == {"": 2, "ALPHA": 2, "GAMMA": 1, "ZULU": 3}
    assert with_default == {"BETA": 1, "NEWS": 1}


def test_held_emails_are_counted_over_more_accounts_than_one_statement_takes(
    sqlite_database: Database,
) -> None:
    insert_rows(sqlite_database, 3, dd_EmailParamCode="A0500x")
    insert_rows(sqlite_database, 2, dd_EmailParamCode="A0500")
    admit_all(sqlite_database)

    with sqlite_database.read() as connection:
        assert held(connection, [f"A{n:04}" for n in range(1_000)]) == {"A0500x": 3}


def test_counting_held_emails_stops_at_its_bound(sqlite_database: Database) -> None:
    with sqlite_database.write() as connection:
        rows = [{"dd_EmailParamCode": code} for code in ("A", "C")] * COUNT_LIMIT
        connection.execute(insert(emails), rows)
    after: int | None = 0
    while after is not None:
        answered = answered_by(["A", "C"])
        after = admit(sqlite_database, answered, after).after

    with sqlite_database.read() as connection:
        assert held(connection, ["B"]).total() == COUNT_LIMIT


def test_hours_that_are_over_are_summed_up_once(database: Database) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [now - timedelta(hours=n) for n in (0, 1, 2, 3, 500)]
    with database.write() as connection:
        connection.execute(
            insert(statistics), [{"Hour": hour, "Account": "A", "Sent": 10} for hour in hours]
        )
    totals = Totals()

    with database.read() as connection:
        assert totals.read(connection)[Counted.SENT] == 50
    with database.write() as connection:
        count(connection, {("A", Counted.SENT): 5, ("B", Counted.FAILED): 1})
        connection.execute(
            update(statistics).where(statistics.c.Hour == hours[-1]).values(Sent=1_000_000)
        )

    with database.read() as connection:
        assert totals.read(connection) == {
            Counted.SENT: 55,
            Counted.FAILED: 1,
            Counted.RETRY: 0,
            Counted.UNKNOWN: 0,
        }
