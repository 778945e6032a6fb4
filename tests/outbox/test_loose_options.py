"""Options that applications put beside a row that never became an email: swept, after a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select

from shared.app import Application
from shared.database.database import Database
from shared.database.tables import emails, options
from shared.maintenance.cleanup import upkeep
from shared.outbox.admission.admit import admit
from shared.outbox.admission.loose_options import AT_ONCE, Sweep
from shared.settings import Settings
from tests.outbox.test_plans import plan
from tests.support.accounts import answered_by
from tests.support.emails import overwrite
from tests.support.rows import insert_row

OLD = timedelta(days=2)


def give_options(database: Database, email_id: int, age: timedelta = OLD) -> int:
    """Options for an email, as an application put them there so long ago; their number."""
    row = {
        "EmailId": email_id,
        "bccEmailid": "bob@example.com",
        "CreatedAt": datetime.now(UTC) - age,
    }
    with database.write() as connection:
        connection.execute(insert(options), row)
        return int(
            connection.scalars(select(options.c.Id).order_by(options.c.Id.desc()).limit(1)).one()
        )


def left(database: Database) -> list[int]:
    with database.read() as connection:
        return list(connection.scalars(select(options.c.Id).order_by(options.c.Id)))


def sweep(database: Database) -> int:
    return database.run(Sweep().batch)


def test_options_of_a_row_that_is_gone_are_swept(database: Database) -> None:
    email_id = insert_row(database)
    give_options(database, email_id)
    with database.write() as connection:
        connection.execute(delete(emails).where(emails.c.dd_srno == email_id))

    assert sweep(database) == 1
    assert left(database) == []


@pytest.mark.parametrize("letter", ["X", "Y", "F", "P"])
def test_options_of_a_row_that_ended_without_being_admitted_are_swept(
    database: Database, letter: str
) -> None:
    email_id = insert_row(database, dd_SendFlag=letter)
    give_options(database, email_id)

    assert sweep(database) == 1
    assert left(database) == []


@pytest.mark.parametrize("letter", ["N", "n", None])
def test_options_of_a_row_that_is_still_to_be_admitted_stay(
    database: Database, letter: str | None
) -> None:
    kept = give_options(database, insert_row(database, dd_SendFlag=letter))

    assert sweep(database) == 0
    assert left(database) == [kept]


def test_what_a_caller_has_put_there_before_its_row_is_left_alone(database: Database) -> None:
    """Its transaction, or the next one of the same program, may bring the row yet."""
    kept = give_options(database, 4711, age=timedelta(hours=23))

    assert sweep(database) == 0
    assert left(database) == [kept]


def test_options_that_belong_to_an_entry_stay(database: Database) -> None:
    email_id = insert_row(database)
    kept = give_options(database, email_id)
    assert admit(database, answered_by([None])).admitted == 1
    overwrite(database, email_id, "X")

    assert sweep(database) == 0
    assert left(database) == [kept]


def test_a_batch_looks_at_so_many_and_the_next_goes_on_behind_them(database: Database) -> None:
    waiting = insert_row(database)
    rows = [{"EmailId": waiting, "CreatedAt": datetime.now(UTC) - OLD} for _ in range(AT_ONCE)]
    with database.write() as connection:
        connection.execute(insert(options), rows)
    give_options(database, 4711)
    one = Sweep()

    assert database.run(one.batch) == 0
    assert database.run(one.batch) == 1
    assert database.run(one.batch) == 0
    give_options(database, 4711)
    assert [database.run(one.batch) for _ in range(2)] == [1, 0]


@pytest.fixture
def app(migrated_file: Path, tmp_path: Path) -> Iterator[Application]:
    (tmp_path / "rowpost.db").write_bytes(migrated_file.read_bytes())
    app = Application(Settings(ROWPOST_DATA=tmp_path, DATABASE_URL=None))
    yield app
    app.close()


def test_a_tick_sweeps_them(app: Application) -> None:
    for _ in range(3):
        give_options(app.database(), 4711)

    assert upkeep(app) == 3
    assert left(app.database()) == []


def test_sqlite_a_batch_reads_a_range_of_an_index_and_rows_by_their_key(
    sqlite_database: Database,
) -> None:
    give_options(sqlite_database, insert_row(sqlite_database))

    steps = plan(sqlite_database, Sweep().batch)

    assert any("IX_Rowpost_Options_Number (Number=? AND rowid>?)" in step for step in steps)
    assert not [step for step in steps if step.startswith("SCAN")]
