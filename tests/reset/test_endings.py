"""However an email with a code ends, its content goes with it; other emails keep theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, update

from shared.database.database import Database
from shared.database.tables import emails
from shared.database.times import utc_now
from shared.maintenance.rescue import rescue
from shared.outbox import decide
from shared.outbox.admit import expire
from shared.outbox.confidential import withdraw
from shared.outbox.decide import ContentRemoved
from shared.outbox.finish import Outcome, Result, finish
from shared.outbox.lease import Lease
from shared.outbox.resolve import Decision, resolve
from tests.support.database import change, email_row, insert_row, let_leases_run_out

LEASE = Lease("the lease", 60)
CODE = "a code 123456"

End = Callable[[Connection, int], Any]


def result(outcome: Outcome, **more: Any) -> End:
    def end(connection: Connection, email_id: int) -> None:
        finish(connection, [Result(email_id, outcome, "MAIN", **more)], LEASE)

    return end


def retried_too_late(connection: Connection, email_id: int) -> None:
    _expire_in(connection, email_id, 30)
    finish(connection, [Result(email_id, Outcome.RETRY, "MAIN", reason="busy", wait=60)], LEASE)


def expired(connection: Connection, email_id: int) -> None:
    _expire_in(connection, email_id, -1)
    expire(connection)


def _expire_in(connection: Connection, email_id: int, seconds: float) -> None:
    from sqlalchemy import literal

    connection.execute(
        update(emails)
        .where(emails.c.dd_srno == email_id)
        .values(dd_ExpiresAt=utc_now(literal(float(seconds))))
    )


ENDS: dict[str, tuple[str, End, str]] = {
    "sent": ("T", result(Outcome.SENT), "Y"),
    "sent, with a word to it": ("T", result(Outcome.SENT, reason="one refused"), "Y"),
    "failed": ("P", result(Outcome.FAILED, reason="550 no"), "F"),
    "a late reply": ("U", result(Outcome.SENT), "Y"),
    "its next attempt would come too late": ("T", retried_too_late, "C"),
    "expired": ("N", expired, "F"),
    "cancelled": ("N", lambda connection, email_id: decide.cancel(connection, email_id), "C"),
    "withdrawn": ("N", withdraw, "C"),
    "withdrawn while prepared": ("P", withdraw, "C"),
    "counted as sent": (
        "U",
        lambda connection, email_id: resolve(connection, email_id, Decision.SENT),
        "Y",
    ),
}
GOES_ON: dict[str, tuple[str, End, str]] = {
    "tried again in time": ("T", result(Outcome.RETRY, reason="busy", wait=1.0), "N"),
    "unknown": ("T", result(Outcome.UNKNOWN), "U"),
    "sent again by decision": (
        "U",
        lambda connection, email_id: resolve(connection, email_id, Decision.RESEND),
        "N",
    ),
    "too late to be withdrawn": ("T", withdraw, "T"),
}


def stored(database: Database, flag: str, origin: str | None) -> int:
    held = flag in "PTU"
    return insert_row(
        database,
        dd_bodyText=f"<b>{CODE}</b>",
        dd_TextAlternative=CODE,
        dd_Origin=origin,
        dd_SendFlag=flag,
        dd_LeaseToken=LEASE.token if held else None,
        dd_LeaseUntil="2099-01-01 00:00:00.000" if flag in "PT" else None,
    )


@pytest.mark.parametrize("way", ENDS)
def test_its_content_is_gone_with_the_end(database: Database, way: str) -> None:
    flag, end, ended = ENDS[way]
    email_id = stored(database, flag, "reset")
    another = stored(database, flag, "reset")

    database.run(lambda connection: end(connection, email_id))

    row = email_row(database, email_id)
    assert (row.dd_SendFlag, row.dd_bodyText, row.dd_TextAlternative) == (ended, None, None)
    assert row.dd_EmptiedDate is not None
    assert row.dd_EndedDate is not None
    assert CODE in email_row(database, another).dd_bodyText


@pytest.mark.parametrize("way", GOES_ON)
def test_it_keeps_its_content_until_it_ends(database: Database, way: str) -> None:
    flag, act, stands = GOES_ON[way]
    email_id = stored(database, flag, "reset")
    change(database, email_id, dd_ExpiresAt=None)

    database.run(lambda connection: act(connection, email_id))

    row = email_row(database, email_id)
    assert (row.dd_SendFlag, row.dd_TextAlternative) == (stands, CODE)
    assert row.dd_EmptiedDate is None


@pytest.mark.parametrize("origin", [None, "api"])
@pytest.mark.parametrize("way", [way for way in ENDS if "withdrawn" not in way])
def test_other_emails_keep_theirs(database: Database, way: str, origin: str | None) -> None:
    flag, end, _ = ENDS[way]
    email_id = stored(database, flag, origin)

    database.run(lambda connection: end(connection, email_id))

    row = email_row(database, email_id)
    assert CODE in row.dd_bodyText
    assert row.dd_EmptiedDate is None
    assert row.dd_SendFlag != "C" or way == "cancelled"


def test_only_emails_with_a_code_can_be_withdrawn_from_their_sender(database: Database) -> None:
    email_id = stored(database, "P", "api")

    assert not database.run(lambda connection: withdraw(connection, email_id))
    assert email_row(database, email_id).dd_SendFlag == "P"


def test_one_that_killed_its_sender_three_times_is_emptied_too(database: Database) -> None:
    codes = [stored(database, "P", "reset") for _ in range(2)]
    plain = stored(database, "P", "api")
    for email_id in (codes[0], plain):
        change(database, email_id, dd_LostLeases=2)
    let_leases_run_out(database)

    rescued = database.run(rescue)

    assert (rescued.failed, rescued.given_back) == (2, 1)
    assert email_row(database, codes[0]).dd_bodyText is None
    assert CODE in email_row(database, codes[1]).dd_bodyText
    assert CODE in email_row(database, plain).dd_bodyText


def test_what_was_emptied_is_not_tried_again(database: Database) -> None:
    email_id = stored(database, "P", "reset")
    database.run(lambda connection: ENDS["failed"][1](connection, email_id))

    with pytest.raises(ContentRemoved):
        database.run(lambda connection: decide.try_again(connection, email_id))
