from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import IntegrityError, OperationalError

from shared.database.database import Database
from shared.database.engine import file_url, open_engine
from shared.database.errors import CommitUncertain, DatabaseUnreachable

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(file_url(tmp_path / "rowpost.db"), request_seconds=0.1)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (note TEXT UNIQUE)"))
    yield engine
    engine.dispose()


@pytest.fixture
def database(engine: Engine) -> Database:
    return Database(engine)


def write_note(connection: Connection, note: str = "written") -> None:
    connection.execute(text("INSERT INTO notes VALUES (:note)"), {"note": note})


def notes(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(text("SELECT note FROM notes ORDER BY rowid")))


@contextmanager
def locked(database: Database) -> Iterator[subprocess.Popen[str]]:
    """Another process holds the write lock until it gets a line."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database.engine.url.database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
    finally:
        holder.kill()
        holder.communicate()


def release(holder: subprocess.Popen[str]) -> None:
    assert holder.stdin is not None
    holder.stdin.write("\n")
    holder.stdin.flush()


def test_a_block_is_one_transaction(database: Database) -> None:
    def fail_in_the_middle() -> None:
        with database.write() as connection:
            write_note(connection)
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        fail_in_the_middle()
    assert notes(database) == []

    with database.write() as connection:
        write_note(connection)
    assert notes(database) == ["written"]


def test_run_answers_what_the_work_answers(database: Database) -> None:
    def work(connection: Connection) -> int:
        write_note(connection)
        return 42

    assert database.run(work) == 42
    assert notes(database) == ["written"]


def test_run_waits_for_a_database_that_is_locked(database: Database) -> None:
    with locked(database) as holder:
        threading.Timer(1.0, release, [holder]).start()
        began = time.monotonic()

        database.run(write_note, seconds=20)

        assert 0.9 < time.monotonic() - began < 20
    assert notes(database) == ["written"]


def test_run_gives_up_in_time(database: Database) -> None:
    with locked(database):
        began = time.monotonic()

        with pytest.raises(OperationalError, match="locked"):
            database.run(write_note, seconds=0.5)

        assert time.monotonic() - began < 30
    assert notes(database) == []


def test_run_tries_the_transaction_again_as_a_whole(database: Database) -> None:
    tries = []

    def work(connection: Connection) -> None:
        tries.append(1)
        write_note(connection)
        if len(tries) < 3:
            raise OperationalError("x", None, sqlite3.OperationalError("database is locked"))

    database.run(work)

    assert len(tries) == 3
    assert notes(database) == ["written"]


def test_run_does_not_repeat_what_will_fail_again(database: Database) -> None:
    tries = []

    def work(connection: Connection) -> None:
        tries.append(1)
        write_note(connection)
        write_note(connection)

    with pytest.raises(IntegrityError):
        database.run(work)

    assert tries == [1]
    assert notes(database) == []


def test_run_waits_for_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    file = tmp_path / "rowpost.db"
    file.mkdir()
    database = Database(open_engine(file_url(file)))
    threading.Timer(0.3, file.rmdir).start()

    database.run(lambda connection: connection.execute(text("CREATE TABLE notes (note TEXT)")))

    assert notes(database) == []
    database.close()


def test_a_database_that_stays_away_is_unreachable(tmp_path: Path) -> None:
    database = Database(open_engine(file_url(tmp_path)))
    began = time.monotonic()

    with pytest.raises(DatabaseUnreachable):
        database.run(write_note, seconds=0.3)

    assert time.monotonic() - began < 30


@pytest.fixture
def refuses_commits(engine: Engine) -> Database:
    """A foreign key that is checked at the commit: a commit that really fails."""

    @event.listens_for(engine, "connect")
    def check(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA foreign_keys = ON").close()

    engine.dispose()
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE replies (note TEXT REFERENCES notes (note) "
                "DEFERRABLE INITIALLY DEFERRED)"
            )
        )
    return Database(engine)


def test_a_commit_that_fails_is_uncertain_and_never_repeated(refuses_commits: Database) -> None:
    tries = []

    def work(connection: Connection) -> None:
        tries.append(1)
        write_note(connection)
        connection.execute(text("INSERT INTO replies VALUES ('to nothing')"))

    with pytest.raises(CommitUncertain):
        refuses_commits.run(work)

    assert tries == [1]
    assert notes(refuses_commits) == []
    refuses_commits.run(write_note)
    assert notes(refuses_commits) == ["written"]


def test_a_connection_that_breaks_before_the_commit_leaves_it_uncertain(
    database: Database,
) -> None:
    tries = []

    def work(connection: Connection) -> None:
        tries.append(1)
        write_note(connection, "lost")
        driver = connection.connection.dbapi_connection
        assert driver is not None
        driver.close()

    with pytest.raises(CommitUncertain):
        database.run(work)

    assert tries == [1]
    database.run(write_note)
    assert notes(database) == ["written"]


def test_a_pool_that_is_used_up_counts_as_unreachable(engine: Engine) -> None:
    database = Database(open_engine(str(engine.url), pool_size=1))
    database.engine.pool._timeout = 0.05  # type: ignore[attr-defined]

    with (
        database.read(),
        database.read(),
        pytest.raises(DatabaseUnreachable),
        database.read(),
    ):
        pass

    database.close()


def test_threads_write_in_turns(database: Database) -> None:
    def work(number: int) -> None:
        for step in range(25):
            database.run(partial(write_note, note=f"{number}.{step}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(notes(database)) == 200


def test_a_kept_writer_goes_on_after_a_failure(database: Database) -> None:
    writer = database.writer()

    def fail() -> None:
        with writer.write() as connection:
            write_note(connection)
            write_note(connection)

    with pytest.raises(IntegrityError):
        fail()
    with writer.write() as connection:
        write_note(connection, "after")
    writer.close()
    with writer.write() as connection:
        write_note(connection, "reopened")
    writer.close()

    assert notes(database) == ["after", "reopened"]


def test_a_closed_database_lets_its_file_go_and_opens_again(database: Database) -> None:
    database.run(write_note)
    database.close()
    file = Path(str(database.engine.url.database))

    assert not file.with_name(f"{file.name}-wal").exists()
    assert notes(database) == ["written"]
