"""What a sender does with the queue, in the few words that the tests here need."""

from __future__ import annotations

from collections.abc import Sequence

from shared.database.database import Database
from shared.outbox.admit import admit
from shared.outbox.claim import Wanted, claim, claim_suspects
from shared.outbox.finish import Result, finish
from shared.outbox.lease import Lease
from shared.outbox.mark import Mark, mark
from shared.outbox.recipients import KnownRecipient, known_recipients
from shared.outbox.states import BOTH_LANES, Lane

DOMAIN = "mail.example.com"


def wanted(*codes: str | None, lanes: tuple[Lane, ...] = BOTH_LANES, most: int = 100) -> Wanted:
    """A claim's wish; without codes, the emails that name no account."""
    return Wanted(codes or (None,), lanes, most, DOMAIN)


class Sender:
    """One sender under one lease; each verb is a transaction of its own."""

    def __init__(self, database: Database, seconds: float = 60) -> None:
        self.database = database
        self.lease = Lease.new(seconds)

    def admit(self) -> int:
        with self.database.write() as connection:
            return admit(connection)

    def claim(self, *codes: str | None, most: int = 100) -> list[int]:
        return self.take(wanted(*codes, most=most))

    def take(self, wish: Wanted) -> list[int]:
        with self.database.write() as connection:
            return claim(connection, wish, self.lease)

    def claim_suspects(self, *codes: str | None) -> list[int]:
        with self.database.write() as connection:
            return claim_suspects(connection, wanted(*codes), self.lease)

    def mark(self, *ids: int, recipients: Sequence[KnownRecipient] = ()) -> set[int]:
        with self.database.write() as connection:
            return mark(connection, [Mark(one, tuple(recipients)) for one in ids], self.lease)

    def finish(self, *results: Result) -> set[int]:
        with self.database.write() as connection:
            return finish(connection, results, self.lease)


def known(database: Database, email_id: int) -> tuple[KnownRecipient, ...]:
    """What is known of an email's recipients."""
    with database.read() as connection:
        return known_recipients(connection, [email_id]).get(email_id, ())
