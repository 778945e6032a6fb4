"""CSV that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.api.csv_table import csv_table


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))


def test_every_cell_is_quoted_below_the_header() -> None:
    table = csv_table(("id", "name"), [("1", 'Ann "A" Lee'), ("2", "a,b")])

    assert table == b'"id","name"\r\n"1","Ann ""A"" Lee"\r\n"2","a,b"\r\n'


@pytest.mark.parametrize(
    "cell",
    [
        '=HYPERLINK("http://evil.example.com","x")',
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "  =1+1",
        "\t=1",
        "\r=1",
        "\uff1d1+1",
    ],
)
def test_a_formula_becomes_text(cell: str) -> None:
    ((shown,),) = read(csv_table(("a",), [(cell,)]))[1:]

    assert shown == f"'{cell}"


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_whatever_is_in_a_cell_comes_back_as_one_cell(rows: list[list[str]]) -> None:
    shown = read(csv_table(("a", "b"), rows))[1:]

    assert len(shown) == len(rows)
    for before, after in zip(rows, shown, strict=True):
        assert [cell.removeprefix("'") for cell in after] == [
            cell.encode("utf-8", "replace").decode().removeprefix("'") for cell in before
        ]
