from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, literal

from shared.database.database import Database
from shared.database.tables import emails
from shared.database.times import utc_now
from shared.outbox.admit import expire
from tests.outbox.sender import Sender
from tests.support.emails import let_retries_come_due
from tests.support.rows import change, email_row, flags, insert_row, insert_rows

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
UNSETTLED: dict[str, Any] = {"dd_Lane": None, "dd_Priority": None, "dd_CreatedDate": None}


def expired(database: Database) -> int:
    with database.write() as connection:
        return expire(connection)


def test_a_plain_insert_is_ready_as_it_is(database: Database, sender: Sender) -> None:
    email_id = insert_row(database)

    assert sender.admit() == 0
    assert sender.claim() == [email_id]


def test_a_row_without_lane_priority_and_date_gets_them(database: Database, sender: Sender) -> None:
    email_id = insert_row(database, **UNSETTLED)
    assert sender.claim() == []

    assert sender.admit() == 1

    row = email_row(database, email_id)
    assert (row.dd_Lane, row.dd_Priority) == ("scheduled", 3)
    assert abs(row.dd_CreatedDate - datetime.now(UTC)) < timedelta(minutes=5)
    assert sender.claim() == [email_id]


def test_what_a_row_has_it_keeps(database: Database, sender: Sender) -> None:
    email_id = insert_row(database, dd_Lane="immediate", dd_Priority=None)
    sender.admit()
    row = email_row(database, email_id)
    assert (row.dd_Lane, row.dd_Priority) == ("immediate", 3)


def test_an_email_that_names_a_later_time_waits_for_it(database: Database, sender: Sender) -> None:
    email_id = insert_row(database)
    change(database, email_id, dd_SendAt=NOW + HOUR)
    assert sender.claim() == []

    assert sender.admit() == 1
    assert email_row(database, email_id).dd_NextAttemptDate == NOW + HOUR
    assert sender.admit() == 0
    assert sender.claim() == []

    change(database, email_id, dd_SendAt=NOW - HOUR, dd_NextAttemptDate=NOW - HOUR)
    assert sender.admit() == 1
    assert sender.claim() == [email_id]


def test_an_email_whose_time_has_passed_already_is_ready(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)
    change(database, email_id, dd_SendAt=NOW - HOUR)

    assert sender.admit() == 0
    assert sender.claim() == [email_id]


def test_a_retry_is_called_up_when_it_is_due(database: Database, sender: Sender) -> None:
    email_id = insert_row(database)
    change(database, email_id, dd_NextAttemptDate=NOW + HOUR)
    assert sender.admit() == 0
    assert sender.claim() == []

    let_retries_come_due(database)

    assert sender.admit() == 1
    assert email_row(database, email_id).dd_NextAttemptDate is None
    assert sender.claim() == [email_id]


def test_batches_go_on_until_nothing_is_left(database: Database, sender: Sender) -> None:
    with database.write() as connection:
        connection.execute(
            insert(emails), [{"dd_toEmailid": "ann@example.com", **UNSETTLED}] * 1_203
        )

    settled = []
    while (number := sender.admit()) > 0:
        settled.append(number)

    assert sum(settled) == 1_203
    assert max(settled) <= 1_000


def test_emails_that_nobody_waits_for_are_left_alone(database: Database, sender: Sender) -> None:
    for flag in "PTYFUCX":
        insert_row(database, dd_SendFlag=flag, **UNSETTLED)

    assert sender.admit() == 0
    assert flags(database) == "PTYFUCX"


def iso(moment: datetime, zone: str = "Z") -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}{zone}"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (iso(NOW + 30 * HOUR), NOW + 30 * HOUR),
        (iso(NOW + HOUR), NOW + HOUR),
        (iso(NOW + 3 * HOUR, "+02:00"), NOW + HOUR),
        (f"{NOW + HOUR:%Y-%m-%d %H:%M:%S}", NOW + HOUR),
    ],
    ids=["tomorrow", "today", "in a time zone", "with a space"],
)
def test_sqlite_a_later_time_may_be_written_as_iso_8601(
    sqlite_database: Database, text: str, meant: datetime
) -> None:
    sender = Sender(sqlite_database)
    email_id = insert_row(sqlite_database, dd_SendAt=text)

    sender.admit()

    assert email_row(sqlite_database, email_id).dd_NextAttemptDate == meant
    assert sender.claim() == []


def test_sqlite_a_time_zone_far_west_does_not_make_an_email_early(
    sqlite_database: Database,
) -> None:
    """Such a text sorts before now though the time it means has not come."""
    sender = Sender(sqlite_database)
    insert_row(sqlite_database, dd_SendAt=iso(NOW - 10 * HOUR, "-12:00"))

    sender.admit()

    assert sender.claim() == []


@pytest.mark.parametrize(
    "text",
    [iso(NOW - HOUR), "2001-01-01", "as soon as you can", "", 0],
    ids=["an hour ago", "years ago", "words", "empty", "a number"],
)
def test_sqlite_a_time_that_has_passed_or_is_none_is_at_once(
    sqlite_database: Database, text: Any
) -> None:
    sender = Sender(sqlite_database)
    email_id = insert_row(sqlite_database, dd_SendAt=text)

    sender.admit()

    assert sender.claim() == [email_id]


def test_an_email_past_its_expiry_fails_with_the_reason(database: Database) -> None:
    late, in_time, forever = insert_rows(database, 3)
    change(database, late, dd_ExpiresAt=NOW - HOUR)
    change(database, in_time, dd_ExpiresAt=NOW + HOUR)

    assert expired(database) == 1

    assert flags(database, [late, in_time, forever]) == "FNN"
    assert email_row(database, late).dd_BounceReason == "expired before it could be sent"


def test_a_retry_expires_too(database: Database) -> None:
    email_id = insert_row(database)
    change(database, email_id, dd_ExpiresAt=NOW - HOUR, dd_NextAttemptDate=NOW + HOUR)

    assert expired(database) == 1


def test_an_expired_email_is_not_claimed_even_before_it_is_swept(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)
    change(database, email_id, dd_ExpiresAt=NOW - HOUR)

    assert sender.claim() == []


def test_an_email_on_its_way_does_not_expire(database: Database, sender: Sender) -> None:
    one, other = insert_rows(database, 2)
    sender.claim()
    sender.mark(other)
    with database.write() as connection:
        connection.execute(emails.update().values(dd_ExpiresAt=utc_now(literal(-60.0))))

    assert expired(database) == 0
    assert flags(database, [one, other]) == "PT"


def test_sqlite_an_expiry_that_is_no_time_never_comes(sqlite_database: Database) -> None:
    insert_row(sqlite_database, dd_ExpiresAt="0 soon")
    insert_row(sqlite_database, dd_ExpiresAt=iso(NOW - 25 * HOUR))

    assert expired(sqlite_database) == 1
    assert flags(sqlite_database) == "NF"
