"""A drain's commit as one statement, which is a transaction by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shared.database.database import Database
from shared.database.dialects.sqlite.queue import MARK, RESULT, SIZES, commit_batch
from shared.database.errors import is_transient
from shared.database.statements.changes import execute_text

_MADE = "Rowpost_Commit"


def committed_at_once(
    database: Database,
    token: str,
    seconds: float,
    results: Sequence[Sequence[Any]],
    marks: Sequence[Sequence[Any]],
) -> bool:
    """Write that these emails were accepted (number, account, outcome, code, enhanced code, reply,
    milliseconds), and mark those (number, fingerprint), under the lease of this token, which runs
    for so many seconds more.

    False, with nothing done, where they are too many, not all of them are ours as they were, or
    something else is wrong that does not pass by itself. Raises what passes.
    """
    size = next((size for size in SIZES if size >= max(len(results), len(marks))), None)
    if size is None:
        return False
    values = [token, seconds, len(results), len(marks)]
    for given, columns in ((results, RESULT), (marks, MARK)):
        for row in given:
            values += row
        values += (None,) * len(columns) * (size - len(given))
    try:
        with database.writer().alone() as connection:
            execute_text(connection, _text(connection, size), values)
    except DBAPIError as error:
        if is_transient(error):
            raise
        return False
    return True


def _text(connection: Connection, size: int) -> str:
    batch = commit_batch(size)
    made: set[int] = connection.info.setdefault(_MADE, set())
    if size not in made:
        for text in batch.makes:
            execute_text(connection, text)
        made.add(size)
    return batch.text
