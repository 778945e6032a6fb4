"""How SQLite finds its rows: what is asked every second must not cost more as the table grows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.dialects import sqlite

from shared.database.database import Database
from shared.database.statements.prepared import PreparedUpdate
from shared.events.read import read_events
from shared.events.retention import forget_old_events
from shared.features.database_mail.items import items
from shared.maintenance.rescue import rescue
from shared.outbox import transitions
from shared.outbox.add import NewEmail, add
from shared.outbox.admission.admit import Admitted, admit_rows
from shared.outbox.cancel_retry_resolve import unknown_ids
from shared.outbox.queries import counts
from shared.outbox.queries.search import Wish, page
from shared.outbox.rows.their_rows import telling
from shared.outbox.rows.write_back import NEW_AGAIN, everything_is_written, unwritten, write_back
from shared.outbox.sending.claim import claim, claim_blamed, claim_suspects
from shared.outbox.sending.due import what_is_due
from shared.outbox.sending.fetch import collect, read_body
from shared.outbox.sending.finish import Outcome, Result, finish
from shared.outbox.sending.give_back import release
from shared.outbox.sending.lease import Lease, renew
from shared.outbox.sending.scheduled_run import left_of_run
from shared.outbox.states import BOTH_LANES, Flag, Lane, Status
from shared.unsubscribing.unsubscribed import unsubscribed_among
from tests.outbox.sender import Sender, wanted
from tests.support.accounts import answered_by
from tests.support.database import empty
from tests.support.emails import many_emails
from tests.support.rows import change_entry, insert_row, insert_rows

LEASE = Lease.new(60)
ROWS, ENTRIES = "Digital_Emaildetails", "Rowpost_Emails"
ANSWERED = answered_by([None, "MAIN"])
MANY = 200_000

Work = Callable[[Connection], Any]


def plan(database: Database, work: Work) -> list[str]:
    """The steps in which SQLite carries out the statements of `work`, as EXPLAIN tells them."""
    return [
        step
        for sql, values in executed_by(database, lambda: database.run(work))
        for step in explained(database, sql, values)
    ]


def executed_by(database: Database, work: Callable[[], Any]) -> list[tuple[str, Any]]:
    executed: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, ___: Any, many: bool) -> None:
        executed.append((statement, parameters[0] if many else parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    return executed


def explained(database: Database, sql: str, values: Any) -> list[str]:
    if sql.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA")):
        return []
    with database.read() as connection:
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]


def on_emails(steps: list[str]) -> list[str]:
    """Of these steps, those that go to the applications' table or to the ledger."""
    return [step for step in steps if ROWS in step or ENTRIES in step]


def analyze(database: Database) -> None:
    """Let SQLite know how large its tables are."""
    with database.write() as connection:
        connection.execute(text("ANALYZE"))


