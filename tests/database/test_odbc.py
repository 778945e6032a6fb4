"""The connection string: whatever the values hold, they stay values."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL, make_url

from shared.database.dialects.sqlserver.odbc import connection_string
from shared.database.engine import server_url
from shared.database.errors import DatabaseUnreachable
from shared.settings import Settings

MICROSOFT = "ODBC Driver 18 for SQL Server"
FREETDS = "FreeTDS"
NASTY = (
    "a;b}c{",
    "};UID=sa;",
    "}",
    "{",
    "{x}",
    "}}",
    " a ",
    "x;Trusted_Connection=yes",
    "a=b",
    "%3B",
)
# As JSON and addresses bring them: any character but half of one, and no zero.
anything = st.sampled_from(NASTY) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40
)


def as_microsoft_reads(text: str) -> dict[str, str]:
    """MS-ODBCSTR 2.1.2: a value in braces goes on to a brace that is not doubled."""
    attribute = re.compile(r"([^=;{}]+)=(?:\{((?:[^}]|\}\})*)\}|([^{;][^;]*|))(?:;|\Z)")
    read: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = attribute.match(text, at)
        assert match, f"cannot be read from {text[at:]!r} on"
        name, braced, bare = match.groups()
        assert name not in read, name
        read[name] = bare if braced is None else braced.replace("}}", "}")
        at = match.end()
    return read


def as_freetds_reads(text: str) -> dict[str, str]:
    """FreeTDS 1.3: braces end at the first `};`, and nothing is doubled."""
    read: dict[str, str] = {}
    while text:
        name, _, rest = text.partition("=")
        if rest.startswith("{"):
            value, _, text = rest[1:].partition("};")
        else:
            value, _, text = rest.partition(";")
        read.setdefault(name, value)
    return read


def address(**parts: str) -> URL:
    values = {"username": "robot", "password": "pa55", "host": "db", "database": "mail", **parts}
    return URL.create("mssql+pyodbc", port=1433, **values)  # type: ignore[arg-type]


@given(user=anything, password=anything, host=anything, database=anything, option=anything)
def test_no_value_can_bring_an_attribute_along(
    user: str, password: str, host: str, database: str, option: str
) -> None:
    url = address(username=user, password=password, host=host, database=database)

    text = connection_string(url.update_query_dict({"App": option}), MICROSOFT)

    assert as_microsoft_reads(text) == {
        "driver": MICROSOFT,
        "server": f"{host},1433",
        "database": database,
        "encrypt": "yes",
        "uid": user,
        "pwd": password,
        "app": option,
    }


@given(user=anything, password=anything, database=anything)
def test_nor_with_freetds_which_refuses_what_it_could_misread(
    user: str, password: str, database: str
) -> None:
    url = address(username=user, password=password, database=database)
    if any(";" in value or value[0] == "{" for value in (user, password, database)):
        with pytest.raises(DatabaseUnreachable, match="FreeTDS"):
            connection_string(url, FREETDS, trusted_servers=["db"])
        return

    text = connection_string(url, FREETDS, trusted_servers=["db"])

    assert as_freetds_reads(text) == {
        "driver": FREETDS,
        "server": "db,1433",
        "database": database,
        "uid": user,
        "pwd": password,
        "encryption": "require",
    }


@given(user=anything, password=anything, database=anything)
def test_a_saved_address_keeps_its_parts_on_the_way_through_text(
    user: str, password: str, database: str
) -> None:
    url = make_url(server_url("db.example.com", 1433, database, user, password))

    assert (url.host, url.port, url.database) == ("db.example.com", 1433, database)
    assert (url.username, url.password) == (user, password)


@pytest.mark.parametrize(
    "server", ["db", "db.example.com", "DB\\MAIL", "10.0.0.7", "::1", "größe.de"]
)
def test_a_server_is_a_name_or_an_address(server: str) -> None:
    assert make_url(server_url(server, 1433, "mail", None, None)).host == server


@pytest.mark.parametrize(
    "server",
    [
        "",
        " ",
        "db;Trusted_Connection=yes",
        "db?driver=/tmp/evil.so",
        "db/other",
        "me@db",
        "db:1434",
        "tcp:db,1433",
        "db,1434",
        "db#",
        "a b",
        "d\0b",
        "db\n",
    ],
)
def test_a_server_is_nothing_else(server: str) -> None:
    with pytest.raises(DatabaseUnreachable, match="must be a host name"):
        server_url(server, 1433, "mail", "robot", "pa55")


class TestEncryption:
    def test_is_on_and_the_certificate_verified(self) -> None:
        read = as_microsoft_reads(connection_string(address(), MICROSOFT))

        assert read["encrypt"] == "yes"
        assert "trustservercertificate" not in read

    def test_a_server_that_is_named_need_not_be_verified(self) -> None:
        trusted = ["db", "other"]

        assert "trustservercertificate={yes}" in connection_string(
            address(host="DB"), MICROSOFT, trusted_servers=trusted
        )
        assert "trust" not in connection_string(
            address(host="db.example.com"), MICROSOFT, trusted_servers=trusted
        )

    def test_an_address_may_say_otherwise(self) -> None:
        url = make_url(
            "mssql+pyodbc://u:p@db/mail?Encrypt=strict&TrustServerCertificate=yes&autocommit=true"
        )

        read = as_microsoft_reads(connection_string(url, MICROSOFT))

        assert (read["encrypt"], read["trustservercertificate"]) == ("strict", "yes")
        assert "autocommit" not in read

    def test_freetds_verifies_nothing_and_so_has_to_be_allowed(self) -> None:
        with pytest.raises(DatabaseUnreachable, match="ROWPOST_TRUST_SERVER_CERTIFICATE"):
            connection_string(address(), FREETDS)

        plain = address().update_query_dict({"Encrypt": "no"})
        assert "encryption=off" in connection_string(plain, "/usr/lib/libtdsodbc.so")

    def test_a_text_of_one_s_own_is_left_alone_but_encrypted(self) -> None:
        def taken(text: str) -> str:
            return connection_string(URL.create("mssql+pyodbc", query={"odbc_connect": text}), "")

        assert taken("DSN=mail;UID=u;") == "DSN=mail;UID=u;Encrypt=yes"
        assert taken("DSN=mail;Encrypt=no") == "DSN=mail;Encrypt=no"


@pytest.mark.parametrize("text", ["mssql+pyodbc://u:p@db", "mssql+pyodbc:///mail"])
def test_an_address_names_a_server_and_a_database(text: str) -> None:
    with pytest.raises(DatabaseUnreachable, match="no server or no database"):
        connection_string(make_url(text), MICROSOFT)


def test_an_option_has_a_name() -> None:
    with pytest.raises(DatabaseUnreachable, match="no name of ODBC's"):
        connection_string(address().update_query_dict({"a;b": "c"}), MICROSOFT)


@pytest.mark.parametrize("driver", [MICROSOFT, FREETDS])
def test_a_zero_would_end_the_text(driver: str) -> None:
    with pytest.raises(DatabaseUnreachable) as refusal:
        connection_string(address(password="pa55\0word"), driver, trusted_servers=["db"])

    assert "pa55" not in str(refusal.value)


def test_a_login_by_token_says_nothing_of_users() -> None:
    url = address(username="an-identity", password="").update_query_dict(
        {"Authentication": "ActiveDirectoryMsi"}
    )

    read = as_microsoft_reads(connection_string(url, MICROSOFT, by_token=True))

    assert read.keys() == {"driver", "server", "database", "encrypt"}
    with pytest.raises(DatabaseUnreachable, match="without user and password"):
        connection_string(url, FREETDS, by_token=True, trusted_servers=["db"])


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_server_on_this_machine_needs_no_certificate(host: str) -> None:
    read = as_microsoft_reads(connection_string(address(host=host), MICROSOFT))

    assert (read["encrypt"], read["trustservercertificate"]) == ("no", "yes")
    assert as_freetds_reads(connection_string(address(host=host), FREETDS))["encryption"] == "off"


def test_a_server_is_trusted_by_its_name_only() -> None:
    url = address(host="db.example.com")

    named = connection_string(url, MICROSOFT, trusted_servers=["DB.example.com"])
    another = connection_string(url, MICROSOFT, trusted_servers=["example.com"])

    assert as_microsoft_reads(named)["trustservercertificate"] == "yes"
    assert as_microsoft_reads(named)["encrypt"] == "yes"
    assert "trustservercertificate" not in as_microsoft_reads(another)


def test_trusted_servers_are_named_with_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWPOST_TRUST_SERVER_CERTIFICATE", "db1, db2.example.com,")

    assert Settings().trusted_servers == ("db1", "db2.example.com")
