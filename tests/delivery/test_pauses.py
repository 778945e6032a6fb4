from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import ClauseElement, Connection, literal, select, update
from sqlalchemy.dialects.mssql.pyodbc import MSDialect_pyodbc

from shared.accounts import pauses
from shared.accounts.pauses import Pause, end_pause, pause, take_probe
from shared.database.columns.times import utc_now
from shared.database.database import Database
from shared.database.tables import usage

ACCOUNT = 7
REASON = "535 5.7.8 Authentication credentials invalid"


def rest(database: Database, seconds: float = 60, reason: str = REASON) -> bool:
    with database.write() as connection:
        return pause(connection, ACCOUNT, seconds, reason)


def probe(database: Database, token: str = "mine", *, at_once: bool = False) -> bool:
    with database.write() as connection:
        return take_probe(connection, ACCOUNT, token, 30, at_once=at_once)


def at_rest(database: Database) -> dict[int, Pause]:
    with database.read() as connection:
        return pauses.pauses(connection)


def let_it_pass(database: Database, column: str) -> None:
    with database.write() as connection:
        connection.execute(update(usage).values({column: utc_now(literal(-1.0))}))


def test_no_account_rests_at_first(database: Database) -> None:
    assert at_rest(database) == {}


def test_a_pause_says_why_and_until_when(database: Database) -> None:
    assert rest(database, seconds=60)

    pause = at_rest(database)[ACCOUNT]
    assert (pause.account_id, pause.reason, pause.times) == (ACCOUNT, REASON, 1)
    assert not pause.is_over
    assert abs(pause.until - datetime.now(UTC) - timedelta(seconds=60)) < timedelta(seconds=30)


def test_of_senders_that_fail_at_once_one_pauses_the_account(database: Database) -> None:
    ours: list[bool] = []
    together = threading.Barrier(6)

    def fail() -> None:
        together.wait(10)

        def work(connection: Connection) -> bool:
            return pause(connection, ACCOUNT, 60, REASON)

        ours.append(database.run(work))

    threads = [threading.Thread(target=fail) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(ours) == [False] * 5 + [True]
    assert at_rest(database)[ACCOUNT].times == 1


def test_a_pause_whose_time_is_over_lasts_until_somebody_has_tried(database: Database) -> None:
    rest(database)

    let_it_pass(database, "PausedUntil")

    assert at_rest(database)[ACCOUNT].is_over


def test_an_account_that_fails_again_counts_its_pauses(database: Database) -> None:
    rest(database)
    let_it_pass(database, "PausedUntil")

    assert rest(database, reason="454 4.7.0 again")

    pause = at_rest(database)[ACCOUNT]
    assert (pause.times, pause.reason, pause.is_over) == (2, "454 4.7.0 again", False)


def test_nobody_probes_while_the_pause_lasts(database: Database) -> None:
    rest(database)

    assert not probe(database)
    assert probe(database, at_once=True)


def test_an_account_that_does_not_rest_is_not_probed(database: Database) -> None:
    assert not probe(database, at_once=True)
    rest(database)
    with database.write() as connection:
        end_pause(connection, ACCOUNT)
    assert not probe(database, at_once=True)


@pytest.mark.parametrize("at_once", [False, True])
def test_one_sender_probes_at_a_time(database: Database, at_once: bool) -> None:
    rest(database)
    let_it_pass(database, "PausedUntil")

    assert probe(database, "mine")
    assert not probe(database, "another's", at_once=at_once)

    let_it_pass(database, "ProbeUntil")
    assert probe(database, "another's", at_once=at_once)


def test_a_probe_that_failed_lets_the_next_pause_be_probed(database: Database) -> None:
    rest(database)
    let_it_pass(database, "PausedUntil")
    probe(database, "mine")
    rest(database)

    let_it_pass(database, "PausedUntil")

    assert probe(database, "another's")


def test_an_account_that_works_again_starts_from_nothing(database: Database) -> None:
    rest(database)
    let_it_pass(database, "PausedUntil")
    probe(database)

    with database.write() as connection:
        end_pause(connection, ACCOUNT)
    assert at_rest(database) == {}

    rest(database)
    assert at_rest(database)[ACCOUNT].times == 1


@pytest.mark.parametrize("letter", ["x", "🎉"])
def test_a_reason_is_kept_as_far_as_it_fits(database: Database, letter: str) -> None:
    rest(database, reason=letter * 600)

    with database.read() as connection:
        kept = str(connection.scalar(select(usage.c.PauseReason)))
    assert set(kept) == {letter}
    assert len(kept.encode("utf-16-le")) == 1000


@pytest.mark.parametrize(
    "statement", [pauses.PAUSED, pauses.PAUSE, pauses.TAKE_PROBE, pauses.TAKE_PROBE_AT_ONCE]
)
def test_sql_server_understands_it(statement: ClauseElement) -> None:
    """No condition is selected, no parameter compared with another, all by the server's clock."""
    dialect = MSDialect_pyodbc(paramstyle="qmark")  # type: ignore[no-untyped-call]
    sql = " ".join(str(statement.compile(dialect=dialect)).split())

    assert not re.search(r"\? *[=<>]+ *\?|<= SYSUTCDATETIME\(\) AS", sql)
    assert "SYSUTCDATETIME()" in sql
    assert "strftime" not in sql
