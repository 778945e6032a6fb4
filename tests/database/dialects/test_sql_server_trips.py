"""What travels to a SQL Server, counted by a driver that stands in for pyodbc."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import (
    Connection,
    Integer,
    LargeBinary,
    Unicode,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.types import TypeEngine

from shared.database.columns.times import UtcDateTime
from shared.database.database import Database, open_database
from shared.database.dialects.sqlserver.connection import SESSION_SETTINGS
from shared.database.statements.changes import changed, execute_text
from shared.database.statements.insert_if_absent import insert_if_absent
from shared.database.statements.prepared import PreparedInsert, PreparedStatement, PreparedUpdate
from shared.database.tables import attempts, emails, entries, metadata, slots
from shared.outbox.rows.their_rows import take, telling
from tests.support.odbc_stand_in import ADDRESS, ROW_COUNT, OdbcModule, Server

SET_FILENAME = update(emails).where(emails.c.dd_srno == 1).values(dd_filename="report.pdf")
MARK = PreparedUpdate(
    lambda ids: (
        update(entries)
        .where(entries.c.Number.in_(ids), entries.c.LeaseToken == bindparam("token"))
        .values(State=literal_column("'T'"))
        .returning(entries.c.Number)
    )
)
ATTEMPTS = PreparedInsert(attempts, "Number", "Account", "Outcome", "Code", "EnhancedCode")
NULLS: dict[str, TypeEngine[Any]] = {
    "dd_filename": Unicode(255),
    "dd_bodyText": Unicode(),
    "dd_RetryCount": Integer(),
    "dd_SentDate": UtcDateTime(legacy=True),
    "dd_SendAt": UtcDateTime(),
    "dd_IsHtml": Unicode(5),
    "dd_document": LargeBinary(),
}


def test_a_connection_gets_its_settings_in_one_trip(server: Server) -> None:
    database = open_database(ADDRESS, request_seconds=12)

    with database.write(), database.write():
        pass
    with database.write():
        pass

    settings = [trip for trip in server.trips if "SET NOCOUNT OFF" in trip.text]
    assert [trip.connection for trip in settings] == [0, 1]
    assert all(trip.autocommit for trip in settings)
    for statement in SESSION_SETTINGS:
        assert all(statement in trip.text for trip in settings)
    database.close()


def test_our_statement_is_the_victim_and_waits_for_a_lock_shorter_than_for_an_answer(
    server: Server,
) -> None:
    database = open_database(ADDRESS, request_seconds=12)
    with database.write():
        pass

    [settings] = [text for text in server.texts() if "SET NOCOUNT OFF" in text]
    assert "SET DEADLOCK_PRIORITY LOW" in settings
    assert "SET LOCK_TIMEOUT 6000" in settings
    assert server.timeouts == [12]
    database.close()


def test_what_is_written_into_the_applications_table_waits_for_their_locks_for_a_second(
    server: Server, server_database: Database
) -> None:
    """In its own text: with a parameter, what it sets ends with it, and nothing is set back."""
    server_database.run(lambda connection: take(connection, [7]))
    server_database.run(lambda connection: telling(None, False).run(connection, [7]))

    (taken, told) = [text for text in server.texts() if "UPDATE dbo.[Digital_Emaildetails]" in text]
    assert taken.startswith("SET LOCK_TIMEOUT 1000; UPDATE dbo.[Digital_Emaildetails] SET")
    assert taken.endswith(ROW_COUNT)
    assert told.startswith("SET LOCK_TIMEOUT 1000; UPDATE dbo.[Digital_Emaildetails] SET")
    assert server.left_unread == []


def test_the_first_of_all_connections_is_prepared_like_the_others(server: Server) -> None:
    """SQLAlchemy asks the server for its version on it, before anybody else."""
    database = open_database(ADDRESS)
    with database.write():
        pass

    assert server.whats()[0] == "connect"
    assert "SET NOCOUNT OFF" in server.trips[1].text
    database.close()


def test_nothing_warns_at_the_start(server: Server) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        database = open_database(ADDRESS)
        with database.read():
            pass
    database.close()


def test_a_read_is_one_trip_without_commit_or_ping(
    server_database: Database, server: Server
) -> None:
    for _ in range(3):
        with server_database.read() as connection:
            connection.execute(select(emails.c.dd_srno))

    assert server.whats() == ["execute"] * 3
    assert all(trip.autocommit for trip in server.trips)


@pytest.mark.parametrize(
    "work",
    [
        lambda connection: changed(connection, SET_FILENAME),
        lambda connection: changed(connection, insert(emails), {"dd_subject": "Hello"}),
        lambda connection: changed(connection, insert(emails), {"dd_subject": None}),
        lambda connection: changed(connection, delete(emails)),
        lambda connection: insert_if_absent(connection, slots, {"AccountId": 1, "Number": 2}),
        lambda connection: insert_if_absent(
            connection, slots, {"AccountId": 1, "Number": 2}, {"Token": None, "Until": None}
        ),
        lambda connection: MARK.run(connection, [1, 2, 3], token="t"),
        lambda connection: ATTEMPTS.run(connection, [(1, None, "sent", None, None)] * 3),
        lambda connection: execute_text(connection, "DELETE FROM dbo.Rowpost_Slots"),
    ],
)
def test_a_statement_is_one_trip_and_its_commit_another(
    server_database: Database, server: Server, work: Callable[[Connection], Any]
) -> None:
    server_database.run(work)

    assert server.whats() == ["execute", "commit"]


def test_a_transaction_in_which_nothing_was_done_costs_nothing(
    server_database: Database, server: Server
) -> None:
    server_database.run(lambda _: None)

    assert server.trips == []


def test_a_text_is_prepared_once_for_each_connection(
    server_database: Database, server: Server
) -> None:
    writer = server_database.writer()
    for ids in ([1], [2], [3, 4], [5, 6], [7]):
        with writer.write() as connection:
            MARK.run(connection, ids, token="t")
    writer.close()

    prepared = [trip.prepared for trip in server.trips if trip.what == "execute"]
    assert prepared == [True, False, True, False, False]


def test_a_text_that_is_made_anew_each_time_is_prepared_once_too(
    server_database: Database, server: Server
) -> None:
    """pyodbc keeps a text prepared only for the very same object."""

    def work(connection: Connection) -> None:
        for number in range(3):
            sql = " ".join(["DELETE FROM", "dbo.Rowpost_Slots", "WHERE Number = ?"])
            execute_text(connection, sql, [number])

    server_database.run(work)

    assert [trip.prepared for trip in server.trips] == [True, False, False, False]


def test_a_connection_keeps_some_texts_prepared_and_lets_the_oldest_go(
    server_database: Database, server: Server
) -> None:
    texts = [f"DELETE FROM dbo.Rowpost_Slots WHERE Number = ? + {n}" for n in range(40)]

    def work(connection: Connection) -> None:
        for text in (*texts, texts[-1], texts[0]):
            execute_text(connection, text, [1])

    server_database.run(work)

    executed = [trip for trip in server.trips if trip.what == "execute"]
    assert [trip.prepared for trip in executed[-2:]] == [False, True]


@pytest.mark.parametrize("many", [False, True], ids=["one row", "several rows"])
@pytest.mark.parametrize("column", NULLS)
def test_a_null_goes_with_its_type(
    server_database: Database, server: Server, column: str, many: bool
) -> None:
    values = {"dd_subject": "Hello", column: None}
    filled = {"dd_subject": "Hello", column: _some(NULLS[column])}

    server_database.run(
        lambda connection: connection.execute(
            insert(emails).inline(), [values, filled] if many else values
        )
    )

    assert "describe" not in server.whats()


def _some(kind: TypeEngine[Any]) -> Any:
    if isinstance(kind, Integer):
        return 1
    if isinstance(kind, UtcDateTime):
        return datetime(2026, 11, 21, tzinfo=UTC)
    return b"%PDF" if isinstance(kind, LargeBinary) else "text"


def test_a_null_without_a_type_is_asked_for(server_database: Database, server: Server) -> None:
    """The stand-in would notice: what it counts as typed above is typed by us."""
    server_database.run(
        lambda connection: execute_text(connection, "DELETE FROM dbo.T WHERE N = ?", [None])
    )

    assert server.whats() == ["describe", "execute", "commit"]


def test_a_text_that_had_a_null_takes_a_value_the_next_time(
    server_database: Database, server: Server
) -> None:
    def work(connection: Connection) -> None:
        for account in (None, "MAIN", None):
            ATTEMPTS.run(connection, [(1, account, "sent", 250, "2.0.0")])

    server_database.run(work)

    assert server.whats() == ["execute"] * 3 + ["commit"]
    assert [trip.parameters[1] for trip in server.trips[:3]] == [
        OdbcModule.BinaryNull,
        "MAIN",
        OdbcModule.BinaryNull,
    ]


@pytest.mark.parametrize(("idle_seconds", "asks"), [(59, []), (61, ["SELECT 1"])])
def test_a_connection_that_lay_idle_is_asked_before_it_is_used(
    server_database: Database,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    idle_seconds: float,
    asks: list[str],
) -> None:
    with server_database.write():
        pass
    later = time.monotonic() + idle_seconds
    monkeypatch.setattr(
        "shared.database.dialects.sqlserver.connection.time.monotonic", lambda: later
    )

    with server_database.write():
        pass

    assert server.texts() == asks


def test_a_connection_that_was_dropped_while_it_lay_idle_is_replaced(
    server_database: Database, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server_database.write():
        pass
    server.connections[0].broken = True
    later = time.monotonic() + 61
    monkeypatch.setattr(
        "shared.database.dialects.sqlserver.connection.time.monotonic", lambda: later
    )

    server_database.run(lambda connection: changed(connection, SET_FILENAME))

    assert "connect" in server.whats()
    assert server.texts()[-1].endswith(ROW_COUNT)


def test_every_table_is_named_with_its_schema(server_database: Database, server: Server) -> None:
    """A login's default schema may be another one, in which there are no tables, or others."""

    def work(connection: Connection) -> None:
        for table in metadata.tables.values():
            key, column, *_ = [column.name for column in table.c]
            insert_if_absent(connection, table, {key: _some(table.c[key].type)}, {column: None})
            changed(connection, update(table).values({column: None}))
            changed(connection, delete(table).where(table.c[column].is_(None)))
            connection.execute(select(table))
            columns = [column.name for column in table.c]
            PreparedInsert(table, *columns).run(connection, [(None,) * len(columns)])
            PreparedStatement(update(table).values({column: literal_column("NULL")})).run(
                connection
            )
        MARK.run(connection, [1], token="t")

    server_database.run(work)

    texts = [text.replace("[", "").replace("]", "") for text in server.texts()]
    assert len(texts) > 6 * len(metadata.tables)
    for text in texts:
        for table in metadata.tables:
            # As a column's prefix it stands alone.
            named = re.sub(rf"(?<!dbo\.)\b{table}\.", "", text)
            assert not re.findall(rf"(?<!dbo\.)\b{table}\b", named), text


def test_a_column_has_two_parts_at_most(server_database: Database, server: Server) -> None:
    by_name = select(emails.c.dd_srno).where(emails.c.dd_SendFlag == "N")
    statements = (by_name, by_name.where(emails.c.dd_srno.in_(select(slots.c.AccountId))))

    with server_database.read() as connection:
        for statement in statements:
            connection.execute(statement)

    first, second = (text.replace("[", "").replace("]", "") for text in server.texts())
    assert " ".join(first.split()) == (
        "SELECT Digital_Emaildetails.dd_srno FROM dbo.Digital_Emaildetails "
        "WHERE Digital_Emaildetails.dd_SendFlag = ?"
    )
    assert "dbo.Rowpost_Slots." not in second
