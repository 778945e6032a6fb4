"""However an email with a code ends, its content goes with it; other emails keep theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, text

from shared.database.database import Database
from shared.maintenance.rescue import rescue
from shared.outbox import transitions
from shared.outbox.cancel_retry_resolve import (
    ContentRemoved,
    Decision,
    cancel,
    resolve,
    try_again,
    withdraw,
)
from shared.outbox.confidential import CONFIDENTIAL_SUBJECT, forget_ended
from shared.outbox.entries import current_number
from shared.outbox.rows.write_back import write_all_back
from shared.outbox.sending.finish import Outcome, Result, finish
from shared.outbox.states import Flag
from tests.support.emails import (
    LEASE,
    became,
    bring,
    expire_in,
    kill_its_sender,
    let_leases_run_out,
    seen_by_the_application,
    stored_email,
)

CODE = "a code 123456"

End = Callable[[Database, int], Any]


def result(outcome: Outcome, **more: Any) -> End:
    def end(database: Database, email_id: int) -> None:
        def work(connection: Connection) -> None:
            number = current_number(connection, email_id)
            finish(connection, [Result(number, outcome, "MAIN", **more)], LEASE)

        database.run(work)

    return end


def retried_too_late(database: Database, email_id: int) -> None:
    expire_in(database, email_id, 30)
    result(Outcome.RETRY, reason="busy", wait=60)(database, email_id)


def expired(database: Database, email_id: int) -> None:
    expire_in(database, email_id, -1)
    database.run(lambda connection: forget_ended(connection, transitions.expire(connection)))


def by(act: Callable[..., Any], *arguments: Any) -> End:
    """A decision, in a transaction of its own."""
    return lambda database, email_id: database.run(lambda c: act(c, email_id, *arguments))


ENDS: dict[str, tuple[str, End, str]] = {
    "sent": ("T", result(Outcome.SENT), "Y"),
    "sent, with a word to it": ("T", result(Outcome.SENT, reason="one refused"), "Y"),
    "failed": ("P", result(Outcome.FAILED, reason="550 no"), "F"),
    "a late reply": ("U", result(Outcome.SENT), "Y"),
    "its next attempt would come too late": ("T", retried_too_late, "C"),
    "expired": ("N", expired, "F"),
    "cancelled": ("N", by(cancel), "C"),
    "withdrawn": ("N", by(withdraw), "C"),
    "withdrawn while prepared": ("P", by(withdraw), "C"),
    "counted as sent": ("U", by(resolve, Decision.SENT), "Y"),
}
GOES_ON: dict[str, tuple[str, End, str]] = {
    "tried again in time": ("T", result(Outcome.RETRY, reason="busy", wait=1.0), "N"),
    "unknown": ("T", result(Outcome.UNKNOWN), "U"),
    "sent again by decision": ("U", by(resolve, Decision.RESEND), "N"),
    "too late to be withdrawn": ("T", by(withdraw), "T"),
}


def stored(database: Database, flag: str, origin: str | None) -> int:
    email_id = stored_email(database, body=f"<b>{CODE}</b>", text_alternative=CODE, origin=origin)
    bring(database, email_id, flag)
    return email_id


@pytest.mark.parametrize("way", ENDS)
def test_its_content_is_gone_with_the_end(database: Database, way: str) -> None:
    flag, end, ended = ENDS[way]
    email_id = stored(database, flag, "reset")
    another = stored(database, flag, "reset")

    end(database, email_id)

    kept = became(database, email_id)
    assert (kept.state, kept.body, kept.text_alternative) == (ended, None, None)
    assert kept.emptied_at is not None
    assert kept.ended_at is not None
    assert CODE in str(became(database, another).body)


@pytest.mark.parametrize("state", list("NPTUYFC"))
def test_what_it_says_never_stands_in_the_applications_table(
    database: Database, state: str
) -> None:
    """No trigger, archive or report sees it, wherever the email stands."""
    email_id = stored(database, state, "reset")
    write_all_back(database, 10)

    with database.read() as connection:
        row = connection.execute(
            text("SELECT * FROM Digital_Emaildetails WHERE dd_srno = :id"), {"id": email_id}
        ).one()

    assert CODE not in repr(row)
    assert row.dd_subject == CONFIDENTIAL_SUBJECT


@pytest.mark.parametrize("way", ENDS)
def test_its_row_is_told_its_end_all_the_same(database: Database, way: str) -> None:
    flag, end, ended = ENDS[way]
    email_id = stored(database, flag, "reset")

    end(database, email_id)

    assert seen_by_the_application(database, email_id).letter == ended


@pytest.mark.parametrize("way", GOES_ON)
def test_it_keeps_its_content_until_it_ends(database: Database, way: str) -> None:
    flag, act, stands = GOES_ON[way]
    email_id = stored(database, flag, "reset")

    act(database, email_id)

    kept = became(database, email_id)
    assert (kept.state, kept.text_alternative) == (stands, CODE)
    assert kept.emptied_at is None


@pytest.mark.parametrize("origin", [None, "api"])
@pytest.mark.parametrize("way", [way for way in ENDS if "withdrawn" not in way])
def test_other_emails_keep_theirs(database: Database, way: str, origin: str | None) -> None:
    flag, end, _ = ENDS[way]
    email_id = stored(database, flag, origin)

    end(database, email_id)

    kept = became(database, email_id)
    assert CODE in kept.wording
    assert kept.emptied_at is None
    assert kept.state != "C" or way == "cancelled"


def test_only_emails_with_a_code_can_be_withdrawn_from_their_sender(database: Database) -> None:
    email_id = stored(database, "P", "api")

    assert not database.run(lambda connection: withdraw(connection, email_id))
    assert became(database, email_id).state == "P"


def test_one_that_killed_its_sender_three_times_is_emptied_too(database: Database) -> None:
    codes = [stored(database, "N", "reset") for _ in range(2)]
    plain = stored(database, "N", "api")
    for email_id in (codes[0], plain):
        kill_its_sender(database, email_id, times=2)
    for email_id in (*codes, plain):
        bring(database, email_id, Flag.PREPARING)
    let_leases_run_out(database)

    rescued = database.run(rescue)

    assert (rescued.failed, rescued.given_back) == (2, 1)
    assert became(database, codes[0]).body is None
    assert CODE in str(became(database, codes[1]).body)
    assert CODE in str(became(database, plain).body)


def test_what_was_emptied_is_not_tried_again(database: Database) -> None:
    email_id = stored(database, "P", "reset")
    ENDS["failed"][1](database, email_id)

    with pytest.raises(ContentRemoved):
        database.run(lambda connection: try_again(connection, email_id))
