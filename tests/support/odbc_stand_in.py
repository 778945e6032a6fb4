"""A driver in pyodbc's place: it answers by rules and counts what would travel to a server.

What costs a round trip was counted between Microsoft's ODBC Driver 18 under pyodbc 5 and a server:
an execution is one, whether it prepares its text or not; a commit or a rollback is one where
anything was done in the transaction, else none; NULLs without a type are described first, once for
each text that is prepared; leaving autocommit is one; a login is counted as one. A cursor keeps its
text prepared as long as it is handed the very same object.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine

from shared.database.database import Database
from shared.database.dialects.sqlserver.counting import COLUMN
from shared.database.engine import open_engine
from tests.support.t_sql_statements import note

DRIVER = "ODBC Driver 18 for SQL Server"
ADDRESS = "mssql+pyodbc://user:secret@stand-in:1433/mail"
ROW_COUNT = f"SELECT @@ROWCOUNT AS {COLUMN}"


class Error(Exception):
    """The base of the driver's errors; `args` are the SQLSTATE and the driver's words."""


class InterfaceError(Error):
    pass


class DatabaseError(Error):
    pass


class DataError(DatabaseError):
    pass


class OperationalError(DatabaseError):
    pass


class IntegrityError(DatabaseError):
    pass


class InternalError(DatabaseError):
    pass


class ProgrammingError(DatabaseError):
    pass


class NotSupportedError(DatabaseError):
    pass


_BY_STATE = {
    "08": OperationalError,
    "HYT": OperationalError,
    "23": IntegrityError,
    "22": DataError,
    "42": ProgrammingError,
    "24": ProgrammingError,
    "28": InterfaceError,
}


def odbc_error(state: str, words: str, number: int, function: str = "SQLExecDirectW") -> Error:
    """An error as pyodbc makes it of Microsoft's driver's."""
    kind = next((_BY_STATE[start] for start in _BY_STATE if state.startswith(start)), Error)
    origin = "[Microsoft][ODBC Driver 18 for SQL Server]" + ("[SQL Server]" if number else "")
    return kind(state, f"[{state}] {origin}{words} ({number}) ({function})")


def deadlock() -> Error:
    """The statement's transaction was chosen as the victim; it is rolled back already."""
    words = (
        "Transaction (Process ID 52) was deadlocked on lock resources with another process and "
        "has been chosen as the deadlock victim. Rerun the transaction."
    )
    return odbc_error("40001", words, 1205)


def lock_timeout() -> Error:
    return odbc_error("42000", "Lock request time out period exceeded.", 1222)


def query_timeout() -> Error:
    """The driver's own time-out."""
    return odbc_error("HYT00", "Query timeout expired", 0)


def broken(function: str = "SQLExecDirectW") -> Error:
    return odbc_error("08S01", "TCP Provider: Error code 0x68 (104)", 104, function)


def duplicate_key() -> Error:
    return odbc_error("23000", "Violation of PRIMARY KEY constraint. Cannot insert.", 2627)


class Trip(NamedTuple):
    """One way to the server and back.

    `what`: connect, leave autocommit, execute, describe, commit, rollback.
    """

    what: str
    text: str = ""
    parameters: tuple[Any, ...] = ()
    connection: int = 0
    prepared: bool = False
    """Its text was prepared for this execution."""
    autocommit: bool = False


