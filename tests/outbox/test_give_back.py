from __future__ import annotations

from sqlalchemy import Connection

from shared.database.database import Database
from shared.outbox.recipients import Kind, KnownRecipient, RecipientState
from shared.outbox.sending.give_back import give_back, release
from tests.outbox.sender import Sender, known, numbers_of
from tests.support.emails import let_leases_run_out
from tests.support.rows import (
    change_entry,
    entry_of,
    flags,
    insert_row,
    insert_rows,
)

ACCEPTED = KnownRecipient(Kind.TO, "ann@example.com", state=RecipientState.ATTEMPTED)
REFUSED = KnownRecipient(Kind.TO, "bob@example.com", state=RecipientState.REFUSED, reply="550")


def returned(sender: Sender, *ids: int) -> int:
    with sender.database.write() as connection:
        return give_back(connection, numbers_of(connection, ids), sender.lease)


def released(sender: Sender) -> int:
    def work(connection: Connection) -> int:
        return release(connection, sender.lease)

    return sender.database.run(work)


def test_what_is_given_back_waits_again_unharmed(database: Database, sender: Sender) -> None:
    email_id = insert_row(database)
    sender.claim()

    assert returned(sender, email_id) == 1

    row = entry_of(database, email_id)
    assert (row.State, row.Retries, row.LostLeases) == ("N", 0, None)
    assert (row.LeaseToken, row.LeaseUntil) == (None, None)
    assert Sender(database).claim() == [email_id]


def test_a_marked_email_whose_dot_was_not_written_can_be_given_back(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)
    sender.claim()
    sender.mark(email_id, recipients=[ACCEPTED, REFUSED])

    assert returned(sender, email_id) == 1

    assert flags(database) == "N"
    states = [one.state for one in known(database, email_id)]
    assert states == [RecipientState.PENDING, RecipientState.REFUSED]


def test_nobody_gives_back_what_is_not_theirs(database: Database, sender: Sender) -> None:
    """Neither the email nor what is known of its recipients."""
    email_id = insert_row(database)
    sender.claim()
    sender.mark(email_id, recipients=[ACCEPTED])

    assert returned(Sender(database), email_id) == 0

    assert flags(database) == "T"
    assert known(database, email_id) == (ACCEPTED,)


def test_what_has_ended_is_not_given_back(database: Database, sender: Sender) -> None:
    ids = insert_rows(database, 4)
    sender.claim()
    for email_id, flag in zip(ids, "YFUC", strict=True):
        change_entry(database, email_id, State=flag)

    assert returned(sender, *ids) == 0
    assert flags(database) == "YFUC"


def test_any_number_is_given_back(database: Database, sender: Sender) -> None:
    ids = insert_rows(database, 3)
    sender.claim()

    assert returned(sender) == 0
    assert returned(sender, *ids, *range(900_000, 901_200)) == 3


def test_a_sender_that_ends_releases_what_it_has_not_marked(
    database: Database, sender: Sender
) -> None:
    """Also what a claim took whose commit looked like a failure, so that nobody knows its ids."""
    ids = insert_rows(database, 4)
    sender.claim(most=3)
    sender.mark(ids[0])
    Sender(database).claim()

    assert released(sender) == 2
    assert flags(database, ids) == "TNNP"


def test_a_release_after_the_lease_has_run_out_is_as_good(
    database: Database, sender: Sender
) -> None:
    insert_row(database)
    sender.claim()
    let_leases_run_out(database)

    assert released(sender) == 1
    assert flags(database) == "N"
