"""Writing events down, in the transaction of what they tell.

Numbers that readers go by must not be given by whoever writes: of two transactions the one with
the higher number may commit first, and a reader who has gone on beyond the lower one would never
see it. SQLite lets one transaction write at a time, so there a row's own number will do. Elsewhere
events wait in `Rowpost_NewEvents` until their commit, and are numbered after it: see `numbering`.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Select, Table, insert, literal_column
from sqlalchemy.sql.dml import Insert

from shared.database.columns.widths import cut
from shared.database.dialects.base import Values
from shared.database.dialects.dialect_of import dialect_of
from shared.database.statements.prepared import PreparedInsert
from shared.database.tables import events, new_events
from shared.events.event import Event, EventType

REASON_WIDTH = 500
_BARE = {table.name: PreparedInsert(table, "Type", "EmailId") for table in (events, new_events)}
_WHOLE = {
    table.name: PreparedInsert(
        table, "Type", "EmailId", "Recipient", "Account", "Code", "EnhancedCode", "Reason"
    )
    for table in (events, new_events)
}


def record(connection: Connection, happened: Sequence[Event]) -> None:
    """Write these events down; they are there when the caller commits."""
    if happened:
        _WHOLE[_table(connection).name].run(
            connection,
            [
                event if event.reason is None else event._replace(reason=said(event.reason))
                for event in happened
            ],
        )


def record_each(connection: Connection, what: EventType, email_ids: Sequence[int]) -> None:
    """The same happened to each of these emails, and there is no more to say."""
    if email_ids:
        rows = [(what.value, email_id) for email_id in email_ids]
        _BARE[_table(connection).name].run(connection, rows)


def record_selected(
    connection: Connection, what: EventType, email_ids: Select[tuple[int]], values: Values
) -> None:
    """The same happened to each email whose id is selected, with these values."""
    connection.execute(recording(_table(connection), what, email_ids), dict(values))


def recording(table: Table, what: EventType, email_ids: Select[tuple[int]]) -> Insert:
    """The statement of `record_selected`."""
    rows = email_ids.add_columns(literal_column(f"'{what}'"))
    return insert(table).from_select(["EmailId", "Type"], rows, include_defaults=False)


def said(text: str) -> str:
    """As much of it as an event keeps."""
    return cut(text, REASON_WIDTH)


def _table(connection: Connection) -> Table:
    return events if dialect_of(connection).has_one_writer else new_events
