"""The workflows for GitHub Actions are right, as far as actionlint and the schema can tell."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

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


def test_the_tests_run_on_every_python_that_the_project_names() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")

    assert 'python: ["3.11", "3.12", "3.13"]' in text
    assert 'requires-python = ">=3.11,<3.14"' in (ROOT / "pyproject.toml").read_text("utf-8")
