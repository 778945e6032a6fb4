"""What can be wrong with a database, and which of it passes by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.errors import RowpostError


class DatabaseUnreachable(RowpostError):
    """The database does not answer, or refuses the login."""


class CommitUncertain(RowpostError):
    """The connection broke while committing: the change may be there or not."""


class SchemaBehind(RowpostError):
    """The database's schema is not the one this version needs."""


class SchemaRefused(SchemaBehind):
    """The database holds what a migration must not touch; nothing was changed."""


# Microsoft: "Transient fault error codes"; 1205 deadlock victim, 1222 lock time-out. Room that
# somebody has to make: 1101 and 1105 in the data, 9002 in the log, 40544 in Azure's quota.
_TRANSIENT_NUMBERS = frozenset(
    {615, 926, 4060, 4221, 40197, 40501, 40613, 49918, 49919, 49920, 11001, 10928, 10929}
    | {1205, 1222, 64, 233, 10053, 10054, 10060, 37396}
    | {1101, 1105, 9002, 40544}
)
_TRANSIENT_STATES = ("08", "HYT00", "HYT01", "40001", "IMC06")
# ODBC ends each message with the server's number: "... was deadlocked. (1205) (SQLExecDirectW)".
_NUMBER = re.compile(r"\((\d{2,5})\)(?= \(SQL|; \[|$)")
_OTHERS = frozenset({1205, 1222})
_HELD = ("database is locked", "database table is locked", "due to lock timeout")
_SQLITE_PASSING = (*_HELD, "disk i/o error", "disk is full")


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is tried again as a whole."""
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    words = " ".join(str(part) for part in getattr(error.orig, "args", ()))
    state = str(next(iter(getattr(error.orig, "args", ())), ""))
    if state.startswith(_TRANSIENT_STATES):
        return True
    if any(passing in words.lower() for passing in _SQLITE_PASSING):
        return True
    return any(int(number) in _TRANSIENT_NUMBERS for number in _NUMBER.findall(words))


def is_held_by_others(error: BaseException) -> bool:
    """Whether it waited too long for what another transaction holds, or gave way to one."""
    if not isinstance(error, DBAPIError):
        return False
    parts = [str(part) for part in getattr(error.orig, "args", ())]
    words = " ".join(parts)
    if any(busy in words.lower() for busy in _HELD):
        return True
    return not _OTHERS.isdisjoint(int(number) for number in _NUMBER.findall(words))


_OF_FILES = {
    "malformed": (
        "The database's file is damaged: stop the service, keep a copy of the file, and bring back "
        "a backup (or what `sqlite3 rowpost.db .recover` saves of it)."
    ),
    "file is not a database": (
        "The database's file is damaged, or is none of SQLite: bring back a backup, or correct its "
        "address."
    ),
    "disk is full": "The disk of the database's file is full: make room.",
    "readonly database": "The database's file may not be written: let this user write it.",
    "unable to open database file": (
        "The database's file can't be opened: let this user read and write it and its folder."
    ),
}


def trouble_with_file(error: BaseException) -> str | None:
    """What SQLite says of its file, in words for a person; None where it says nothing of it."""
    words = str(error).lower()
    return next((said for word, said in _OF_FILES.items() if word in words), None)


@contextmanager
def unreachable() -> Iterator[None]:
    """Turn the driver's word that a database can't be reached or entered into our own."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        raise DatabaseUnreachable(
            trouble_with_file(error)
            or "the database does not answer: check its address, its login and the firewall"
        ) from error
