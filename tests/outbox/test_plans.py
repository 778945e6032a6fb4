"""How SQLite finds its rows: what is asked every second must not cost more as the table grows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.dialects import sqlite

from shared.database.database import Database
from shared.database.prepared import PreparedUpdate
from shared.maintenance.rescue import rescue
from shared.outbox import counts
from shared.outbox.add import NewEmail, add
from shared.outbox.admit import admit, expire
from shared.outbox.begin import MARK
from shared.outbox.cancel_retry_resolve import unknown_ids
from shared.outbox.claim import claim, claim_suspects, fetch, read_body
from shared.outbox.finish import SENT, Outcome, Result, finish
from shared.outbox.give_back import GIVE_BACK, release
from shared.outbox.lease import Lease, renew
from shared.outbox.states import BOTH_LANES, Lane
from tests.outbox.sender import Sender, wanted
from tests.support.database import empty

LEASE = Lease.new(60)
EMAILS = "Digital_Emaildetails"


def plan(database: Database, work: Callable[[Connection], Any]) -> list[str]:
    """The steps in which SQLite carries out the statements of `work`, as EXPLAIN tells them."""
    executed: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, ___: Any, many: bool) -> None:
        executed.append((statement, parameters[0] if many else parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        with database.write() as connection:
            work(connection)
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    return [step for sql, values in executed for step in explained(database, sql, values)]


def explained(database: Database, sql: str, values: Any) -> list[str]:
    if sql.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")):
        return []
    with database.read() as connection:
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]


def on_emails(steps: list[str]) -> list[str]:
    return [step for step in steps if EMAILS in step]


@pytest.mark.parametrize(
    ("work", "indexes"),
    [
        (lambda c: claim(c, wanted(None), LEASE), {"IX_Rowpost_Ready"}),
        (lambda c: claim(c, wanted(None, "", "MAIN", "NEWS"), LEASE), {"IX_Rowpost_Ready"}),
        (lambda c: claim(c, wanted("NEWS", lanes=(Lane.IMMEDIATE,)), LEASE), {"IX_Rowpost_Ready"}),
        (lambda c: claim_suspects(c, wanted(None, "MAIN"), LEASE), {"IX_Rowpost_Suspects"}),
        (
            admit,
            {
                "IX_Rowpost_NoLane",
                "IX_Rowpost_NoPriority",
                "IX_Rowpost_SendAt",
                "IX_Rowpost_Later",
            },
        ),
        (expire, {"IX_Rowpost_Expiring"}),
        (lambda c: renew(c, LEASE), {"IX_Rowpost_Leased"}),
        (lambda c: release(c, LEASE), {"IX_Rowpost_Leased"}),
        (rescue, {"IX_Rowpost_Leased"}),
        (lambda c: unknown_ids(c, 10), {"IX_Rowpost_Unknown"}),
        (counts.oldest_waiting, {"IX_Rowpost_Oldest"}),
        (counts.due, {"IX_Rowpost_Ready"}),
        (counts.sending, {"IX_Rowpost_Leased"}),
        (lambda c: counts.held(c, []), {"IX_Rowpost_Ready"}),
        (lambda c: counts.held(c, [None, "", "MAIN", "NEWS"]), {"IX_Rowpost_Ready"}),
        (
            counts.counts,
            {"IX_Rowpost_Oldest", "IX_Rowpost_Later", "IX_Rowpost_Leased"} | {"IX_Rowpost_Unknown"},
        ),
    ],
    ids=[
        "claim",
        "claim of many codes",
        "claim of one lane",
        "claim of suspects",
        "admit",
        "expire",
        "renew",
        "release",
        "rescue",
        "unknown",
        "oldest",
        "due",
        "sending",
        "held without an account",
        "held beside accounts",
        "counts",
    ],
)
def test_each_question_reads_the_index_that_is_made_for_it(
    sqlite_database: Database, work: Callable[[Connection], Any], indexes: set[str]
) -> None:
    steps = on_emails(plan(sqlite_database, work))

    assert steps
    for step in steps:
        assert "INTEGER PRIMARY KEY" in step or any(f"INDEX {one}" in step for one in indexes), step
    for index in indexes:
        assert any(index in step for step in steps), steps


@pytest.mark.parametrize("rows", [0, 20_000])
def test_no_statement_of_a_drain_reads_the_whole_table(
    sqlite_database: Database, rows: int
) -> None:
    """Also after ANALYZE, when SQLite knows how large the table is."""
    fill(sqlite_database, rows)
    with sqlite_database.write() as connection:
        connection.execute(text("ANALYZE"))

    def drain(connection: Connection) -> None:
        add(connection, NewEmail(to="ann@example.com", subject="Hello", body="Hi"))
        rescue(connection)
        expire(connection)
        admit(connection)
        ids = claim(connection, wanted(None, "", "MAIN"), LEASE)
        fetch(connection, ids)
        read_body(connection, ids[0])
        renew(connection, LEASE)
        finish(connection, [Result(ids[0], outcome, "MAIN") for outcome in Outcome], LEASE)
        release(connection, LEASE)
        claim_suspects(connection, wanted(None), LEASE)
        unknown_ids(connection, 10)
        counts.counts(connection)

    steps = plan(sqlite_database, drain)

    assert len(on_emails(steps)) > 20
    for step in on_emails(steps):
        assert not step.startswith("SCAN") or "INDEX IX_Rowpost" in step, step


@pytest.mark.parametrize("prepared", [MARK, SENT, GIVE_BACK], ids=["mark", "sent", "give back"])
def test_what_names_its_emails_finds_them_by_number(
    sqlite_database: Database, prepared: PreparedUpdate
) -> None:
    fill(sqlite_database, 20_000)
    compiled = prepared.statement(64).compile(dialect=sqlite.dialect())

    steps = explained(sqlite_database, str(compiled), (1,) * len(compiled.params))

    assert on_emails(steps) == [f"SEARCH {EMAILS} USING INTEGER PRIMARY KEY (rowid=?)"]


def test_a_claim_costs_the_same_however_many_wait(sqlite_database: Database) -> None:
    fill(sqlite_database, 1_000)
    few = cost_of_a_claim(sqlite_database)
    empty(sqlite_database)
    fill(sqlite_database, 100_000)

    many = cost_of_a_claim(sqlite_database)

    assert many < 1.5 * few


def fill(database: Database, rows: int) -> None:
    with database.write() as connection:
        connection.execute(
            text(
                "WITH RECURSIVE numbers(n) AS "
                "(SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows) "
                "INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_subject, dd_bodyText) "
                "SELECT 'ann@example.com', 'Hello', 'Hi ' || n FROM numbers WHERE :rows > 0"
            ),
            {"rows": rows},
        )


def cost_of_a_claim(database: Database) -> int:
    """Thousands of steps of SQLite's virtual machine for a claim of 200 and its rows."""
    sender = Sender(database)
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
            wish = wanted(None, "", "MAIN", lanes=BOTH_LANES, most=200)
            ids = claim(connection, wish, sender.lease)
            assert len(fetch(connection, ids)) == 200
        finally:
            driver.set_progress_handler(None, 0)
    return steps
