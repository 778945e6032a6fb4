"""Where several write at a time, an event gets its number after its commit."""

from __future__ import annotations

from contextlib import nullcontext, suppress

import pytest
from sqlalchemy import insert, select

from shared.database.database import Database
from shared.database.dialects.dialect_of import dialect_of
from shared.database.tables import events, new_events
from shared.delivery.threads.event_numberer import event_numberer
from shared.events import numbering
from shared.events.event import Event, EventType
from shared.events.numbering import number_batch
from shared.events.read import read_events
from shared.events.record import record
from tests.support.odbc_stand_in import Rows, Server
from tests.support.t_sql import t_sql


def written(database: Database, *email_ids: int) -> None:
    """Committed, as where several write at a time."""
    rows = [{"Type": EventType.SENT.value, "EmailId": email_id} for email_id in email_ids]
    database.run(lambda connection: connection.execute(insert(new_events), rows))


def read(database: Database) -> list[tuple[int, int | None]]:
    with database.read() as connection:
        return [
            (numbered.id, numbered.event.email_id)
            for numbered in read_events(connection, 0, (), 100).items
        ]


def test_what_is_committed_is_numbered_in_order_and_once(database: Database) -> None:
    written(database, 11, 12)
    assert read(database) == []

    assert [database.run(number_batch) for _ in range(2)] == [2, 0]
    written(database, 13)
    database.run(number_batch)

    assert read(database) == [(1, 11), (2, 12), (3, 13)]


def test_numbers_go_on_where_the_last_batch_ended(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(database, *range(2_500))

    numbered = [database.run(number_batch) for _ in range(4)]

    assert numbered == [1_000, 1_000, 500, 0]
    with database.read() as connection:
        found = connection.execute(select(events.c.Id, events.c.EmailId).order_by(events.c.Id))
        assert [tuple(row) for row in found] == [(n + 1, n) for n in range(2_500)]


def test_a_batch_that_is_not_committed_leaves_no_gap(database: Database) -> None:
    written(database, 11)
    with suppress(ZeroDivisionError), database.write() as connection:
        number_batch(connection)
        raise ZeroDivisionError
    database.run(number_batch)

    assert read(database) == [(1, 11)]


def test_what_somebody_has_not_committed_yet_is_passed_over() -> None:
    skips = "WITH (ROWLOCK, READPAST, UPDLOCK, READCOMMITTEDLOCK)"
    for statement in (numbering.LAST_WRITTEN, numbering.WRITTEN):
        assert f"FROM Rowpost_NewEvents {skips}" in t_sql(statement)


def test_one_at_a_time_numbers(server_database: Database, server: Server) -> None:
    server.answer("sp_getapplock", Rows(("Answer",), ((-1,),)))

    assert server_database.run(number_batch) == 0
    assert not [text for text in server.texts() if "Rowpost_" in text]


def test_a_server_keeps_events_without_a_number_at_first(
    server_database: Database, server: Server
) -> None:
    server_database.run(lambda connection: record(connection, [Event(EventType.SENT, 1)] * 3))

    (text,) = [text for text in server.texts() if "INSERT" in text]
    assert "dbo.[Rowpost_NewEvents]" in text
    assert "OUTPUT" not in text
    with server_database.read() as connection:
        assert not dialect_of(connection).has_one_writer


def test_a_drain_numbers_beside_the_telling_of_rows_and_once_more_at_its_end(
    server_database: Database, server: Server
) -> None:
    server.answer("sp_getapplock", Rows(("Answer",), ((-1,),)))

    with event_numberer(server_database):
        pass

    assert [text for text in server.texts() if "sp_getapplock" in text]
    assert not [text for text in server.texts() if "Rowpost_Emails" in text]


def test_where_one_writes_at_a_time_there_is_nothing_to_do(sqlite_database: Database) -> None:
    assert isinstance(event_numberer(sqlite_database), nullcontext)
