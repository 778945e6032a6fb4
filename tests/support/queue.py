"""A queue with a mail server as its account, for tests that send."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select

from shared.accounts.numbers import insert_account
from shared.app import Application
from shared.database.database import Database
from shared.database.tables import attempts, emails
from shared.settings import Settings
from tests.support.smtp import SmtpServer


@dataclass(frozen=True)
class Queue:
    """A database in a folder, and the application that works on it."""

    application: Application

    @property
    def database(self) -> Database:
        return self.application.database()

    def account(self, server: SmtpServer | int, code: str = "SHOP", **columns: Any) -> int:
        port = server if isinstance(server, int) else server.port
        values: dict[str, Any] = {
            "SMTPServer": "127.0.0.1",
            "SMTPPort": port,
            "SMTPMailId": "shop@example.com",
            "ApplicationName": "The Shop",
            "SMTPSSLFlag": "N",
            "ParamCode": code,
            "IsActive": "Y",
        }
        with self.database.write() as connection:
            return insert_account(connection, values | columns)

    def add(self, number: int = 1, **columns: Any) -> list[int]:
        """Insert emails as an application does; their numbers."""
        values = {"dd_toEmailid": "ann@example.com", "dd_subject": "Hello", "dd_bodyText": "Hi"}
        with self.database.write() as connection:
            statement = insert(emails).returning(emails.c.dd_srno)
            return [connection.scalar(statement, values | columns) or 0 for _ in range(number)]

    def rows(self) -> list[Row[Any]]:
        with self.database.read() as connection:
            return list(connection.execute(select(emails).order_by(emails.c.dd_srno)))

    def row(self, email_id: int) -> Row[Any]:
        return next(row for row in self.rows() if row.dd_srno == email_id)

    def flags(self) -> Counter[str]:
        return Counter(row.dd_SendFlag for row in self.rows())

    def attempts(self, email_id: int) -> list[Row[Any]]:
        with self.database.read() as connection:
            query = select(attempts).where(attempts.c.EmailId == email_id)
            return list(connection.execute(query.order_by(attempts.c.Id)))


def make_queue(settings: Settings) -> Queue:
    return Queue(Application(settings))
