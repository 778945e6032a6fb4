"""The documentation names what there is: chapters, files, settings, paths, commands."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from functions.groups import GROUPS
from shared.database.database import Database
from shared.settings import Settings
from tests.infra.bicep import Bicep, members, string
from tests.support.tools import ROOT

DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *DOCS]

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_NAME = re.compile(r"\b(?:ROWPOST|AZURE|MSSQL)_[A-Z_]*[A-Z]\b")
_PATH = re.compile(r"(GET|POST|PUT|DELETE) `?(/[\w/{}-]+)|\$ROWPOST_URL(/[\w/-]+)")


def page(file: Path) -> str:
    return file.name


def anchors(file: Path) -> set[str]:
    headings = _HEADING.findall(file.read_text("utf-8"))
    return {re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-") for each in headings}


@pytest.mark.parametrize("file", PAGES, ids=page)
def test_links_lead_somewhere(file: Path) -> None:
    for link in _LINK.findall(file.read_text("utf-8")):
        if link.startswith("http"):
            continue
        name, _, anchor = link.partition("#")
        target = (file.parent / name).resolve() if name else file
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_alert_has_its_chapter() -> None:
    bicep = Bicep.read(ROOT / "infra" / "modules" / "alerts.bicep")
    alerts = [node for node in bicep.variables["alerts"].children if node.type == "object"]

    assert {string(members(alert)["name"]) for alert in alerts} <= anchors(ROOT / "docs/operate.md")


def known_names() -> set[str]:
    """Every setting, value of azd's environment and password of the composition."""
    settings = {field.alias for field in Settings.model_fields.values() if field.alias}
    parameters = json.loads((ROOT / "infra" / "main.parameters.json").read_text("utf-8"))
    of_azd = set(_NAME.findall(json.dumps(parameters)))
    outputs = set(Bicep.read(ROOT / "infra" / "main.bicep").outputs)
    workflow = (ROOT / ".github" / "workflows" / "deploy.yml").read_text("utf-8")
    compose = (ROOT / "compose.yaml").read_text("utf-8")
    return settings | of_azd | outputs | set(_NAME.findall(workflow + compose))


@pytest.mark.parametrize("file", DOCS, ids=page)
def test_settings_that_are_named_exist(file: Path) -> None:
    assert set(_NAME.findall(file.read_text("utf-8"))) <= known_names()


def test_every_choice_of_a_deployment_is_documented() -> None:
    parameters = (ROOT / "infra" / "main.parameters.json").read_text("utf-8")
    choices = {name for name in _NAME.findall(parameters) if name.startswith("ROWPOST_")}
    text = (ROOT / "docs" / "install.md").read_text("utf-8")

    administrator = {"ROWPOST_SQL_ADMINISTRATOR_TYPE", "ROWPOST_SQL_ADMINISTRATOR_NAME"}
    assert choices - administrator <= set(_NAME.findall(text))


@pytest.mark.parametrize("file", DOCS, ids=page)
def test_paths_that_are_named_exist(file: Path) -> None:
    routes = {
        re.sub(r"\{[^}]*\}", "{}", f"/{operation.path}")
        for group in GROUPS
        for operation in group.routes.operations
    }

    for _, path, of_curl in _PATH.findall(file.read_text("utf-8")):
        named = re.sub(r"\{[^}]*\}|\b\d+\b", "{}", path or of_curl)
        in_status = re.sub(r"(/status)/\w+$", r"\1/{}", named)
        assert {named, in_status} & routes, path or of_curl


@pytest.mark.parametrize("file", PAGES, ids=page)
def test_no_page_tells_of_one_machine(file: Path) -> None:
    text = file.read_text("utf-8")

    assert not re.search(r"/(?:root|home|Users|work|tmp)/", text)


def blocks(file: Path, language: str) -> list[str]:
    text = file.read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("file", PAGES, ids=page)
def test_shell_lines_can_be_pasted(file: Path) -> None:
    for block in blocks(file, "sh"):
        read = subprocess.run(
            ["bash", "-n"], input=block, capture_output=True, text=True, check=False
        )
        assert read.returncode == 0, (block, read.stderr)


def test_the_sql_works_on_the_tables_as_they_are(sqlite_database: Database) -> None:
    of_pages = [block for file in DOCS for block in blocks(file, "sql")]
    of_shells = [
        sql
        for file in DOCS
        for block in blocks(file, "sh")
        for sql in re.findall(r"^(INSERT .*?)^GO$", block, re.MULTILINE | re.DOTALL)
    ]
    assert len(of_pages) >= 2
    assert len(of_shells) == 1

    for sql in [*of_pages, *of_shells]:
        for statement in filter(None, map(str.strip, sql.split(";"))):
            with sqlite_database.write() as connection:
                connection.exec_driver_sql(statement)
