"""Whether the queue lives in another database now: read by whoever adds to it."""

from __future__ import annotations

from sqlalchemy import Connection, literal_column, select

from shared.database.statements.locks import until_commit
from shared.database.tables import relocation
from shared.errors import RowpostError


class DatabaseMoved(RowpostError):
    """The queue has moved to another database: nothing is added to this one."""


MOVED_AT = until_commit(select(relocation.c.MovedAt), relocation).where(
    relocation.c.Id == literal_column("1")
)


def require_not_moved(connection: Connection) -> None:
    """Raise DatabaseMoved, or see to it that nobody moves the queue before our commit."""
    if connection.scalar(MOVED_AT) is not None:
        raise DatabaseMoved("the queue has moved to another database")
