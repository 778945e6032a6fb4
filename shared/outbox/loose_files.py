"""Loose files: those in the attachment store that no email holds.

A file is noted here before it is stored, and taken from here in the transaction that stores its
email. So whatever breaks off in between, the file is found and deleted when its time is over; no
file is ever deleted that was not noted here, though others may share the store.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, insert, literal_column, select, update

from shared.database.columns.times import utc_now
from shared.database.statements.changes import changed
from shared.database.tables import loose_files
from shared.errors import RowpostError

KEPT_SECONDS = 24 * 3600
_MARGIN_SECONDS = 3600
"""A transaction that takes a file ends within this time: nobody deletes the file meanwhile."""


class FileNotKept(RowpostError):
    """A file waited too long for its email, or was never stored: it has to be sent again."""


_KEYS = loose_files.c.StorageKey.in_(bindparam("keys", expanding=True))
_NOTE = insert(loose_files).values(
    StorageKey=bindparam("key"), DeleteAfter=utc_now(bindparam("seconds"))
)
_TAKE = delete(loose_files).where(
    _KEYS, loose_files.c.DeleteAfter > utc_now(literal_column(str(float(_MARGIN_SECONDS))))
)
_GIVE_UP = update(loose_files).where(_KEYS).values(DeleteAfter=utc_now())
_STILL_LOOSE = select(loose_files.c.StorageKey).where(_KEYS)
_FORGET = delete(loose_files).where(_KEYS)
_DUE = (
    select(loose_files.c.StorageKey)
    .where(loose_files.c.DeleteAfter <= utc_now())
    .order_by(loose_files.c.DeleteAfter)
)


def note(connection: Connection, key: str) -> None:
    """A file is about to be stored; unless an email takes it, it is deleted after a day."""
    connection.execute(_NOTE, {"key": key, "seconds": float(KEPT_SECONDS)})


def take(connection: Connection, keys: Sequence[str]) -> None:
    """These files are an email's from now on. Raises FileNotKept."""
    if changed(connection, _TAKE, {"keys": keys}) != len(keys):
        raise FileNotKept("a file is no longer kept for its email: send it again")


def let_go(connection: Connection, keys: Sequence[str]) -> None:
    """Their email gives these files up: they are due to be deleted now."""
    connection.execute(_NOTE, [{"key": key, "seconds": 0.0} for key in keys])


def give_up(connection: Connection, keys: Sequence[str]) -> list[str]:
    """Those of these files that no email has taken: none will any more, they are due now."""
    connection.execute(_GIVE_UP, {"keys": keys})
    return list(connection.execute(_STILL_LOOSE, {"keys": keys}).scalars())


def due(connection: Connection, most: int) -> list[str]:
    """Files whose time is over, the longest first."""
    return list(connection.execute(_DUE.limit(most)).scalars())


def forget(connection: Connection, keys: Sequence[str]) -> None:
    """These files are deleted."""
    connection.execute(_FORGET, {"keys": keys})
