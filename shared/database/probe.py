"""Trying a database: can it be worked with, and if not, what should a person look at?"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from shared.database import migrations
from shared.database.engine import open_engine
from shared.database.errors import DatabaseUnreachable, SchemaBehind, trouble_with_file

LONGEST_SECONDS = 30.0


def why_closed(url: str, seconds: float, trusted_servers: Collection[str]) -> str | None:
    """Why the database at this address can't be used, in words for a person; None: it answers.

    Takes about `seconds` at most. Nothing in the database is changed.
    """
    seconds = min(seconds, LONGEST_SECONDS)
    try:
        engine = open_engine(
            url,
            connect_seconds=seconds,
            request_seconds=seconds,
            pool_size=1,
            trusted_servers=trusted_servers,
        )
    except DatabaseUnreachable as error:
        return str(error)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            return _what_is_gone(connection)
    except DBAPIError as error:
        return _reason(error)
    except SQLAlchemyError:
        return _NO_ANSWER
    finally:
        engine.dispose()


def _what_is_gone(connection: Connection) -> str | None:
    """Of a database that Rowpost has been in."""
    try:
        stops = [str(gone) for gone in migrations.lost(connection) if gone.stops_work]
    except SchemaBehind as error:
        return str(error)
    return " ".join(stops[:_MOST_TOLD]) or None


_MOST_TOLD = 3
_NO_ANSWER = "The server does not answer: check its name, the port and the firewall."
_LOGIN = "The server refuses the login: check user and password."
_DATABASE = "The server has no such database, or this login may not open it."
_CERTIFICATE = (
    "The server's certificate can't be verified: use the name that it is made out to, or have its "
    "authority trusted on this machine, or name the server in ROWPOST_TRUST_SERVER_CERTIFICATE."
)
_NAME = "There is no server of this name: check its spelling."
_DRIVER = "The ODBC driver for SQL Server can't be loaded on this machine: install it."

# By the driver's words first: its SQLSTATE is 08001 for nearly all of them.
_BY_WORDS = {
    "login failed": _LOGIN,
    "cannot open database": _DATABASE,
    "certificate": _CERTIFICATE,
    "ssl provider": _CERTIFICATE,
    "name or service not known": _NAME,
    "no such host": _NAME,
    "unknown host": _NAME,
}
_BY_STATE = {"28000": _LOGIN, "42000": _DATABASE, "IM002": _DRIVER, "IM003": _DRIVER}


def _reason(error: DBAPIError) -> str:
    if (of_file := trouble_with_file(error)) is not None:
        return of_file
    words = str(error.orig).lower()
    by_words = next((reason for word, reason in _BY_WORDS.items() if word in words), None)
    state = str(next(iter(getattr(error.orig, "args", ())), ""))
    return by_words or _BY_STATE.get(state, _NO_ANSWER)
