"""Writes of many callers share a commit, and nothing else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import IntegrityError

from shared.database.database import Database
from shared.outbox.add import NewEmail, add
from tests.support.rows import flags, insert_row

EMAIL = NewEmail(to="ann@example.com", subject="Hello", body="Hi")


class Refused(Exception):
    pass


def store(connection: Connection) -> int:
    return add(connection, EMAIL)


def store_and_refuse(connection: Connection) -> int:
    add(connection, EMAIL)
    raise Refused


def test_what_comes_during_a_commit_is_written_group(sqlite_database: Database) -> None:
    commits = 0
    first_is_in, many_wait = threading.Event(), threading.Event()

    def count(_: object) -> None:
        nonlocal commits
        commits += 1

    def slow(connection: Connection) -> int:
        first_is_in.set()
        many_wait.wait(10)
        return add(connection, EMAIL)

    event.listen(sqlite_database.engine, "commit", count)
    with ThreadPoolExecutor(21) as pool:
        first = pool.submit(sqlite_database.run_together, slow)
        assert first_is_in.wait(10)
        others = [pool.submit(sqlite_database.run_together, store) for _ in range(20)]
        while len(sqlite_database._group._waiting) < 20:
            threading.Event().wait(0.005)
        many_wait.set()
        ids = {first.result(), *(one.result() for one in others)}
    event.remove(sqlite_database.engine, "commit", count)

    assert len(ids) == 21
    assert flags(sqlite_database) == "N" * 21
    assert commits == 2


def test_one_that_fails_takes_nobody_with_it(sqlite_database: Database) -> None:
    works = [store, store_and_refuse] * 20

    with ThreadPoolExecutor(40) as pool:
        ended = [pool.submit(sqlite_database.run_together, work) for work in works]

    assert [type(one.exception()) for one in ended] == [type(None), Refused] * 20
    assert flags(sqlite_database) == "N" * 20


def test_a_row_that_is_refused_by_the_database_is_its_callers_affair(
    sqlite_database: Database,
) -> None:
    number = insert_row(sqlite_database)

    def twice(connection: Connection) -> None:
        connection.exec_driver_sql(
            f"INSERT INTO Digital_Emaildetails (dd_srno, dd_subject) VALUES ({number}, 'x')"
        )

    with pytest.raises(IntegrityError):
        sqlite_database.run_together(twice)
    assert sqlite_database.run_together(store) > number
