"""The Kusto queries of alerts, workbook and runbook, as Microsoft's language service reads them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import pytest

from tests.infra.bicep import Bicep, members, string
from tests.support.tools import ROOT, installed, program

LANGUAGE_SERVICE = ROOT / "node_modules" / "@kusto" / "language-service-next"
NUMBERS = {"int", "long", "real", "decimal"}

_KUSTO_BLOCK = re.compile(r"^```kusto\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Reading:
    """What the language service says of a query: its faults, and the columns that it answers."""

    faults: list[str]
    columns: dict[str, str]


def read(queries: Mapping[str, str]) -> dict[str, Reading]:
    installed(LANGUAGE_SERVICE)
    done = subprocess.run(
        [program("node"), "tests/infra/kusto.js"],
        cwd=ROOT,
        input=json.dumps(queries),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return {name: Reading(**reading) for name, reading in json.loads(done.stdout).items()}


def of_alerts() -> dict[str, str]:
    file = Bicep.read(ROOT / "infra" / "modules" / "alerts.bicep")
    alerts = [members(node) for node in file.variables["alerts"].children if node.type == "object"]
    return {f"alert {string(alert['name'])}": string(alert["query"]) for alert in alerts}


def of_workbook() -> dict[str, str]:
    """The workbook's own parameters in the words that the portal puts in their place."""
    workbook = json.loads((ROOT / "infra" / "modules" / "workbook.json").read_text("utf-8"))
    charts = [item["content"] for item in workbook["items"] if item["type"] == 3]
    return {
        f"workbook {chart['title']}": chart["query"].replace("{TimeRange:grain}", "5m")
        for chart in charts
    }


def of_runbook() -> dict[str, str]:
    page = (ROOT / "docs" / "operate.md").read_text("utf-8")
    return {f"runbook {place}": query for place, query in enumerate(_KUSTO_BLOCK.findall(page))}


QUERIES = {**of_alerts(), **of_workbook(), **of_runbook()}
WRONG = {
    "requests | wher name == 'drain'": "Query operator expected",
    "request | count": "'request' does not refer to any known table",
    "traces | where mesage has 'account'": "'mesage' does not refer to any known column",
    "requests | summarize Value = cuont()": "'cuont' does not refer to any known function",
    "requests | where name > ": "Missing expression",
}


@cache
def readings() -> dict[str, Reading]:
    """One process reads all of them."""
    return read({**QUERIES, **{query: query for query in WRONG}})


def test_alerts_workbook_and_runbook_have_queries() -> None:
    assert (len(of_alerts()), len(of_workbook()), len(of_runbook())) >= (7, 9, 2)


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_parses_and_all_its_names_are_those_of_tables_and_columns(name: str) -> None:
    assert readings()[name].faults == []


@pytest.mark.parametrize("name", of_alerts())
def test_an_alert_compares_a_number(name: str) -> None:
    assert readings()[name].columns["Value"] in NUMBERS


@pytest.mark.parametrize("query", WRONG)
def test_what_is_wrong_with_a_query_is_found(query: str) -> None:
    faults = readings()[query].faults

    assert any(WRONG[query] in each for each in faults), faults
