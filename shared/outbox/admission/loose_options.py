"""Loose options: rows of `Rowpost_Options`, or of `Rowpost_MailItems`, whose email never came, or
ended without Rowpost.

An application puts them there beside its row; admission puts them under the entry's number. Where
the row is gone, or says something else than N before it was admitted, nobody takes them any more.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Delete,
    Select,
    Table,
    bindparam,
    delete,
    exists,
    literal_column,
    or_,
    select,
)

from shared.database.columns.times import in_days
from shared.database.statements.changes import changed
from shared.database.tables import emails, mail_items, options
from shared.outbox.rows.their_rows import IDS, says_new

AT_ONCE = 500
KEPT_DAYS = 1
"""Longer than any transaction of a caller that brings the row after its options."""


def not_taken(table: Table) -> Select[Any]:
    """What finds a batch of them in one of the two tables."""
    return (
        select(table.c.Id)
        .where(table.c.Number.is_(None), table.c.Id > bindparam("after"))
        .order_by(table.c.Id)
        .limit(AT_ONCE)
    )


def sweep(table: Table, since: Column[Any]) -> Delete:
    """What removes those of a batch that are loose."""
    return delete(table).where(
        table.c.Id.in_(IDS),
        table.c.Number.is_(None),
        since < in_days(literal_column(str(-KEPT_DAYS))),
        ~exists(literal_column("1")).where(
            emails.c.dd_srno == table.c.EmailId, or_(says_new, emails.c.dd_SendFlag.is_(None))
        ),
    )


STATEMENTS = (
    (not_taken(options), sweep(options, options.c.CreatedAt)),
    (not_taken(mail_items), sweep(mail_items, mail_items.c.RequestedAt)),
)


class Sweep:
    """Goes through what is not taken, a batch at a time, and begins anew at its end.

    What waits for its admission may be very much: no batch looks at more than AT_ONCE of a table.
    """

    def __init__(self) -> None:
        self._after = [0] * len(STATEMENTS)

    def batch(self, connection: Connection) -> int:
        """Remove those of the next batch that are loose; answers how many."""
        removed = 0
        for place, (find, remove) in enumerate(STATEMENTS):
            ids: list[int] = list(connection.scalars(find, {"after": self._after[place]}))
            self._after[place] = ids[-1] if len(ids) == AT_ONCE else 0
            removed += changed(connection, remove, {"ids": ids}) if ids else 0
        return removed
