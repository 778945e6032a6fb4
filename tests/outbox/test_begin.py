from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.database.database import Database
from shared.outbox.recipients import Kind, KnownRecipient, RecipientState
from shared.outbox.sending.begin import Mark, mark
from tests.outbox.sender import PRINT, Sender, known, number_of
from tests.support.emails import let_leases_run_out
from tests.support.rows import change_entry, email_row, entry_of, flags, insert_row, insert_rows

ACCEPTED = KnownRecipient(Kind.TO, "ann@example.com", state=RecipientState.ATTEMPTED)
REFUSED = KnownRecipient(
    Kind.TO, "bob@example.com", state=RecipientState.REFUSED, reply="550 5.1.1 unknown"
)


def test_a_marked_email_stands_in_t_and_its_lease_runs_anew(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)
    sender.claim()
    change_entry(database, email_id, LeaseUntil=datetime(2999, 1, 1, tzinfo=UTC))

    assert sender.mark(email_id) == {email_id}

    entry = entry_of(database, email_id)
    assert (entry.State, entry.LeaseToken) == ("T", sender.lease.token)
    assert 30 < (entry.LeaseUntil - datetime.now(UTC)).total_seconds() < 90


def test_a_mark_keeps_the_fingerprint_of_each_email_and_touches_no_row(
    database: Database, sender: Sender
) -> None:
    ids = insert_rows(database, 3)
    sender.claim()
    rows = [email_row(database, email_id) for email_id in ids]
    marks = [Mark(number_of(database, email_id), f"print {email_id}") for email_id in ids]

    with database.write() as connection:
        mark(connection, marks, sender.lease)

    assert [entry_of(database, email_id).Fingerprint for email_id in ids] == [
        f"print {email_id}" for email_id in ids
    ]
    assert [email_row(database, email_id) for email_id in ids] == rows


def test_only_what_really_was_marked_is_answered(database: Database, sender: Sender) -> None:
    mine, marked_before, given_up, over = insert_rows(database, 4)
    sender.claim()
    sender.mark(marked_before)
    change_entry(database, given_up, State="F")
    change_entry(database, over, LeaseUntil=datetime(2020, 1, 1, tzinfo=UTC))
    others = insert_row(database)
    Sender(database).claim()
    waiting = insert_row(database)

    ids = (mine, marked_before, given_up, over, others, waiting, 987_654)
    assert sender.mark(*ids) == {mine}

    assert flags(database) == "TTFPPN"


def test_an_email_that_another_entry_has_replaced_is_not_marked(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)
    sender.claim()
    number = number_of(database, email_id)
    change_entry(database, email_id, IsCurrent=0)

    with database.write() as connection:
        assert mark(connection, [Mark(number, PRINT)], sender.lease) == set()


def test_a_foreign_token_marks_nothing(database: Database, sender: Sender) -> None:
    email_id = insert_row(database)
    sender.claim()

    assert Sender(database).mark(email_id) == set()
    assert flags(database) == "P"


def test_a_lease_that_is_over_marks_nothing(database: Database, sender: Sender) -> None:
    email_id = insert_row(database)
    sender.claim()
    let_leases_run_out(database)

    assert sender.mark(email_id) == set()
    assert flags(database) == "P"


@pytest.mark.parametrize("number", [1, 2, 3, 5, 64, 65, 200])
def test_any_number_of_emails_is_marked_together(
    database: Database, sender: Sender, number: int
) -> None:
    """One more than are marked stays: lists are padded, but not with somebody else."""
    ids = insert_rows(database, number + 1)
    sender.claim(most=number + 1)

    assert sender.mark(*ids[:-1]) == set(ids[:-1])
    assert flags(database) == "T" * number + "P"


def test_no_email_is_marked_without_being_named(sender: Sender) -> None:
    assert sender.mark() == set()


def test_who_was_refused_is_written_with_the_mark(database: Database, sender: Sender) -> None:
    email_id = insert_row(database, dd_toEmailid="ann@example.com;bob@example.com")
    sender.claim()

    sender.mark(email_id, recipients=[ACCEPTED, REFUSED])

    assert known(database, email_id) == (ACCEPTED, REFUSED)


def test_recipients_are_written_only_for_what_was_marked(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)
    Sender(database).claim()

    sender.mark(email_id, recipients=[ACCEPTED, REFUSED])

    assert known(database, email_id) == ()


def test_a_rolled_back_mark_is_none(database: Database, sender: Sender) -> None:
    email_id = insert_row(database)
    sender.claim()
    number = number_of(database, email_id)

    def work() -> None:
        with database.write() as connection:
            marks = [Mark(number, PRINT, (REFUSED,))]
            assert mark(connection, marks, sender.lease) == {number}
            raise RuntimeError("before the commit")

    with pytest.raises(RuntimeError):
        work()

    assert flags(database) == "P"
    assert known(database, email_id) == ()


def test_a_reply_that_is_too_long_for_its_column_is_cut(database: Database, sender: Sender) -> None:
    email_id = insert_row(database)
    sender.claim()
    long = KnownRecipient(Kind.TO, "ann@example.com", "A" * 300, reply="5" * 499 + "🎉🎉")

    sender.mark(email_id, recipients=[long])

    (kept,) = known(database, email_id)
    assert kept.name == "A" * 255
    assert kept.reply == "5" * 499
