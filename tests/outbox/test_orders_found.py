"""Faults that the property test (test_every_order.py) found, each reduced to its example."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, text

from shared.database import migrations
from shared.database.database import Database
from shared.database.engine import file_url, open_engine
from shared.database.tables import entries
from shared.maintenance.rescue import rescue
from shared.outbox.add import NewEmail, add
from shared.outbox.cancel_retry_resolve import Decision, resolve
from shared.outbox.confidential import CONFIDENTIAL
from shared.outbox.recipients import Kind, KnownRecipient, RecipientState
from shared.outbox.removal import NotAtRest, remove
from shared.outbox.rows.write_back import write_all_back
from shared.outbox.sending.begin import Mark, mark
from shared.outbox.sending.claim import claim
from shared.outbox.sending.fetch import ClaimedEmail
from shared.outbox.sending.finish import Outcome, Result
from shared.outbox.sending.lease import Lease
from tests.outbox.sender import PRINT, Sender, wanted
from tests.outbox.test_every_order import SEED


@pytest.fixture
def adopted(tmp_path: Path) -> Database:
    """An adopted table of the seed's columns only, whose ids come again."""
    engine = open_engine(file_url(tmp_path / "adopted.db"))
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(text(SEED))
    migrations.upgrade(engine)
    database = Database(engine)
    with database.write() as connection:
        connection.execute(text("UPDATE Rowpost_Service SET State = 'running'"))
    return database


def test_an_email_of_the_api_may_get_the_id_of_a_former_row(adopted: Database) -> None:
    lease = Lease.new(60)
    email = NewEmail(to="ann@example.com", subject="First", body="Hi")
    with adopted.write() as connection:
        first = add(connection, email)
        (number,) = claim(connection, wanted(None), lease)
        connection.execute(text("DELETE FROM Digital_Emaildetails"))
    with adopted.write() as connection:
        assert add(connection, email) == first
        assert mark(connection, [Mark(number, PRINT)], lease) == set(), "the former is not sent"
        states = select(entries.c.State).order_by(entries.c.Number)
        assert list(connection.scalars(states)) == ["C", "N"]


def test_a_row_whose_letter_is_taken_away_is_taken_back_and_not_claimed_for_ever(
    adopted: Database,
) -> None:
    """An empty letter means N only in a row that Rowpost has never had."""
    sender = Sender(adopted)
    with adopted.write() as connection:
        email_id = add(connection, NewEmail(to="ann@example.com", subject="First", body="Hi"))
        connection.execute(text("UPDATE Digital_Emaildetails SET dd_SendFlag = NULL"))
    assert sender.claim() == [email_id]
    assert sender.collect(email_id) == []
    with adopted.read() as connection:
        assert connection.scalar(select(entries.c.State)) == "C"


def test_an_email_whose_row_asks_for_it_again_is_not_removed_under_it(adopted: Database) -> None:
    """The row would stay, and be sent as somebody else's, without its blind copies and files."""
    email = NewEmail(to="ann@example.com", bcc="fay@example.com", subject="First", body="Hi")
    with adopted.write() as connection:
        email_id = add(connection, email)
        connection.execute(text("UPDATE Digital_Emaildetails SET dd_SendFlag = 'N'"))
    with adopted.write() as connection, pytest.raises(NotAtRest):
        remove(connection, email_id)


def test_an_email_put_off_after_it_was_called_unknown_can_still_be_decided_about(
    adopted: Database,
) -> None:
    """It waited again in the ledger while its row said U: the next claim took it for taken back."""
    sender = Sender(adopted)
    with adopted.write() as connection:
        email_id = add(connection, NewEmail(to="ann@example.com", subject="First", body="Hi"))
    sender.claim()
    sender.mark(email_id)
    with adopted.write() as connection:
        connection.execute(text("UPDATE Rowpost_Emails SET LeaseUntil = '2020-01-01'"))
        rescue(connection)
    write_all_back(adopted, 5)
    assert sender.finish(Result(email_id, Outcome.RETRY, "SHOP", reason="451 later")) == {email_id}
    assert sender.claim() == []
    with adopted.write() as connection:
        resolve(connection, email_id, Decision.RESEND)
    assert sender.claim() == [email_id]
    assert len(sender.collect(email_id)) == 1


@pytest.mark.parametrize("letter", ["N", "n", " N"])
def test_a_row_that_says_new_in_any_spelling_gets_the_end_that_it_had_not_been_told(
    adopted: Database, letter: str
) -> None:
    """Spelt otherwise, it stayed, and was sent once more by the next admission."""
    sender = Sender(adopted)
    with adopted.write() as connection:
        email_id = add(connection, NewEmail(to="ann@example.com", subject="First", body="Hi"))
    sender.claim()
    (email,) = sender.collect(email_id)
    assert isinstance(email, ClaimedEmail)
    reset = text("UPDATE Digital_Emaildetails SET dd_SendFlag = :letter")
    with adopted.write() as connection:
        connection.execute(reset, {"letter": letter})
        mark(connection, [Mark(email.number, email.fingerprint)], sender.lease)
    sender.finish(Result(email_id, Outcome.SENT, "SHOP"))
    assert [sender.claim(), sender.claim()] == [[], []]
    with adopted.read() as connection:
        assert connection.scalar(text("SELECT dd_SendFlag FROM Digital_Emaildetails")) == "Y"


def test_what_is_confidential_goes_with_its_email_when_its_row_says_n_again(
    sqlite_database: Database,
) -> None:
    """A mass reset left it with the former entry, and an empty "(confidential)" was sent."""
    sender = Sender(sqlite_database)
    email = NewEmail(to="ann@example.com", subject="Code", body="123456", origin=CONFIDENTIAL)
    with sqlite_database.write() as connection:
        email_id = add(connection, email)
        connection.execute(text("UPDATE Digital_Emaildetails SET dd_SendFlag = 'N'"))
    sender.claim()
    (collected,) = sender.collect(email_id)
    assert isinstance(collected, ClaimedEmail)
    assert (collected.subject, collected.body) == ("Code", "123456")


def test_an_equal_row_with_options_of_its_own_is_another_email(adopted: Database) -> None:
    """Its blind copy went to whom the former row had named, and not to whom it names."""
    sender = Sender(adopted)
    row = text(
        "INSERT INTO Digital_Emaildetails (dd_srno, dd_toEmailid, dd_subject) "
        "VALUES (1, 'ann@example.com', 'Hello')"
    )
    option = text("INSERT INTO Rowpost_Options (EmailId, bccEmailid) VALUES (1, :bcc)")
    with adopted.write() as connection:
        connection.execute(row)
        connection.execute(option, {"bcc": "fay@example.com"})
    sender.claim()
    (former,) = sender.collect(1)
    assert isinstance(former, ClaimedEmail)
    put_off = (
        KnownRecipient(Kind.TO, "ann@example.com", state=RecipientState.SENT),
        KnownRecipient(Kind.BCC, "fay@example.com", reply="451 later"),
    )
    with adopted.write() as connection:
        mark(connection, [Mark(former.number, former.fingerprint, put_off)], sender.lease)
    sender.finish(Result(1, Outcome.RETRY, "SHOP", wait=60.0, recipients=put_off, email_id=1))
    with adopted.write() as connection:
        connection.execute(text("DELETE FROM Digital_Emaildetails"))
        connection.execute(row)
        connection.execute(option, {"bcc": "gus@example.com"})

    sender.claim()

    (claimed,) = sender.collect(1)
    assert isinstance(claimed, ClaimedEmail)
    assert (claimed.bcc, claimed.recipients) == ("gus@example.com", ())
