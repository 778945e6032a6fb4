"""How the result of a query is written: the cases that the procedures in T-SQL are held to, too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.features.database_mail.query_result import (
    BadLayout,
    Column,
    Format,
    Layout,
    QueryResult,
    TooLong,
    as_file,
    written,
)

CASES = json.loads(Path(__file__).with_name("query_results.json").read_text("utf-8"))["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_result_is_written_as_specified(case: dict[str, Any]) -> None:
    result = QueryResult([Column(*column) for column in case["columns"]], case["rows"])
    options = dict(case["options"])
    layout = Layout(format=Format(options.pop("format", "TEXT")), **options)

    assert written(result, layout) == case["expected"]


@pytest.mark.parametrize(
    ("layout", "says"),
    [
        (Layout(no_padding=True, no_truncate=True), "mutually exclusive"),
        (Layout(header=False, no_truncate=True), "leaves the header out itself"),
        (Layout(width=9), "between 10 and 32767"),
        (Layout(width=32768), "between 10 and 32767"),
    ],
)
def test_parameters_that_exclude_each_other_are_refused(layout: Layout, says: str) -> None:
    with pytest.raises(BadLayout, match=says):
        written(QueryResult([Column("a")], []), layout)


@pytest.mark.parametrize(
    "written_type",
    ["integer", "varchar(x)", "int; DROP TABLE a", "", "nchar(8001)", "decimal(99999)"],
)
def test_what_is_no_type_is_named(written_type: str) -> None:
    with pytest.raises(BadLayout, match="is no type of a column"):
        written(QueryResult([Column("a", written_type)], []), Layout())


def test_a_file_of_text_is_utf_16_as_ever_and_what_is_new_is_utf_8() -> None:
    assert as_file("Zoë", Format.TEXT) == b"\xff\xfeZ\x00o\x00\xeb\x00"
    assert as_file("Zoë", Format.CSV) == b"\xef\xbb\xbfZo\xc3\xab"


@pytest.mark.parametrize("layout", [Layout(), Layout(no_padding=True), Layout(width=10)])
def test_a_result_that_becomes_too_long_is_written_no_further(layout: Layout) -> None:
    wide = [Column(f"{number:0128}", "nvarchar(4000)") for number in range(20)]
    value = "x" * 4_000

    class Rows(list[list[str | None]]):
        """They would fill any memory; how many were asked for is counted."""

        asked = 0

        def __iter__(self) -> Iterator[list[str | None]]:
            for _ in range(100_000):
                self.asked += 1
                yield [value] * len(wide)

    rows = Rows()
    with pytest.raises(TooLong):
        written(QueryResult(wide, rows), layout, most=500_000)
    assert rows.asked < 10
