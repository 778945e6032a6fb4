"""A queue with a mail server as its account, for tests that send."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from shared.accounts.numbers import insert_account
from shared.accounts.pauses import pauses
from shared.app import Application
from shared.database.database import Database
from shared.outbox.queries.search import KeptAttempt, attempts_at
from shared.outbox.suppressions import list_suppressions
from shared.settings import Settings
from tests.support import emails
from tests.support.emails import Became
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
        return emails.waiting_emails(self.database, number, **columns)

    def became(self, email_id: int) -> Became:
        """What is known of this email now."""
        return emails.became(self.database, email_id)

    def emails(self) -> list[Became]:
        """What is known of every email, in the order of their numbers."""
        return emails.all_emails(self.database)

    def states(self) -> Counter[str]:
        """How many emails stand in each state that one of them is in."""
        return Counter(emails.states(self.database))

    def retries(self) -> set[int | None]:
        """How many attempts were used: the counts that one of the emails has."""
        return {email.retries for email in self.emails()}

    def reasons_to_pause(self) -> list[str]:
        """Why accounts rest."""
        with self.database.read() as connection:
            return [pause.reason for pause in pauses(connection).values()]

    def suppressed(self) -> dict[str, str]:
        """Who gets nothing for now, and the mail server's words about them."""
        with self.database.read() as connection:
            return {each.address: each.reason for each in list_suppressions(connection, "", 1000)}

    def attempts(self, email_id: int) -> list[KeptAttempt]:
        """The attempts at this email, the first one first."""
        with self.database.read() as connection:
            return attempts_at(connection, email_id)


def make_queue(settings: Settings) -> Queue:
    return Queue(Application(settings))
