"""A database as the rest of Rowpost sees it: reads, writes, and whole transactions tried again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from shared.database.dialects.dialect_of import dialect_of
from shared.database.engine import open_engine
from shared.database.errors import CommitUncertain, DatabaseUnreachable, is_transient, unreachable
from shared.database.group_commit import GroupCommit

T = TypeVar("T")

_FIRST_WAIT = 0.05
_LONGEST_WAIT = 2.0


class Database:
    """One database over one engine; its methods may be called from any thread."""

    def __init__(self, engine: Engine, reader: Engine | None = None) -> None:
        """`reader`: an engine whose statements commit by themselves; by default the same one."""
        self.engine = engine
        self._reader = reader or engine
        self._dialect = dialect_of(engine)
        # Waiting for our turn here costs microseconds, waiting in a database with one writer its
        # sleeps of growing length; and one connection keeps what it has read of the file.
        self._only_writer = Writer(engine) if self._dialect.has_one_writer else None
        self._group = GroupCommit(self.run)

    @property
    def has_one_writer(self) -> bool:
        """Whether one transaction writes at a time."""
        return self._dialect.has_one_writer

    @property
    def is_local_file(self) -> bool:
        """Whether it is a file of this machine, made for this service alone."""
        return self._dialect.is_local_file

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read with. Raises DatabaseUnreachable when none can be had."""
        with self._connection(self._reader) as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end of the block, rolled back on an exception.

        Raises CommitUncertain when the commit itself fails in a way that leaves its end open,
        DatabaseUnreachable when no connection can be had.
        """
        if self._only_writer is not None:
            with self._only_writer.write() as connection:
                yield connection
            return
        with self._connection(self.engine, writes=True) as connection, _committed(connection):
            yield connection

    def writer(self) -> Writer:
        """A connection that is kept, for a thread that writes all the time."""
        return self._only_writer or Writer(self.engine)

    def run(self, work: Callable[[Connection], T], *, seconds: float = 30) -> T:
        """Run `work` in a write transaction, again as a whole after a transient error.

        `seconds` bounds the tries. A commit whose end is uncertain is not tried again, since
        `work` might then be done twice.

        Raises what `work` raises, CommitUncertain, or DatabaseUnreachable.
        """
        deadline = time.monotonic() + seconds
        wait = _FIRST_WAIT
        while True:
            try:
                with self.write() as connection:
                    return work(connection)
            except (DBAPIError, DatabaseUnreachable) as error:
                passing = isinstance(error, DatabaseUnreachable) or is_transient(error)
                if not passing or time.monotonic() + wait > deadline:
                    raise
            time.sleep(wait * random.uniform(0.5, 1))
            wait = min(wait * 2, _LONGEST_WAIT)

    def run_together(self, work: Callable[[Connection], T]) -> T:
        """As `run`; where there is one writer, the works of several callers share a commit.

        `work` must not end the transaction, and may be done again as a whole.
        """
        return self._group.run(work) if self._dialect.has_one_writer else self.run(work)

    def sweep(self) -> None:
        """Let what was deleted leave no trace in this machine's files, as far as that is free."""
        self._dialect.sweep(self.engine)

    def close(self) -> None:
        """Close the pooled connections."""
        if self._only_writer is not None:
            self._only_writer.close()
        for engine in {self.engine, self._reader}:
            engine.dispose()

    @contextmanager
    def _connection(self, engine: Engine, *, writes: bool = False) -> Iterator[Connection]:
        with unreachable():
            connection = engine.connect()
        with connection:
            yield connection.execution_options(writes=True) if writes else connection


class Writer:
    """One connection, kept for many write transactions, of one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()
        self._connection: Connection | None = None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """As Database.write. After a failure the next transaction has a new connection."""
        with self._turn:
            try:
                with _committed(connection := self._open()):
                    yield connection
            except BaseException:
                self._close()
                raise

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """For a statement that is a transaction by itself. After a failure, too, the next one has a
        new connection."""
        with self._turn:
            try:
                yield self._open()
            except BaseException:
                self._close()
                raise

    def close(self) -> None:
        """Give the connection back to the pool; another transaction takes it again."""
        with self._turn:
            self._close()

    def _open(self) -> Connection:
        if self._connection is None:
            with unreachable():
                self._connection = self._engine.connect().execution_options(writes=True)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


@contextmanager
def _committed(connection: Connection) -> Iterator[None]:
    transaction = connection.begin()
    try:
        yield
    except BaseException:
        _roll_back(connection)
        raise
    try:
        transaction.commit()
    except SQLAlchemyError as error:
        _roll_back(connection)
        raise CommitUncertain(
            "the database broke off while committing: the change may be there or not"
        ) from error


def _roll_back(connection: Connection) -> None:
    """Roll back; a connection that cannot even do that is thrown away."""
    try:
        connection.rollback()
    except SQLAlchemyError:
        connection.invalidate()


def open_database(
    url: str,
    *,
    connect_seconds: float = 30,
    request_seconds: float = 30,
    pool_size: int = 16,
    trusted_servers: Collection[str] = (),
) -> Database:
    """The database at an address; nothing is connected yet. The arguments are `open_engine`'s.

    Raises DatabaseUnreachable when the address is malformed or its driver is missing.
    """
    open_one = partial(
        open_engine,
        url,
        connect_seconds=connect_seconds,
        request_seconds=request_seconds,
        pool_size=pool_size,
        trusted_servers=trusted_servers,
    )
    engine = open_one()
    if dialect_of(engine).has_one_writer:
        return Database(engine)
    # A connection that is switched from one way to the other and back pays a round trip each time.
    return Database(engine, open_one(autocommit=True))
