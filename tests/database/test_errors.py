"""Which of the driver's errors pass by themselves, told from the words that ODBC really says."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import exc

from shared.database.errors import is_transient

MICROSOFT = "[Microsoft][ODBC Driver 18 for SQL Server]"
SERVER = MICROSOFT + "[SQL Server]"


class OdbcError(Exception):
    """As pyodbc raises it: the SQLSTATE, then the driver's message."""


def odbc(state: str, message: str) -> exc.DBAPIError:
    return exc.DBAPIError("UPDATE", None, OdbcError(state, f"[{state}] {message}"))


def sqlite(error: sqlite3.Error) -> exc.DBAPIError:
    return exc.DBAPIError("UPDATE", None, error)


PASSES = {
    "deadlock": odbc(
        "40001",
        f"{SERVER}Transaction (Process ID 62) was deadlocked on lock resources with another "
        "process and has been chosen as the deadlock victim. Rerun the transaction. (1205) "
        "(SQLExecDirectW)",
    ),
    "deadlock told by FreeTDS": odbc(
        "42000",
        "[FreeTDS][SQL Server]Transaction (Process ID 51) was deadlocked. (1205) (SQLExecDirectW)",
    ),
    "lock time-out": odbc(
        "42000", f"{SERVER}Lock request time out period exceeded. (1222) (SQLExecDirectW)"
    ),
    "database is waking up": odbc(
        "HY000",
        f"{SERVER}Database 'mail' on server 'example' is not currently available.  Please retry "
        "the connection later. (40613) (SQLDriverConnect)",
    ),
    "service is busy": odbc(
        "42000",
        f"{SERVER}The service is currently busy. Retry the request after 10 seconds. Code: "
        "523. (40501) (SQLExecDirectW); "
        f"[42000] {SERVER}Statement(s) could not be prepared. (8180)",
    ),
    "failover": odbc(
        "42000",
        f"{SERVER}The service has encountered an error processing your request. Please try "
        "again. Error code 40166. (40197) (SQLExecDirectW)",
    ),
    "too many requests": odbc(
        "42000",
        f"{SERVER}Resource ID : 1. The request limit for the database is 60 and has been reached. "
        "(10928) (SQLDriverConnect)",
    ),
    "pooled connection lost its database": odbc(
        "42000", f"{SERVER}Could not find database ID 7, name '7'. (615) (SQLExecDirectW)"
    ),
    "connection reset": odbc(
        "08S01", f"{MICROSOFT}TCP Provider: Error code 0x68 (104) (SQLExecDirectW)"
    ),
    "nobody listens": odbc(
        "08001", f"{MICROSOFT}TCP Provider: Error code 0x2749 (10057) (SQLDriverConnect)"
    ),
    "login time-out": odbc("HYT00", f"{MICROSOFT}Login timeout expired (0) (SQLDriverConnect)"),
    "query time-out": odbc("HYT00", f"{MICROSOFT}Query timeout expired (0) (SQLExecDirectW)"),
    "connection broken": odbc(
        "IMC06", f"{MICROSOFT}The connection is broken and recovery is not possible. (0)"
    ),
    "SQLite is locked": sqlite(sqlite3.OperationalError("database is locked")),
    "SQLite's table is locked": sqlite(sqlite3.OperationalError("database table is locked: x")),
    "no room for data": odbc(
        "42000",
        f"{SERVER}Could not allocate space for object 'dbo.Rowpost_Emails' in database 'mail' "
        "because the 'PRIMARY' filegroup is full. (1105) (SQLExecDirectW)",
    ),
    "no room for the log": odbc(
        "42000",
        f"{SERVER}The transaction log for database 'mail' is full due to 'LOG_BACKUP'. (9002) "
        "(SQLExecDirectW)",
    ),
    "Azure's quota": odbc(
        "42000",
        f"{SERVER}The database 'mail' has reached its size quota. (40544) (SQLExecDirectW)",
    ),
    "SQLite's full disk": sqlite(sqlite3.OperationalError("database or disk is full")),
    "SQLite's disk": sqlite(sqlite3.OperationalError("disk I/O error")),
}

STAYS = {
    "wrong password": odbc(
        "28000", f"{SERVER}Login failed for user 'rowpost'. (18456) (SQLDriverConnect)"
    ),
    "duplicate key that looks like a deadlock's number": odbc(
        "23000",
        f"{SERVER}Violation of PRIMARY KEY constraint 'PK'. Cannot insert duplicate key in object "
        "'dbo.Rowpost_Usage'. The duplicate key value is (1205). (2627) (SQLExecDirectW); "
        f"[23000] {SERVER}The statement has been terminated. (3621)",
    ),
    "no such table": odbc(
        "42S02", f"{SERVER}Invalid object name 'Digital_Emaildetails'. (208) (SQLExecDirectW)"
    ),
    "text too long": odbc(
        "42000",
        f"{SERVER}String or binary data would be truncated in table 'mail', column 'x'. (2628) "
        "(SQLExecDirectW)",
    ),
    "no such driver": odbc(
        "IM002", "[unixODBC][Driver Manager]Data source name not found (0) (SQLDriverConnect)"
    ),
    "SQLite has no such table": sqlite(sqlite3.OperationalError("no such table: x")),
    "SQLite's file is broken": sqlite(sqlite3.DatabaseError("database disk image is malformed")),
    "SQLite's duplicate key": sqlite(sqlite3.IntegrityError("UNIQUE constraint failed: x.Id")),
}


@pytest.mark.parametrize("error", PASSES.values(), ids=PASSES)
def test_what_passes_by_itself_is_tried_again(error: exc.DBAPIError) -> None:
    assert is_transient(error)


@pytest.mark.parametrize("error", STAYS.values(), ids=STAYS)
def test_what_does_not_pass_is_not_tried_again(error: exc.DBAPIError) -> None:
    assert not is_transient(error)


def test_a_connection_that_the_driver_gave_up_is_replaced() -> None:
    error = odbc("HY000", f"{MICROSOFT}Unspecified error (0)")
    error.connection_invalidated = True

    assert is_transient(error)


def test_errors_of_other_kinds_are_nobodys_weather() -> None:
    assert not is_transient(ValueError("database is locked"))
