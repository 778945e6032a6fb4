"""Opening SQLite: one file, one writer, and no commit lost when the power fails."""

from __future__ import annotations

import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event

from shared.database.dialects.sqlite.dialect import Sqlite
from shared.database.errors import DatabaseUnreachable

DRIVERS = ("sqlite", "sqlite+pysqlite")

# A transaction that fails after that is tried again as a whole.
_LONGEST_BUSY_SECONDS = 5.0
# A page of 8 KB holds three usual emails, one of 4 KB a single one with a third of it left empty:
# less is written for each letter. A new file gets it; an older one keeps what it has.
_PAGE_SIZE = "page_size=8192"
# An email's page is written twice on its way; a checkpoint every 64 MB writes most of them into the
# database file once. What is deleted is overwritten: codes leave no trace in free pages. What a
# statement needs to undo itself is kept in memory, not in a file made and removed for each.
_PRAGMAS = ("synchronous=FULL", "wal_autocheckpoint=8000", "secure_delete=ON", "temp_store=MEMORY")
_SQLITE = Sqlite()
# Text that is not UTF-8 reads as lone surrogates, and its email fails alone.
_DECODE = partial(str, encoding="utf-8", errors="surrogateescape")
_WAL_TRIES = 100
_WAL_PAUSE_SECONDS = 0.05


def file_url(file: Path) -> str:
    """The address of a SQLite database in a file."""
    return URL.create("sqlite", database=str(file.absolute())).render_as_string()


def open_sqlite(address: URL, *, request_seconds: float, pool_size: int) -> Engine:
    """An engine; nothing is connected yet. Raises DatabaseUnreachable."""
    if not address.database or address.database == ":memory:":
        raise DatabaseUnreachable("SQLite needs a file: sqlite:////var/lib/rowpost/rowpost.db")
    try:
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnreachable(f"the folder of {address.database} can't be made") from error
    engine = create_engine(
        address,
        connect_args={"timeout": min(request_seconds, _LONGEST_BUSY_SECONDS)},
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=pool_size,
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: Any) -> None:
    # We say BEGIN ourselves: BEGIN IMMEDIATE where a transaction is going to write.
    connection.isolation_level = None
    connection.text_factory = _DECODE
    connection.execute(f"PRAGMA {_PAGE_SIZE}").close()
    _use_wal(connection)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Any) -> None:
    writes = connection.get_execution_options().get("writes")
    _SQLITE.execute(connection, "BEGIN IMMEDIATE" if writes else "BEGIN")


def _use_wal(connection: Any) -> None:
    """SQLite does not wait by itself when several connections make a new file WAL at once."""
    for tries_left in reversed(range(_WAL_TRIES)):
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError:
            if not tries_left:
                raise
            time.sleep(_WAL_PAUSE_SECONDS)
        else:
            return
