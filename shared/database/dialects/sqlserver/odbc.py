"""From a SQL Server's address (an SQLAlchemy URL) to the connection string that ODBC takes.

Every value is written so that it stays one value: neither a password nor a server's name can bring
attributes of its own along. The connection is encrypted and the server's certificate verified,
unless the address says otherwise, the server is named as trusted or it is this machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address

from sqlalchemy import URL

from shared.database.errors import DatabaseUnreachable

Attributes = dict[str, str]

NO_SERVER_NAME = "The server must be a host name or an IP address; the port is a field of its own."

# With or without an instance. Anything else would end the server's part of an address.
# Letters of other scripts count, but nothing that is a punctuation mark in any of them.
_LETTERS = r"A-Za-z0-9_\u00c0-\u036f\u0388-\u1fff\u3041-\ud7ff"
_HOST = rf"[{_LETTERS}.-]+(\\[{_LETTERS}$#-]+)?"
_IP_V6 = r"[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9_]+)?"
SERVER = f"{_HOST}|{_IP_V6}"
"""The pattern of what `is_server_name` takes for one."""
_NAME = re.compile(r"[a-z][a-z0-9 _]*")
_YES = frozenset({"yes", "true", "1", "mandatory", "strict"})
# SQLAlchemy's own options: they say how pyodbc is called, not how ODBC connects.
_OF_SQLALCHEMY = frozenset({"ansi", "unicode_results", "autocommit"})
_OF_LOGIN = frozenset({"uid", "pwd", "authentication"})


def is_server_name(text: str) -> bool:
    r"""Whether it is a host's name, as `db.example.com` or `HOST\INSTANCE`, or an IP address."""
    return re.fullmatch(SERVER, text) is not None


def connection_string(
    address: URL, driver: str, *, trusted_servers: Collection[str] = (), by_token: bool = False
) -> str:
    """The connection string for this address and driver; it may hold a password.

    `trusted_servers` need no certificate that can be verified. `by_token`: nothing of the login is
    said here. An address's `odbc_connect` is taken as it is, encrypted unless it speaks of that.

    Raises DatabaseUnreachable for what can't be said to this driver.
    """
    given = query_of(address)
    if text := given.get("odbc_connect"):
        return text if "encrypt" in text.lower() else f"{text.rstrip('; ')};Encrypt=yes"
    attributes = _attributes(address, driver, given, trusted_servers)
    if by_token:
        attributes = {name: attributes[name] for name in attributes if name not in _OF_LOGIN}
    if _is_freetds(driver):
        return _joined(_in_freetds_words(attributes, by_token), _bare)
    return _joined(attributes, _braced)


def query_of(address: URL) -> Attributes:
    """The address's options, by their names in small letters; of a repeated one the last."""
    return {name.lower(): _last(value) for name, value in address.query.items()}


def _last(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else value[-1]


def _attributes(
    address: URL, driver: str, given: Mapping[str, str], trusted_servers: Collection[str]
) -> Attributes:
    if not address.host or not address.database:
        raise DatabaseUnreachable(
            "DATABASE_URL names no server or no database: mssql+pyodbc://USER:PASSWORD@HOST/DATABASE"
        )
    server = address.host
    attributes = {
        "driver": driver,
        "server": f"{server},{address.port}" if address.port else server,
        "database": address.database,
        "encrypt": "yes",
    }
    if _is_loopback(server):
        # Nobody listens between two ends of one machine, and a container's certificate is its own.
        attributes |= {"encrypt": "no", "trustservercertificate": "yes"}
    elif server.casefold() in {name.casefold() for name in trusted_servers}:
        attributes["trustservercertificate"] = "yes"
    if address.username:
        attributes |= {"uid": address.username, "pwd": str(address.password or "")}
    return attributes | {name: given[name] for name in given if name not in _OF_SQLALCHEMY}


def _is_loopback(server: str) -> bool:
    with suppress(ValueError):
        return ip_address(server).is_loopback
    return server.casefold() == "localhost"


def _is_freetds(driver: str) -> bool:
    return "tds" in driver.lower()


def _in_freetds_words(attributes: Attributes, by_token: bool) -> Attributes:
    """FreeTDS verifies no certificate and knows no tokens: both have to be said."""
    if by_token:
        raise DatabaseUnreachable(
            "the ODBC driver FreeTDS can't log in without user and password: install Microsoft's "
            "ODBC Driver 18 for SQL Server"
        )
    others = dict(attributes)
    encrypted = others.pop("encrypt").lower() in _YES
    trusted = others.pop("trustservercertificate", "no").lower() in _YES
    if encrypted and not trusted:
        raise DatabaseUnreachable(
            "the ODBC driver FreeTDS can't verify the server's certificate: install Microsoft's "
            "ODBC Driver 18 for SQL Server, or name the server in ROWPOST_TRUST_SERVER_CERTIFICATE"
        )
    return {**others, "encryption": "require" if encrypted else "off"}


def _joined(attributes: Mapping[str, str], written: Callable[[str], str]) -> str:
    for name in attributes:
        if not _NAME.fullmatch(name):
            raise DatabaseUnreachable("DATABASE_URL has an option that is no name of ODBC's")
    return ";".join(f"{name}={written(value)}" for name, value in attributes.items())


def _braced(value: str) -> str:
    """One value, whatever it holds (MS-ODBCSTR, section 2.1.2)."""
    if "\0" in value:
        raise DatabaseUnreachable("the database's address holds a character of no width: remove it")
    return "{" + value.replace("}", "}}") + "}"


def _bare(value: str) -> str:
    """FreeTDS reads up to a semicolon and ends a value in braces at the first `};`, escaped or not.

    Its own end of a text is a zero.
    """
    if ";" in value or "\0" in value or value.startswith("{"):
        raise DatabaseUnreachable(
            "the ODBC driver FreeTDS takes no value with a semicolon or with a brace at its start: "
            "choose another password, or install Microsoft's ODBC Driver 18 for SQL Server"
        )
    return value
