from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.database.database import Database
from shared.outbox.claim import ClaimedEmail, fetch
from shared.outbox.finish import Outcome, Result
from shared.outbox.recipients import Kind, KnownRecipient, RecipientState
from shared.outbox.resolve import Decision, EmailNotFound, NotUnknown, resolve, unknown_ids
from shared.outbox.states import Flag
from tests.outbox.sender import Sender, known
from tests.support.rows import email_row, flags, insert_row


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


def states(database: Database, email_id: int) -> list[RecipientState]:
    return [one.state for one in known(database, email_id)]


def test_resend_lets_it_wait_again(database: Database, sender: Sender) -> None:
    email_id = unknown(sender)

    assert resolved(database, email_id, Decision.RESEND) is Flag.WAITING

    assert email_row(database, email_id).dd_LeaseToken is None
    assert Sender(database).claim() == [email_id]


def test_sent_counts_it_as_sent(database: Database, sender: Sender) -> None:
    email_id = unknown(sender)

    assert resolved(database, email_id, Decision.SENT) is Flag.SENT

    row = email_row(database, email_id)
    assert row.dd_SendFlag == "Y"
    assert abs(row.dd_SentDate - datetime.now(UTC)) < timedelta(minutes=5)
    assert "by decision" in row.dd_BounceReason


def test_resend_is_for_those_who_may_not_have_had_it(database: Database, sender: Sender) -> None:
    email_id = unknown(sender, ATTEMPTED, PENDING, HAD_IT, REFUSED)

    resolved(database, email_id, Decision.RESEND)

    assert states(database, email_id) == [
        RecipientState.PENDING,
        RecipientState.PENDING,
        RecipientState.SENT,
        RecipientState.REFUSED,
    ]
    ids = Sender(database).claim()
    with database.read() as connection:
        (email,) = fetch(connection, ids)
    assert isinstance(email, ClaimedEmail)
    assert [one.address for one in email.recipients if one.state is RecipientState.PENDING] == [
        "ann@example.com",
        "bob@example.com",
    ]


def test_counted_as_sent_it_still_goes_to_those_who_certainly_have_not_had_it(
    database: Database, sender: Sender
) -> None:
    email_id = unknown(sender, ATTEMPTED, PENDING, REFUSED)

    assert resolved(database, email_id, Decision.SENT) is Flag.WAITING

    assert states(database, email_id) == [
        RecipientState.SENT,
        RecipientState.PENDING,
        RecipientState.REFUSED,
    ]
    assert Sender(database).claim() == [email_id]


def test_counted_as_sent_it_is_done_when_nobody_waits(database: Database, sender: Sender) -> None:
    email_id = unknown(sender, ATTEMPTED, HAD_IT, REFUSED)

    assert resolved(database, email_id, Decision.SENT) is Flag.SENT

    assert states(database, email_id)[0] is RecipientState.SENT


@pytest.mark.parametrize("decision", list(Decision))
def test_there_must_be_such_an_email(database: Database, decision: Decision) -> None:
    with pytest.raises(EmailNotFound, match="987654"):
        resolved(database, 987_654, decision)


@pytest.mark.parametrize("flag", list("NPTYFCX"))
def test_only_an_unknown_outcome_is_decided_about(database: Database, flag: str) -> None:
    email_id = insert_row(database, dd_SendFlag=flag)

    with pytest.raises(NotUnknown, match=f"stands in {flag}"):
        resolved(database, email_id, Decision.RESEND)

    assert flags(database) == flag


@pytest.mark.parametrize("decision", list(Decision))
def test_somebody_elses_u_is_not_ours_to_decide(database: Database, decision: Decision) -> None:
    email_id = insert_row(database, dd_SendFlag="U")

    with pytest.raises(NotUnknown):
        resolved(database, email_id, decision)

    assert flags(database) == "U"
    with database.read() as connection:
        assert unknown_ids(connection, 10) == []


def test_a_second_decision_comes_too_late(database: Database, sender: Sender) -> None:
    email_id = unknown(sender, ATTEMPTED)
    resolved(database, email_id, Decision.SENT)

    with pytest.raises(NotUnknown, match="stands in Y"):
        resolved(database, email_id, Decision.RESEND)

    assert states(database, email_id) == [RecipientState.SENT]


def test_the_oldest_undecided_are_named_first(database: Database, sender: Sender) -> None:
    first, second, _ = unknown(sender), unknown(sender), unknown(sender)

    with database.read() as connection:
        assert unknown_ids(connection, 2) == [first, second]