def cost(database: Database, work: Work) -> int:
    """Hundreds of steps of SQLite's virtual machine for `work` in a transaction."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with database.write() as connection:
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_progress_handler(count, 100)
        try:
            work(connection)
        finally:
            driver.set_progress_handler(None, 0)
    return steps


@pytest.mark.parametrize(
    ("work", "indexes"),
    [
        (lambda c: claim(c, wanted(None), LEASE), {"IX_Rowpost_Ready"}),
        (lambda c: claim(c, wanted(None, "", "MAIN", "NEWS"), LEASE), {"IX_Rowpost_Ready"}),
        (lambda c: claim(c, wanted("NEWS", lanes=(Lane.IMMEDIATE,)), LEASE), {"IX_Rowpost_Ready"}),
        (lambda c: claim_suspects(c, wanted(None, "MAIN"), LEASE), {"IX_Rowpost_Suspects"}),
        (lambda c: claim_blamed(c, wanted(None, "MAIN"), LEASE), {"IX_Rowpost_Blamed"}),
        (
            lambda c: what_is_due(c, BOTH_LANES),
            {"IX_Rowpost_Ready", "IX_Rowpost_Suspects", "IX_Rowpost_Blamed"},
        ),
        (lambda c: admit_rows(c, ANSWERED), {"IX_Rowpost_New"}),
        (transitions.call_up, {"IX_Rowpost_Later"}),
        (transitions.expire, {"IX_Rowpost_Expiring"}),
        (lambda c: renew(c, LEASE), {"IX_Rowpost_Leased"}),
        (lambda c: release(c, LEASE), {"IX_Rowpost_Leased"}),
        (rescue, {"IX_Rowpost_Leased"}),
        (lambda c: unknown_ids(c, 10), {"IX_Rowpost_Unknown"}),
        (counts.oldest_waiting, {"IX_Rowpost_DueByLane", "IX_Rowpost_New"}),
        (
            lambda c: left_of_run(c, 1, frozenset({""})),
            {"IX_Rowpost_New", "IX_Rowpost_DueByLane", "IX_Rowpost_Later", "IX_Rowpost_Leased"},
        ),
        (counts.waiting, {"IX_Rowpost_Ready", "IX_Rowpost_Later", "IX_Rowpost_New"}),
        (counts.due, {"IX_Rowpost_Ready", "IX_Rowpost_New"}),
        (counts.later, {"IX_Rowpost_Later"}),
        (lambda c: counts.failed_since(c, datetime.now(UTC)), {"IX_Rowpost_Ended"}),
        (counts.sending, {"IX_Rowpost_Leased"}),
        (
            lambda c: counts.waiting_for(c, ["MAIN"]),
            {"IX_Rowpost_Ready", "IX_Rowpost_Later", "IX_Rowpost_New"},
        ),
        (lambda c: counts.held(c, []), {"IX_Rowpost_Ready"}),
        (lambda c: counts.held(c, [None, "", "MAIN", "NEWS"]), {"IX_Rowpost_Ready"}),
        (
            counts.counts,
            {"IX_Rowpost_Ready", "IX_Rowpost_DueByLane", "IX_Rowpost_Later", "IX_Rowpost_Leased"}
            | {"IX_Rowpost_Unknown", "IX_Rowpost_New"},
        ),
        (unwritten, {"IX_Rowpost_Unwritten"}),
        (everything_is_written, {"IX_Rowpost_Unwritten"}),
    ],
    ids=[
        "claim",
        "claim of many codes",
        "claim of one lane",
        "claim of suspects",
        "claim of who was blamed",
        "what is due",
        "admission",
        "call up",
        "expire",
        "renew",
        "release",
        "rescue",
        "unknown",
        "oldest",
        "what is left of a run",
        "waiting",
        "due",
        "later",
        "failed since",
        "sending",
        "waiting for an account",
        "held without an account",
        "held beside accounts",
        "counts",
        "behind with telling",
        "everything told",
    ],
)
@pytest.mark.parametrize("emails", [0, 5_000])
def test_each_question_reads_the_index_that_is_made_for_it(
    sqlite_database: Database, work: Work, indexes: set[str], emails: int
) -> None:
    """Also after ANALYZE, when SQLite knows how large the tables are."""
    if emails:
        many_emails(sqlite_database, emails, Flag.SENT)
        many_emails(sqlite_database, emails)
        analyze(sqlite_database)

    steps = on_emails(plan(sqlite_database, work))

    assert steps
    for step in steps:
        assert (
            "INTEGER PRIMARY KEY" in step
            or "IX_Rowpost_Current (EmailId=?)" in step
            or any(f"INDEX {index}" in step for index in indexes)
        ), step
    for index in indexes:
        assert any(index in step for step in steps), steps


@pytest.mark.parametrize(
    ("work", "step"),
    [
        (
            lambda c: items(c, None, 50, "key:7"),
            "Rowpost_MailItems USING INDEX IX_Rowpost_MailItems_Caller (RequestedBy=?)",
        ),
        (
            lambda c: items(c, 900, 50, "key:7"),
            "Rowpost_MailItems USING INDEX IX_Rowpost_MailItems_Caller (RequestedBy=? AND Id<?)",
        ),
        (
            lambda c: unsubscribed_among(c, ["ann@example.com"]),
            "Rowpost_Unsubscribed USING COVERING INDEX IX_Rowpost_Unsubscribed_Address (Address=?)",
        ),
    ],
    ids=["a caller's emails of Database Mail", "the next page of them", "who is off a list"],
)
def test_what_is_somebodys_own_is_found_without_looking_at_the_others(
    sqlite_database: Database, work: Work, step: str
) -> None:
    assert f"SEARCH {step}" in plan(sqlite_database, work)


@pytest.mark.parametrize("rows", [0, 20_000])
def test_no_statement_of_a_drain_reads_a_whole_table(sqlite_database: Database, rows: int) -> None:
    """Also after ANALYZE, when SQLite knows how large the tables are."""
    if rows:
        many_emails(sqlite_database, rows)
    again = insert_rows(sqlite_database, 3)
    sent = Sender(sqlite_database)
    sent.admit()
    for email_id in again:
        change_entry(sqlite_database, email_id, State="Y")
    insert_rows(sqlite_database, 3)
    analyze(sqlite_database)

    def drain(connection: Connection) -> None:
        add(connection, NewEmail(to="ann@example.com", subject="Hello", body="Hi"))
        rescue(connection)
        transitions.expire(connection)
        transitions.call_up(connection)
        assert admit_rows(connection, ANSWERED).admitted == 3
        numbers = claim(connection, wanted(None, "", "MAIN"), LEASE)
        collect(connection, numbers, LEASE)
        read_body(connection, numbers[0], LEASE)
        renew(connection, LEASE)
        finish(connection, [Result(numbers[0], outcome, "MAIN") for outcome in Outcome], LEASE)
        release(connection, LEASE)
        claim_suspects(connection, wanted(None), LEASE)
        unknown_ids(connection, 10)
        counts.counts(connection)

    steps = plan(sqlite_database, drain)

    assert len(on_emails(steps)) > 20
    for step in on_emails(steps):
        assert not step.startswith("SCAN") or "INDEX IX_Rowpost" in step, step


def test_a_write_back_finds_its_entries_by_time_and_their_rows_by_number(
    sqlite_database: Database,
) -> None:
    many_emails(sqlite_database, 20_000, Flag.SENT)
    sender = Sender(sqlite_database)
    told, tried = insert_rows(sqlite_database, 2)
    sender.claim()
    sender.mark(told, tried)
    sender.finish(Result(told, Outcome.SENT, "MAIN"))
    sender.finish(Result(tried, Outcome.RETRY, "MAIN", reason="busy", wait=60.0))
    analyze(sqlite_database)

    executed = executed_by(sqlite_database, lambda: write_back(sqlite_database))
    for prepared in (telling(None, False), NEW_AGAIN, transitions.WRITTEN):
        text = str(prepared.statement(64).compile(dialect=sqlite.dialect()))
        executed.append((text, (1,) * text.count("?")))

    steps = on_emails(
        [step for sql, values in executed for step in explained(sqlite_database, sql, values)]
    )
    assert len(steps) >= 6
    assert steps[0].startswith(
        f"SEARCH {ENTRIES} USING COVERING INDEX IX_Rowpost_Unwritten (WriteAfter"
    )
    for step in steps[1:]:
        by_number = "USING INTEGER PRIMARY KEY (rowid=?)" in step
        assert by_number or "USING INDEX IX_Rowpost_Unwritten (WriteAfter" in step, step


@pytest.mark.parametrize(
    "prepared",
    [
        transitions.MARK,
        transitions.SENT,
        transitions.GIVE_BACK,
        transitions.TAKE_BACK,
        transitions.TOO_LATE,
    ],
    ids=["mark", "sent", "give back", "take back", "too late"],
)
def test_what_names_its_emails_finds_them_by_number(
    sqlite_database: Database, prepared: PreparedUpdate
) -> None:
    many_emails(sqlite_database, 20_000)
    compiled = prepared.statement(64).compile(dialect=sqlite.dialect())

    steps = explained(sqlite_database, str(compiled), (1,) * str(compiled).count("?"))

    # Or, of those that its sender holds, the ones with these numbers.
    ways = ("INTEGER PRIMARY KEY (rowid=?)", "INDEX IX_Rowpost_Leased (LeaseToken=? AND rowid=?)")
    (step,) = on_emails(steps)
    assert step in [f"SEARCH {ENTRIES} USING {way}" for way in ways]


def test_a_claim_costs_the_same_however_many_wait(sqlite_database: Database) -> None:
    many_emails(sqlite_database, 1_000)
    few = cost_of_a_claim(sqlite_database)
    empty(sqlite_database)
    many_emails(sqlite_database, 100_000)

    many = cost_of_a_claim(sqlite_database)

    assert many < 1.5 * few


def cost_of_a_claim(database: Database) -> int:
    """For 200 emails and their rows."""
    sender = Sender(database)
    wish = wanted(None, "", "MAIN", lanes=BOTH_LANES, most=200)

    def work(connection: Connection) -> None:
        numbers = claim(connection, wish, sender.lease)
        assert len(collect(connection, numbers, sender.lease)) == 200

    return cost(database, work)


def nothing_new(connection: Connection) -> None:
    assert admit_rows(connection, ANSWERED) == Admitted()


def nothing_due(connection: Connection) -> None:
    assert claim(connection, wanted(None, "MAIN", "NEWS"), LEASE) == []
    assert claim_suspects(connection, wanted(None, "MAIN", "NEWS"), LEASE) == []


def nothing_of_time(connection: Connection) -> None:
    assert transitions.call_up(connection) == 0
    assert transitions.expire(connection) == []
    rescue(connection)


def nothing_to_tell(connection: Connection) -> None:
    assert everything_is_written(connection)
    assert unwritten(connection).number == 0


def nothing_waits(connection: Connection) -> None:
    assert (counts.waiting(connection), counts.due(connection)) == (0, 0)
    assert (counts.sending(connection), counts.unknown(connection)) == (0, 0)
    assert counts.oldest_waiting(connection) is None
    assert not counts.held(connection, [None, "MAIN"])


def first_pages(connection: Connection) -> None:
    for status in (None, *Status):
        page(connection, Wish(status), None, 10)


EVERY_SECOND: tuple[Work, ...] = (
    nothing_new,
    nothing_due,
    nothing_of_time,
    nothing_to_tell,
    nothing_waits,
    first_pages,
)


def test_what_is_asked_every_second_costs_the_same_with_very_many_emails_behind(
    sqlite_database: Database,
) -> None:
    """Admission that finds nothing new, claims, write-back, counts and lists."""
    many_emails(sqlite_database, 100, Flag.SENT)
    few = [cost(sqlite_database, work) for work in EVERY_SECOND]
    many_emails(sqlite_database, MANY, Flag.SENT)
    analyze(sqlite_database)

    many = [cost(sqlite_database, work) for work in EVERY_SECOND]

    for work, before, after in zip(EVERY_SECOND, few, many, strict=True):
        assert after <= 1.5 * before + 3, f"{work.__name__}: {before} to {after}"
    executed = executed_by(sqlite_database, lambda: write_back(sqlite_database))
    assert len([sql for sql, _ in executed if ENTRIES in sql]) == 1


def test_the_first_and_the_last_event_are_found_without_reading_those_between(
    sqlite_database: Database,
) -> None:
    def look(connection: Connection) -> None:
        forget_old_events(connection, 30)
        read_events(connection, 0, (), 10)

    steps = plan(sqlite_database, look)

    assert any("Rowpost_Events" in step for step in steps)
    assert [step for step in steps if step.startswith("SCAN Rowpost_Events")] == []


def test_admission_reads_only_the_new_rows_however_many_there_are_beside_them(
    sqlite_database: Database,
) -> None:
    def admit_ten(connection: Connection) -> None:
        assert admit_rows(connection, ANSWERED) == Admitted(admitted=10)

    many_emails(sqlite_database, 100, Flag.SENT)
    insert_rows(sqlite_database, 10)
    few = cost(sqlite_database, admit_ten)
    many_emails(sqlite_database, 100_000, Flag.SENT)
    many_emails(sqlite_database, 100_000)
    analyze(sqlite_database)
    insert_rows(sqlite_database, 10)

    assert cost(sqlite_database, admit_ten) <= 1.5 * few + 3


def test_without_its_index_a_new_row_is_admitted_all_the_same(sqlite_database: Database) -> None:
    with sqlite_database.write() as connection:
        connection.execute(text("DROP INDEX IX_Rowpost_New"))
    email_id = insert_row(sqlite_database)

    assert Sender(sqlite_database).claim() == [email_id]
