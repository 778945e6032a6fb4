"""What SQL Server answers: counts that no setting changes, errors behind results, broken trips."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, insert, literal_column, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from shared.database.database import Database
from shared.database.errors import CommitUncertain, is_transient
from shared.database.statements.changes import changed, execute_text
from shared.database.statements.insert_if_absent import insert_if_absent
from shared.database.statements.prepared import PreparedStatement, PreparedUpdate
from shared.database.tables import emails, entries, slots
from tests.support.odbc_stand_in import (
    NO_ROWS,
    Error,
    Rows,
    Server,
    broken,
    counted,
    deadlock,
    duplicate_key,
    lock_timeout,
    query_timeout,
)

SET_FILENAME = update(emails).values(dd_filename=literal_column("NULL"))
SET_FILENAMES = SET_FILENAME.where(emails.c.dd_srno == bindparam("id"))
OF_A_TRIGGER = Rows(("found",), ((7,), (8,)))
ROW = {"dd_srno": 17, "dd_filename": None}
KEY = {"AccountId": 1, "Number": 2}
MARK = PreparedUpdate(
    lambda ids: (
        update(entries)
        .where(entries.c.Number.in_(ids))
        .values(Reason=literal_column("NULL"))
        .returning(entries.c.Number)
    )
)

VERBS: dict[str, Callable[[Connection], Any]] = {
    "changed": lambda connection: changed(connection, SET_FILENAME),
    "changed with values": lambda connection: changed(connection, SET_FILENAMES, {"id": 1}),
    "changed by an insert": lambda connection: changed(connection, insert(emails), {}),
    "insert if absent": lambda connection: insert_if_absent(connection, slots, KEY),
    "a prepared statement": PreparedStatement(SET_FILENAME).run,
    "a prepared update": lambda connection: MARK.run(connection, [1, 2]),
    "a text": lambda connection: execute_text(connection, "UPDATE dbo.T SET N = ?", [1]),
}
COUNTING = ["changed", "changed with values", "changed by an insert", "a prepared statement"]


@pytest.mark.parametrize("before", [[], [NO_ROWS], [OF_A_TRIGGER], [NO_ROWS, OF_A_TRIGGER]])
@pytest.mark.parametrize("verb", COUNTING)
@pytest.mark.parametrize("number", [0, 1, 3])
def test_what_a_statement_changed_is_what_the_server_says(
    server_database: Database, server: Server, verb: str, before: list[Rows], number: int
) -> None:
    """The driver says -1 throughout; a trigger's results may come before ours."""
    server.answer("dd_filename|Reason|INSERT", *before, counted(number))

    assert server_database.run(VERBS[verb]) == number


@pytest.mark.parametrize(("number", "inserted"), [(0, False), (1, True)])
def test_a_row_was_inserted_if_the_server_says_so(
    server_database: Database, server: Server, number: int, inserted: bool
) -> None:
    server.answer("INSERT INTO", OF_A_TRIGGER, counted(number))

    assert server_database.run(VERBS["insert if absent"]) is inserted


def test_what_is_done_around_a_statement_is_not_counted(
    server_database: Database, server: Server
) -> None:
    """An id of ours is written between SET IDENTITY_INSERT ... ON and OFF."""
    server.answer("SET IDENTITY_INSERT", NO_ROWS, counted(0))

    number = server_database.run(lambda connection: changed(connection, insert(emails), ROW))

    assert number == 1
    assert [text.split()[0] for text in server.texts()] == ["SET", "INSERT", "SET"]


@pytest.mark.parametrize(("state", "raises"), [(1, False), (0, True)])
def test_a_row_that_another_was_faster_to_insert_is_there_if_the_transaction_goes_on(
    server_database: Database, server: Server, state: int, raises: bool
) -> None:
    """No server that heeds the hint comes so far; under XACT_ABORT the transaction is gone."""
    server.answer("INSERT", duplicate_key())
    server.answer("XACT_STATE", Rows(("",), ((1,),) if state == 1 else ()))

    if raises:
        with pytest.raises(IntegrityError):
            server_database.run(VERBS["insert if absent"])
    else:
        assert server_database.run(VERBS["insert if absent"]) is False


@pytest.mark.parametrize("verb", VERBS)
def test_an_error_behind_the_first_result_is_raised(
    server_database: Database, server: Server, verb: str
) -> None:
    server.answer("UPDATE|INSERT", Rows(("dd_srno",), ((1,),)), deadlock(), times=1)
    tries = []

    def work(connection: Connection) -> Any:
        tries.append(1)
        return VERBS[verb](connection)

    server_database.run(work)

    assert len(tries) == 2


