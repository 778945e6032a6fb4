from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import case, insert, update

from shared.database.database import Database
from shared.database.tables import entries, statistics
from shared.outbox.admission.admit import admit
from shared.outbox.queries.counts import (
    COUNT_LIMIT,
    QueueCounts,
    counts,
    due,
    failed_since,
    held,
    sending,
    waiting,
)
from shared.outbox.queries.history import Ended, History, OfAccount, by_account
from shared.outbox.queries.statistics import Counted, Totals, count
from shared.outbox.sending.finish import Outcome, Result
from tests.outbox.sender import Sender, admit_all
from tests.support.accounts import answered_by
from tests.support.emails import email_in, many_emails
from tests.support.rows import change, insert_rows


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
    change(database, ids[0], dd_CreatedDate=long_ago - timedelta(days=1))
    change(database, ids[8], dd_CreatedDate=long_ago)
    sender.claim(most=7)
    sender.mark(*ids[:5])
    sender.finish(
        Result(ids[0], Outcome.SENT, "MAIN"),
        Result(ids[1], Outcome.SENT, "MAIN"),
        Result(ids[2], Outcome.FAILED, "MAIN"),
        Result(ids[3], Outcome.UNKNOWN, "MAIN"),
        Result(ids[5], Outcome.RETRY, "MAIN", wait=600.0),
    )

    assert counted(database) == QueueCounts(
        waiting=4, later=1, sending=2, unknown=1, sent=2, failed=1, oldest_waiting=long_ago
    )
    with database.read() as connection:
        assert (waiting(connection), due(connection), sending(connection)) == (4, 3, 2)


@pytest.mark.parametrize(
    ("state", "what"), [("N", "waiting"), ("P", "sending"), ("T", "sending"), ("U", "unknown")]
)
def test_counting_stops_at_its_bound(sqlite_database: Database, state: str, what: str) -> None:
    many_emails(sqlite_database, COUNT_LIMIT + 5, state)

    assert getattr(counted(sqlite_database), what) == COUNT_LIMIT == 10_000


def test_emails_that_are_not_admitted_yet_wait_and_are_due(database: Database) -> None:
    email_in(database, "N")
    first, _ = insert_rows(database, 2)
    change(database, first, dd_CreatedDate=datetime(2020, 1, 1, tzinfo=UTC))
    email_in(database, "Y")

    now = counted(database)

    assert (now.waiting, now.oldest_waiting) == (3, datetime(2020, 1, 1, tzinfo=UTC))
    with database.read() as connection:
        assert due(connection) == 3


def test_rows_that_are_held_do_not_count_as_due_but_as_held(database: Database) -> None:
    insert_rows(database, 2, dd_EmailParamCode="OTHER")
    insert_rows(database, 3, dd_Lane="fast")
    insert_rows(database, 1)
    admit(database, answered_by([None, "NEWS"]))

    with database.read() as connection:
        assert due(connection) == 1
        assert held(connection, [None, "NEWS"]) == {"OTHER": 2, "": 3}


def test_held_emails_are_those_whose_code_nobody_answers_for(database: Database) -> None:
    for code in (None, "", "ALPHA", "ALPHA", "BETA", "GAMMA", "NEWS", "ZULU", "ZULU", "ZULU"):
        insert_rows(database, 1, dd_EmailParamCode=code)
    email_in(database, "Y", dd_EmailParamCode="ZULU")
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
    many_emails(sqlite_database, 2 * COUNT_LIMIT)
    with sqlite_database.write() as connection:
        code = case((entries.c.Number % 2 == 0, "A"), else_="C")
        connection.execute(update(entries).values(AccountCode=code))

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


def test_history_is_remembered_hour_by_hour_and_read_anew_where_it_still_changes(
    database: Database,
) -> None:
    with database.write() as connection:
        count(connection, {("SHOP", Counted.SENT): 2, ("NEWS", Counted.FAILED): 1})
    history = History()
    with database.read() as connection:
        (hour,) = history.hours(connection)
    old = hour - timedelta(days=3)
    with database.write() as connection:
        connection.execute(insert(statistics), {"Hour": old, "Account": "SHOP", "Sent": 7})
        count(connection, {("SHOP", Counted.SENT): 1})

    with database.read() as connection:
        assert history.hours(connection) == {hour: Ended(3, 1)}
        assert History().hours(connection) == {hour: Ended(3, 1), old: Ended(7, 0)}
        assert list(by_account(connection, hour)) == [
            OfAccount("SHOP", Ended(3, 0)),
            OfAccount("NEWS", Ended(0, 1)),
        ]


def test_what_failed_since_a_time_is_counted(database: Database, sender: Sender) -> None:
    ids = insert_rows(database, 2)
    sender.claim(most=2)
    sender.mark(*ids)
    sender.finish(*(Result(number, Outcome.FAILED, "MAIN") for number in ids))

    with database.read() as connection:
        now = datetime.now(UTC)
        assert failed_since(connection, now - timedelta(hours=1)) == 2
        assert failed_since(connection, now + timedelta(hours=1)) == 0
