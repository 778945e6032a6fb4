"""Query results on a SQL Server: each layout as specified, and what becomes of a whole @query."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.database_mail.t_sql.caller import Called, Caller

SPECIFICATION = Path(__file__).parents[1] / "query_results.json"
CASES = json.loads(SPECIFICATION.read_text("utf-8"))["cases"]
HELLO = {"recipients": "ann@example.com", "subject": "Report"}
PRICES = (
    "SET NOCOUNT ON; SELECT N'Tea, green' AS Name, CAST(2.50 AS DECIMAL(6,2)) AS Price "
    "UNION ALL SELECT N'Zoë''s <b>\"best\"</b>', NULL ORDER BY Name"
)
TABLES = """
    CREATE TABLE #rowpost_columns (
        ordinal INT NULL, name NVARCHAR(128) NOT NULL, declared NVARCHAR(256) NULL,
        type NVARCHAR(256) NULL, length INT NULL, width INT NULL, is_max BIT NULL,
        is_right BIT NULL, kept_as NVARCHAR(256) NULL, cell NVARCHAR(400) NULL,
        error NVARCHAR(2000) NULL);
    CREATE TABLE #rowpost_rows (number INT IDENTITY(1, 1) NOT NULL PRIMARY KEY);
    CREATE TABLE #rowpost_result (result NVARCHAR(MAX) NOT NULL, content VARBINARY(MAX) NULL);
