"""`rowpost sql`: one statement in the queue's database, as an application would run it."""

from __future__ import annotations

import click
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, ResourceClosedError

from shared.errors import RowpostError
from standalone.commands.shown import print_json, print_table
from standalone.commands.verb import as_json, verb

_MOST_ROWS = 1_000


class StatementFailed(RowpostError):
    """The database did not take the statement; the text is its own word."""


@verb(name="sql")
@click.argument("statement")
@click.option(
    "--limit", type=click.IntRange(1), default=_MOST_ROWS, show_default=True, help="Rows."
)
@as_json
def command(statement: str, limit: int, as_json: bool) -> int:
    """Run one SQL statement in the queue's database and print its rows.

    What it changes is committed.
    """
    from shared.app import application

    def execute(connection: Connection) -> tuple[list[str], list[tuple[object, ...]], int]:
        result = connection.exec_driver_sql(statement)
        if not result.returns_rows:
            return [], [], result.rowcount
        return list(result.keys()), [tuple(row) for row in result.fetchmany(limit)], 0

    try:
        headings, rows, changed = application().database().run(execute)
    except (DBAPIError, ResourceClosedError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise StatementFailed(" ".join(str(reason).split())) from error
    if as_json:
        print_json([dict(zip(headings, map(_plain, row), strict=True)) for row in rows])
    elif headings:
        print_table(headings, [tuple(map(_shown, row)) for row in rows])
    else:
        click.echo(f"Rows changed: {changed}")
    return 0


def _plain(value: object) -> object:
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else value


def _shown(value: object) -> object:
    return "NULL" if value is None else _plain(value)
