"""How often a claim, a commit and an add travel to a SQL Server, by a driver that counts."""

from __future__ import annotations

import json
from collections import namedtuple
from dataclasses import replace

import pytest

from shared.database.database import Database
from shared.database.errors import CommitUncertain
from shared.database.tables import entries
from shared.outbox import add
from shared.outbox.relocation_mark import DatabaseMoved
from shared.outbox.rows import their_table
from shared.outbox.sending import one_trip
from shared.outbox.sending.begin import Mark
from shared.outbox.sending.claim import Wanted
from shared.outbox.sending.fetch import fetch_statement
from shared.outbox.sending.finish import Outcome, Result
from shared.outbox.sending.lease import Lease
from shared.outbox.states import BOTH_LANES
from tests.support.odbc_stand_in import NO_ROWS, Rows, Server, broken

WISH = Wanted((None, "SHOP"), BOTH_LANES, 100, "mail.example.com")
LEASE = Lease.new(60)
RESULT = Result(7, Outcome.SENT, "SHOP", code=250, reply="2.0.0 Ok: queued as 4711")
EMAIL = add.NewEmail(to="ann@example.com", subject="Hello", body="Hi")
COMMITS = "OPENJSON"


@pytest.fixture
def one(server_database: Database, server: Server, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database whose queue is known already, as it is but once a minute."""
    known = their_table.TheirTable(frozenset(), {}, frozenset())
    monkeypatch.setattr(their_table, "_read", lambda _: known)
    return server_database


def test_a_claim_with_all_that_is_needed_to_send_is_one(one: Database, server: Server) -> None:
    asked = fetch_statement(frozenset(), "SELECT Number FROM @claimed")
    columns = tuple(str(name) for name in asked.selected_columns.keys())  # noqa: SIM118
    row = dict.fromkeys(columns) | {
        "Number": 7,
        "EmailId": 3,
        "dd_SendFlag": "P",
        "dd_toEmailid": "ann@example.com",
        "body": "Hi",
        "MessageId": "<7@example.com>",
        "Retries": 0,
        "AttachmentCount": 0,
    }
    # Like the driver's rows, whose columns have names.
    fetched_row = namedtuple("Fetched", columns)(**row)
    nothing = Rows(("answer",))
    server.answer("@claimed", NO_ROWS, nothing, nothing, nothing, Rows(columns, (fetched_row,)))

    claimed = one_trip.claim_and_fetch(one, WISH, LEASE)

    assert [(email.number, email.id) for email in claimed.claimed.emails] == [(7, 3)]
    assert not claimed.anybody_suppressed
    assert server.whats() == ["execute"]
    assert server.left_unread == []


def test_results_and_marks_are_one_with_their_commit(one: Database, server: Server) -> None:
    server.answer(COMMITS, Rows(("Number",), ((7,),)), Rows(("Number",), ((8,),)))

    marked, finished = one_trip.commit(one, [RESULT], [Mark(8, "f" * 32)], LEASE)

    assert (marked, finished) == ({8}, {7})
    assert server.whats() == ["execute"]
    [trip] = server.trips
    assert "BEGIN TRAN" in trip.text
    assert "COMMIT" in trip.text
    assert [json.loads(given) for given in trip.parameters if str(given).startswith("[")] == [
        [
            {
                "n": 7,
                "a": "SHOP",
                "c": 250,
                "e": None,
                "r": "2.0.0 Ok: queued as 4711",
                "d": RESULT.duration_ms,
            }
        ],
        [{"n": 8, "p": "f" * 32}],
    ]


def test_a_commit_that_breaks_off_may_be_done_or_not(one: Database, server: Server) -> None:
    server.answer(COMMITS, broken(), times=1)

    with pytest.raises(CommitUncertain):
        one_trip.commit(one, [RESULT], [], LEASE)


@pytest.mark.parametrize("bcc", [None, "bob@example.com"])
def test_an_email_is_added_in_one_and_its_commit(
    one: Database, server: Server, bcc: str | None
) -> None:
    server.answer(entries.name, Rows(("EmailId", "Number"), ((3, 7),)))
    email = replace(EMAIL, bcc=bcc)

    assert one.run(lambda connection: add.add(connection, email)) == 3

    assert server.whats() == ["execute", "commit"]


def test_nothing_is_added_to_a_database_that_was_left(one: Database, server: Server) -> None:
    server.answer(entries.name, Rows(("EmailId", "Number"), ((None, None),)))

    with pytest.raises(DatabaseMoved):
        one.run(lambda connection: add.add(connection, EMAIL))

    assert server.whats() == ["execute", "rollback"]