"""
DROP = "DROP TABLE #rowpost_columns; DROP TABLE #rowpost_rows; DROP TABLE #rowpost_result;"


# As the server itself says what they are.
SAID = {"decimal": "decimal(18,0)", "sysname": "nvarchar(128)"}


def length_of(declared: str) -> int | None:
    """In characters as they are shown; None: as many as it wants. Of others it is not asked."""
    found = re.fullmatch(r"(\w+)\((\w+)[^)]*\)", declared)
    if found is None:
        return 0
    if found[2] == "max":
        return None
    if found[1] in ("decimal", "numeric"):
        return int(found[2]) + 2
    return 2 * int(found[2]) + 2 if "binary" in found[1] else int(found[2])


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_result_is_laid_out_as_specified(caller: Caller, case: dict[str, Any]) -> None:
    caller.run(TABLES)
    columns = [(name, SAID.get(declared, declared)) for name, declared in case["columns"]]
    for ordinal, (name, declared) in enumerate(columns, start=1):
        caller.run(
            "INSERT INTO #rowpost_columns (ordinal, name, declared, type, length) "
            "VALUES (?, ?, ?, ?, ?)",
            ordinal, name, declared.upper(), declared.partition("(")[0], length_of(declared),
        )  # fmt: skip
    caller.run("DECLARE @error NVARCHAR(2000); EXEC rowpost.shape_columns @error OUTPUT")
    names = ", ".join(f"c{ordinal}" for ordinal in range(1, len(columns) + 1))
    for row in case["rows"]:
        values = ", ".join(
            f"CONVERT({declared}, ?, 1)" if "binary" in declared else f"CAST(? AS {declared})"
            for _, declared in columns
        )
        caller.run(f"INSERT INTO #rowpost_rows ({names}) SELECT {values}", *row)
    options = case["options"]

    caller.run(
        "EXEC rowpost.query_text ?, ?, ?, ?, ?, ?, ?",
        options.get("format", "TEXT"),
        int(options.get("header", True)),
        options.get("width", 256),
        options.get("separator", "," if options.get("format") == "CSV" else " "),
        int(options.get("no_truncate", False)),
        int(options.get("no_padding", False)),
        int(options.get("counts", True)),
    )

    result = caller.value("SELECT result FROM #rowpost_result")
    caller.run(DROP)
    assert result == case["expected"]


def sent(caller: Caller, **given: Any) -> Called:
    """A call with a query, where the server tells what columns a query gives."""
    called = caller.send(**(HELLO | given))
    if "dm_exec_describe_first_result_set" in called.text:
        assert caller.value("SELECT COUNT(*) FROM dbo.Digital_Emaildetails") == 0
        pytest.skip("this server does not tell what columns a query gives")
    return called


def body(caller: Caller) -> str:
    return str(
        caller.value("SELECT CAST(dd_bodyText AS NVARCHAR(MAX)) FROM dbo.Digital_Emaildetails")
    )


def attached(caller: Caller) -> tuple[str, bytes]:
    ((name, content),) = caller.rows(
        "SELECT dd_filename, dd_document FROM dbo.Digital_Emaildetails"
    )
    return name, bytes(content)


def test_a_result_follows_the_body(caller: Caller) -> None:
    sent(caller, body="Today:", query="SET NOCOUNT ON; SELECT 7 AS Orders")

    assert body(caller) == "Today:\r\nOrders     \r\n-----------\r\n          7\r\n"


def test_a_file_of_text_is_utf_16_with_its_mark(caller: Caller) -> None:
    sent(
        caller,
        query=PRICES,
        attach_query_result_as_file=1,
        query_attachment_filename="prices.csv",
        query_result_separator=";",
        query_result_no_padding=1,
    )

    name, content = attached(caller)
    assert name == "prices.csv"
    assert content[:2] == b"\xff\xfe"
    assert content[2:].decode("utf-16-le").splitlines()[:3] == [
        "Name;Price", "----;-----", "Tea, green;2.50",
    ]  # fmt: skip


def test_a_file_of_csv_is_utf_8_with_its_mark_and_quoted(caller: Caller) -> None:
    sent(caller, query=PRICES, attach_query_result_as_file=1, query_result_format="csv")

    name, content = attached(caller)
    assert re.fullmatch(r"QueryResults\d{1,6}\.csv", name)
    assert content.decode("utf-8-sig") == (
        'Name,Price\r\n"Tea, green",2.50\r\n"Zoë\'s <b>""best""</b>",\r\n'
    )


def test_an_html_table_is_escaped(caller: Caller) -> None:
    sent(
        caller, query=PRICES, body="<h1>Prices</h1>", body_format="HTML", query_result_format="HTML"
    )

    assert "<td>Zoë's &lt;b&gt;&quot;best&quot;&lt;/b&gt;</td><td></td>" in body(caller)


def test_what_the_caller_has_not_committed_yet_is_seen(caller: Caller) -> None:
    """Not so in Database Mail, which asked in another session."""
    sent(caller, query="SELECT 1 AS one")
    caller.run("DELETE FROM dbo.Digital_Emaildetails")
    caller.run("CREATE TABLE ##rowpost_orders (id INT); INSERT INTO ##rowpost_orders VALUES (42)")
    try:
        sent(caller, query="SELECT id FROM ##rowpost_orders")
    finally:
        caller.run("DROP TABLE ##rowpost_orders")

    assert "         42" in body(caller)


def test_a_query_that_fails_queues_nothing_and_says_why(caller: Caller) -> None:
    called = sent(caller, query="SELECT 1 / 0 AS x")

    assert (called.number, called.mailitem_id) == (22050, None)
    assert "8134" in called.text
    assert caller.value("SELECT COUNT(*) FROM dbo.Digital_Emaildetails") == 0


def test_its_error_is_hidden_or_sent_along_where_that_is_asked_for(caller: Caller) -> None:
    hidden = sent(caller, query="SELECT 1 / 0 AS x", exclude_query_output=1)
    assert (hidden.rc, hidden.number, hidden.mailitem_id) == (1, None, None)

    assert sent(caller, query="SELECT 1 / 0 AS x", append_query_error=1).rc == 0
    assert "8134" in body(caller)


def test_a_query_on_a_temporary_table_says_the_way_out(caller: Caller) -> None:
    caller.run("CREATE TABLE #orders (id INT)")
    called = sent(caller, query="SELECT id FROM #orders")

    assert called.number == 22050
    assert "WITH RESULT SETS" in called.text
    assert (
        sent(caller, query="EXEC (N'SELECT id FROM #orders') WITH RESULT SETS ((id INT))").rc == 0
    )


def test_a_result_that_is_too_large_is_refused(caller: Caller) -> None:
    caller.run("EXEC dbo.sysmail_configure_sp N'MaxFileSize', N'100'")

    called = sent(caller, query="SELECT REPLICATE('x', 200) AS x")

    assert called.number == 22050
    assert "exceeds allowable value of 100 bytes" in called.text
