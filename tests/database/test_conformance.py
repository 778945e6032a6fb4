"""What every database must do, whichever it is: that of DATABASE_URL, else SQLite."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Unicode,
    bindparam,
    delete,
    func,
    insert,
    literal,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from shared.database.columns.sizes import stored_size
from shared.database.columns.times import UtcDateTime, as_stored, in_days, this_hour, utc_now
from shared.database.database import Database
from shared.database.dialects.dialect_of import dialect_of
from shared.database.statements import locks
from shared.database.statements.changes import changed, execute_text
from shared.database.statements.insert_if_absent import insert_if_absent
from shared.database.statements.prepared import PreparedInsert, PreparedStatement, PreparedUpdate
from shared.database.tables import AnyText, Bit, Bytes, LongText
from tests.support.database import SQL_SERVER

WAIT_SECONDS = 20.0
MOMENT = datetime(2026, 11, 21, 10, 0, 0, 123_000, tzinfo=UTC)
EMOJI = "Grüße 👩‍🚀 €"
LONG = "Zeile 👩‍🚀\r\n" * 1000

things = Table(
    "Rowpost_Conformance",
    MetaData(),
    Column("Id", Integer, primary_key=True, autoincrement=False),
    Column("Part", Integer, primary_key=True, autoincrement=False),
    Column("Number", Integer),
    Column("Flag", Bit),
    Column("Name", Unicode(50)),
    Column("Hash", String(64)),
    Column("Long", LongText),
    Column("Any", AnyText),
    Column("At", UtcDateTime()),
    Column("Legacy", UtcDateTime(legacy=True)),
    Column("Document", Bytes),
)
VALUES: dict[str, Any] = {
    "Number": -2_147_483_648,
    "Flag": 1,
    "Name": EMOJI,
    "Hash": "0f" * 32,
    "Long": LONG,
    "Any": LONG,
    "At": MOMENT,
    "Legacy": datetime(2026, 11, 21, 10, 0, 0, 120_000, tzinfo=UTC),
    "Document": bytes(range(256)) * 100,
}

SET_NUMBER = (
    update(things)
    .where(things.c.Id == bindparam("id"))
    .values(Number=bindparam("number", type_=Integer()))
)
SET_NUMBERS = PreparedUpdate(
    lambda ids: (
        update(things)
        .where(things.c.Id.in_(ids))
        .values(Number=bindparam("number"))
        .returning(things.c.Id)
    )
)
COUNTED_SET_NUMBER = PreparedStatement(SET_NUMBER)
PREPARED_INSERT = PreparedInsert(things, "Id", "Part", *VALUES)


@pytest.fixture
def database(database: Database) -> Iterator[Database]:
    """With an empty table of the test's own."""
    with database.write() as connection:
        things.drop(connection, checkfirst=True)
        things.create(connection)
    yield database
    with database.write() as connection:
        things.drop(connection)


@pytest.fixture(params=["", *(("NOCOUNT", "XACT_ABORT") if SQL_SERVER else ())])
def behind_our_back(request: pytest.FixtureRequest, database: Database) -> Iterator[None]:
    """A setting that somebody turned on in every session, after ours had been made."""
    if not request.param:
        yield
        return
    database.engine.dispose()
    with database.engine.connect() as connection:
        connection.exec_driver_sql(f"SET {request.param} ON")
    yield
    database.engine.dispose()


TRIGGERS = {
    "no trigger": "",
    "a trigger with counts": "UPDATE dbo.Rowpost_Seen SET Seen = Seen + 1",
    "a trigger without counts": "SET NOCOUNT ON; UPDATE dbo.Rowpost_Seen SET Seen = Seen + 1",
    "a trigger that writes rows": (
        "INSERT INTO dbo.Rowpost_Seen (Seen) SELECT Seen FROM dbo.Rowpost_Seen"
    ),
    "a trigger that selects": "SELECT Seen FROM dbo.Rowpost_Seen",
}


@pytest.fixture(params=TRIGGERS if SQL_SERVER else ["no trigger"])
def triggered(request: pytest.FixtureRequest, database: Database) -> Iterator[None]:
    """Somebody's trigger on the table."""
    body = TRIGGERS[request.param]
    if not body:
        yield
        return
    run(database, "DROP TABLE IF EXISTS dbo.Rowpost_Seen")
    run(database, "CREATE TABLE dbo.Rowpost_Seen (Seen INT NOT NULL)")
    run(database, "INSERT INTO dbo.Rowpost_Seen (Seen) VALUES (0), (0)")
    run(
        database,
        "CREATE TRIGGER Rowpost_Trigger ON dbo.Rowpost_Conformance AFTER INSERT, UPDATE, DELETE "
        f"AS BEGIN {body} END",
    )
    yield
    run(database, "DROP TRIGGER Rowpost_Trigger")
    run(database, "DROP TABLE dbo.Rowpost_Seen")


