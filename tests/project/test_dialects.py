"""Only shared/database/ knows which database it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tools import ROOT

NAMES = re.compile(
    r"sqlite|mssql|pyodbc|pymssql|aioodbc|\bodbc\b|freetds|sql_?server|\bT-?SQL\b|pragma|rowcount"
    r"|\bNOLOCK\b|\bREADPAST\b|\bUPDLOCK\b|\bROWLOCK\b|\bHOLDLOCK\b|\bNVARCHAR\b|\bNTEXT\b|@@"
    r"|\bSYSUTCDATETIME\b|\bDATEADD\b|\bDATALENGTH\b|\bstrftime\('|\bSCOPE_IDENTITY\b",
    re.IGNORECASE,
)
ATTRIBUTES = frozenset({"dialect", "with_hint", "with_statement_hint", "with_variant", "rowcount"})
# What is left, each to be mended: the number of places may fall, and never rise.
LEFT: dict[str, int] = {}
OUTSIDE = sorted(
    file.relative_to(ROOT).as_posix()
    for file in (ROOT / "shared").rglob("*.py")
    if not file.is_relative_to(ROOT / "shared" / "database")
)


def places(source: str) -> Iterator[str]:
    """Where the code, not its words for people, tells one database from another."""
    tree = ast.parse(source)
    told = {id(text) for text in _docstrings(tree)}
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
            yield f"{line}: .{node.attr}"
        elif isinstance(node, ast.ImportFrom) and NAMES.search(node.module or ""):
            yield f"{line}: from {node.module}"
        elif isinstance(node, ast.Name | ast.alias | ast.Constant | ast.Attribute):
            word = _word(node)
            if word is not None and id(node) not in told and NAMES.search(word):
                yield f"{line}: {word}"


def _word(node: ast.Name | ast.alias | ast.Constant | ast.Attribute) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else node.name


def _docstrings(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                yield statement.value


@pytest.mark.parametrize("file", OUTSIDE)
def test_nothing_but_the_database_package_knows_which_database_it_is(file: str) -> None:
    found = list(places((ROOT / file).read_text("utf-8")))

    assert len(found) == LEFT.get(file, 0), found


@pytest.mark.parametrize(
    "source",
    [
        "import pyodbc",
        "from sqlalchemy.dialects import mssql",
        "from sqlalchemy.dialects.sqlite import insert",
        "if connection.dialect.name == name: pass",
        "statement.with_hint(table, hint)",
        "text('SELECT * FROM t WITH (UPDLOCK)')",
        "number = connection.execute(statement).rowcount",
        "sql = f'PRAGMA {name}'",
        "execute('SELECT @@ROWCOUNT')",
        "is_sql_server = True",
    ],
)
def test_what_tells_databases_apart_is_found(source: str) -> None:
    assert list(places(source))


@pytest.mark.parametrize(
    "source",
    ['"""SQLite has one writer."""', "x = 1  # T-SQL", 'def f():\n    """As on SQL Server."""'],
)
def test_words_for_people_may_name_them(source: str) -> None:
    assert not list(places(source))


def test_the_list_names_no_file_that_is_gone() -> None:
    assert all((ROOT / Path(file)).exists() for file in LEFT)
