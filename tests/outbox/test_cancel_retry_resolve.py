from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from shared.database.database import Database
from shared.outbox.cancel_retry_resolve import (
    ContentRemoved,
    Decision,
    NotEnded,
    NotUnknown,
    NotWaiting,
    cancel,
    resolve,
    try_again,
    unknown_ids,
)
from shared.outbox.entries import EmailNotFound
from shared.outbox.recipients import Kind, KnownRecipient, RecipientState
from shared.outbox.sending.fetch import ClaimedEmail
from shared.outbox.sending.finish import Outcome, Result
from shared.outbox.states import Flag
from tests.outbox.sender import Sender, known, number_of
from tests.support.emails import email_in, expire_in, foreign_row, seen_by_the_application
from tests.support.rows import change, change_entry, email_row, entry_of, flags, insert_row


def recipient(name: str, state: RecipientState) -> KnownRecipient:
    return KnownRecipient(Kind.TO, f"{name}@example.com", state=state)


ATTEMPTED = recipient("ann", RecipientState.ATTEMPTED)
PENDING = recipient("bob", RecipientState.PENDING)
HAD_IT = recipient("cy", RecipientState.SENT)
REFUSED = recipient("di", RecipientState.REFUSED)


def unknown(sender: Sender, *recipients: KnownRecipient) -> int:
    email_id = insert_row(sender.database)
    sender.claim()
    sender.mark(email_id, recipients=recipients)
    sender.finish(Result(email_id, Outcome.UNKNOWN, "MAIN", reason="lost after the dot"))
    return email_id


def resolved(database: Database, email_id: int, decision: Decision) -> Flag:
    with database.write() as connection:
        return resolve(connection, email_id, decision)


def letter(database: Database, email_id: int) -> str:
    """What stands in its row, whether it has been told or not."""
    return str(email_row(database, email_id).dd_SendFlag)


def what_became(database: Database, email_id: int) -> list[RecipientState]:
    return [recipient.state for recipient in known(database, email_id)]


def test_resend_lets_it_wait_again(database: Database, sender: Sender) -> None:
    email_id = unknown(sender)

    assert resolved(database, email_id, Decision.RESEND) is Flag.WAITING

    entry = entry_of(database, email_id)
    assert (entry.LeaseToken, entry.Uncertain) == (None, 1)
    assert letter(database, email_id) == "P"
    assert Sender(database).claim() == [email_id]


@pytest.mark.parametrize(
    ("decision", "letter_then"), [(Decision.RESEND, "P"), (Decision.SENT, "Y")]
)
def test_a_row_that_was_told_u_is_told_the_decision_with_the_same_commit(
    database: Database, sender: Sender, decision: Decision, letter_then: str
) -> None:
    email_id = unknown(sender)
    assert seen_by_the_application(database, email_id).letter == "U"

    resolved(database, email_id, decision)

    assert letter(database, email_id) == letter_then


def test_a_row_that_was_not_told_u_yet_is_told_the_decision(
    database: Database, sender: Sender
) -> None:
    email_id = unknown(sender)

    resolved(database, email_id, Decision.SENT)

    seen = seen_by_the_application(database, email_id)
    assert seen.letter == "Y"
    assert seen.sent_at is not None
    assert "by decision" in (seen.reason or "")


def test_sent_counts_it_as_sent(database: Database, sender: Sender) -> None:
    email_id = unknown(sender)

    assert resolved(database, email_id, Decision.SENT) is Flag.SENT

    entry = entry_of(database, email_id)
    assert entry.State == "Y"
    assert abs(entry.SentAt - datetime.now(UTC)) < timedelta(minutes=5)
    assert "by decision" in entry.Reason


def test_resend_is_for_those_who_may_not_have_had_it(database: Database, sender: Sender) -> None:
    email_id = unknown(sender, ATTEMPTED, PENDING, HAD_IT, REFUSED)

    resolved(database, email_id, Decision.RESEND)

    assert what_became(database, email_id) == [
        RecipientState.PENDING,
        RecipientState.PENDING,
        RecipientState.SENT,
        RecipientState.REFUSED,
    ]
    again = Sender(database)
    (email,) = again.collect(*again.claim())
    assert isinstance(email, ClaimedEmail)
    assert [
        recipient.address
        for recipient in email.recipients
        if recipient.state is RecipientState.PENDING
    ] == ["ann@example.com", "bob@example.com"]


