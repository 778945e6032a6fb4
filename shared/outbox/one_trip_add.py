"""Adding an email in one round trip: its row, its entry and its options are one text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, Table, bindparam, insert, literal_column

from shared.database.statements.batch import ADD_BEGINS, ADD_ENDS, ENTRY_ADDED, ROW_ADDED, Batch
from shared.database.tables import emails, entries, options
from shared.outbox.relocation_mark import DatabaseMoved
from shared.outbox.states import Flag, Letter
from shared.outbox.transitions import entered_in_batch, superseding_former_in_batch

Values = Mapping[str, Any]


def added_in_one_trip(
    connection: Connection, row: Values, entry: Values, own: Values
) -> tuple[int, int]:
    """Insert these; answers the row's id and the entry's number, once the caller commits.

    Raises DatabaseMoved.
    """
    row = {"dd_RetryCount": 0, **row, "dd_SendFlag": Letter.TAKEN.value}
    entry = {"State": Flag.WAITING.value, **entry}
    batch = Batch(connection)
    batch.say(ADD_BEGINS)
    batch.add(_inserting(emails, tuple(row)), row)
    batch.say(ROW_ADDED)
    batch.add(superseding_former_in_batch())
    batch.add(_inserting(entries, tuple(entry), ("EmailId",)), entry)
    batch.say(ENTRY_ADDED)
    batch.add(entered_in_batch())
    if own:
        batch.add(_inserting(options, tuple(own), ("EmailId", "Number")), own)
    batch.say(ADD_ENDS)
    ((email_id, number),) = batch.run()[-1]
    if email_id is None:
        raise DatabaseMoved("the queue has moved to another database")
    return int(email_id), int(number)


@lru_cache(maxsize=64)
def _inserting(table: Table, names: tuple[str, ...], variables: tuple[str, ...] = ()) -> Insert:
    """An INSERT of these columns by parameters, and of those by the variables of their names."""
    values = {name: bindparam(name, type_=table.c[name].type) for name in names}
    known: dict[str, ColumnElement[int]] = {name: literal_column(f"@{name}") for name in variables}
    return insert(table).values({**values, **known}).inline()
