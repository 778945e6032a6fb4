"""`DATABASE_URL` as people write it: an SQLAlchemy address, or the connection string of ADO.NET.

What is wrong with it is told without any part of it, since a password may stand anywhere.
https://learn.microsoft.com/dotnet/api/microsoft.data.sqlclient.sqlconnection.connectionstring
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_EXAMPLE = "mssql+pyodbc://USER:PASSWORD@HOST:1433/DATABASE"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PAIR = re.compile(
    r"""\s*(?P<name>[^=;]+?)\s*=\s*(?:"(?P<double>(?:[^"]|"")*)"|'(?P<single>(?:[^']|'')*)'"""
    r"""|(?P<plain>[^;]*?))\s*(?:;|$)"""
)
_NAMES: Mapping[str, str] = {
    "server": "server",
    "data source": "server",
    "address": "server",
    "addr": "server",
    "network address": "server",
    "database": "database",
    "initial catalog": "database",
    "user id": "user",
    "uid": "user",
    "user": "user",
    "password": "password",
    "pwd": "password",
    "authentication": "authentication",
    "encrypt": "encrypt",
    "trustservercertificate": "trust",
    "trust server certificate": "trust",
    "driver": "driver",
}
_BY_IDENTITY = re.compile(r"active directory (default|managed identity|msi)", re.IGNORECASE)


def sqlalchemy_url(text: str) -> str:
    """The address as SQLAlchemy reads it.

    Raises ValueError, whose text says what to change and holds nothing of the address.
    """
    text = text.strip()
    if _URL.match(text):
        return _checked(text)
    if "=" in text:
        return _from_ado_net(text)
    raise ValueError(f"give an address like {_EXAMPLE}, or the connection string of ADO.NET")


def _checked(text: str) -> str:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        host = make_url(text).host or ""
    except (ArgumentError, ValueError):
        raise ValueError(f"give an address like {_EXAMPLE}") from None
    if "@" in host:
        raise ValueError("the password holds an @: write it as %40")
    return text


def _from_ado_net(text: str) -> str:
    from sqlalchemy import URL

    given = _pairs(text)
    server, port = _server(given.get("server", ""))
    if not server or not given.get("database"):
        raise ValueError("the connection string names no Server or no Database")
    query = {"Encrypt": "yes"}
    if _is_yes(given.get("trust", "")):
        query["TrustServerCertificate"] = "yes"
    how = given.get("authentication", "")
    if how and not _BY_IDENTITY.fullmatch(how):
        query["Authentication"] = how.replace(" ", "")
    address = URL.create(
        "mssql+pyodbc",
        given.get("user") or None,
        given.get("password"),
        server,
        port,
        given["database"],
        query,
    )
    return address.render_as_string(hide_password=False)


def _pairs(text: str) -> dict[str, str]:
    """The values by our names for them; what Rowpost decides itself is left out."""
    given, place = {}, 0
    while place < len(text.rstrip("; \t\r\n")):
        found = _PAIR.match(text, place)
        if found is None:
            raise ValueError("the connection string has a part that is no NAME=VALUE")
        place = found.end()
        name = _NAMES.get(found["name"].lower())
        if name:
            given[name] = _unquoted(found)
    return given


def _unquoted(found: re.Match[str]) -> str:
    if found["double"] is not None:
        return found["double"].replace('""', '"')
    if found["single"] is not None:
        return found["single"].replace("''", "'")
    return found["plain"].removeprefix("{").removesuffix("}")


def _server(text: str) -> tuple[str, int]:
    """`tcp:HOST,1433`, with or without each."""
    host, _, port = text.removeprefix("tcp:").partition(",")
    host = host.strip()
    if port and not re.fullmatch(r"\s*[0-9]{1,5}\s*", port):
        raise ValueError("the connection string's port, after the comma in Server, is no number")
    return ("localhost" if host in (".", "(local)") else host), int(port or 1433)


def _is_yes(text: str) -> bool:
    return text.strip().lower() in ("true", "yes", "1")
