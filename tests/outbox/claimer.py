"""A process that claims until nothing waits, and prints the numbers that it got."""

from __future__ import annotations

import sys

from sqlalchemy import Connection

from shared.database.database import open_database
from shared.outbox.queries.counts import waiting
from shared.outbox.sending.claim import claim
from shared.outbox.sending.lease import Lease
from tests.outbox.sender import ids_of, wanted


def main(address: str) -> None:
    database = open_database(address)
    lease = Lease.new(60)

    def work(connection: Connection) -> list[int]:
        return ids_of(connection, claim(connection, wanted(None, most=50), lease))

    with database.read() as connection:
        waiting(connection)
    print("ready", flush=True)
    sys.stdin.readline()
    claimed: list[int] = []
    left = 1
    while left:
        claimed += database.run(work)
        with database.read() as connection:
            left = waiting(connection)
    print(*claimed)


if __name__ == "__main__":
    main(sys.argv[1])
