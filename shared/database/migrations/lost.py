"""What Rowpost made and is not there any more, though the version says that it is.

Deployment tools drop what their own model lacks: an index on the queue, a table, a role. One read
of the catalogue tells; `complete` makes it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from shared.database.migrations import sqlite, sqlserver
from shared.database.migrations.revisions import HEAD, revisions_after, steps_for
from shared.database.migrations.steps import OWN_PREFIX, Kind, Step, standing

_NO_ACCOUNTS = "accounts can't be read"
_MADE_ONCE = (Kind.TABLE, Kind.COLUMN, Kind.INDEX, Kind.ROLE)
_MAKE_IT_AGAIN = (
    "have somebody who may change the schema run `rowpost migrate`, or what "
    "`migrate --sql` prints (docs/adopt.md, section A deployment that drops what is ours)"
)


class Lost(NamedTuple):
    """One thing that is gone; `table` is its table, empty for a role."""

    kind: Kind
    name: str
    table: str

    @property
    def stops_work(self) -> bool:
        """Whether Rowpost can't work without it; without an index it works, slower."""
        return self.kind is not Kind.INDEX

    def __str__(self) -> str:
        match self.kind:
            case Kind.INDEX:
                what = f"The index {self.name} of {self.table} is gone: work goes on, slower"
            case Kind.COLUMN:
                needs_it = "work stops" if self.table.startswith(OWN_PREFIX) else _NO_ACCOUNTS
                what = f"The column {self.table}.{self.name} is gone: {needs_it}"
            case Kind.ROLE:
                what = f"The role {self.name} is gone, and with it the rights of this login"
            case _:
                what = f"The table {self.name} is gone, or this login may not see it"
        return f"{what}. Make it again: {_MAKE_IT_AGAIN}."


def lost(connection: Connection) -> tuple[Lost, ...]:
    """All that is gone of a database whose version is this one's; nothing of any other."""
    is_server = connection.dialect.name == "mssql"
    of_dialect = sqlserver if is_server else sqlite
    if of_dialect.version_of(connection) != HEAD:
        return ()
    steps = standing_steps(connection.dialect.name)
    gone = of_dialect.missing(connection, [step for step in steps if step.kind in _MADE_ONCE])
    roles = [step for step in gone if step.kind is Kind.ROLE]
    # Whoever lost all rights sees none of the tables: they may be there.
    return tuple(Lost(step.kind, step.name, step.table) for step in roles or _by_themselves(gone))


def standing_steps(dialect: str) -> list[Step]:
    """The steps of all revisions in their order, but those that a later one undid."""
    return standing([step for name in revisions_after(None) for step in steps_for(name, dialect)])


def _by_themselves(gone: Sequence[Step]) -> list[Step]:
    """Less what went with its table."""
    tables = {step.table for step in gone if step.kind is Kind.TABLE}
    return [step for step in gone if step.kind is Kind.TABLE or step.table not in tables]
