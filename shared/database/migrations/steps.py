"""A revision's SQL file, taken apart: what each statement makes, and which columns come of it.

A file is plain SQL for a DBA to read: a statement ends with a semicolon at the end of a line, a
table has one column a line. What makes it fit a database in which some of it is there already
(adopted tables, a migration that broke off) is added by each database's module, the same way for
every statement of a kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

OWN_PREFIX = "Rowpost_"

_END = re.compile(r";[ \t]*(?:\n|$)")
_TABLE = re.compile(r"CREATE TABLE (?:dbo\.)?(\w+) \((.*)\)", re.DOTALL)
_COLUMN = re.compile(r"ALTER TABLE (?:dbo\.)?(\w+) ADD (\w+) (.+)", re.DOTALL)
_INDEX = re.compile(r"CREATE (?:UNIQUE )?INDEX (\w+) ON (?:dbo\.)?(\w+) ", re.DOTALL)
_NO_INDEX = re.compile(r"DROP INDEX (\w+)(?: ON dbo\.\w+)?")
_ROWS = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) (?:dbo\.)?(\w+)\s")
_ROLE = re.compile(r"CREATE ROLE (\w+)")
_GRANT = re.compile(r"GRANT [A-Z, ]+ ON (?:dbo\.)?(\w+) TO (\w+)")
_OF_THE_TABLE = ("PRIMARY KEY", "CONSTRAINT ")


QUEUE_TABLE = "Digital_Emaildetails"
QUEUE_COLUMNS = frozenset(
    {"dd_srno", "dd_document", "dd_filename", "dd_toEmailid", "dd_ccEmailid", "dd_subject"}
    | {"dd_bodyText", "dd_SendFlag", "dd_EmailParamCode", "dd_RetryCount", "dd_SentDate"}
    | {"dd_BounceReason", "dd_LastRetryDate"}
)
"""What an adopted queue must have; the others carry options, and need not be there."""


class Kind(Enum):
    """What a statement makes."""

    TABLE = "table"
    COLUMN = "column"
    INDEX = "index"
    NO_INDEX = "index that goes"
    """One of ours that another has replaced; a former version works without it, slower."""
    ROWS = "rows"
    """Its statement may be run again: it says itself what is left to do."""
    ROLE = "role"
    GRANT = "rights"
    """What a role may do with a table; it may be run again. Both are left out where whoever
    migrates may not do that."""


class Column(NamedTuple):
    """A column as it is written: its type, default and whether it may be NULL."""

    table: str
    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class Step:
    """One statement, without the semicolon."""

    kind: Kind
    table: str
    name: str
    """Of what is made."""
    sql: str
    columns: tuple[Column, ...] = ()


class Expected(NamedTuple):
    """A column that a table must have, where that table is there before its revision is run."""

    column: Column
    added: bool
    """By the revision itself, where it is missing."""

    @property
    def is_own(self) -> bool:
        """Whether Rowpost says what type it has."""
        return self.added or self.column.table.startswith(OWN_PREFIX)


def steps_of(text: str) -> tuple[Step, ...]:
    """The file's statements in order. Raises ValueError for one of no known kind."""
    without_comments = re.sub(r"^--.*\n", "", text, flags=re.MULTILINE)
    statements = (statement.strip() for statement in _END.split(without_comments))
    return tuple(_step(statement) for statement in statements if statement)


def standing(steps: Sequence[Step]) -> list[Step]:
    """Those whose work is there after all of them: without an index that a later one took away."""
    left: list[Step] = []
    for step in steps:
        if step.kind is Kind.NO_INDEX:
            left = [made for made in left if (made.kind, made.name) != (Kind.INDEX, step.name)]
        else:
            left.append(step)
    return left


def expected_columns(steps: Sequence[Step]) -> Iterator[Expected]:
    """Each column of each table that the steps create, as it was created."""
    added = {step.columns[0][:2] for step in steps if step.kind is Kind.COLUMN}
    for step in steps:
        if step.kind is Kind.TABLE:
            for column in step.columns:
                if step.table != QUEUE_TABLE or column.name in QUEUE_COLUMNS:
                    yield Expected(column, column[:2] in added)


def adopted_tables(steps: Sequence[Step]) -> list[str]:
    """Those tables that belong to the applications."""
    created = (step.table for step in steps if step.kind is Kind.TABLE)
    return [table for table in created if not table.startswith(OWN_PREFIX)]


def _step(sql: str) -> Step:
    if found := _TABLE.fullmatch(sql):
        return Step(Kind.TABLE, found[1], found[1], sql, tuple(_columns(found[1], found[2])))
    if found := _COLUMN.fullmatch(sql):
        return Step(Kind.COLUMN, found[1], found[2], sql, (Column(*found.groups()),))
    if found := _INDEX.match(sql):
        return Step(Kind.INDEX, found[2], found[1], sql)
    if found := _NO_INDEX.fullmatch(sql):
        return Step(Kind.NO_INDEX, "", found[1], sql)
    if found := _ROWS.match(sql):
        return Step(Kind.ROWS, found[1], f"of {found[1]}", sql)
    if found := _ROLE.fullmatch(sql):
        return Step(Kind.ROLE, "", found[1], sql)
    if found := _GRANT.fullmatch(sql):
        return Step(Kind.GRANT, found[1], found[2], sql)
    raise ValueError(f"a migration has a statement of no known kind: {sql[:60]}")


def _columns(table: str, lines: str) -> Iterator[Column]:
    for line in lines.splitlines():
        written = line.strip().removesuffix(",")
        if written and not written.startswith(_OF_THE_TABLE):
            name, _, definition = written.partition(" ")
            yield Column(table, name, definition)
