"""Loose options: rows of `Rowpost_Options` whose email never came, or ended without Rowpost.

An application puts them there beside its row; admission puts them under the entry's number. Where
the row is gone, or says something else than N before it was admitted, nobody takes them any more.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, exists, literal_column, or_, select

from shared.database.columns.times import in_days
from shared.database.statements.changes import changed
from shared.database.tables import emails, options
from shared.outbox.rows.their_rows import IDS, says_new

AT_ONCE = 500
KEPT_DAYS = 1
"""Longer than any transaction of a caller that brings the row after its options."""

NOT_TAKEN = (
    select(options.c.Id)
    .where(options.c.Number.is_(None), options.c.Id > bindparam("after"))
    .order_by(options.c.Id)
    .limit(AT_ONCE)
)
SWEEP = delete(options).where(
    options.c.Id.in_(IDS),
    options.c.Number.is_(None),
    options.c.CreatedAt < in_days(literal_column(str(-KEPT_DAYS))),
    ~exists(literal_column("1")).where(
        emails.c.dd_srno == options.c.EmailId, or_(says_new, emails.c.dd_SendFlag.is_(None))
    ),
)


class Sweep:
    """Goes through what is not taken, a batch at a time, and begins anew at its end.

    What waits for its admission may be very much: no batch looks at more than AT_ONCE.
    """

    def __init__(self) -> None:
        self._after = 0

    def batch(self, connection: Connection) -> int:
        """Remove those of the next batch that are loose; answers how many."""
        ids = list(connection.scalars(NOT_TAKEN, {"after": self._after}))
        self._after = ids[-1] if len(ids) == AT_ONCE else 0
        return changed(connection, SWEEP, {"ids": ids}) if ids else 0
