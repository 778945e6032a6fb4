"""What a deployment does between the resources and the app, as far as that shows without Azure."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from infra.postprovision import (
    CannotPrepare,
    Deployment,
    firewall_open,
    refused_address,
    role_statement,
    turned_on,
    turns_snapshot_on,
    user_statements,
)
from shared.database.adoption.server_options import ServerOptions
from shared.database.dialects.sqlserver.entra import asks_for_token
from shared.database.migrations import VERSION_TABLE, service_rights
from shared.database.tables import metadata
from tests.support.tools import ROOT

CLIENT = UUID("01234567-89ab-cdef-0123-456789abcdef")
SUBSCRIPTION = "89abcdef-0123-4567-89ab-cdef01234567"
ENVIRONMENT = {
    "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
    "AZURE_RESOURCE_GROUP": "rg-mail",
    "ROWPOST_IDENTITY_NAME": "id-rowpost",
    "ROWPOST_IDENTITY_CLIENT_ID": str(CLIENT),
    "ROWPOST_SQL_SERVER": "sql-rowpost.database.windows.net",
    "ROWPOST_SQL_DATABASE": "rowpost",
    "ROWPOST_SQL_SERVER_IS_MADE_HERE": "true",
    "KEY_VAULT_URI": "https://kv-rowpost.vault.azure.net/",
}


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_what_azd_did_not_set_is_named(name: str) -> None:
    others = {key: value for key, value in ENVIRONMENT.items() if key != name}

    with pytest.raises(CannotPrepare, match=name):
        Deployment.from_environment(others)


@pytest.mark.parametrize(("said", "wanted"), [(None, False), ("", False), ("true", True)])
def test_database_mail_is_made_when_somebody_asks_for_it(said: str | None, wanted: bool) -> None:
    asked = {} if said is None else {"ROWPOST_DATABASE_MAIL": said}

    assert Deployment.from_environment(ENVIRONMENT | asked).database_mail is wanted


def test_whoever_deploys_opens_the_database_by_a_token() -> None:
    address = make_url(Deployment.from_environment(ENVIRONMENT).database_url)

    assert asks_for_token(address)
    assert (address.host, address.database) == ("sql-rowpost.database.windows.net", "rowpost")


def test_the_identity_becomes_a_user_that_may_do_nothing_yet() -> None:
    statements = user_statements("id-rowpost", CLIENT)

    # The SID is the client id, its first three groups with the low byte first.
    sid = "0x67452301ab89efcd0123456789abcdef"
    former = f"SELECT 1 FROM sys.database_principals WHERE name = N'id-rowpost' AND sid <> {sid}"
    made = f"CREATE USER [id-rowpost] WITH SID = {sid}, TYPE = E"
    assert statements == [
        f"IF EXISTS ({former}) DROP USER [id-rowpost]",
        f"IF DATABASE_PRINCIPAL_ID(N'id-rowpost') IS NULL {made}",
    ]


def test_it_reads_and_writes_only_what_is_rowposts() -> None:
    assert role_statement("id-rowpost") == "ALTER ROLE rowpost_service ADD MEMBER [id-rowpost]"
    (made, *rights) = service_rights()
    assert made.endswith("CREATE ROLE rowpost_service;")
    granted = [re.search(r"GRANT [A-Z, ]+ ON dbo\.(\w+) TO rowpost_service;$", it) for it in rights]
    tables = {found[1] for found in granted if found}
    assert len(tables) == len(granted)
    assert tables == {*metadata.tables, VERSION_TABLE}


def test_a_name_stays_one_name_in_the_statements() -> None:
    name = "a]'; DROP TABLE x --"
    statements = [*user_statements(name, CLIENT), role_statement(name)]

    assert all("[a]]'; DROP TABLE x --]" in each for each in statements)
    assert "N'a]''; DROP TABLE x --'" in statements[0]


SNAPSHOT_OFF = ServerOptions(read_committed_snapshot=False, forced_delayed_durability=False)
SNAPSHOT_ON = ServerOptions(read_committed_snapshot=True, forced_delayed_durability=False)


@pytest.mark.parametrize(
    ("options", "made_here", "turns"),
    [
        (SNAPSHOT_OFF, "true", True),
        (SNAPSHOT_OFF, "false", False),
        (SNAPSHOT_ON, "true", False),
        (SNAPSHOT_ON, "false", False),
        (None, "true", False),
    ],
    ids=["ours", "of others", "ours, on", "of others, on", "not a server's"],
)
def test_read_committed_snapshot_is_turned_on_only_in_a_database_of_our_own(
    options: ServerOptions | None, made_here: str, turns: bool
) -> None:
    environment = {**ENVIRONMENT, "ROWPOST_SQL_SERVER_IS_MADE_HERE": made_here}

    assert turns_snapshot_on(options, Deployment.from_environment(environment)) is turns


@pytest.mark.parametrize(("failures", "on"), [(0, True), (2, True), (100, False)])
def test_while_others_are_connected_it_is_tried_again_for_a_minute_at_most(
    failures: int, on: bool
) -> None:
    in_use = DBAPIError("ALTER DATABASE", None, Exception("other users are using it. (5070)"))
    outcomes = iter([*[in_use] * failures, None])
    waits: list[float] = []

    def turn_on() -> None:
        if (outcome := next(outcomes)) is not None:
            raise outcome

    assert turned_on(turn_on, waits.append) is on
    assert sum(waits) <= 60
    assert len(waits) == min(failures, 5)


def test_the_address_that_the_firewall_refuses_is_read_from_its_words() -> None:
    words = (
        "('42000', \"[42000] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]Cannot open "
        "server 'sql-rowpost' requested by the login. Client with IP address '203.0.113.7' is not "
        'allowed to access the server. (40615) (SQLDriverConnect)")'
    )

    assert refused_address(words) == "203.0.113.7"
    assert refused_address("Login failed for user '<token-identified principal>'.") is None


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the Azure CLI that writes down what it is asked for."""
    asked = tmp_path / "asked"
    program = tmp_path / "az"
    program.write_text(f'#!/bin/sh\necho "$@" >>{asked}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return asked


def test_the_firewall_is_open_only_as_long_as_it_has_to_be(az: Path) -> None:
    deployment = Deployment.from_environment(ENVIRONMENT)
    rule = (
        f"--subscription {SUBSCRIPTION} --resource-group rg-mail --server sql-rowpost "
        "--name rowpost-deployment"
    )

    def fails_in_between() -> None:
        with firewall_open(deployment, "203.0.113.7"):
            asked.append(az.read_text())
            raise ZeroDivisionError

    asked: list[str] = []
    with pytest.raises(ZeroDivisionError):
        fails_in_between()

    addresses = "--start-ip-address 203.0.113.7 --end-ip-address 203.0.113.7"
    assert asked == [f"sql server firewall-rule create {rule} {addresses} --output none\n"]
    assert az.read_text().splitlines()[1:] == [
        f"sql server firewall-rule delete {rule} --output none"
    ]


def test_without_the_azure_cli_somebody_is_told_to_open_the_firewall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    deployment = Deployment.from_environment(ENVIRONMENT)

    with (
        pytest.raises(CannotPrepare, match="install the Azure CLI"),
        firewall_open(deployment, "203.0.113.7"),
    ):
        pytest.fail("nothing was opened")


def test_run_by_hand_it_says_in_one_line_how_to_run_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.postprovision"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert "azd hooks run postprovision" in done.stderr
    assert done.stderr.count("\n") == 1