def test_counted_as_sent_it_still_goes_to_those_who_certainly_have_not_had_it(
    database: Database, sender: Sender
) -> None:
    email_id = unknown(sender, ATTEMPTED, PENDING, REFUSED)

    assert resolved(database, email_id, Decision.SENT) is Flag.WAITING

    assert what_became(database, email_id) == [
        RecipientState.SENT,
        RecipientState.PENDING,
        RecipientState.REFUSED,
    ]
    assert Sender(database).claim() == [email_id]


def test_counted_as_sent_it_is_done_when_nobody_waits(database: Database, sender: Sender) -> None:
    email_id = unknown(sender, ATTEMPTED, HAD_IT, REFUSED)

    assert resolved(database, email_id, Decision.SENT) is Flag.SENT

    assert what_became(database, email_id)[0] is RecipientState.SENT


@pytest.mark.parametrize("decision", list(Decision))
def test_there_must_be_such_an_email(database: Database, decision: Decision) -> None:
    with pytest.raises(EmailNotFound, match="987654"):
        resolved(database, 987_654, decision)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("N", "queued"),
        ("P", "sending"),
        ("T", "sending"),
        ("Y", "sent"),
        ("F", "failed"),
        ("C", "cancelled"),
    ],
)
@pytest.mark.parametrize("decision", list(Decision))
def test_only_an_unknown_outcome_is_decided_about(
    database: Database, state: str, status: str, decision: Decision
) -> None:
    email_id = email_in(database, state)

    with pytest.raises(NotUnknown, match=f"is {status}"):
        resolved(database, email_id, decision)

    assert flags(database) == state


@pytest.mark.parametrize("letter", list("NPTYUFCX"))
@pytest.mark.parametrize("decision", list(Decision))
def test_what_rowpost_never_had_is_not_ours_to_decide(
    database: Database, letter: str, decision: Decision
) -> None:
    email_id = foreign_row(database, letter)

    with pytest.raises(NotUnknown, match=f"says '{letter}', and Rowpost has never had it"):
        resolved(database, email_id, decision)

    assert flags(database) == letter
    with database.read() as connection:
        assert unknown_ids(connection, 10) == []


def test_a_second_decision_comes_too_late(database: Database, sender: Sender) -> None:
    email_id = unknown(sender, ATTEMPTED)
    resolved(database, email_id, Decision.SENT)

    with pytest.raises(NotUnknown, match="is sent"):
        resolved(database, email_id, Decision.RESEND)

    assert what_became(database, email_id) == [RecipientState.SENT]


def test_the_oldest_undecided_are_named_first(database: Database, sender: Sender) -> None:
    first, second, _ = unknown(sender), unknown(sender), unknown(sender)

    with database.read() as connection:
        assert unknown_ids(connection, 2) == [first, second]


# Cancel.


def cancelled(database: Database, email_id: int) -> None:
    database.run(lambda connection: cancel(connection, email_id))


def test_a_waiting_email_is_cancelled_with_its_row(database: Database) -> None:
    email_id = email_in(database, Flag.WAITING)

    cancelled(database, email_id)

    entry = entry_of(database, email_id)
    assert (entry.State, entry.LeaseToken) == ("C", None)
    assert abs(entry.EndedAt - datetime.now(UTC)) < timedelta(minutes=5)
    assert letter(database, email_id) == "C"
    assert Sender(database).claim() == []


def test_a_row_that_was_not_admitted_yet_is_cancelled_too(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)

    cancelled(database, email_id)

    assert letter(database, email_id) == "C"
    assert sender.claim() == []


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("P", "sending"),
        ("T", "sending"),
        ("U", "unknown"),
        ("Y", "sent"),
        ("F", "failed"),
        ("C", "cancelled"),
    ],
)
def test_only_a_waiting_email_is_cancelled(database: Database, state: str, status: str) -> None:
    email_id = email_in(database, state)
    before = letter(database, email_id)

    with pytest.raises(NotWaiting, match=f"it is {status}"):
        cancelled(database, email_id)

    assert flags(database) == state
    assert letter(database, email_id) == before


