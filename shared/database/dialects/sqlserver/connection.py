"""Opening SQL Server through ODBC: connections that somebody else's settings can't change."""

from __future__ import annotations

import platform
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import DisconnectionError

from shared.database.dialects.sqlserver import brief_locks, counting, parameters
from shared.database.dialects.sqlserver.entra import EntraLogin, asks_for_token
from shared.database.dialects.sqlserver.expressions import SCHEMA
from shared.database.dialects.sqlserver.odbc import (
    NO_SERVER_NAME,
    connection_string,
    is_server_name,
    query_of,
)
from shared.database.errors import DatabaseUnreachable

DRIVERS = ("mssql", "mssql+pyodbc")
_ODBC_DRIVERS = ("ODBC Driver 18 for SQL Server", "ODBC Driver 17 for SQL Server", "FreeTDS")
# Shorter than any token lives.
_RECYCLE_SECONDS = 1800
# Azure's gateway drops a connection after half an hour, a firewall between sooner: what has lain
# idle for longer than this is asked before it is used.
_ASK_AFTER_SECONDS = 60.0
_LONGEST_LOCK_SECONDS = 10.0

# A server or a login may have set any of these for every session (`user options`). Filtered indexes
# want these seven ("CREATE INDEX", Microsoft's documentation); XACT_ABORT would take a transaction
# with a statement that is expected to fail now and then; and where we meet the statement of an
# application, the application's wins.
SESSION_SETTINGS = (
    "SET NOCOUNT OFF",
    "SET XACT_ABORT OFF",
    "SET QUOTED_IDENTIFIER ON",
    "SET ANSI_NULLS ON",
    "SET ANSI_PADDING ON",
    "SET ANSI_WARNINGS ON",
    "SET CONCAT_NULL_YIELDS_NULL ON",
    "SET ARITHABORT ON",
    "SET NUMERIC_ROUNDABORT OFF",
    "SET DEADLOCK_PRIORITY LOW",
)


def server_url(
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


def open_sql_server(
    address: URL,
    *,
    connect_seconds: float,
    request_seconds: float,
    pool_size: int,
    trusted_servers: Collection[str],
    autocommit: bool,
) -> Engine:
    """An engine; nothing is connected yet. Raises DatabaseUnreachable.

    `autocommit`: each statement is a transaction of its own, and costs no second round trip.
    """
    identity = EntraLogin.of(address) if asks_for_token(address) else None
    driver = driver_for(address)
    text = connection_string(
        address, driver, trusted_servers=trusted_servers, by_token=identity is not None
    )
    engine = create_engine(
        # SQLAlchemy warns of an address without a driver, though we find it ourselves.
        address.difference_update_query(["driver"]).update_query_dict({"driver": driver or "ODBC"}),
        connect_args={"timeout": max(1, round(connect_seconds))},
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_recycle=_RECYCLE_SECONDS,
        use_setinputsizes=True,
        execution_options={"schema_translate_map": {None: SCHEMA}},
        **({"isolation_level": "AUTOCOMMIT"} if autocommit else {}),
    )

    @event.listens_for(engine, "do_connect")
    def in_our_words(_: Any, __: Any, arguments: list[Any], options: dict[str, Any]) -> None:
        arguments[:] = [text]
        options["autocommit"] = True
        if identity is not None:
            options["attrs_before"] = identity.attributes()

    @event.listens_for(engine, "connect", insert=True)
    def set_up(connection: Any, _: Any) -> None:
        connection.timeout = max(1, round(request_seconds))
        _set_up(connection, _lock_milliseconds(request_seconds))
        connection.autocommit = autocommit

    event.listen(engine, "handle_error", _keep_the_others)
    event.listen(engine, "checkin", _note_the_time)
    event.listen(engine, "checkout", _ask_if_idle)
    counting.listen(engine)
    brief_locks.listen(engine)
    parameters.listen(engine)
    return engine


def _lock_milliseconds(request_seconds: float) -> int:
    """A lock is waited for no longer than half of a request, so that the server's own word for it
    comes (1222, which is tried again) and not the driver's time-out."""
    return round(1000 * min(request_seconds / 2, _LONGEST_LOCK_SECONDS))


def _set_up(connection: Any, lock_milliseconds: int) -> None:
    settings = (*SESSION_SETTINGS, f"SET LOCK_TIMEOUT {lock_milliseconds}")
    cursor = connection.cursor()
    try:
        cursor.execute("; ".join(settings))
    finally:
        cursor.close()


def _keep_the_others(context: ExceptionContext) -> None:
    """SQLAlchemy takes a time-out for a lost connection, and with it all others for lost."""
    if str(next(iter(getattr(context.original_exception, "args", ())), "")).startswith("HYT"):
        context.invalidate_pool_on_disconnect = False


def _note_the_time(_: Any, record: Any) -> None:
    record.info["idle_since"] = time.monotonic()


def _ask_if_idle(connection: Any, record: Any, _: Any) -> None:
    idle_since = record.info.get("idle_since")
    if idle_since is None or time.monotonic() - idle_since < _ASK_AFTER_SECONDS:
        return
    import pyodbc

    try:
        connection.cursor().execute("SELECT 1").close()
    except pyodbc.Error as error:
        raise DisconnectionError("the connection was dropped while it lay idle") from error


def driver_for(address: URL) -> str:
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


# The package's folders have the names of Microsoft's downloads.
_MACHINES = {"aarch64": "arm64", "amd64": "x86_64"}


def _packaged_driver() -> str | None:
    """The driver file of the package mssql-python-odbc, where somebody installed that."""
    from importlib.metadata import PackageNotFoundError, files

    try:
        packaged = files("mssql-python-odbc") or []
    except PackageNotFoundError:
        return None
    family = "debian_ubuntu" if Path("/etc/debian_version").exists() else "rhel"
    machine = platform.machine().lower()
    names = {machine, _MACHINES.get(machine, machine)}
    drivers = [
        file
        for file in packaged
        if file.name.startswith(("libmsodbcsql", "msodbcsql18"))
        and names & set(str(file).lower().split("/"))
    ]
    drivers.sort(key=lambda file: family not in str(file))
    return str(drivers[0].locate()) if drivers else None
