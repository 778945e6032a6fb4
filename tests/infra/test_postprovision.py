"""What a deployment does between the resources and the app, as far as that shows without Azure."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import make_url

from infra.postprovision import (
    CannotPrepare,
    Deployment,
    refused_address,
    user_statements,
)
from shared.database.entra import asks_for_token

CLIENT = UUID("01234567-89ab-cdef-0123-456789abcdef")
ENVIRONMENT = {
    "AZURE_RESOURCE_GROUP": "rg-mail",
    "ROWPOST_IDENTITY_NAME": "id-rowpost",
    "ROWPOST_IDENTITY_CLIENT_ID": str(CLIENT),
    "ROWPOST_SQL_SERVER": "sql-rowpost.database.windows.net",
    "ROWPOST_SQL_DATABASE": "rowpost",
    "KEY_VAULT_URI": "https://kv-rowpost.vault.azure.net/",
}


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_what_azd_did_not_set_is_named(name: str) -> None:
    others = {key: value for key, value in ENVIRONMENT.items() if key != name}

    with pytest.raises(CannotPrepare, match=name):
        Deployment.from_environment(others)


def test_whoever_deploys_opens_the_database_by_a_token() -> None:
    address = make_url(Deployment.from_environment(ENVIRONMENT).database_url)

    assert asks_for_token(address)
    assert (address.host, address.database) == ("sql-rowpost.database.windows.net", "rowpost")


def test_the_identity_becomes_a_user_that_reads_and_writes_rows_and_no_more() -> None:
    statements = user_statements("id-rowpost", CLIENT)

    # The SID is the client id, its first three groups with the low byte first.
    sid = "0x67452301ab89efcd0123456789abcdef"
    former = f"SELECT 1 FROM sys.database_principals WHERE name = N'id-rowpost' AND sid <> {sid}"
    made = f"CREATE USER [id-rowpost] WITH SID = {sid}, TYPE = E"
    assert statements == [
        f"IF EXISTS ({former}) DROP USER [id-rowpost]",
        f"IF DATABASE_PRINCIPAL_ID(N'id-rowpost') IS NULL {made}",
        "ALTER ROLE db_datareader ADD MEMBER [id-rowpost]",
        "ALTER ROLE db_datawriter ADD MEMBER [id-rowpost]",
    ]


def test_a_name_stays_one_name_in_the_statements() -> None:
    statements = user_statements("a]'; DROP TABLE x --", CLIENT)

    assert all("[a]]'; DROP TABLE x --]" in each for each in statements)
    assert "N'a]''; DROP TABLE x --'" in statements[0]


def test_the_address_that_the_firewall_refuses_is_read_from_its_words() -> None:
    words = (
        "('42000', \"[42000] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]Cannot open "
        "server 'sql-rowpost' requested by the login. Client with IP address '203.0.113.7' is not "
        'allowed to access the server. (40615) (SQLDriverConnect)")'
    )

    assert refused_address(words) == "203.0.113.7"
    assert refused_address("Login failed for user '<token-identified principal>'.") is None
