"""The workflows for GitHub Actions are right, as far as actionlint and the schema can tell."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.database.tables import metadata
from tests.infra.schema import faults
from tests.support.tools import ROOT, installed, program

ACTIONLINT = ROOT / "node_modules" / "@tktco" / "node-actionlint" / "bin" / "node-actionlint.js"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BROKEN = """
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: echo ${{ github.nothing }}
"""


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("node"), str(installed(ACTIONLINT))],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_actionlint_finds_nothing_in_the_workflows() -> None:
    linted = lint(ROOT)

    assert linted.returncode == 0, linted.stdout
    assert f"Checking {len(WORKFLOWS)} workflow" in linted.stdout


def test_actionlint_finds_what_is_wrong(tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "ci.yml").write_text(BROKEN)

    linted = lint(tmp_path)

    assert linted.returncode == 1
    assert '"nothing" is not defined' in linted.stdout


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_fits_the_schema(file: Path) -> None:
    assert faults(file, "github-workflows") is None


def test_the_schema_refuses_what_is_no_workflow(tmp_path: Path) -> None:
    file = tmp_path / "ci.yml"
    file.write_text(BROKEN.replace("runs-on", "runs_on"))

    assert faults(file, "github-workflows")


def test_the_workflows_name_targets_and_programs_that_there_are() -> None:
    text = "\n".join(file.read_text("utf-8") for file in WORKFLOWS)
    makefile = (ROOT / "Makefile").read_text("utf-8")

    for target in re.findall(r"\bmake ([a-z-]+)", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for script in re.findall(r"\btools/[\w-]+", text):
        assert (ROOT / script).stat().st_mode & 0o111, script
    for requirements in re.findall(r"requirements[\w-]*\.txt", text):
        assert (ROOT / requirements).is_file(), requirements


def sql_server_job() -> dict[str, Any]:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    job: dict[str, Any] = workflow["jobs"]["sql-server"]
    return job


def test_the_queue_is_tested_in_an_empty_database_of_any_name_and_in_one_that_is_in_use() -> None:
    job = sql_server_job()
    empty, in_use = job["strategy"]["matrix"]["include"]

    assert empty["database"] not in ("rowpost", "test")
    assert in_use["script"] == "tests/infra/adopted.sql"
    assert all(
        (ROOT / each["script"]).read_text("utf-8").endswith("\nGO\n") for each in (empty, in_use)
    )
    assert "${{ matrix.database }}" in job["env"]["DATABASE_URL"]
    assert any("make test-sql" in step.get("run", "") for step in job["steps"])


def test_the_database_in_use_has_the_seeds_tables_with_rows_in_them() -> None:
    script = (ROOT / "tests" / "infra" / "adopted.sql").read_text("utf-8")
    # The same in SQLite's words.
    for t_sql, sqlite in {
        "dbo.": "",
        "INT IDENTITY(1,1) PRIMARY KEY": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "VARBINARY(MAX)": "BLOB",
        "0x255044462D": "x'255044462D'",
        "GO\n": "",
    }.items():
        script = script.replace(t_sql, sqlite)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(script)
        columns = {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for table in ("Digital_Emaildetails", "tbl_EMailParameters")
        }
        rows = connection.execute("SELECT * FROM Digital_Emaildetails").fetchall()
        (accounts,) = connection.execute("SELECT COUNT(*) FROM tbl_EMailParameters").fetchone()

    assert [len(names) for names in columns.values()] == [13, 9]
    for table, names in columns.items():
        assert set(names) <= set(metadata.tables[table].columns.keys())
    assert {"N", "Y", "F"} < {value for row in rows for value in row}
    assert accounts == 2


def test_a_pipeline_passes_on_every_choice_of_a_deployment() -> None:
    """One that it kept back would make a second SQL server and point the app at that."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text("utf-8"))
    environment = workflow["jobs"]["deploy"]["env"]
    parameters = (ROOT / "infra" / "main.parameters.json").read_text("utf-8")
    choices = set(re.findall(r"\$\{(ROWPOST_\w+)", parameters))

    assert len(choices) >= 14
    for choice in choices:
        assert f"vars.{choice}" in environment.get(choice, ""), choice


def test_the_tests_run_on_every_python_that_the_project_names() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")

    assert 'python: ["3.11", "3.12", "3.13", "3.14"]' in text
    assert 'requires-python = ">=3.11,<3.15"' in (ROOT / "pyproject.toml").read_text("utf-8")
