"""docs/migrate-from-database-mail.md: each line of its tables is tried by a test that is there."""

from __future__ import annotations

import re

import pytest

from tests.support.tools import ROOT

TEXT = (ROOT / "docs" / "migrate-from-database-mail.md").read_text("utf-8")
LINES = [line for line in TEXT.splitlines() if line.startswith("| ") and "tried by" not in line]
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")


def test_there_are_both_tables() -> None:
    assert len(LINES) >= 40


@pytest.mark.parametrize("line", LINES, ids=[line.split("|")[1].strip()[:60] for line in LINES])
def test_a_line_names_tests_that_are_there(line: str) -> None:
    named = TEST.findall(line)

    assert named
    for file, name in named:
        text = (ROOT / file).read_text("utf-8")
        assert not name or re.search(rf"^ *def {name}\(", text, re.MULTILINE)
