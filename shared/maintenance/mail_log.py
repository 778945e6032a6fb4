"""How long the event log of Database Mail keeps its own lines. Those about tries are the tries."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, select

from shared.database.columns.times import in_days
from shared.database.statements.changes import changed
from shared.database.tables import mail_log

_BATCH = 1_000

FORGET = delete(mail_log).where(
    mail_log.c.Id.in_(
        select(mail_log.c.Id)
        .where(mail_log.c.At < in_days(bindparam("days")))
        .order_by(mail_log.c.At)
        .limit(_BATCH)
    )
)


def forget_old_log(connection: Connection, days: float) -> int:
    """Remove lines that are older than so many days; one batch, answers how many."""
    return changed(connection, FORGET, {"days": -days})