class Rows(NamedTuple):
    """A result set; without columns, what a statement that is none leaves behind."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...] = ()


NO_ROWS = Rows(())
Results = Sequence[Rows | Error]


def counted(number: int) -> Rows:
    """The answer to our own question how many rows were changed."""
    return Rows((COLUMN,), ((number,),))


class BinaryNullType:
    """A NULL that pyodbc asks nobody about."""

    def __repr__(self) -> str:
        return "BinaryNull"


@dataclass
class _Rule:
    pattern: re.Pattern[str]
    results: Results
    times: float = float("inf")


@dataclass
class Server:
    """What all connections of a test speak to: its rules, and what it was sent."""

    trips: list[Trip] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    left_unread: list[str] = field(default_factory=list)
    """Texts of which a result was never read."""
    commit_errors: list[Error] = field(default_factory=list)
    connect_strings: list[str] = field(default_factory=list)
    timeouts: list[int] = field(default_factory=list)
    _rules: list[_Rule] = field(default_factory=list)

    def answer(self, pattern: str, *results: Rows | Error, times: float = float("inf")) -> None:
        """What is answered to texts that match; the latest rule comes first."""
        self._rules.insert(0, _Rule(re.compile(pattern, re.S), results, times))

    def results_of(self, text: str) -> Results:
        for rule in self._rules:
            if rule.times > 0 and rule.pattern.search(text):
                rule.times -= 1
                return rule.results
        return _usual_results(text)

    def texts(self) -> list[str]:
        """What was executed, in order."""
        return [trip.text for trip in self.trips if trip.what == "execute"]

    def forget(self) -> None:
        """Count from here on."""
        self.trips.clear()

    def whats(self) -> list[str]:
        return [trip.what for trip in self.trips]


def _usual_results(text: str) -> Results:
    if "SERVERPROPERTY('ProductVersion')" in text:
        return [Rows(("",), (("16.0.4000.1",),))]
    if "schema_name()" in text:
        return [Rows(("",), (("dbo",),))]
    if "'dm_exec_sessions'" in text:
        return [Rows(("name",), (("dm_exec_sessions",),))]
    if "transaction_isolation_level" in text:
        return [Rows(("",), (("READ COMMITTED",),))]
    if text.endswith(ROW_COUNT):
        return [NO_ROWS, counted(1)]
    if text.startswith("SELECT") or " OUTPUT " in text:
        return [Rows(("answer",))]
    return [NO_ROWS]


class Connection:
    def __init__(self, server: Server, number: int, autocommit: bool) -> None:
        self._server = server
        self.number = number
        self._autocommit = autocommit
        self._in_transaction = False
        self.broken = False
        self.closed = False
        self._timeout = 0

    @property
    def timeout(self) -> int:
        return self._timeout

    @timeout.setter
    def timeout(self, seconds: int) -> None:
        self._timeout = seconds
        self._server.timeouts.append(seconds)

    @property
    def autocommit(self) -> bool:
        return self._autocommit

    @autocommit.setter
    def autocommit(self, on: bool) -> None:
        if on != self._autocommit:
            self.travel(Trip("leave autocommit" if not on else "enter autocommit"))
        self._autocommit = on

    def travel(self, trip: Trip) -> None:
        if self.broken:
            raise broken()
        self._server.trips.append(
            trip._replace(connection=self.number, autocommit=self._autocommit)
        )
        if trip.what == "execute" and not self._autocommit:
            self._in_transaction = True

    def results_of(self, text: str) -> Results:
        return self._server.results_of(text)

    def leave_unread(self, text: str) -> None:
        self._server.left_unread.append(text)

    def cursor(self) -> Cursor:
        if self.closed:
            raise ProgrammingError("HY000", "Attempt to use a closed connection.")
        return Cursor(self)

    def commit(self) -> None:
        if self._server.commit_errors and self._in_transaction:
            error = self._server.commit_errors.pop(0)
            self.broken = error.args[0].startswith("08")
            self._in_transaction = False
            raise error
        self._end("commit")

    def rollback(self) -> None:
        self._end("rollback")

    def _end(self, what: str) -> None:
        if self.broken and not self._autocommit:
            raise broken("SQLEndTran")
        if self._in_transaction:
            self.travel(Trip(what))
        self._in_transaction = False

    def close(self) -> None:
        self.closed = True

    def add_output_converter(self, kind: int, converter: Callable[[bytes], Any]) -> None:
        pass

    def getinfo(self, _: int) -> str:
        return "16.00.4000"


class Cursor:
    arraysize = 1
    rowcount = -1

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._prepared: str | None = None
        self._described = False
        self._sizes: Sequence[Any] | None = None
        self._results: list[Rows | Error] = []
        self._rows: list[tuple[Any, ...]] = []
        self._text = ""
        self.description: tuple[tuple[Any, ...], ...] | None = None

    def setinputsizes(self, sizes: Sequence[Any] | None) -> None:
        self._sizes = sizes

    def execute(self, text: str, *parameters: Any) -> Cursor:
        if len(parameters) == 1 and isinstance(parameters[0], tuple | list):
            parameters = tuple(parameters[0])
        assert text.count("?") == len(parameters), f"{text!r} with {len(parameters)} parameters"
        self._leave()
        prepared = bool(parameters) and text is not self._prepared
        if prepared:
            self._prepared, self._described = text, False
        if any(value is None for value in parameters) and not self._described:
            # Whatever `setinputsizes` says: pyodbc asks for the type of each None.
            self.connection.travel(Trip("describe", text))
            self._described = True
        self._check_types(parameters)
        trip = Trip("execute", text, parameters, prepared=prepared)
        self.connection.travel(trip)
        note(text)
        self._text = text
        self._results = list(self.connection.results_of(text))
        self._take_next()
        return self

    def executemany(self, text: str, rows: Sequence[Sequence[Any]]) -> None:
        for row in rows:
            self.execute(text, *row)

    def _check_types(self, parameters: Sequence[Any]) -> None:
        """A BinaryNull without another type would be a binary NULL, which few columns take."""
        for number, value in enumerate(parameters):
            if isinstance(value, BinaryNullType):
                sizes = self._sizes or ()
                size = sizes[number] if number < len(sizes) else None
                kind = size[0] if isinstance(size, tuple) else size
                assert isinstance(kind, int), f"a NULL without a type: parameter {number}"

    def _take_next(self) -> bool:
        if not self._results:
            self.description, self._rows = None, []
            return False
        result = self._results.pop(0)
        if isinstance(result, Error):
            self._results = []
            self.description, self._rows = None, []
            raise result
        self.description = (
            tuple((name, str, None, None, None, None, True) for name in result.columns) or None
        )
        self._rows = list(result.rows)
        return True

    def nextset(self) -> bool:
        return self._take_next()

    def fetchall(self) -> list[tuple[Any, ...]]:
        assert self.description, "no results: previous SQL was not a query"
        rows, self._rows = self._rows, []
        return rows

    def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop(0) if self._rows else None

    def _leave(self) -> None:
        if self._results:
            self.connection.leave_unread(self._text)
        self._results = []

    def close(self) -> None:
        self._leave()


class OdbcModule(ModuleType):
    """What SQLAlchemy's dialect and we use of the module pyodbc."""

    paramstyle = "qmark"
    apilevel = "2.0"
    version = "5.2.0"
    pooling = True
    Binary = bytearray
    STRING, NUMBER, DATETIME, BINARY = str, float, datetime, bytearray
    BinaryNull = BinaryNullType()
    Cursor = Cursor
    Error, InterfaceError, DatabaseError, DataError = (
        Error,
        InterfaceError,
        DatabaseError,
        DataError,
    )
    OperationalError, IntegrityError = OperationalError, IntegrityError
    InternalError, ProgrammingError = InternalError, ProgrammingError
    NotSupportedError = NotSupportedError
    SQL_DBMS_VER = 18
    SQL_VARCHAR, SQL_WVARCHAR, SQL_WLONGVARCHAR, SQL_DECIMAL = 12, -9, -10, 3
    SQL_INTEGER, SQL_DOUBLE, SQL_TYPE_TIMESTAMP, SQL_VARBINARY, SQL_BIT = 4, 8, 93, -3, -7

    def __init__(self, server: Server) -> None:
        super().__init__("pyodbc")
        self.server = server

    def drivers(self) -> list[str]:
        return [DRIVER]

    def connect(
        self,
        text: str,
        *,
        autocommit: bool = False,
        timeout: int = 0,
        attrs_before: dict[int, bytes] | None = None,
    ) -> Connection:
        connection = Connection(self.server, len(self.server.connections), autocommit)
        self.server.connect_strings.append(text)
        self.server.connections.append(connection)
        connection.travel(Trip("connect"))
        return connection


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """A SQL Server that is none: pyodbc is the stand-in, and this is what it was sent."""
    server = Server()
    monkeypatch.setitem(sys.modules, "pyodbc", OdbcModule(server))
    return server


@pytest.fixture
def server_engine(server: Server) -> Iterator[Engine]:
    """An engine to the stand-in; its first connection is open, and nothing is counted yet."""
    engine = open_engine(ADDRESS, request_seconds=12, pool_size=4)
    with engine.connect():
        pass
    server.forget()
    yield engine
    engine.dispose()


@pytest.fixture
def server_database(server_engine: Engine, server: Server) -> Iterator[Database]:
    """A database on the stand-in, its readers' connection open too."""
    reader = open_engine(ADDRESS, request_seconds=12, pool_size=4, autocommit=True)
    with reader.connect():
        pass
    server.forget()
    database = Database(server_engine, reader)
    yield database
    database.close()
