"""A SQLite database that is as far away as a SQL Server: each round trip is waited for.

Counted as what travels to a SQL Server: a claim with all that a sender is told of its emails is
one, a commit of results and marks is one (outbox/one_trip), any other statement is one, and so is
the commit of a transaction; a BEGIN travels with what follows it.

A transaction's trips are waited for when it is committed here, since SQLite would lock everybody
else out meanwhile, as no SQL Server does.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, event

from shared.database.database import Database
from shared.database.dialects import dialect_of
from shared.database.dialects.sqlite.dialect import Sqlite
from shared.database.dialects.sqlite.expressions import NAME
from shared.outbox.sending import one_trip
from shared.outbox.sending.begin import Mark, mark
from shared.outbox.sending.claim import Wanted, claim
from shared.outbox.sending.fetch import fetch
from shared.outbox.sending.finish import Result, finish
from shared.outbox.sending.lease import Lease
from shared.outbox.suppressions import any_suppressed

CLAIM, COMMIT, OTHER = "claim", "commit", "other"
_OF_A_COMMIT = ("\"State\"='T'", 'INSERT INTO "Rowpost_Attempts"')


class Journeys:
    """How often something travelled, by what it was for; and how many trips those took."""

    def __init__(self) -> None:
        self.number: Counter[str] = Counter()
        self.trips: Counter[str] = Counter()
        self._adding = threading.Lock()

    def add(self, kind: str, trips: int) -> None:
        with self._adding:
            self.number[kind] += 1
            self.trips[kind] += trips


def put_far_away(milliseconds: float) -> Journeys:
    """From now on, this process's SQLite databases are so far away. The answer counts on."""
    journeys = Journeys()
    writing = threading.Lock()
    seconds = milliseconds / 1000

    @event.listens_for(Engine, "do_connect")
    def connect_far(_: Any, __: Any, ___: Any, options: dict[str, Any]) -> None:
        def connection(*arguments: Any, **others: Any) -> _FarConnection:
            far = _FarConnection(*arguments, **others)
            far.set_off(journeys, writing, seconds)
            return far

        options["factory"] = connection

    dialect_of._DIALECTS[NAME] = _FarSqlite()
    # What these send to a SQL Server is T-SQL; on SQLite they are made of the same steps.
    one_trip.claim_and_fetch = _claim_and_fetch
    one_trip.commit = _commit
    return journeys


class _FarSqlite(Sqlite):
    """SQLite as the one of several senders sees it that do not share a file."""

    has_one_writer = False

    def take_turn(self, connection: Connection, name: str) -> bool:
        self.execute(connection, "SELECT 1")
        return True


def _claim_and_fetch(database: Database, wanted: Wanted, lease: Lease) -> one_trip.ClaimedAtOnce:
    with database.write() as connection:
        _travels_once(connection, CLAIM)
        claimed = fetch(connection, claim(connection, wanted, lease))
        return one_trip.ClaimedAtOnce(claimed, any_suppressed(connection))


def _commit(
    database: Database, sent: Sequence[Result], marks: Sequence[Mark], lease: Lease
) -> tuple[set[int], set[int]]:
    with database.write() as connection:
        _travels_once(connection, COMMIT)
        finished = finish(connection, sent, lease) if sent else set()
        return mark(connection, marks, lease), finished


def _travels_once(connection: Connection, kind: str) -> None:
    far = connection.connection.dbapi_connection
    assert isinstance(far, _FarConnection)
    far.travels_once = kind


class _FarConnection(sqlite3.Connection):
    """Waits for the trips of each statement, or of each transaction that writes."""

    travels_once: str | None = None
    """This transaction is one text of this kind."""

    def set_off(self, journeys: Journeys, writing: threading.Lock, seconds: float) -> None:
        self._journeys = journeys
        self._writing = writing
        self._seconds = seconds
        self._writes = False
        self._statements: list[str] = []

    def cursor(self, *_: Any) -> Any:
        return super().cursor(_FarCursor)

    def says(self, sql: str) -> None:
        """Before a statement."""
        if sql == "BEGIN IMMEDIATE":
            # In place of SQLite's own waiting, which sleeps longer and longer.
            self._writing.acquire()
            self._writes = True

    def said(self, sql: str) -> None:
        """After a statement."""
        if sql.startswith(("BEGIN", "PRAGMA")):
            return
        if self._writes:
            self._statements.append(sql)
        else:
            self._travel(OTHER, 1)

    def commit(self) -> None:
        super().commit()
        self._end()

    def rollback(self) -> None:
        super().rollback()
        self._end()

    def _end(self) -> None:
        if not self._writes:
            return
        self._writes = False
        self._writing.release()
        statements, self._statements = self._statements, []
        once, self.travels_once = self.travels_once, None
        if once is not None:
            self._travel(once, 1)
        elif statements:
            self._travel(_kind(statements), len(statements) + 1)

    def _travel(self, kind: str, trips: int) -> None:
        self._journeys.add(kind, trips)
        time.sleep(trips * self._seconds)


def _kind(statements: Sequence[str]) -> str:
    is_commit = any(part in sql for sql in statements for part in _OF_A_COMMIT)
    return COMMIT if is_commit else OTHER


class _FarCursor(sqlite3.Cursor):
    connection: _FarConnection

    def execute(self, sql: str, *parameters: Any) -> Any:
        self.connection.says(sql)
        answer = super().execute(sql, *parameters)
        self.connection.said(sql)
        return answer

    def executemany(self, sql: str, rows: Any) -> Any:
        answer = super().executemany(sql, rows)
        self.connection.said(sql)
        return answer
