"""The README's comparison with others: what it says of Rowpost is tested where it says so."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_line_leads_to_the_test_that_shows_it() -> None:
    beside = (ROOT / "README.md").read_text("utf-8").partition("## Beside others\n\n")[2]
    table = beside.partition("\n\n")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ") and "---" not in line]

    for line in lines[1:]:
        ours = line.split("|")[2]
        linked = re.findall(r"\]\((tests/[\w/.]+)\)", ours)
        assert linked, line
        assert all((ROOT / test).exists() for test in linked), line
    assert len(lines) > 5
