from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Row, select, update

from shared.database.database import Database
from shared.database.tables import attempts, statistics
from shared.maintenance.rescue import rescue
from shared.outbox.cancel_retry_resolve import Decision, resolve
from shared.outbox.entries import current_number
from shared.outbox.queries.statistics import Counted, totals
from shared.outbox.recipients import Kind, KnownRecipient, RecipientState
from shared.outbox.sending.finish import Outcome, Result
from tests.outbox.sender import Sender, known
from tests.support.emails import let_leases_run_out, let_retries_come_due
from tests.support.rows import (
    change_entry,
    entry_of,
    flags,
    insert_row,
    insert_rows,
)

OUTCOMES = [Outcome.SENT, Outcome.RETRY, Outcome.FAILED, Outcome.UNKNOWN]


def result(email_id: int, outcome: Outcome = Outcome.SENT, **more: object) -> Result:
    return Result(email_id, outcome, "MAIN", **more)  # type: ignore[arg-type]


def marked(sender: Sender, number: int = 1) -> list[int]:
    ids = insert_rows(sender.database, number)
    sender.claim(most=number)
    sender.mark(*ids)
    return ids


def attempts_of(database: Database, email_id: int) -> list[Row[tuple[object, ...]]]:
    with database.read() as connection:
        number = current_number(connection, email_id)
        question = select(attempts).where(attempts.c.Number == number).order_by(attempts.c.Id)
        return list(connection.execute(question))


