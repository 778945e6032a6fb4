"""The T-SQL of `sql/database-mail`: Database Mail's procedures and views over Rowpost's tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shared.errors import RowpostError

FOLDER = Path(__file__).resolve().parents[1] / "sql" / "database-mail"
OTHER_SCHEMA = "msdb"
"""The only schema besides `dbo`, for callers that can be changed from `msdb.dbo.` to `msdb.`."""

# What procedures keep of the session that makes them (CREATE PROCEDURE, "Set options").
SESSION = "SET QUOTED_IDENTIFIER ON;\nSET ANSI_NULLS ON;"
_PARTING = re.compile(r"^GO\s*$", re.MULTILINE)
_MAKES = re.compile(
    r"^CREATE OR ALTER (?P<kind>PROCEDURE|FUNCTION|VIEW) (?P<name>\w+\.\w+)", re.MULTILINE
)
_OFFERED = re.compile(r"\bdbo\.(?=(?:sp_send_dbmail|sysmail_\w+)\b)")


class ScriptFailed(RowpostError):
    """The database did not take a script; the text is its own word."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of a script, as the server gets it."""

    script: str
    text: str


def scripts() -> list[Path]:
    """The scripts in the order in which they are run."""
    return sorted(FOLDER.glob("**/*.sql"))


def batches(schema: str | None = None) -> Iterator[Batch]:
    """All of it; each batch may be run again. `schema`: the procedures and views that callers know
    are made there besides."""
    for path in scripts():
        yield from _parted(path.name, path.read_text("utf-8"))
    if schema is not None:
        yield from _in_schema(schema)


def as_sql(schema: str | None = None) -> str:
    """The same as a script for `sqlcmd -b` and other tools that know GO."""
    texts = (f"-- {batch.script}\n{batch.text}" for batch in batches(schema))
    return "\nGO\n".join((SESSION, *texts)) + "\nGO\n"


def install(connection: Connection, schema: str | None = None) -> None:
    """Run all of it on a connection in autocommit.

    A server that can't alter what is there (before SQL Server 2016) makes it anew: rights that
    somebody granted besides are given again by hand. Raises ScriptFailed with the script's name.
    """
    connection.exec_driver_sql(SESSION)
    wanted = list(batches(schema))
    if not _knows_create_or_alter(connection):
        _run(connection, _dropping(wanted))
        wanted = [_creating(batch) for batch in wanted]
    _run(connection, wanted)


def remove(connection: Connection) -> None:
    """Drop what was made, in the other schema too; tables, schemas and the role stay.

    Raises ScriptFailed with the script's name.
    """
    _run(connection, _dropping(list(batches(OTHER_SCHEMA))))


def _run(connection: Connection, wanted: Iterable[Batch]) -> None:
    for batch in wanted:
        try:
            connection.exec_driver_sql(batch.text)
        except DBAPIError as error:
            reason = " ".join(str(error.orig).split())
            raise ScriptFailed(f"{batch.script} did not run: {reason}") from error


def _parted(script: str, text: str) -> Iterator[Batch]:
    for part in _PARTING.split(text):
        if part.strip():
            yield Batch(script, part.strip())


def _in_schema(schema: str) -> Iterator[Batch]:
    """What callers know, once more: the bodies work on the objects of `dbo`."""
    there = f"SCHEMA_ID(N'{schema}') IS NULL"
    yield Batch(schema, f"IF {there}\n    EXEC (N'CREATE SCHEMA [{schema}] AUTHORIZATION dbo');")
    for path in scripts():
        for batch in _parted(f"{path.name} in {schema}", path.read_text("utf-8")):
            made = _MAKES.search(batch.text)
            if made is not None and _OFFERED.match(made["name"]):
                other = f"{schema}.{made['name'].partition('.')[2]}"
                start, end = made.span("name")
                yield Batch(batch.script, batch.text[:start] + other + batch.text[end:])
            elif batch.text.startswith("--") and "GRANT " in batch.text:
                yield Batch(batch.script, _OFFERED.sub(f"{schema}.", batch.text))


def _knows_create_or_alter(connection: Connection) -> bool:
    """Servers before SQL Server 2016, and those that say they are like one, do not."""
    version = connection.exec_driver_sql(
        "SELECT CAST(SERVERPROPERTY('ProductVersion') AS VARCHAR(30))"
    ).scalar()
    return int(str(version).partition(".")[0] or 0) >= 13


def _dropping(wanted: Sequence[Batch]) -> Iterator[Batch]:
    """Drop what is there, last things first, since what is used can't go."""
    for batch in reversed(wanted):
        if made := _MAKES.search(batch.text):
            kind, name = made["kind"], made["name"]
            drop = f"IF OBJECT_ID(N'{name}') IS NOT NULL DROP {kind} {name};"
            yield Batch(batch.script, drop)


def _creating(batch: Batch) -> Batch:
    return Batch(batch.script, batch.text.replace("CREATE OR ALTER", "CREATE", 1))
