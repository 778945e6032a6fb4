from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared.database.database import Database
from shared.outbox.sending.lease import Lease, renew
from tests.outbox.sender import Sender
from tests.support.emails import let_leases_run_out
from tests.support.rows import (
    entry_of,
    flags,
    insert_row,
    insert_rows,
)


def renewed(sender: Sender, lease: Lease | None = None) -> int:
    with sender.database.write() as connection:
        return renew(connection, lease or sender.lease)


def seconds_left(database: Database, email_id: int) -> float:
    left: timedelta = entry_of(database, email_id).LeaseUntil - datetime.now(UTC)
    return left.total_seconds()


def test_a_renewal_runs_for_the_full_length_from_now(database: Database, sender: Sender) -> None:
    claimed, marked = insert_rows(database, 2)
    sender.claim()
    sender.mark(marked)

    assert renewed(sender, Lease(sender.lease.token, 3600)) == 2

    assert 3500 < seconds_left(database, claimed) < 3700
    assert 3500 < seconds_left(database, marked) < 3700


def test_a_lease_that_ran_out_lives_again_while_nobody_has_rescued_its_emails(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)
    sender.claim()
    let_leases_run_out(database)

    assert renewed(sender) == 1
    assert sender.mark(email_id) == {email_id}


def test_nobody_renews_what_is_not_theirs(database: Database, sender: Sender) -> None:
    email_id = insert_row(database)
    sender.claim()
    let_leases_run_out(database)

    assert renewed(Sender(database)) == 0
    assert seconds_left(database, email_id) < 0


def test_emails_that_are_done_with_have_no_lease(database: Database, sender: Sender) -> None:
    insert_rows(database, 3, dd_SendFlag="P")

    assert renewed(sender) == 0
    assert flags(database) == "PPP"


def test_every_lease_has_a_token_of_its_own() -> None:
    assert len({Lease.new(60).token for _ in range(100)}) == 100