def run(database: Database, sql: str) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(sql)


def add(database: Database, *ids: int, **columns: Any) -> None:
    with database.write() as connection:
        for number in ids:
            changed(connection, insert(things), {"Id": number, "Part": 0, **columns})


def version(database: Database) -> str:
    with database.read() as connection:
        return str(connection.exec_driver_sql("SELECT @@VERSION").scalar())


def rows(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as connection:
        asked = select(things.c.Id, things.c.Number).order_by(things.c.Id)
        return [tuple(row) for row in connection.execute(asked)]


@pytest.mark.usefixtures("behind_our_back", "triggered")
class TestCounts:
    """No setting of a session and no trigger changes what a verb answers."""

    @pytest.mark.parametrize(("asked", "number"), [(1, 1), (7, 0)])
    def test_an_update_tells_how_many_rows_it_changed(
        self, database: Database, asked: int, number: int
    ) -> None:
        add(database, 1, 2, 3)

        assert database.run(lambda c: changed(c, SET_NUMBER, {"id": asked, "number": 5})) == number
        assert database.run(lambda c: COUNTED_SET_NUMBER.run(c, id=asked, number=6)) == number

    def test_a_delete_tells_how_many_rows_it_removed(self, database: Database) -> None:
        add(database, 1, 2, 3)

        assert database.run(lambda c: changed(c, delete(things).where(things.c.Id > 1))) == 2
        assert database.run(lambda c: changed(c, delete(things).where(things.c.Id > 1))) == 0

    def test_an_insert_tells_how_many_rows_it_made(self, database: Database) -> None:
        add(database, 1, 2)
        copied = select(things.c.Id + 10, things.c.Part).where(things.c.Id > bindparam("above"))
        copy = insert(things).from_select(["Id", "Part"], copied)

        assert database.run(lambda c: changed(c, insert(things), {"Id": 3, "Part": 0})) == 1
        assert database.run(lambda c: changed(c, copy, {"above": 1})) == 2
        assert database.run(lambda c: changed(c, copy, {"above": 90})) == 0

    def test_a_row_is_inserted_once(self, database: Database) -> None:
        def insert_twice(connection: Connection) -> tuple[bool, bool]:
            key = {"Id": 1, "Part": 2}
            return (
                insert_if_absent(connection, things, key, {"Number": 1}),
                insert_if_absent(connection, things, key, {"Number": 2}),
            )

        assert database.run(insert_twice) == (True, False)
        assert database.run(insert_twice) == (False, False)
        assert rows(database) == [(1, 1)]

    def test_what_was_done_before_a_row_that_is_there_is_kept(self, database: Database) -> None:
        add(database, 1, 2)

        def work(connection: Connection) -> None:
            changed(connection, SET_NUMBER, {"id": 2, "number": 5})
            assert not insert_if_absent(connection, things, {"Id": 1, "Part": 0}, {"Number": 9})

        database.run(work)

        assert rows(database) == [(1, None), (2, 5)]

    def test_a_counted_text_tells_how_many_rows_it_changed(self, database: Database) -> None:
        add(database, 1, 2, 3)

        def work(connection: Connection) -> int:
            sql = "UPDATE Rowpost_Conformance SET Number = ? WHERE Id >= ?"
            return execute_text(connection, dialect_of(connection).counted(sql), [1, 2]).changed

        assert database.run(work) == 2


def test_a_prepared_update_answers_the_ids_that_it_changed(database: Database) -> None:
    add(database, 1, 2, 3)

    assert database.run(lambda c: SET_NUMBERS.run(c, [2, 3, 4], number=5)) == {2, 3}
    assert rows(database) == [(1, None), (2, 5), (3, 5)]


def test_a_text_answers_its_rows(database: Database) -> None:
    add(database, 1, 2, Name=EMOJI)

    def work(connection: Connection) -> list[tuple[Any, ...]]:
        sql = "SELECT Id, Name FROM Rowpost_Conformance WHERE Id > ? ORDER BY Id"
        return [tuple(row) for row in execute_text(connection, sql, [0]).rows]

    assert database.run(work) == [(1, EMOJI), (2, EMOJI)]


def test_a_text_that_fails_raises_what_sqlalchemy_would_and_can_be_executed_again(
    database: Database,
) -> None:
    def work(connection: Connection) -> None:
        execute_text(connection, "INSERT INTO Rowpost_Conformance (Id, Part) VALUES (?, ?)", [1, 1])

    database.run(work)
    with pytest.raises(IntegrityError):
        database.run(work)
    run(database, "DELETE FROM Rowpost_Conformance")
    database.run(work)

    assert rows(database) == [(1, None)]


@pytest.mark.parametrize("by", ["SQLAlchemy", "several at once", "the driver", "insert if absent"])
@pytest.mark.parametrize("name", VALUES)
def test_a_value_of_each_type_and_its_null_are_read_as_they_were_written(
    database: Database, name: str, by: str
) -> None:
    given = [{name: VALUES[name]}, {name: None}]

    def work(connection: Connection) -> None:
        if by == "several at once":
            rows = [{"Id": n, "Part": 0, **value} for n, value in enumerate(given)]
            connection.execute(insert(things), rows)
            return
        for number, value in enumerate(given):
            key = {"Id": number, "Part": 0}
            if by == "SQLAlchemy":
                connection.execute(insert(things), key | value)
            elif by == "insert if absent":
                assert insert_if_absent(connection, things, key, value)
            else:
                prepared = PreparedInsert(things, "Id", "Part", name)
                kind = things.c[name].type.dialect_impl(connection.dialect)
                bound: Any = kind.bind_processor(connection.dialect)
                written = value[name]
                if written is not None and bound is not None:
                    written = bound(written)
                prepared.run(connection, [(number, 0, written)])

    database.run(work)

    with database.read() as connection:
        read = list(connection.scalars(select(things.c[name]).order_by(things.c.Id)))
    assert read == [VALUES[name], None]


def test_a_row_of_nothing_but_nulls_is_read_as_such(database: Database) -> None:
    nulls = dict.fromkeys(VALUES)
    add(database, 1, **VALUES)
    database.run(
        lambda c: PREPARED_INSERT.run(c, [(2, 0, *nulls.values()), (3, 0, *nulls.values())])
    )

    database.run(lambda c: changed(c, update(things), nulls))

    with database.read() as connection:
        for row in connection.execute(select(*(things.c[name] for name in VALUES))):
            assert set(row) == {None}


@pytest.mark.parametrize("length", [1999, 2000, 3999, 4000, 4001, 65_537])
def test_a_text_of_any_length_is_kept_whole(database: Database, length: int) -> None:
    whole = ("ä" * (length - 2)) + "👩"
    add(database, 1, Long=whole, Any=whole)

    with database.read() as connection:
        assert connection.execute(select(things.c.Long, things.c.Any)).one() == (whole, whole)


def test_a_size_is_told_without_reading_the_value(database: Database) -> None:
    add(database, 1, Document=b"%PDF-1.7", Any="Hello", Long="abc")

    with database.read() as connection:
        document, whole, long = connection.execute(
            select(
                stored_size(things.c.Document),
                stored_size(things.c.Any),
                stored_size(things.c.Long),
            )
        ).one()

    assert document == 8
    assert (whole, long) in {(5, 3), (10, 6)}


def test_the_database_has_one_clock_in_utc(database: Database) -> None:
    with database.read() as connection:
        now, later, ago, days, months_ago, hour = connection.execute(
            select(
                utc_now(),
                utc_now(literal(90.5)),
                utc_now(literal(-2.0)),
                in_days(literal(1.5)),
                in_days(literal(-400.0)),
                this_hour(),
            )
        ).one()

    second = timedelta(seconds=1)
    assert abs(now - datetime.now(UTC)) < 60 * second
    assert abs(later - now - 90.5 * second) < second
    assert abs(now - ago - 2 * second) < second
    assert abs(days - now - timedelta(days=1.5)) < 61 * second
    assert abs(now - months_ago - timedelta(days=400)) < 61 * second
    assert hour == now.replace(minute=0, second=0, microsecond=0)


def test_times_of_the_database_are_written_and_compared(database: Database) -> None:
    add(database, 1, 2)
    database.run(
        lambda c: changed(c, update(things).values(At=utc_now(bindparam("s"))), {"s": 60.0})
    )

    due = select(func.count()).select_from(things).where(things.c.At > utc_now())
    overdue = due.where(as_stored(things.c.At) <= utc_now(bindparam("in_a_minute")))
    with database.read() as connection:
        assert connection.scalar(due) == 2
        assert connection.scalar(overdue, {"in_a_minute": 61.0}) == 2
        assert connection.scalar(overdue, {"in_a_minute": 10.0}) == 0


@pytest.mark.parametrize("lock", [locks.skipping_locked, locks.for_change, locks.until_commit])
def test_a_lock_changes_nothing_of_what_is_read(
    database: Database, lock: Callable[..., Any]
) -> None:
    add(database, 1, 2)

    ids = database.run(lambda c: list(c.scalars(lock(select(things.c.Id), things))))

    assert ids == [1, 2]


def at_once(*works: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(works)) as threads:
        futures: list[Future[Any]] = [threads.submit(work) for work in works]
        return [future.result(2 * WAIT_SECONDS) for future in futures]


def test_of_two_transactions_that_insert_the_same_row_at_once_one_does(database: Database) -> None:
    for attempt in range(5):
        start = threading.Barrier(2)

        def first_of_two(start: threading.Barrier = start, attempt: int = attempt) -> bool:
            start.wait(WAIT_SECONDS)

            def work(connection: Connection) -> bool:
                inserted = insert_if_absent(connection, things, {"Id": attempt, "Part": 0})
                time.sleep(0.05)
                changed(connection, SET_NUMBER, {"id": attempt, "number": 5})
                return inserted

            return database.run(work, seconds=WAIT_SECONDS)

        assert sorted(at_once(first_of_two, first_of_two)) == [False, True]

    assert rows(database) == [(attempt, 5) for attempt in range(5)]


def test_who_inserts_a_row_that_is_not_committed_waits_and_then_finds_it(
    database: Database,
) -> None:
    inserted = threading.Event()

    def first(connection: Connection) -> bool:
        answer = insert_if_absent(connection, things, {"Id": 1, "Part": 0}, {"Number": 1})
        inserted.set()
        time.sleep(0.3)
        return answer

    def second() -> bool:
        assert inserted.wait(WAIT_SECONDS)
        return database.run(
            lambda c: insert_if_absent(c, things, {"Id": 1, "Part": 0}, {"Number": 2})
        )

    assert at_once(lambda: database.run(first), second) == [True, False]
    assert rows(database) == [(1, 1)]


def test_transactions_that_take_rows_in_opposite_order_both_end(database: Database) -> None:
    """On SQL Server one of them is the victim of a deadlock, and tried again as a whole."""
    add(database, 1, 2, Number=0)
    both_have_one = threading.Barrier(2)
    tries: list[int] = []

    def crossing(one: int, other: int) -> None:
        def work(connection: Connection) -> None:
            tries.append(one)
            for number in (one, other):
                again = update(things).where(things.c.Id == number)
                changed(connection, again.values(Number=things.c.Number + literal_column("1")))
                with suppress(threading.BrokenBarrierError):  # Of one writer at a time.
                    both_have_one.wait(0.5)

        database.run(work, seconds=WAIT_SECONDS)

    at_once(lambda: crossing(1, 2), lambda: crossing(2, 1))

    assert rows(database) == [(1, 2), (2, 2)]
    if SQL_SERVER:
        assert len(tries) > 2


def test_who_waits_for_a_lock_is_tried_again_until_it_is_free(database: Database) -> None:
    if SQL_SERVER and "Babelfish" in version(database):
        pytest.skip("Babelfish's lock time-out has not the number 1222")
    add(database, 1, Number=0)
    held, free = threading.Event(), threading.Event()

    def holder(connection: Connection) -> None:
        changed(connection, SET_NUMBER, {"id": 1, "number": 1})
        held.set()
        assert free.wait(WAIT_SECONDS)

    def waiter() -> int:
        assert held.wait(WAIT_SECONDS)
        threading.Timer(1.0, free.set).start()

        def work(connection: Connection) -> int:
            if SQL_SERVER:
                connection.exec_driver_sql("SET LOCK_TIMEOUT 200")
            return changed(connection, SET_NUMBER, {"id": 1, "number": 2})

        return database.run(work, seconds=WAIT_SECONDS)

    assert at_once(lambda: database.run(holder), waiter) == [None, 1]
    assert rows(database) == [(1, 2)]
    database.engine.dispose()


def test_nothing_is_left_of_a_transaction_that_failed(database: Database) -> None:
    add(database, 1)

    def work(connection: Connection) -> None:
        changed(connection, SET_NUMBER, {"id": 1, "number": 5})
        connection.execute(insert(things), {"Id": 1, "Part": 0})

    with pytest.raises(IntegrityError):
        database.run(work)

    assert rows(database) == [(1, None)]


def test_works_of_many_threads_are_committed_together_or_one_by_one(database: Database) -> None:
    def work(number: int) -> bool:
        return database.run_together(
            lambda c: insert_if_absent(c, things, {"Id": number, "Part": 0}, {"Number": number})
        )

    answers = at_once(*(lambda number=number: work(number) for number in range(12)))

    assert answers == [True] * 12
    assert len(rows(database)) == 12


def test_a_text_of_sqlalchemys_finds_the_tables_too(database: Database) -> None:
    add(database, 1)

    with database.read() as connection:
        assert connection.scalar(text("SELECT Id FROM Rowpost_Conformance")) == 1