def counted(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {what.value: number for what, number in totals(connection).items() if number}


def test_sent_is_y_with_its_date_and_without_a_lease(database: Database, sender: Sender) -> None:
    (email_id,) = marked(sender)
    change_entry(database, email_id, Reason="greylisted before")

    assert sender.finish(result(email_id)) == {email_id}

    row = entry_of(database, email_id)
    assert row.State == "Y"
    assert abs(row.SentAt - datetime.now(UTC)) < timedelta(minutes=5)
    assert (row.LeaseToken, row.LeaseUntil, row.Reason) == (None, None, None)


def test_sent_to_some_keeps_the_reason_and_who_was_refused(
    database: Database, sender: Sender
) -> None:
    (email_id,) = marked(sender)
    everybody = (
        KnownRecipient(Kind.TO, "ann@example.com", state=RecipientState.SENT),
        KnownRecipient(Kind.TO, "bob@example.com", state=RecipientState.REFUSED, reply="550 no"),
    )

    sender.finish(result(email_id, reason="bob@example.com: 550 no", recipients=everybody))

    row = entry_of(database, email_id)
    assert (row.State, row.Reason) == ("Y", "bob@example.com: 550 no")
    assert abs(row.SentAt - datetime.now(UTC)) < timedelta(minutes=5)
    assert known(database, email_id) == everybody


def test_refused_for_now_waits_for_its_time_with_an_attempt_used(
    database: Database, sender: Sender
) -> None:
    (email_id,) = marked(sender)
    change_entry(database, email_id, Retries=1)

    sender.finish(result(email_id, Outcome.RETRY, reason="451 later", wait=3600.0))

    row = entry_of(database, email_id)
    assert (row.State, row.Retries, row.Reason) == ("N", 2, "451 later")
    assert row.LeaseToken is None
    assert row.SentAt is None
    assert abs(row.LastTriedAt - datetime.now(UTC)) < timedelta(minutes=5)
    wait = (row.NotBefore - datetime.now(UTC)).total_seconds()
    assert 3500 < wait < 3700
    assert sender.claim() == []


@pytest.mark.parametrize("wait", [0, 0.0])
def test_a_retry_without_a_wait_is_ready_at_once(
    database: Database, sender: Sender, wait: float
) -> None:
    (email_id,) = marked(sender)

    sender.finish(result(email_id, Outcome.RETRY, wait=wait))

    assert sender.claim() == [email_id]


def test_a_failure_that_is_not_the_emails_uses_no_attempt(
    database: Database, sender: Sender
) -> None:
    (email_id,) = marked(sender)

    sender.finish(result(email_id, Outcome.RETRY, wait=60.0, uses_attempt=False))

    row = entry_of(database, email_id)
    assert (row.State, row.Retries) == ("N", 0)


def test_refused_for_good_is_f_with_the_reason(database: Database, sender: Sender) -> None:
    (email_id,) = marked(sender)

    sender.finish(result(email_id, Outcome.FAILED, reason="550 5.1.1 no such user"))

    row = entry_of(database, email_id)
    assert (row.State, row.Reason) == ("F", "550 5.1.1 no such user")
    assert (row.LeaseToken, row.SentAt, row.NotBefore) == (None, None, None)


def test_lost_after_the_final_dot_is_u_and_keeps_its_token(
    database: Database, sender: Sender
) -> None:
    (email_id,) = marked(sender)

    sender.finish(result(email_id, Outcome.UNKNOWN, reason="connection lost after the dot"))

    row = entry_of(database, email_id)
    assert (row.State, row.LeaseToken) == ("U", sender.lease.token)
    assert row.LeaseUntil is None
    assert row.Reason == "connection lost after the dot"


@pytest.mark.parametrize("outcome", [Outcome.RETRY, Outcome.FAILED])
def test_an_email_can_end_before_it_is_marked(
    database: Database, sender: Sender, outcome: Outcome
) -> None:
    email_id = insert_row(database)
    sender.claim()

    assert sender.finish(result(email_id, outcome, reason="no", wait=60.0)) == {email_id}
    assert flags(database) == {Outcome.RETRY: "N", Outcome.FAILED: "F"}[outcome]


def test_an_email_that_was_not_marked_was_not_sent(database: Database, sender: Sender) -> None:
    email_id = insert_row(database)
    sender.claim()

    assert sender.finish(result(email_id)) == set()
    assert flags(database) == "P"


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_reply_that_comes_after_the_rescue_still_tells_the_truth(
    database: Database, sender: Sender, outcome: Outcome
) -> None:
    (email_id,) = marked(sender)
    let_leases_run_out(database)
    with database.write() as connection:
        rescue(connection)
    assert flags(database) == "U"

    assert sender.finish(result(email_id, outcome, wait=60.0)) == {email_id}

    # Put off, it is still for somebody to decide about: its row may say U by now.
    assert flags(database) == dict(zip(OUTCOMES, "YUFU", strict=True))[outcome]


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("decision", list(Decision))
def test_a_reply_that_comes_after_a_decision_changes_nothing(
    database: Database, sender: Sender, outcome: Outcome, decision: Decision
) -> None:
    (email_id,) = marked(sender)
    sender.finish(result(email_id, Outcome.UNKNOWN))
    with database.write() as connection:
        resolve(connection, email_id, decision)
    before = entry_of(database, email_id)

    assert sender.finish(result(email_id, outcome, reason="late", wait=60.0)) == set()

    assert entry_of(database, email_id) == before
    assert len(attempts_of(database, email_id)) == 1


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_foreign_token_changes_nothing(
    database: Database, sender: Sender, outcome: Outcome
) -> None:
    (email_id,) = marked(sender)
    before = entry_of(database, email_id)
    refused = KnownRecipient(Kind.TO, "ann@example.com", state=RecipientState.REFUSED)

    foreign = result(email_id, outcome, reason="not mine", wait=60.0, recipients=(refused,))
    assert Sender(database).finish(foreign) == set()

    assert entry_of(database, email_id) == before
    assert known(database, email_id) == ()
    assert attempts_of(database, email_id) == []
    assert counted(database) == {}


def test_the_same_result_twice_counts_once(database: Database, sender: Sender) -> None:
    """A commit whose end was uncertain is tried again."""
    (email_id,) = marked(sender)

    assert sender.finish(result(email_id)) == {email_id}
    assert sender.finish(result(email_id)) == set()

    assert len(attempts_of(database, email_id)) == 1
    assert counted(database) == {"sent": 1}


def test_many_results_of_all_kinds_are_written_together(database: Database, sender: Sender) -> None:
    ids = marked(sender, 100)
    kinds = [OUTCOMES[number % 4] for number in range(100)]

    finished = sender.finish(
        *(result(one, kind, wait=60.0) for one, kind in zip(ids, kinds, strict=True))
    )

    assert finished == set(ids)
    assert flags(database) == "YNFU" * 25
    assert counted(database) == {"sent": 25, "retry": 25, "failed": 25, "unknown": 25}


def test_every_attempt_is_kept_with_the_servers_words(database: Database, sender: Sender) -> None:
    (email_id,) = marked(sender)
    sender.finish(
        result(
            email_id,
            Outcome.RETRY,
            reason="the server is busy",
            code=451,
            enhanced_code="4.3.2",
            reply="4.3.2 try again",
            duration_ms=120,
        )
    )
    sender.claim()
    sender.mark(email_id)
    sender.finish(result(email_id, code=250, reply="2.0.0 Ok: queued as 4711", duration_ms=80))

    first, second = attempts_of(database, email_id)

    assert (first.Account, first.Outcome, first.Code) == ("MAIN", "retry", 451)
    assert (first.EnhancedCode, first.Reply) == ("4.3.2", "4.3.2 try again")
    assert first.DurationMs == 120
    assert abs(first.At - datetime.now(UTC)) < timedelta(minutes=5)
    assert (second.Outcome, second.Reply) == ("sent", "2.0.0 Ok: queued as 4711")
    assert (second.EnhancedCode, second.Code) == (None, 250)


def test_long_and_broken_words_are_cut_to_fit(database: Database, sender: Sender) -> None:
    """A reason that does not fit its column would keep the whole commit from being written."""
    long, broken = marked(sender, 2)

    sender.finish(
        result(long, Outcome.FAILED, reason="🎉" * 400, reply="x" * 9_000),
        result(broken, Outcome.FAILED, reason="bad address: a\udce9b"),
    )

    assert entry_of(database, long).Reason == "🎉" * 250
    assert attempts_of(database, long)[0].Reply == "x" * 500
    assert entry_of(database, broken).Reason == "bad address: a?b"


def test_counters_are_kept_by_the_hour_and_account(database: Database, sender: Sender) -> None:
    first, second, third = marked(sender, 3)
    sender.finish(result(first))
    with database.write() as connection:
        connection.execute(update(statistics).values(Hour=datetime(2020, 2, 29, 23, tzinfo=UTC)))
    sender.finish(result(second), Result(third, Outcome.FAILED, "NEWS"))

    with database.read() as connection:
        rows = connection.execute(
            select(statistics).order_by(statistics.c.Hour, statistics.c.Account)
        ).all()

    now = datetime.now(UTC)
    assert [(row.Account, row.Sent, row.Failed) for row in rows] == [
        ("MAIN", 1, 0),
        ("MAIN", 1, 0),
        ("NEWS", 0, 1),
    ]
    assert rows[0].Hour == datetime(2020, 2, 29, 23, tzinfo=UTC)
    assert rows[1].Hour.minute == rows[1].Hour.second == rows[1].Hour.microsecond == 0
    assert abs(now - rows[1].Hour) < timedelta(hours=1, minutes=5)
    assert counted(database) == {Counted.SENT: 2, Counted.FAILED: 1}


def test_nothing_is_finished_without_results(sender: Sender) -> None:
    assert sender.finish() == set()


def test_a_postponed_email_waits_and_it_costs_it_nothing(
    database: Database, sender: Sender
) -> None:
    (email_id,) = insert_rows(database, 1)
    sender.claim()

    postponed = result(email_id, Outcome.POSTPONED, reason="the store is away", wait=60.0)
    assert sender.finish(postponed) == {email_id}

    row = entry_of(database, email_id)
    assert (row.State, row.Retries, row.LastTriedAt) == ("N", 0, None)
    assert row.Reason == "the store is away"
    assert attempts_of(database, email_id) == []
    assert counted(database) == {}
    assert sender.claim() == []

    let_retries_come_due(database)
    sender.admit()
    assert sender.claim() == [email_id]


def test_what_may_have_been_sent_is_not_postponed(database: Database, sender: Sender) -> None:
    (email_id,) = marked(sender)

    assert sender.finish(result(email_id, Outcome.POSTPONED, wait=60.0)) == set()

    assert flags(database) == "T"
