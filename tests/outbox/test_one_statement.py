"""A commit as one statement does what `finish` and `mark` do, or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from shared.database.database import Database
from shared.database.engine import open_engine
from shared.database.errors import is_transient
from shared.database.tables import attempts, confidential, entries, events, statistics
from shared.outbox.confidential import CONFIDENTIAL
from shared.outbox.sending import one_statement
from shared.outbox.sending.begin import Mark, mark
from shared.outbox.sending.finish import Outcome, Result, finish
from tests.outbox.sender import Sender, numbers_of
from tests.support.database import database_in
from tests.support.emails import states, stored_email
from tests.support.rows import change_entry, insert_rows

WRITTEN = (entries, attempts, statistics, events, confidential)


def kept(database: Database) -> dict[str, list[list[Any]]]:
    """All that a commit writes; of times, whether there is one."""
    with database.read() as connection:
        return {
            table.name: [
                [isinstance(value, datetime) or value for value in row]
                for row in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in WRITTEN
        }


@contextmanager
def copy_of(database: Database, file: Path) -> Iterator[Database]:
    source = database.engine.url.database or ""
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(file)) as here:
        there.backup(here)
    with database_in(file) as copied:
        yield copied


def emails_on_their_way(sender: Sender, sending: int, prepared: int) -> tuple[list[int], list[int]]:
    """The entries of as many that are transmitted, and that are prepared; one carries a code, and
    one was called unknown meanwhile."""
    database = sender.database
    code = stored_email(database, subject="Your code", body="123456", origin=CONFIDENTIAL)
    ids = [code, *insert_rows(database, sending + prepared - 1)]
    sender.claim(most=sending + prepared)
    sender.mark(*ids[:sending])
    if sending > 2:
        change_entry(database, ids[2], State="U", LeaseUntil=None)
    with database.read() as connection:
        numbers = numbers_of(connection, ids)
    return numbers[:sending], numbers[sending:]


def sent(numbers: Sequence[int]) -> list[Result]:
    return [
        Result(
            number,
            Outcome.SENT,
            "SHOP" if place % 3 else "NOTICES",
            code=250,
            enhanced_code="2.0.0" if place % 2 else None,
            reply=f"250 2.0.0 Ok: queued as {number}, für Zoë",
            duration_ms=place,
        )
        for place, number in enumerate(numbers)
    ]


def marks(numbers: Sequence[int]) -> list[Mark]:
    return [Mark(number, f"{number:032}") for number in numbers]


@pytest.mark.parametrize(
    ("sending", "prepared"), [(1, 0), (0, 1), (3, 2), (8, 8), (9, 1), (2, 17), (64, 64)]
)
def test_it_does_what_the_two_verbs_do(
    sqlite_database: Database, tmp_path: Path, sending: int, prepared: int
) -> None:
    sender = Sender(sqlite_database)
    results, marked = emails_on_their_way(sender, sending, prepared)
    with copy_of(sqlite_database, tmp_path / "copy.db") as other:
        with other.write() as connection:
            finish(connection, sent(results), sender.lease)
            mark(connection, marks(marked), sender.lease)

        written = one_statement.commit(sqlite_database, sent(results), marks(marked), sender.lease)

        assert written == (set(marked), set(results))
        assert kept(sqlite_database) == kept(other)
    assert states(sqlite_database).count("Y") == sending
    assert states(sqlite_database).count("T") == prepared


def test_a_second_one_in_the_same_hour_adds_to_the_counters(sqlite_database: Database) -> None:
    sender = Sender(sqlite_database)
    numbers, _ = emails_on_their_way(sender, 6, 0)

    for part in (numbers[:3], numbers[3:]):
        assert one_statement.commit(sqlite_database, sent(part), [], sender.lease)

    with sqlite_database.read() as connection:
        counted = dict(connection.execute(select(statistics.c.Account, statistics.c.Sent)).all())
    assert counted == {"NOTICES": 2, "SHOP": 4}


@pytest.mark.parametrize(
    "change",
    [
        {"LeaseToken": "somebody-elses"},
        {"State": "C"},
        {"IsCurrent": 0},
        {"LeaseUntil": datetime(2020, 1, 1)},
    ],
)
def test_where_a_mark_is_not_ours_nothing_is_done(
    sqlite_database: Database, change: dict[str, Any]
) -> None:
    sender = Sender(sqlite_database)
    results, marked = emails_on_their_way(sender, 3, 2)
    with sqlite_database.read() as connection:
        of_the_last = select(entries.c.EmailId).where(entries.c.Number == marked[-1])
        email_id = connection.execute(of_the_last).scalar_one()
    change_entry(sqlite_database, email_id, **change)
    before = kept(sqlite_database)

    assert not one_statement.commit(sqlite_database, sent(results), marks(marked), sender.lease)

    assert kept(sqlite_database) == before


def test_where_a_result_is_not_ours_nothing_is_done(sqlite_database: Database) -> None:
    sender = Sender(sqlite_database)
    results, marked = emails_on_their_way(sender, 3, 2)
    before = kept(sqlite_database)

    written = one_statement.commit(
        sqlite_database, sent([*results, 4711]), marks(marked), sender.lease
    )

    assert written is None
    assert kept(sqlite_database) == before


def test_more_than_fit_are_left_to_the_two_verbs(sqlite_database: Database) -> None:
    sender = Sender(sqlite_database)

    assert not one_statement.commit(sqlite_database, sent(range(65)), [], sender.lease)


def test_what_it_cannot_do_is_left_to_the_two_verbs_which_find_whose_fault_it_is(
    sqlite_database: Database,
) -> None:
    sender = Sender(sqlite_database)
    results, marked = emails_on_their_way(sender, 3, 2)
    with sqlite_database.write() as connection:
        connection.exec_driver_sql("DROP TABLE Rowpost_Statistics")

    assert not one_statement.commit(sqlite_database, sent(results), marks(marked), sender.lease)

    assert states(sqlite_database) == "TTUPP"


def test_while_somebody_else_writes_it_passes_with_nothing_done(sqlite_database: Database) -> None:
    sender = Sender(sqlite_database)
    results, marked = emails_on_their_way(sender, 3, 2)
    before = kept(sqlite_database)
    address = sqlite_database.engine.url
    impatient = Database(open_engine(address.render_as_string(), request_seconds=0.01))
    with closing(impatient), closing(sqlite3.connect(address.database or "")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError) as raised:
            one_statement.commit(impatient, sent(results), marks(marked), sender.lease)

        assert is_transient(raised.value)
        assert kept(sqlite_database) == before

        other.rollback()
        assert one_statement.commit(impatient, sent(results), marks(marked), sender.lease)
