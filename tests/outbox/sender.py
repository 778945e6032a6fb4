"""What a sender does with the queue, in the few words that the tests here need.

Emails go by their rows' ids here; the numbers of their entries are looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from shared.database.database import Database
from shared.database.tables import emails, entries
from shared.outbox import transitions
from shared.outbox.admission.admit import Admitted, Answered, admit_rows
from shared.outbox.entries import current_number
from shared.outbox.recipients import KnownRecipient, known_recipients
from shared.outbox.sending.begin import Mark, mark
from shared.outbox.sending.claim import Wanted, claim, claim_blamed, claim_suspects
from shared.outbox.sending.fetch import Fetched, collect
from shared.outbox.sending.finish import Result, finish
from shared.outbox.sending.lease import Lease
from shared.outbox.states import BOTH_LANES, Lane
from tests.support.accounts import answered_by

DOMAIN = "mail.example.com"
PRINT = "0123456789abcdef0123456789abcdef"


def wanted(*codes: str | None, lanes: tuple[Lane, ...] = BOTH_LANES, most: int = 100) -> Wanted:
    """A claim's wish; without codes, the emails that name no account."""
    return Wanted(codes or (None,), lanes, most, DOMAIN)


def all_codes(connection: Connection) -> Answered:
    """As if an active account answered for every code that a row names, and for none."""
    return answered_by([None, *connection.scalars(select(emails.c.dd_EmailParamCode).distinct())])


def admit_all(database: Database) -> Admitted:
    """Admit the new rows, whatever account they name."""
    return database.run(lambda connection: admit_rows(connection, all_codes(connection)))


def number_of(database: Database, email_id: int) -> int:
    """The number of the email's entry."""
    with database.read() as connection:
        return current_number(connection, email_id)


class Sender:
    """One sender under one lease; each verb is a transaction of its own."""

    def __init__(self, database: Database, seconds: float = 60) -> None:
        self.database = database
        self.lease = Lease.new(seconds)

    def admit(self) -> Admitted:
        """Whose time has come is called up, too."""
        self.database.run(transitions.call_up)
        return admit_all(self.database)

    def claim(self, *codes: str | None, most: int = 100) -> list[int]:
        """Admit what is new, and claim."""
        return self.take(wanted(*codes, most=most))

    def take(self, wish: Wanted) -> list[int]:
        self.admit()
        with self.database.write() as connection:
            return ids_of(connection, claim(connection, wish, self.lease))

    def claim_suspects(self, *codes: str | None) -> list[int]:
        with self.database.write() as connection:
            claimed = claim_suspects(connection, wanted(*codes), self.lease)
            return ids_of(connection, claimed)

    def claim_blamed(self, *codes: str | None) -> list[int]:
        with self.database.write() as connection:
            claimed = claim_blamed(connection, wanted(*codes), self.lease)
            return ids_of(connection, claimed)

    def collect(self, *ids: int) -> list[Fetched]:
        with self.database.write() as connection:
            return collect(connection, numbers_of(connection, ids), self.lease)

    def mark(self, *ids: int, recipients: Sequence[KnownRecipient] = ()) -> set[int]:
        with self.database.write() as connection:
            marks = [
                Mark(number, PRINT, tuple(recipients)) for number in numbers_of(connection, ids)
            ]
            return set(ids_of(connection, mark(connection, marks, self.lease)))

    def finish(self, *results: Result) -> set[int]:
        """The results name their emails by id."""
        with self.database.write() as connection:
            numbers = numbers_of(connection, [result.number for result in results])
            numbered = [
                result._replace(number=number)
                for result, number in zip(results, numbers, strict=True)
            ]
            return set(ids_of(connection, finish(connection, numbered, self.lease)))


def numbers_of(connection: Connection, ids: Iterable[int]) -> list[int]:
    """The numbers of the current entries of these emails; 0 where there is none."""
    found = {
        row.EmailId: row.Number
        for row in connection.execute(
            select(entries.c.EmailId, entries.c.Number).where(entries.c.IsCurrent == 1)
        )
    }
    return [found.get(email_id, 0) for email_id in ids]


def ids_of(connection: Connection, numbers: Iterable[int]) -> list[int]:
    """The ids of the emails of these entries."""
    found = {
        row.Number: row.EmailId
        for row in connection.execute(select(entries.c.Number, entries.c.EmailId))
    }
    return [found[number] for number in numbers]


def known(database: Database, email_id: int) -> tuple[KnownRecipient, ...]:
    """What is known of an email's recipients."""
    with database.read() as connection:
        number = current_number(connection, email_id)
        return known_recipients(connection, [number]).get(number, ())
