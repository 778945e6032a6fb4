"""Somebody who calls procedures as an application does, on a connection of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyodbc
from sqlalchemy import Connection
from sqlalchemy.pool import PoolProxiedConnection

from shared.database.database import Database

_DEFAULTS = {
    "AccountRetryAttempts": None,
    "AccountRetryDelay": None,
    "LoggingLevel": "3",
    "MaxFileSize": "1000000",
    "ProhibitedExtensions": "exe,dll,vbs,js",
    "Rowpost.Status": "STARTED",
}


@dataclass(frozen=True, slots=True)
class Called:
    """What a call came to: its return code, its email, and the number and text of its error."""

    rc: int | None
    mailitem_id: int | None
    number: int | None = None
    text: str = ""


class Caller:
    Error = pyodbc.Error

    def __init__(self, connection: PoolProxiedConnection) -> None:
        raw: Any = connection.dbapi_connection
        raw.autocommit = True
        self._cursor = raw.cursor()

    def prepare(self) -> None:
        """What the migration puts there, an account, and a profile for everybody."""
        for name, value in _DEFAULTS.items():
            self.run(
                "INSERT INTO dbo.Rowpost_MailConfiguration (Name, Value) VALUES (?, ?)", name, value
            )
        self.run(
            "EXEC dbo.sysmail_add_account_sp @account_name = N'Main', @email_address = "
            "N'ops@example.com', @mailserver_name = N'mail.example.com'"
        )
        self.run("EXEC dbo.sysmail_add_profile_sp @profile_name = N'Ops'")
        self.run(
            "EXEC dbo.sysmail_add_profileaccount_sp @profile_name = N'Ops', "
            "@account_name = N'Main', @sequence_number = 1"
        )
        self.run(
            "EXEC dbo.sysmail_add_principalprofile_sp @principal_name = N'public', "
            "@profile_name = N'Ops', @is_default = 1"
        )

    def run(self, batch: str, *parameters: Any) -> None:
        """A batch, to the end of its last result. Raises the driver's error."""
        self._cursor.execute(batch, *parameters)
        while self._cursor.nextset():
            pass

    def rows(self, batch: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The first result of a batch."""
        self._cursor.execute(batch, *parameters)
        while self._cursor.description is None and self._cursor.nextset():
            pass
        return [tuple(row) for row in self._cursor.fetchall()]

    def headings(self, batch: str) -> list[str]:
        self.rows(batch)
        return [column[0] for column in self._cursor.description]

    def value(self, batch: str, *parameters: Any) -> Any:
        return self.rows(batch, *parameters)[0][0]

    def printed(self, batch: str, *parameters: Any) -> str:
        """What PRINT said."""
        said: list[tuple[str, str]] = []
        self._cursor.execute(batch, *parameters)
        said += self._cursor.messages or []
        while self._cursor.nextset():
            said += self._cursor.messages or []
        return "\n".join(text for _, text in said)

    def send(self, **given: Any) -> Called:
        """EXEC dbo.sp_send_dbmail with these parameters."""
        return self.call("sp_send_dbmail", **given)

    def call(self, procedure: str, **given: Any) -> Called:
        """EXEC of a procedure with these parameters; its error is in the answer."""
        return self.outcome(
            f"EXEC @rc = dbo.{procedure} {_named(given, procedure == 'sp_send_dbmail')}",
            *given.values(),
        )

    def outcome(self, batch: str, *parameters: Any) -> Called:
        """A batch that sets @rc and @id; it goes on after an error, as it does in a procedure."""
        self.run("IF OBJECT_ID('tempdb..#called') IS NOT NULL DROP TABLE #called")
        self.run("CREATE TABLE #called (rc INT NULL, id INT NULL)")
        number, text = None, ""
        try:
            self.run(
                f"DECLARE @rc INT, @id INT = -1; {batch}; INSERT INTO #called VALUES (@rc, @id)",
                *parameters,
            )
        except self.Error as error:
            text = str(error)
            number = number_of(text)
        rows = self.rows("SELECT rc, id FROM #called")
        rc, mailitem_id = rows[0] if rows else (None, None)
        return Called(rc, mailitem_id, number, text)


def number_of(text: str) -> int | None:
    """The number of an error, also where the server has its text alone."""
    found = re.search(r"Msg (\d+):", text) or re.search(r"\((\d+)\) \(SQL", text)
    return int(found[1]) if found else None


def _named(given: dict[str, Any], with_id: bool) -> str:
    named = [f"@{name} = ?" for name in given]
    return ", ".join([*named, "@mailitem_id = @id OUTPUT"] if with_id else named)


@contextmanager
def autocommit(database: Database) -> Iterator[Connection]:
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
