from __future__ import annotations

from shared.database.database import Database
from shared.maintenance.rescue import Rescued, rescue
from shared.outbox.admission.admit import Admitted
from shared.outbox.queries.statistics import Counted, totals
from shared.outbox.recipients import Kind, KnownRecipient, RecipientState
from shared.outbox.sending.finish import Outcome, Result
from shared.outbox.transitions import DIED_PREPARING, DIED_TRANSMITTING
from tests.outbox.sender import Sender, known
from tests.support.emails import let_leases_run_out, seen_by_the_application
from tests.support.rows import change_entry, entry_of, flags, insert_row, insert_rows


def rescued(database: Database) -> Rescued:
    with database.write() as connection:
        return rescue(connection)


def test_a_sender_that_died_preparing_gives_its_emails_back(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)
    sender.claim()
    let_leases_run_out(database)

    assert rescued(database) == Rescued(given_back=1)

    entry = entry_of(database, email_id)
    assert (entry.State, entry.LostLeases, entry.Retries) == ("N", 1, 0)
    assert (entry.LeaseToken, entry.LeaseUntil, entry.Reason) == (None, None, None)
    assert seen_by_the_application(database, email_id) == ("P", None, None, 0)


def test_an_email_whose_senders_died_three_times_is_given_up(database: Database) -> None:
    email_id = insert_row(database)
    for lost in (1, 2):
        sender = Sender(database)
        assert sender.claim() + sender.claim_suspects() == [email_id]
        let_leases_run_out(database)
        assert rescued(database) == Rescued(given_back=1)
        assert entry_of(database, email_id).LostLeases == lost
    Sender(database).claim_suspects()
    let_leases_run_out(database)

    assert rescued(database) == Rescued(failed=1)

    entry = entry_of(database, email_id)
    assert (entry.State, entry.Reason) == ("F", DIED_PREPARING)
    assert (entry.LeaseToken, entry.LeaseUntil) == (None, None)
    assert entry.EndedAt is not None
    assert seen_by_the_application(database, email_id) == ("F", None, DIED_PREPARING, 0)
    assert DIED_PREPARING == "sender died while preparing this email"
    with database.read() as connection:
        assert totals(connection)[Counted.FAILED] == 1


def test_a_sender_that_died_transmitting_leaves_an_unknown_outcome_and_its_token(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)
    sender.claim()
    accepted = KnownRecipient(Kind.TO, "ann@example.com", state=RecipientState.ATTEMPTED)
    sender.mark(email_id, recipients=[accepted])
    let_leases_run_out(database)

    assert rescued(database) == Rescued(unknown=1)

    entry = entry_of(database, email_id)
    assert (entry.State, entry.Reason) == ("U", DIED_TRANSMITTING)
    assert (entry.LeaseToken, entry.LeaseUntil) == (sender.lease.token, None)
    assert seen_by_the_application(database, email_id) == ("U", None, DIED_TRANSMITTING, 0)
    assert known(database, email_id) == (accepted,)
    with database.read() as connection:
        assert totals(connection)[Counted.UNKNOWN] == 1


def test_an_unknown_outcome_is_never_resent_by_itself(database: Database, sender: Sender) -> None:
    email_id = insert_row(database)
    sender.claim()
    sender.mark(email_id)
    let_leases_run_out(database)
    rescued(database)

    assert rescued(database) == Rescued()
    assert sender.admit() == Admitted()
    assert sender.claim() + sender.claim_suspects() == []
    assert flags(database, [email_id]) == "U"


def test_a_lease_that_runs_is_not_touched(database: Database, sender: Sender) -> None:
    claimed, marked = insert_rows(database, 2)
    sender.claim()
    sender.mark(marked)

    assert rescued(database) == Rescued()
    assert flags(database, [claimed, marked]) == "PT"


def test_rows_that_rowpost_never_had_belong_to_somebody_else(database: Database) -> None:
    """An older sender may have used the same letters."""
    ours = insert_row(database)
    Sender(database).claim()
    insert_row(database, dd_SendFlag="P")
    insert_row(database, dd_SendFlag="T")
    insert_row(database, dd_SendFlag="U")
    let_leases_run_out(database)

    assert rescued(database) == Rescued(given_back=1)
    assert flags(database) == "NPTU"
    assert flags(database, [ours]) == "N"


def test_what_has_no_lease_is_not_rescued(database: Database, sender: Sender) -> None:
    prepared, marked = insert_rows(database, 2)
    sender.claim()
    sender.mark(marked)
    let_leases_run_out(database)
    change_entry(database, prepared, LeaseToken=None)
    change_entry(database, marked, LeaseToken=None)

    assert rescued(database) == Rescued()
    assert flags(database) == "PT"


def test_a_sender_that_stalled_and_wakes_up_can_do_no_harm(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)
    sender.claim()
    let_leases_run_out(database)
    rescued(database)
    second = Sender(database)
    assert second.claim_suspects() == [email_id]

    assert sender.mark(email_id) == set()
    assert sender.finish(Result(email_id, Outcome.FAILED, "MAIN")) == set()

    assert second.mark(email_id) == {email_id}
    assert second.finish(Result(email_id, Outcome.SENT, "MAIN")) == {email_id}


def test_everything_is_rescued_at_once(database: Database, sender: Sender) -> None:
    ids = insert_rows(database, 30)
    sender.claim()
    sender.mark(*ids[:10])
    for email_id in ids[20:]:
        change_entry(database, email_id, LostLeases=2)
    let_leases_run_out(database)

    assert rescued(database) == Rescued(given_back=10, failed=10, unknown=10)
    assert flags(database, ids) == "U" * 10 + "N" * 10 + "F" * 10