@pytest.mark.parametrize("verb", VERBS)
def test_every_result_is_read(server_database: Database, server: Server, verb: str) -> None:
    server.answer("UPDATE|INSERT", OF_A_TRIGGER, counted(1), OF_A_TRIGGER, NO_ROWS)

    server_database.run(VERBS[verb])

    assert server.left_unread == []


@pytest.mark.parametrize("error", [deadlock, lock_timeout], ids=["deadlock", "lock time-out"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_victim_is_raised_as_itself_and_the_whole_transaction_is_tried_again(
    server_database: Database, server: Server, verb: str, error: Callable[[], Error]
) -> None:
    server.answer("UPDATE|INSERT", error(), times=1)
    raised = []

    def work(connection: Connection) -> Any:
        connection.execute(select(emails.c.dd_srno))
        try:
            return VERBS[verb](connection)
        except DBAPIError as failure:
            raised.append(failure)
            raise

    server_database.run(work)

    [failure] = raised
    assert failure.orig is not None
    assert failure.orig.args == error().args
    assert is_transient(failure)
    assert [what for what in server.whats() if what != "describe"] == [
        *("execute", "execute", "rollback"),
        *("execute", "execute", "commit"),
    ]


def test_no_verb_makes_a_savepoint(server_database: Database, server: Server) -> None:
    for verb in VERBS.values():
        server_database.run_together(verb)

    assert not [text for text in server.texts() if "SAVE" in text.upper()]


def test_works_of_several_callers_have_transactions_of_their_own(
    server_database: Database, server: Server
) -> None:
    server_database.run_together(VERBS["changed"])
    server_database.run_together(VERBS["changed"])

    assert server.whats() == ["execute", "commit"] * 2


@pytest.mark.parametrize(
    "error",
    [broken("SQLEndTran"), query_timeout(), deadlock()],
    ids=["a break", "a time-out", "a word of the server"],
)
def test_a_commit_that_fails_is_uncertain_and_not_tried_again(
    server_database: Database, server: Server, error: Error
) -> None:
    server.commit_errors.append(error)
    tries = []

    def work(connection: Connection) -> int:
        tries.append(1)
        return changed(connection, SET_FILENAME)

    with pytest.raises(CommitUncertain):
        server_database.run(work)

    assert tries == [1]
    assert server_database.run(work) == 1


def test_a_statement_that_takes_too_long_is_rolled_back_and_tried_again(
    server_database: Database, server: Server
) -> None:
    """Nothing was committed: the driver cancels the statement, and we end its transaction."""
    server.answer("dd_filename", query_timeout(), times=1)

    assert server_database.run(VERBS["changed"]) == 1


def test_a_statement_that_takes_too_long_costs_no_other_connection(
    server_database: Database, server: Server
) -> None:
    with server_database.write(), server_database.write():
        pass
    open_before = len(server.connections)
    server.answer("dd_filename", query_timeout(), times=1)

    server_database.run(VERBS["changed"])
    with server_database.write(), server_database.write():
        pass

    assert len(server.connections) <= open_before + 1


@pytest.mark.parametrize("verb", ["changed", "a prepared update", "a text"])
def test_a_connection_that_broke_is_not_used_again(
    server_database: Database, server: Server, verb: str
) -> None:
    server.answer("UPDATE", broken(), times=1)

    server_database.run(VERBS[verb])

    used = {trip.connection for trip in server.trips if trip.what == "commit"}
    assert used == {len(server.connections) - 1}
    assert server.connections[0].closed


@pytest.mark.parametrize(
    "read",
    [
        lambda connection: connection.execute(select(emails.c.dd_srno)),
        lambda connection: execute_text(connection, "SELECT N FROM dbo.T"),
    ],
    ids=["by SQLAlchemy", "by the driver"],
)
def test_a_reader_that_broke_is_not_used_again(
    server_database: Database, server: Server, read: Callable[[Connection], Any]
) -> None:
    """Without a transaction there is no rollback that would notice it."""
    server.connections[1].broken = True

    with (
        pytest.raises(DBAPIError) as failure,
        server_database.read() as connection,
    ):
        read(connection)
    with server_database.read() as connection:
        read(connection)

    assert is_transient(failure.value)
    assert server.connections[1].closed


def test_a_statement_that_fails_leaves_the_others_prepared(
    server_database: Database, server: Server
) -> None:
    def fails(connection: Connection) -> None:
        execute_text(connection, "INSERT INTO dbo.T VALUES (?)", [1])

    server_database.run(lambda connection: MARK.run(connection, [1]))
    server.answer("INTO dbo.T", duplicate_key(), times=1)
    with pytest.raises(IntegrityError):
        server_database.run(fails)
    server.forget()
    server_database.run(lambda connection: MARK.run(connection, [1]))
    server_database.run(fails)

    assert [trip.prepared for trip in server.trips if trip.what == "execute"] == [False, True]
