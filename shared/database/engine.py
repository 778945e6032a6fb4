"""Opening a database: SQLite in one file, or SQL Server through ODBC."""

from __future__ import annotations

import platform
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from shared.database.dialects.sqlserver.entra import EntraLogin, asks_for_token
from shared.database.dialects.sqlserver.odbc import (
    NO_SERVER_NAME,
    connection_string,
    is_server_name,
    query_of,
)
from shared.database.errors import DatabaseUnreachable
from shared.database.prepared import run_directly

_SQLITE = ("sqlite", "sqlite+pysqlite")
_SQL_SERVER = ("mssql", "mssql+pyodbc")
_ODBC_DRIVERS = ("ODBC Driver 18 for SQL Server", "ODBC Driver 17 for SQL Server", "FreeTDS")
# Shorter than any token lives.
_RECYCLE_SECONDS = 1800
_SQLITE_BUSY_SECONDS = 5.0
# An email's page is written three times on its way; a checkpoint every 32 MB writes most of them
# into the database file once.
_SQLITE_PRAGMAS = ("synchronous=FULL", "wal_autocheckpoint=8000")
_WAL_TRIES = 100
_WAL_PAUSE_SECONDS = 0.05


def sqlite_url(file: Path) -> str:
    """The address of a SQLite database in a file."""
    return URL.create("sqlite", database=str(file.absolute())).render_as_string()


def sql_server_url(
    server: str, port: int, database: str, user: str | None, password: str | None
) -> str:
    """The address of a SQL Server database; the connection is encrypted, its name verified.

    Without a user the process's own identity logs in. Raises DatabaseUnreachable for a server's
    name that is none.
    """
    if not is_server_name(server):
        raise DatabaseUnreachable(NO_SERVER_NAME)
    return URL.create(
        "mssql+pyodbc", user, password, server, port, database, query={"Encrypt": "yes"}
    ).render_as_string(hide_password=False)


def open_engine(
    url: str,
    *,
    connect_seconds: float = 30,
    request_seconds: float = 30,
    pool_size: int = 16,
    trusted_servers: Collection[str] = (),
) -> Engine:
    """An engine for a SQLAlchemy address; nothing is connected yet.

    `connect_seconds` bounds a login, `request_seconds` a statement (SQL Server) or the wait for a
    lock (SQLite, at most 5 s, since a transaction that fails there is tried again as a whole).
    `trusted_servers` are SQL Servers whose certificate need not be verified.

    Raises DatabaseUnreachable when the address is malformed or its driver is missing.
    """
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise DatabaseUnreachable(
            "DATABASE_URL is not an address that SQLAlchemy knows; "
            "for example mssql+pyodbc://user:password@server:1433/database"
        ) from error
    if address.drivername in _SQLITE:
        return _open_sqlite(address, min(request_seconds, _SQLITE_BUSY_SECONDS), pool_size)
    if address.drivername in _SQL_SERVER:
        address = address.set(drivername="mssql+pyodbc")
        return _open_sql_server(
            address, connect_seconds, request_seconds, pool_size, trusted_servers
        )
    raise DatabaseUnreachable(
        "DATABASE_URL names a database that Rowpost does not speak to; "
        "it speaks to sqlite and to mssql+pyodbc"
    )


def driver_of(url: str) -> str | None:
    """The driver by which this address is reached, None if there is none."""
    import sqlite3

    try:
        address = make_url(url)
        if address.drivername in _SQLITE:
            return f"SQLite {sqlite3.sqlite_version}"
        return _driver_for(address) or "named by the address"
    except (ArgumentError, DatabaseUnreachable):
        return None


def _open_sqlite(address: URL, busy_seconds: float, pool_size: int) -> Engine:
    if not address.database or address.database == ":memory:":
        raise DatabaseUnreachable("SQLite needs a file: sqlite:////var/lib/rowpost/rowpost.db")
    try:
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnreachable(f"the folder of {address.database} can't be made") from error
    engine = create_engine(
        address,
        connect_args={"timeout": busy_seconds},
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=pool_size,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        # We say BEGIN ourselves: BEGIN IMMEDIATE where a transaction is going to write.
        connection.isolation_level = None
        # Text that is not UTF-8 reads as lone surrogates, and its email fails alone.
        connection.text_factory = _decode
        _use_wal(connection)
        for pragma in _SQLITE_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        options = connection.get_execution_options()
        run_directly(connection, "BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")

    return engine


def _use_wal(connection: Any) -> None:
    """SQLite does not wait by itself when several connections make a new file WAL at once."""
    import sqlite3

    for tries_left in reversed(range(_WAL_TRIES)):
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError:
            if not tries_left:
                raise
            time.sleep(_WAL_PAUSE_SECONDS)
        else:
            return


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _open_sql_server(
    address: URL,
    connect_seconds: float,
    request_seconds: float,
    pool_size: int,
    trusted_servers: Collection[str],
) -> Engine:
    identity = EntraLogin.of(address) if asks_for_token(address) else None
    text = connection_string(
        address,
        _driver_for(address),
        trusted_servers=trusted_servers,
        by_token=identity is not None,
    )
    engine = create_engine(
        address,
        connect_args={"timeout": max(1, round(connect_seconds))},
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_recycle=_RECYCLE_SECONDS,
        pool_pre_ping=True,
        use_setinputsizes=True,
    )

    @event.listens_for(engine, "do_connect")
    def in_our_words(_: Any, __: Any, arguments: list[Any], options: dict[str, Any]) -> None:
        arguments[:] = [text]
        if identity is not None:
            options["attrs_before"] = identity.attributes()

    @event.listens_for(engine, "connect")
    def limit_requests(connection: Any, _: Any) -> None:
        connection.timeout = max(1, round(request_seconds))

    return engine


def _driver_for(address: URL) -> str:
    """The driver that the address names, else the best one. Raises DatabaseUnreachable."""
    try:
        import pyodbc
    except ImportError as error:
        raise DatabaseUnreachable(
            "SQL Server needs the ODBC driver manager: install unixODBC (Debian: unixodbc) "
            "and Microsoft's ODBC Driver 18 for SQL Server"
        ) from error
    pyodbc.pooling = False  # The driver's own pool would keep connections with old tokens.
    given = query_of(address)
    if "odbc_connect" in given:
        return ""
    return given.get("driver") or find_odbc_driver(pyodbc.drivers())


def find_odbc_driver(installed: list[str]) -> str:
    """The best driver among those that ODBC names, or the one that a Python package brought.

    Raises DatabaseUnreachable, naming what to install, when there is none.
    """
    for driver in _ODBC_DRIVERS:
        if driver in installed:
            return driver
    if packaged := _packaged_driver():
        return packaged
    raise DatabaseUnreachable(
        "no ODBC driver for SQL Server is installed; install Microsoft's "
        '"ODBC Driver 18 for SQL Server" or the Python package mssql-python-odbc'
    )


def _packaged_driver() -> str | None:
    """The driver file of the package mssql-python-odbc, where somebody installed that."""
    from importlib.metadata import PackageNotFoundError, files

    try:
        packaged = files("mssql-python-odbc") or []
    except PackageNotFoundError:
        return None
    family = "debian_ubuntu" if Path("/etc/debian_version").exists() else "rhel"
    drivers = [
        file
        for file in packaged
        if file.name.startswith(("libmsodbcsql", "msodbcsql18"))
        and platform.machine().lower() in str(file).lower()
    ]
    drivers.sort(key=lambda file: family not in str(file))
    return str(drivers[0].locate()) if drivers else None
