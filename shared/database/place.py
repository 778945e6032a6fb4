"""Where a database is, as it may be shown: without its password."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

LOCAL = "localhost"


@dataclass(frozen=True, slots=True)
class Place:
    """A server and a database on it; of SQLite the file's name, without the folders above it."""

    server: str | None
    port: int | None
    database: str | None
    user: str | None


def is_file(url: str) -> bool:
    """Whether the address is a file of this machine, and no server's."""
    return url.startswith("sqlite")


def place_of(url: str) -> Place:
    """What an SQLAlchemy address says of the place; nothing of one that it does not understand."""
    try:
        address = make_url(url)
    except ArgumentError:
        return Place(None, None, None, None)
    if address.drivername.startswith("sqlite"):
        return Place(LOCAL, None, Path(address.database or "").name or None, None)
    return Place(address.host, address.port, address.database, address.username)
