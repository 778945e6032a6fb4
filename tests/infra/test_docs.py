"""The documentation names what there is: chapters, files, settings, paths, commands."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from functions.console.groups import PAGES as CONSOLE
from functions.groups import GROUPS
from shared.attachments.blobs import CONTAINER
from shared.database.database import Database
from shared.settings import Settings
from tests.infra.bicep import Bicep, members, string
from tests.support.emails import states
from tests.support.tools import ROOT

DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *DOCS]

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_NAME = re.compile(r"\b(?:ROWPOST|AZURE|MSSQL)_[A-Z_]*[A-Z]\b")
_PATH = re.compile(r"(GET|POST|PUT|DELETE) `?(/[\w/{}-]+(?:\.json)?)|\$ROWPOST_URL(/[\w/-]+)")


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
    named_in_code = {
        re.sub(r"\{[^}]*\}", "{}", f"/{operation.path}")
        for routes in (*(group.routes for group in GROUPS), *CONSOLE)
        for operation in routes.operations
    }

    for _, path, of_curl in _PATH.findall(file.read_text("utf-8")):
        named = re.sub(r"\{[^}]*\}|\b\d+\b", "{}", path or of_curl)
        in_status = re.sub(r"(/status)/\w+$", r"\1/{}", named)
        assert {named, in_status} & named_in_code, path or of_curl


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


def statements(script: str) -> list[str]:
    """The statements of a T-SQL script, in SQLite's words."""
    found, rest = [], ""
    for line in script.replace("dbo.", "").replace("N'", "'").splitlines(keepends=True):
        rest += line
        if sqlite3.complete_statement(rest):
            found.append(rest)
            rest = ""
    assert not rest.strip(), rest
    return found


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

    for script in [*of_pages, *of_shells]:
        for statement in statements(script):
            with sqlite_database.write() as connection:
                connection.exec_driver_sql(statement)


@pytest.mark.parametrize("language", ["csharp", "java", "python"])
def test_an_applications_insert_works_in_each_language(
    sqlite_database: Database, language: str
) -> None:
    (code,) = blocks(ROOT / "docs" / "install.md", language)
    (insert,) = re.findall(r'"(INSERT [^"]*)"', code)
    (sql,) = statements(re.sub(r"@\w+", "?", insert) + ";")
    values = ("ann@example.com", "Your order", "It is on its way.")

    with sqlite_database.write() as connection:
        connection.exec_driver_sql(sql, values)
        stored = connection.exec_driver_sql(
            "SELECT dd_toEmailid, dd_subject, dd_bodyText FROM Digital_Emaildetails"
        ).all()

    assert [tuple(row) for row in stored] == [values]
    assert states(sqlite_database) == "N"


def test_the_application_in_python_is_python() -> None:
    (code,) = blocks(ROOT / "docs" / "install.md", "python")

    compile(code, "install.md", "exec")


def commands(program: str) -> list[str]:
    """Every call of a program in the pages' shell lines, those over several lines joined."""
    lines = "\n".join(
        block.replace("\\\n", " ") for file in DOCS for block in blocks(file, "sh")
    ).splitlines()
    return [line for line in lines if re.search(rf"(?:^|[(;&|\"] *){program} ", line)]


def test_what_az_changes_it_changes_in_the_deployments_subscription() -> None:
    """It may be logged in to another one; ids and names of storage say where they are."""
    of_a_subscription = [
        line
        for line in commands("az")
        if re.search(r"az (?:group|keyvault|provider|sql|storage account) ", line)
    ]

    assert len(of_a_subscription) >= 5
    assert [line for line in of_a_subscription if "--subscription" not in line] == []


def test_azurite_takes_what_todays_clients_ask_of_it() -> None:
    """They name versions of the API that are newer than the newest that it knows."""
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    smoke = (ROOT / "tools" / "smoke-func-start").read_text("utf-8")
    calls = [
        *(line for line in commands("azurite") if "npm" not in line),
        " ".join(compose["services"]["azurite"]["command"]),
        *re.findall(r"^start azurite .*$", smoke, re.MULTILINE),
    ]

    assert len(calls) == 3
    assert [call for call in calls if "--skipApiVersionCheck" not in call] == []


def chapter(file: Path, heading: str) -> str:
    """The text under a heading, up to the next one of its rank."""
    text = file.read_text("utf-8")
    rank = re.search(rf"^(#+) {heading}$", text, re.MULTILINE)
    assert rank, heading
    rest = text[rank.end() :]
    following = re.search(rf"^#{{1,{len(rank[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def test_a_backup_has_the_attachments_too() -> None:
    kept = chapter(ROOT / "docs" / "operate.md", "Backups")

    for part in (f"`{CONTAINER}`", "`attachments`", "`rowpost.db`", "`secrets`", "`key`"):
        assert part in kept


def test_a_private_network_says_what_it_needs_and_where_the_deployment_goes_on() -> None:
    text = chapter(ROOT / "docs" / "install.md", "A private network")
    network = (ROOT / "infra" / "modules" / "network.bicep").read_text("utf-8")

    assert "az provider register" in text
    assert "--namespace Microsoft.App" in text
    assert "Microsoft.App/environments" in network
    assert "`deployment`" in text
    assert "name: 'deployment'" in network
    assert text.index("azd hooks run postprovision") < text.index("azd deploy")


def test_whoever_clears_a_queue_has_a_role_for_it() -> None:
    """The account takes no keys, and an owner of the subscription may not read its messages."""
    (block,) = [
        block
        for block in blocks(ROOT / "docs" / "operate.md", "sh")
        if "az storage message clear" in block
    ]

    role = block.index('az role assignment create --role "Storage Queue Data Contributor"')
    assert role < block.index("az storage message clear")


def test_the_sql_of_an_upgrade_is_printed_by_the_lines_of_its_page(tmp_path: Path) -> None:
    """Those that ask no database: the script is written where the page says."""
    (block,) = [
        block for block in blocks(ROOT / "docs" / "upgrade.md", "sh") if "migrate --sql" in block
    ]
    lines = [line for line in block.splitlines() if line.startswith("export") or "--from" in line]
    assert len(lines) == 2

    printed = subprocess.run(
        [
            "bash",
            "-euo",
            "pipefail",
            "-c",
            "\n".join(lines).replace(".venv/bin/python", sys.executable),
        ],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert printed.returncode == 0, printed.stderr
    assert "CREATE TABLE" in (tmp_path / "rowpost.sql").read_text("utf-8")