@pytest.mark.parametrize("other", list("PTYUFCX"))
def test_a_letter_of_somebody_else_is_not_cancelled(database: Database, other: str) -> None:
    email_id = foreign_row(database, other)

    with pytest.raises(NotWaiting, match="Rowpost has never had it"):
        cancelled(database, email_id)

    assert letter(database, email_id) == other


# Try again.


def tried_again(database: Database, email_id: int) -> None:
    database.run(lambda connection: try_again(connection, email_id))


@pytest.mark.parametrize("state", ["F", "C"])
@pytest.mark.parametrize("told", [True, False])
def test_what_failed_or_was_cancelled_gets_an_entry_of_its_own(
    database: Database, state: str, told: bool
) -> None:
    email_id = email_in(database, state)
    former = number_of(database, email_id)
    if told:
        assert seen_by_the_application(database, email_id).letter == state

    tried_again(database, email_id)

    entry = entry_of(database, email_id)
    assert entry.Number > former
    assert (entry.State, entry.FirstNumber, entry.Retries) == ("N", former, 0)
    assert (entry.Reason, entry.EndedAt, entry.NotBefore) == (None, None, None)
    assert seen_by_the_application(database, email_id).letter == "P"
    assert Sender(database).claim() == [email_id]


def test_what_had_expired_is_wanted_all_the_same(database: Database) -> None:
    email_id = email_in(database, Flag.FAILED)
    expire_in(database, email_id, -1)

    tried_again(database, email_id)

    assert entry_of(database, email_id).ExpiresAt is None
    assert Sender(database).claim() == [email_id]


def test_whoever_had_it_does_not_get_it_again(database: Database, sender: Sender) -> None:
    email_id = insert_row(database)
    sender.claim()
    sender.mark(email_id, recipients=[ATTEMPTED, PENDING, HAD_IT, REFUSED])
    sender.finish(
        Result(
            email_id,
            Outcome.FAILED,
            "MAIN",
            recipients=(ATTEMPTED, PENDING, HAD_IT, REFUSED),
        )
    )

    tried_again(database, email_id)

    assert what_became(database, email_id) == [
        RecipientState.PENDING,
        RecipientState.PENDING,
        RecipientState.SENT,
        RecipientState.PENDING,
    ]


@pytest.mark.parametrize("state", ["N", "P", "T", "U", "Y"])
def test_only_what_failed_or_was_cancelled_is_tried_again(database: Database, state: str) -> None:
    email_id = email_in(database, state)
    number = number_of(database, email_id)

    with pytest.raises(NotEnded):
        tried_again(database, email_id)

    assert flags(database) == state
    assert number_of(database, email_id) == number


@pytest.mark.parametrize("other", list("NPTYUFCX"))
def test_what_rowpost_never_had_is_not_tried_again(database: Database, other: str) -> None:
    email_id = foreign_row(database, other)

    with pytest.raises(NotEnded, match="Rowpost has never had it"):
        tried_again(database, email_id)

    assert letter(database, email_id) == other


def test_an_application_that_has_decided_meanwhile_is_not_overruled(database: Database) -> None:
    email_id = email_in(database, Flag.FAILED)
    seen_by_the_application(database, email_id)
    change(database, email_id, dd_SendFlag="X")

    with pytest.raises(NotEnded, match="an application has decided about it"):
        tried_again(database, email_id)

    assert letter(database, email_id) == "X"
    assert entry_of(database, email_id).State == "F"


def test_what_has_no_content_any_more_is_not_tried_again(database: Database) -> None:
    email_id = email_in(database, Flag.FAILED)
    change_entry(database, email_id, EmptiedAt=datetime.now(UTC))

    with pytest.raises(ContentRemoved):
        tried_again(database, email_id)


@pytest.mark.parametrize("verb", [cancelled, tried_again])
def test_there_must_be_such_an_email_to_cancel_or_try_again(
    database: Database, verb: Callable[[Database, int], None]
) -> None:
    with pytest.raises(EmailNotFound, match="987654"):
        verb(database, 987_654)
