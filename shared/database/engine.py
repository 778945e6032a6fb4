"""Opening a database by its address: SQLite in one file, or SQL Server through ODBC."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError

from shared.database.dialects.sqlite import connection as sqlite
from shared.database.dialects.sqlite.connection import file_url
from shared.database.dialects.sqlserver import connection as sql_server
from shared.database.dialects.sqlserver.connection import server_url
from shared.database.dialects.sqlserver.odbc import SERVER
from shared.database.errors import DatabaseUnreachable

__all__ = ["SERVER", "driver_of", "file_url", "open_engine", "server_url"]


def open_engine(
    url: str,
    *,
    connect_seconds: float = 30,
    request_seconds: float = 30,
    pool_size: int = 16,
    trusted_servers: Collection[str] = (),
    autocommit: bool = False,
) -> Engine:
    """An engine for a SQLAlchemy address; nothing is connected yet.

    `connect_seconds` bounds a login, `request_seconds` a statement (SQL Server) or the wait for a
    lock (SQLite, at most 5 s, since a transaction that fails there is tried again as a whole).
    `trusted_servers` are SQL Servers whose certificate need not be verified. `autocommit`: on a
    SQL Server each statement is a transaction of its own.

    Raises DatabaseUnreachable when the address is malformed or its driver is missing.
    """
    address = _address(url)
    if address.drivername in sqlite.DRIVERS:
        return sqlite.open_sqlite(address, request_seconds=request_seconds, pool_size=pool_size)
    return sql_server.open_sql_server(
        address,
        connect_seconds=connect_seconds,
        request_seconds=request_seconds,
        pool_size=pool_size,
        trusted_servers=trusted_servers,
        autocommit=autocommit,
    )


def driver_of(url: str) -> str | None:
    """The driver by which this address is reached, None if there is none."""
    import sqlite3

    try:
        address = _address(url)
        if address.drivername in sqlite.DRIVERS:
            return f"SQLite {sqlite3.sqlite_version}"
        return sql_server.driver_for(address) or "named by the address"
    except DatabaseUnreachable:
        return None


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise DatabaseUnreachable(
            "DATABASE_URL is not an address that SQLAlchemy knows; "
            "for example mssql+pyodbc://user:password@server:1433/database"
        ) from error
    if address.drivername in sql_server.DRIVERS:
        return address.set(drivername="mssql+pyodbc")
    if address.drivername in sqlite.DRIVERS:
        return address
    raise DatabaseUnreachable(
        "DATABASE_URL names a database that Rowpost does not speak to; "
        "it speaks to sqlite and to mssql+pyodbc"
    )
