"""Who writes where an email stands, and who writes into the applications' table."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest
from sqlalchemy import Delete, Insert, Update

import functions
import shared
import standalone
from shared.database.statements.prepared import PreparedInsert, PreparedStatement, PreparedUpdate
from shared.database.tables import emails, entries
from shared.outbox import transitions
from tests.support.tools import ROOT

LEDGER = {"shared/outbox/transitions.py"}
THEIR_TABLE = {"shared/outbox/rows/their_rows.py", "shared/outbox/rows/rewrite.py"}
# What one round trip does on SQL Server, and one statement on SQLite, is one text, which only the
# packages of these may know.
IN_ONE_TEXT = {f"shared/database/dialects/{name}/queue.py" for name in ("sqlite", "sqlserver")}
MAKES_TABLES = "shared/database/migrations/"

ENTERS = r"\binsert\(\s*entries\b"
WRITES_STATE = r"\bupdate\(\s*entries\b(?:(?!\n\n\n).)*?\bState\s*[=\"]"
IN_WORDS = r"(?:INSERT INTO|UPDATE)\s+(?:dbo\.)?Rowpost_Emails\b"
WRITES_ROWS = r"\b(?:insert|update|delete)\(\s*emails\b"
ROWS_IN_WORDS = r"(?:INSERT INTO|UPDATE|DELETE FROM)\s+(?:dbo\.)?Digital_Emaildetails\b"


def sources() -> Iterator[tuple[str, str]]:
    for folder in ("shared", "functions", "standalone"):
        for file in (ROOT / folder).rglob("*.py"):
            name = file.relative_to(ROOT).as_posix()
            if not name.startswith(MAKES_TABLES):
                yield name, file.read_text("utf-8")


def modules_with(*patterns: str) -> set[str]:
    return {
        name
        for name, text in sources()
        for pattern in patterns
        if re.search(pattern, text, re.DOTALL)
    }


def test_only_the_transitions_write_where_an_email_stands() -> None:
    assert modules_with(ENTERS, WRITES_STATE, IN_WORDS) - IN_ONE_TEXT == LEDGER


def test_only_two_modules_write_into_the_applications_table() -> None:
    assert modules_with(WRITES_ROWS, ROWS_IN_WORDS) - IN_ONE_TEXT == THEIR_TABLE


@pytest.mark.parametrize(
    "text",
    [
        "update(entries)\n.where(entries.c.Number == 1)\n.values(State='Y')",
        'update(entries).values({"State": "Y", "Reason": None})',
    ],
)
def test_a_state_that_is_written_elsewhere_is_found(text: str) -> None:
    assert re.search(WRITES_STATE, text, re.DOTALL)
    assert not re.search(WRITES_STATE, text.replace("State", "Reason"), re.DOTALL)
    assert not re.search(WRITES_STATE, f"update(entries).values(X=1)\n\n\n{text[16:]}", re.DOTALL)


def test_no_statement_of_another_module_writes_either() -> None:
    """Whatever it was made of: each is looked at as it is."""
    of_the_ledger = {
        id(statement) for value in vars(transitions).values() for statement in written_by(value)
    }
    found: dict[str, set[str]] = {"ledger": set(), "their table": set()}
    for package in (shared, functions, standalone):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" in module.name or module.name == "standalone.__main__":
                continue
            file = module.name.replace(".", "/") + ".py"
            for name, value in vars(importlib.import_module(module.name)).items():
                for statement in written_by(value):
                    if statement.table is emails:
                        found["their table"].add(f"{file}: {name}")
                    elif statement.table is entries and writes_state(statement):
                        home = next(iter(LEDGER)) if id(statement) in of_the_ledger else file
                        found["ledger"].add(f"{home}: {name}")

    assert {where.partition(":")[0] for where in found["ledger"]} == LEDGER
    assert {where.partition(":")[0] for where in found["their table"]} == THEIR_TABLE
    assert len(found["ledger"]) > 15


def written_by(value: object) -> Iterator[Update | Insert | Delete]:
    match value:
        case Update() | Insert() | Delete():
            yield value
        case PreparedUpdate():
            yield from written_by(value.statement(1))
        case PreparedStatement():
            yield from written_by(value.statement)
        case dict():
            for each in value.values():
                yield from written_by(each)
        case list() | tuple():
            for each in value:
                yield from written_by(each)
        case PreparedInsert():
            assert value._table not in (emails, entries)


def writes_state(statement: Update | Insert | Delete) -> bool:
    if not isinstance(statement, Update):
        return isinstance(statement, Insert)
    return any("State" in str(column) for column in statement._values or ())
