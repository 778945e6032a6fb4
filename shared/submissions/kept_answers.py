"""Answers kept for a day, so that a request that comes again gets the first one again.

The row is written in the transaction that stores the email: either both are there or neither is,
whenever the process dies.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, literal_column, select, update
from sqlalchemy.exc import IntegrityError

from shared.database.columns.times import utc_now
from shared.database.statements.changes import changed
from shared.database.tables import idempotency
from shared.errors import RowpostError

KEPT_SECONDS = 24 * 3600
_BATCH = 500


class AlreadyKept(RowpostError):
    """Another request with the same key was quicker: its answer is the one that counts."""


class KeptAnswer(NamedTuple):
    """What the first request was about and was answered; no `status`: it is still at work."""

    digest: str
    status: int | None
    content: str | None


_too_old = idempotency.c.CreatedAt <= utc_now(literal_column(str(-KEPT_SECONDS)))
_THIS = idempotency.c.Id == bindparam("id")
FIND = select(idempotency.c.Digest, idempotency.c.Status, idempotency.c.Answer).where(
    _THIS, ~_too_old
)
FORGET_THIS = delete(idempotency).where(_THIS, _too_old)
KEEP = insert(idempotency)
COMPLETE = (
    update(idempotency).where(_THIS).values(Status=bindparam("status"), Answer=bindparam("content"))
)
FORGET_OLD = delete(idempotency).where(
    idempotency.c.Id.in_(
        select(idempotency.c.Id).where(_too_old).order_by(idempotency.c.CreatedAt).limit(_BATCH)
    )
)


def find_answer(connection: Connection, key: str) -> KeptAnswer | None:
    """What is kept under the key, if it is not older than a day."""
    row = connection.execute(FIND, {"id": key}).one_or_none()
    return None if row is None else KeptAnswer(*row)


def keep_answer(connection: Connection, key: str, answer: KeptAnswer) -> None:
    """Keep it, as part of the caller's transaction. Raises AlreadyKept."""
    connection.execute(FORGET_THIS, {"id": key})
    values = {"Id": key, "Digest": answer.digest, "Status": answer.status, "Answer": answer.content}
    try:
        connection.execute(KEEP, values)
    except IntegrityError as error:
        raise AlreadyKept("another request with the same key was quicker") from error


def complete_answer(connection: Connection, key: str, status: int, content: str) -> None:
    """Give a request that was at work its answer."""
    connection.execute(COMPLETE, {"id": key, "status": status, "content": content})


def forget_old_answers(connection: Connection) -> int:
    """Remove answers older than a day; one batch, answers how many."""
    return changed(connection, FORGET_OLD)
