"""Admission: what becomes of rows in which an application wrote N."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select, text, update

from shared.database import migrations
from shared.database.columns.sizes import size_once_stored
from shared.database.columns.times import utc_now
from shared.database.database import Database
from shared.database.engine import file_url, open_engine
from shared.database.tables import emails, entries, held_rows, options, service
from shared.outbox import loose_files, transitions
from shared.outbox.add import NewEmail
from shared.outbox.admission.admit import AT_ONCE, MANY_RESETS, Admitted, admit, admit_rows
from shared.outbox.admission.fingerprint import fingerprint
from shared.outbox.admission.held import LOOK_AGAIN_SECONDS, HeldRow, confirm, held_row
from shared.outbox.admission.row_content import content_of
from shared.outbox.attachments import StoredAttachment, attachments_of
from shared.outbox.confidential import CONFIDENTIAL
from shared.outbox.recipients import Kind, KnownRecipient, RecipientState, write_recipients
from shared.outbox.rows.rewrite import rewrite
from shared.outbox.sending.fetch import ClaimedEmail
from shared.outbox.sending.finish import Outcome
from shared.outbox.states import Flag
from shared.scheduling import service_state
from tests.outbox.sender import Sender, admit_all, known, number_of
from tests.outbox.test_every_order import SEED
from tests.support.accounts import answered_by
from tests.support.emails import (
    attempt,
    became,
    bring,
    date_its_end,
    email_in,
    expire_in,
    let_retries_come_due,
    overwrite,
    seen_by_the_application,
    stored_email,
    waiting_email,
    waiting_emails,
)
from tests.support.rows import change, email_row, entry_of, flags, insert_row, insert_rows

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
EVERYBODY = answered_by([None, "", "NEWS"])


def call_up(database: Database) -> int:
    return database.run(transitions.call_up)


def expired(database: Database) -> int:
    return len(database.run(transitions.expire))


def letters(database: Database) -> str:
    """What stands in the rows, in the order of their ids; - where nothing does."""
    with database.read() as connection:
        said = connection.scalars(select(emails.c.dd_SendFlag).order_by(emails.c.dd_srno))
        return "".join(letter or "-" for letter in said)


def number_of_entries(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(entries)) or 0


def why_held(database: Database, email_id: int) -> HeldRow | None:
    with database.read() as connection:
        return held_row(connection, email_id)


def let_held_rows_be_looked_at(database: Database) -> None:
    with database.write() as connection:
        connection.execute(update(held_rows).values(LookAgainAt=utc_now()))


def execute(database: Database, *statements: str) -> None:
    with database.write() as connection:
        for statement in statements:
            connection.execute(text(statement))


def begin_ids_anew(database: Database) -> None:
    """As after TRUNCATE TABLE: the next row gets the id 1."""
    with database.write() as connection:
        connection.execute(delete(emails))
        if database.engine.dialect.name == "sqlite":
            connection.execute(
                text("DELETE FROM sqlite_sequence WHERE name = 'Digital_Emaildetails'")
            )
        else:
            connection.execute(text("TRUNCATE TABLE Digital_Emaildetails"))


# What becomes of a row.


def test_a_plain_insert_becomes_an_entry_and_its_row_says_p(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)

    assert sender.admit() == Admitted(admitted=1)

    assert (letters(database), flags(database)) == ("P", "N")
    entry = entry_of(database, email_id)
    assert (entry.AccountCode, entry.Lane, entry.Priority) == (None, "scheduled", 3)
    assert (entry.NotBefore, entry.ExpiresAt, entry.Retries) == (None, None, 0)
    assert abs(entry.DueSince - datetime.now(UTC)) < timedelta(minutes=5)
    assert sender.claim() == [email_id]


def test_nothing_else_of_the_row_is_changed(database: Database, sender: Sender) -> None:
    email_id = insert_row(database, dd_Lane=None, dd_Priority=None, dd_RetryCount=None)
    before = email_row(database, email_id)

    sender.admit()

    assert email_row(database, email_id)._asdict() == before._asdict() | {"dd_SendFlag": "P"}


def test_an_admitted_row_is_not_admitted_twice(database: Database, sender: Sender) -> None:
    insert_rows(database, 3)

    assert sender.admit().admitted == 3
    assert sender.admit() == Admitted()
    assert number_of_entries(database) == 3


def test_what_a_row_asks_for_stands_in_its_entry(database: Database, sender: Sender) -> None:
    email_id = insert_row(
        database, dd_Lane=" Immediate", dd_Priority=1, dd_EmailParamCode=" NEWS", dd_RequestId="r-1"
    )

    assert database.run(partial(admit_rows, answered=EVERYBODY)).admitted == 1

    entry = entry_of(database, email_id)
    assert (entry.Lane, entry.Priority, entry.AccountCode) == ("immediate", 1, "NEWS")
    assert entry.RequestId == "r-1"


@pytest.mark.parametrize("letter", ["n", None])
def test_a_small_n_and_none_at_all_mean_n_in_a_row_never_seen(
    database: Database, sender: Sender, letter: str | None
) -> None:
    email_id = insert_row(database, dd_SendFlag=letter)

    assert sender.admit().admitted == 1
    assert letters(database) == "P"
    assert sender.claim() == [email_id]


@pytest.mark.parametrize("letter", ["N ", " N", " n"])
def test_sqlite_spaces_around_the_letter_do_not_count(
    sqlite_database: Database, letter: str
) -> None:
    insert_row(sqlite_database, dd_SendFlag=letter)

    assert admit_all(sqlite_database).admitted == 1
    assert letters(sqlite_database) == "P"


def test_a_null_in_a_row_that_rowpost_had_is_the_applications_own(
    database: Database, sender: Sender
) -> None:
    email_id = email_in(database, "Y")
    overwrite(database, email_id, None)

    assert sender.admit() == Admitted()
    assert letters(database) == "-"


def test_other_letters_are_left_alone(database: Database, sender: Sender) -> None:
    for flag in "PTYFUCX":
        insert_row(database, dd_SendFlag=flag)

    assert sender.admit() == Admitted()
    assert letters(database) == "PTYFUCX"
    assert number_of_entries(database) == 0


def test_a_stopped_service_admits_nothing(database: Database, sender: Sender) -> None:
    insert_row(database)
    with database.write() as connection:
        service_state.stop(connection, "a test")

    assert sender.admit() == Admitted()
    assert letters(database) == "N"


# Times.


def test_an_email_that_names_a_later_time_waits_for_it(database: Database, sender: Sender) -> None:
    email_id = insert_row(database)
    change(database, email_id, dd_SendAt=NOW + HOUR)

    assert sender.admit().admitted == 1
    entry = entry_of(database, email_id)
    assert (entry.NotBefore, entry.DueSince) == (NOW + HOUR, NOW + HOUR)
    assert call_up(database) == 0
    assert sender.claim() == []

    let_retries_come_due(database)
    assert call_up(database) == 1
    assert entry_of(database, email_id).NotBefore is None
    assert sender.claim() == [email_id]


def test_an_email_whose_time_has_passed_already_is_ready(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)
    change(database, email_id, dd_SendAt=NOW - HOUR)

    assert sender.claim() == [email_id]
    assert entry_of(database, email_id).DueSince == NOW - HOUR


def test_a_retry_is_called_up_when_it_is_due(database: Database, sender: Sender) -> None:
    email_id = waiting_email(database)
    attempt(database, email_id, Outcome.RETRY, wait=3600.0)
    assert call_up(database) == 0
    assert sender.claim() == []

    let_retries_come_due(database)

    assert call_up(database) == 1
    assert sender.claim() == [email_id]


def iso(moment: datetime, zone: str = "Z") -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}{zone}"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (iso(NOW + 30 * HOUR), NOW + 30 * HOUR),
        (iso(NOW + HOUR), NOW + HOUR),
        (iso(NOW + 3 * HOUR, "+02:00"), NOW + HOUR),
        (iso(NOW + 3 * HOUR, "+0200"), NOW + HOUR),
        (f"{NOW + HOUR:%Y-%m-%d %H:%M:%S}", NOW + HOUR),
    ],
    ids=["tomorrow", "today", "in a time zone", "without a colon", "with a space"],
)
@pytest.mark.parametrize("column", ["dd_SendAt", "dd_ExpiresAt"])
def test_sqlite_a_time_may_be_written_as_iso_8601(
    sqlite_database: Database, column: str, written: str, meant: datetime
) -> None:
    email_id = insert_row(sqlite_database, **{column: written})

    admit_all(sqlite_database)

    entry = entry_of(sqlite_database, email_id)
    assert (entry.NotBefore if column == "dd_SendAt" else entry.ExpiresAt) == meant


def test_sqlite_a_time_zone_far_west_does_not_make_an_email_early(
    sqlite_database: Database,
) -> None:
    """Such a text sorts before now though the time it means has not come."""
    sender = Sender(sqlite_database)
    insert_row(sqlite_database, dd_SendAt=iso(NOW - 10 * HOUR, "-12:00"))

    sender.admit()

    assert flags(sqlite_database) == "N"
    assert call_up(sqlite_database) == 0
    assert sender.claim() == []


@pytest.mark.parametrize(
    "written", [iso(NOW - HOUR), "2001-01-01", ""], ids=["an hour ago", "years ago", "empty"]
)
def test_sqlite_a_time_that_has_passed_or_is_empty_is_at_once(
    sqlite_database: Database, written: str
) -> None:
    email_id = insert_row(sqlite_database, dd_SendAt=written)

    assert Sender(sqlite_database).claim() == [email_id]


def test_an_email_past_its_expiry_fails_with_the_reason(database: Database, sender: Sender) -> None:
    late, in_time, forever = insert_rows(database, 3)
    change(database, late, dd_ExpiresAt=NOW - HOUR)
    change(database, in_time, dd_ExpiresAt=NOW + HOUR)
    sender.admit()

    assert expired(database) == 1

    assert flags(database, [late, in_time, forever]) == "FNN"
    seen = seen_by_the_application(database, late)
    assert (seen.letter, seen.reason) == ("F", "expired before it could be sent")


def test_a_retry_expires_too(database: Database) -> None:
    email_id = waiting_email(database)
    attempt(database, email_id, Outcome.RETRY, wait=3600.0)
    expire_in(database, email_id, -1)

    assert expired(database) == 1


def test_an_expired_email_is_not_claimed_even_before_it_is_swept(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)
    change(database, email_id, dd_ExpiresAt=NOW - HOUR)

    assert sender.claim() == []
    assert flags(database) == "N"


def test_an_email_on_its_way_does_not_expire(database: Database, sender: Sender) -> None:
    first, second = insert_rows(database, 2)
    sender.claim()
    sender.mark(second)
    for email_id in (first, second):
        expire_in(database, email_id, -60)

    assert expired(database) == 0
    assert flags(database, [first, second]) == "PT"


# Rows that are held.

UNREADABLE = [
    ("dd_Lane", "fast", "its lane is 'fast'"),
    ("dd_Priority", 9, "its priority is '9'"),
    ("dd_EmailParamCode", "OTHER", "no active account has the code 'OTHER'"),
]


@pytest.mark.parametrize(("column", "said", "reason"), UNREADABLE)
def test_a_row_that_cannot_be_admitted_keeps_its_n_and_everybody_may_read_why(
    database: Database, column: str, said: Any, reason: str
) -> None:
    email_id, other = insert_row(database, **{column: said}), insert_row(database)

    assert admit(database, EVERYBODY) == Admitted(admitted=1, held=1)

    assert letters(database) == "NP"
    held = why_held(database, email_id)
    assert held is not None
    assert held.reason.startswith(reason)
    assert abs(held.since - datetime.now(UTC)) < timedelta(minutes=5)
    assert why_held(database, other) is None


@pytest.mark.parametrize("column", ["dd_SendAt", "dd_ExpiresAt"])
@pytest.mark.parametrize(
    "written", ["2099-01-01 00:00:00 UTC", "as soon as you can", "0 soon", 0, 4_070_908_800, 1.5]
)
def test_sqlite_a_date_that_cannot_be_read_holds_its_row_and_no_other(
    sqlite_database: Database, column: str, written: Any
) -> None:
    email_id = insert_row(sqlite_database, **{column: written})
    insert_row(sqlite_database)

    assert admit(sqlite_database, EVERYBODY) == Admitted(admitted=1, held=1)

    assert letters(sqlite_database) == "NP"
    held = why_held(sqlite_database, email_id)
    assert held is not None
    assert repr(str(written)) in held.reason


def test_sqlite_a_creation_date_that_is_no_date_holds_nothing(sqlite_database: Database) -> None:
    for written in ("yesterday", 4711, b"\xff", ""):
        insert_row(sqlite_database, dd_CreatedDate=written)

    assert admit(sqlite_database, EVERYBODY) == Admitted(admitted=4)
    assert flags(sqlite_database) == "NNNN"


@pytest.mark.parametrize(
    "lacking",
    [
        {"dd_filename": "invoice.pdf", "dd_document": None},
        {"dd_filename": "invoice.pdf", "dd_document": b""},
        {"dd_subject": None, "dd_bodyText": None},
        {"dd_subject": "", "dd_bodyText": ""},
    ],
    ids=str,
)
def test_a_row_that_lacks_what_it_names_waits_until_it_has_it(
    database: Database, sender: Sender, lacking: dict[str, Any]
) -> None:
    email_id = insert_row(database, **lacking)
    other = insert_row(database)

    assert sender.admit() == Admitted(admitted=1, held=1)
    held = why_held(database, email_id)
    assert held is not None
    assert "document" in held.reason

    change(database, email_id, dd_document=b"%PDF-1.7")
    let_held_rows_be_looked_at(database)
    assert sender.admit() == Admitted(admitted=1)
    assert sorted(sender.claim()) == [email_id, other]


def test_a_held_row_is_looked_at_again_after_a_while_and_then_goes(database: Database) -> None:
    email_id = insert_row(database, dd_Lane="fast")
    admit(database, EVERYBODY)
    with database.read() as connection:
        row = connection.execute(select(held_rows)).one()
    assert (row.LookAgainAt - row.Since).total_seconds() == pytest.approx(
        LOOK_AGAIN_SECONDS, abs=0.1
    )

    change(database, email_id, dd_Lane="immediate")
    assert admit(database, EVERYBODY) == Admitted()
    let_held_rows_be_looked_at(database)
    assert admit(database, EVERYBODY) == Admitted(admitted=1)

    assert why_held(database, email_id) is None
    assert entry_of(database, email_id).Lane == "immediate"


def test_a_held_row_that_is_looked_at_again_is_held_since_the_first_time(
    database: Database,
) -> None:
    email_id = insert_row(database, dd_Lane="fast")
    admit(database, EVERYBODY)
    first = why_held(database, email_id)
    let_held_rows_be_looked_at(database)
    change(database, email_id, dd_Lane="slow")

    assert admit(database, EVERYBODY) == Admitted(held=1)

    again = why_held(database, email_id)
    assert first is not None
    assert again is not None
    assert (again.since, again.reason) == (
        first.since,
        "its lane is 'slow': it may be immediate or scheduled",
    )


@pytest.mark.parametrize("code", ["LATER", "Later", " LATER "])
def test_rows_whose_code_becomes_answered_are_admitted_at_once(
    database: Database, code: str
) -> None:
    email_id = insert_row(database, dd_EmailParamCode=code)
    assert admit(database, EVERYBODY) == Admitted(held=1)
    held = why_held(database, email_id)
    assert held is not None
    assert held.account_code == code.strip()

    assert admit(database, answered_by([None, "LATER"])) == Admitted(admitted=1)
    assert entry_of(database, email_id).AccountCode == "LATER"


def test_rows_without_a_code_are_admitted_at_once_when_an_account_becomes_the_default(
    database: Database,
) -> None:
    insert_row(database)
    assert admit(database, answered_by(["NEWS"])) == Admitted(held=1)

    assert admit(database, EVERYBODY) == Admitted(admitted=1)


@contextmanager
def trigger(database: Database, name: str, body: str) -> Iterator[None]:
    execute(database, f"CREATE TRIGGER {name} {body}")
    try:
        yield
    finally:
        execute(database, f"DROP TRIGGER {name}")


def test_sqlite_a_row_that_makes_its_batch_fail_is_held_by_itself(
    sqlite_database: Database,
) -> None:
    first, bad, last = insert_rows(sqlite_database, 3)
    insert_row(sqlite_database, dd_Lane="fast")
    body = (
        f"BEFORE UPDATE ON Digital_Emaildetails WHEN new.dd_srno = {bad} "
        "BEGIN SELECT RAISE(ABORT, 'not on a Friday'); END"
    )

    with trigger(sqlite_database, "no_fridays", body):
        assert admit(sqlite_database, EVERYBODY) == Admitted(admitted=2, held=2)
        assert admit(sqlite_database, EVERYBODY) == Admitted()

    assert letters(sqlite_database) == "PNPN"
    held = why_held(sqlite_database, bad)
    assert held is not None
    assert held.reason == "its row can't be written: not on a Friday"
    assert Sender(sqlite_database).claim() == [first, last]
    let_held_rows_be_looked_at(sqlite_database)
    assert admit(sqlite_database, EVERYBODY) == Admitted(admitted=1, held=1)


def test_sqlite_a_table_that_knows_only_n_and_y_holds_its_rows_with_that_reason(
    sqlite_database: Database,
) -> None:
    execute(
        sqlite_database,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, 'DEFAULT ''N'',', "
        "'DEFAULT ''N'' CONSTRAINT only_n_and_y CHECK (dd_SendFlag IN (''N'', ''Y'')),') "
        "WHERE name = 'Digital_Emaildetails'",
        "PRAGMA writable_schema = RESET",
    )
    email_id, other = insert_rows(sqlite_database, 2)

    assert admit(sqlite_database, EVERYBODY) == Admitted(held=2)

    assert letters(sqlite_database) == "NN"
    assert number_of_entries(sqlite_database) == 0
    for held in (why_held(sqlite_database, email_id), why_held(sqlite_database, other)):
        assert held is not None
        assert "only_n_and_y" in held.reason


def test_sqlite_a_row_that_somebody_holds_delays_only_itself_and_for_seconds(
    sqlite_database: Database,
) -> None:
    """A trigger says of one row what a lock of another session would."""
    first, locked, last = insert_rows(sqlite_database, 3)
    body = (
        f"BEFORE UPDATE ON Digital_Emaildetails WHEN new.dd_srno = {locked} "
        "BEGIN SELECT RAISE(ABORT, 'database is locked'); END"
    )

    with trigger(sqlite_database, "somebody_holds_it", body):
        began = time.monotonic()
        assert admit(sqlite_database, EVERYBODY) == Admitted(admitted=2, held=1)
        assert time.monotonic() - began < 30

    assert letters(sqlite_database) == "PNP"
    assert Sender(sqlite_database).claim() == [first, last]
    held = why_held(sqlite_database, locked)
    assert held is not None
    assert held.reason == "another session holds its row: looked at again in a moment"
    with sqlite_database.read() as connection:
        row = connection.execute(select(held_rows)).one()
    assert row.LookAgainAt - row.Since < timedelta(seconds=6)
    let_held_rows_be_looked_at(sqlite_database)
    assert admit(sqlite_database, EVERYBODY) == Admitted(admitted=1)
    assert why_held(sqlite_database, locked) is None


def test_several_who_admit_at_once_admit_each_row_once(database: Database) -> None:
    insert_rows(database, 30)
    insert_row(database, dd_Lane="fast")

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: admit(database, EVERYBODY), range(4)))

    assert sum(result.admitted for result in results) == 30
    assert number_of_entries(database) == 30
    assert letters(database) == "P" * 30 + "N"


def test_sqlite_several_who_admit_one_by_one_admit_each_row_once(
    sqlite_database: Database,
) -> None:
    *_, bad = insert_rows(sqlite_database, 30)
    body = (
        f"BEFORE UPDATE ON Digital_Emaildetails WHEN new.dd_srno = {bad} "
        "BEGIN SELECT RAISE(ABORT, 'not on a Friday'); END"
    )

    with trigger(sqlite_database, "no_fridays", body), ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: admit(sqlite_database, EVERYBODY), range(4)))

    assert sum(result.admitted for result in results) == 29
    assert number_of_entries(sqlite_database) == 29
    with sqlite_database.read() as connection:
        held = connection.scalars(select(held_rows.c.EmailId)).all()
    assert held == [bad]


# Options of an application, beside its row.


def give_options(database: Database, email_id: int, **columns: Any) -> None:
    with database.write() as connection:
        connection.execute(insert(options), {"EmailId": email_id, **columns})


def test_options_beside_the_row_are_moved_under_the_entrys_number(
    database: Database, sender: Sender
) -> None:
    email_id, other = insert_rows(database, 2)
    give_options(
        database,
        email_id,
        Lane="Immediate",
        Priority=1,
        bccEmailid="bob@example.com",
        ReplyTo="desk@example.com",
        ExpiresAt=NOW + HOUR,
    )

    sender.admit()

    entry = entry_of(database, email_id)
    assert (entry.Lane, entry.Priority, entry.ExpiresAt) == ("immediate", 1, NOW + HOUR)
    with database.read() as connection:
        assert connection.scalars(select(options.c.Number)).all() == [entry.Number]
    (first, second) = (became(database, each) for each in (email_id, other))
    assert (first.bcc, first.reply_to) == ("bob@example.com", "desk@example.com")
    assert (second.bcc, second.reply_to, second.lane) == (None, None, "scheduled")


def test_options_beside_the_row_go_before_those_in_its_columns(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(
        database, dd_Lane="immediate", dd_Priority=5, dd_bccEmailid="column@example.com"
    )
    give_options(database, email_id, Priority=2)

    sender.admit()

    email = became(database, email_id)
    assert (email.lane, email.priority, email.bcc) == ("immediate", 2, "column@example.com")


def test_options_that_cannot_be_read_hold_the_row(database: Database) -> None:
    email_id = insert_row(database)
    give_options(database, email_id, Lane="fast")

    assert admit(database, EVERYBODY) == Admitted(held=1)
    assert why_held(database, email_id) is not None


# N over an email that Rowpost has, or had.


def test_an_n_over_an_email_that_waits_is_a_new_entry_for_the_same(
    database: Database, sender: Sender
) -> None:
    email_id = email_in(database, "N")
    first = entry_of(database, email_id)
    overwrite(database, email_id, "N", dd_subject="Edited")

    assert sender.admit().admitted == 1

    entry = entry_of(database, email_id)
    assert entry.Number > first.Number
    assert (letters(database), flags(database)) == ("P", "N")
    assert sender.claim() == [email_id]
    assert sender.claim() == []


def test_an_n_over_a_waiting_email_leaves_its_recipients_to_it(
    database: Database, sender: Sender
) -> None:
    """A long list of recipients stands beside the row only."""
    many = tuple(KnownRecipient(Kind.TO, f"guest{n}@example.com") for n in range(30))
    email_id = stored_email(database, to="", recipients=many)
    overwrite(database, email_id, "N")

    sender.admit()

    assert known(database, email_id) == many


@pytest.mark.parametrize("state", ["P", "T"])
def test_an_n_over_an_email_on_its_way_is_looked_at_when_that_has_ended(
    database: Database, sender: Sender, state: str
) -> None:
    email_id = email_in(database, state)
    overwrite(database, email_id, "N")

    assert sender.admit() == Admitted()
    assert (letters(database), flags(database)) == ("N", state)


@pytest.mark.parametrize(("state", "end"), [("Y", "Y"), ("U", "U")])
def test_an_n_over_an_end_that_was_not_written_gets_that_end(
    database: Database, sender: Sender, state: str, end: str
) -> None:
    email_id = email_in(database, state)
    overwrite(database, email_id, "N")

    assert sender.admit() == Admitted()

    assert (letters(database), flags(database)) == (end, state)
    assert number_of_entries(database) == 1
    assert entry_of(database, email_id).WriteAfter is None
    assert (email_row(database, email_id).dd_SentDate is None) == (state == "U")


@pytest.mark.parametrize("state", ["Y", "U"])
@pytest.mark.parametrize(
    "changed",
    [
        {"dd_toEmailid": "bob@example.com"},
        {"dd_ccEmailid": "bob@example.com"},
        {"dd_subject": "Something else"},
        {"dd_bodyText": "Hi Ann, again"},
        {"dd_document": b"%PDF"},
        {"dd_CreatedDate": NOW - 30 * HOUR},
    ],
    ids=lambda columns: next(iter(columns)),
)
def test_an_n_over_an_unwritten_end_with_other_content_is_another_email(
    database: Database, sender: Sender, state: str, changed: dict[str, Any]
) -> None:
    email_id = email_in(database, state)
    overwrite(database, email_id, "N", **changed)

    assert sender.admit() == Admitted(admitted=1)

    assert (letters(database), flags(database)) == ("P", "N")
    assert number_of_entries(database) == 2
    assert sender.claim() == [email_id]


@pytest.mark.parametrize("state", ["Y", "F", "C", "U"])
def test_an_n_over_a_written_end_is_a_new_entry(
    database: Database, sender: Sender, state: str
) -> None:
    email_id = email_in(database, state)
    assert seen_by_the_application(database, email_id).letter == state
    first = entry_of(database, email_id)
    overwrite(database, email_id, "N")

    assert sender.admit() == Admitted(admitted=1)

    entry = entry_of(database, email_id)
    assert (letters(database), entry.State, entry.Retries) == ("P", "N", 0)
    assert entry.FirstNumber == first.Number
    assert entry.SentAt is None
    assert sender.claim() == [email_id]


def sent_to_one_of_two(database: Database, state: str) -> tuple[int, tuple[KnownRecipient, ...]]:
    both = (
        KnownRecipient(Kind.TO, "ann@example.com", state=RecipientState.SENT),
        KnownRecipient(Kind.TO, "bob@example.com", state=RecipientState.PENDING),
    )
    email_id = email_in(database, state, dd_toEmailid="ann@example.com, bob@example.com")
    number = number_of(database, email_id)
    database.run(lambda connection: write_recipients(connection, number, both))
    return email_id, both


def test_an_n_over_u_spares_who_had_it_if_the_content_is_the_same(
    database: Database, sender: Sender
) -> None:
    email_id, both = sent_to_one_of_two(database, "U")
    seen_by_the_application(database, email_id)
    overwrite(database, email_id, "N")

    sender.admit()

    assert known(database, email_id) == both
    entry = entry_of(database, email_id)
    assert entry.Uncertain == 1
    assert entry.MessageId is not None


@pytest.mark.parametrize(
    ("state", "changed"), [("U", {"dd_subject": "Something else"}), ("Y", {})], ids=str
)
def test_an_n_over_u_with_other_content_or_over_y_goes_to_everybody(
    database: Database, sender: Sender, state: str, changed: dict[str, Any]
) -> None:
    email_id, _ = sent_to_one_of_two(database, state)
    seen_by_the_application(database, email_id)
    overwrite(database, email_id, "N", **changed)

    sender.admit()

    assert not [one for one in known(database, email_id) if one.state != RecipientState.PENDING]
    entry = entry_of(database, email_id)
    assert (entry.Uncertain, entry.MessageId) == (None, None)


def test_a_list_of_recipients_that_is_sent_again_goes_to_all_of_them(
    database: Database, sender: Sender
) -> None:
    many = tuple(KnownRecipient(Kind.TO, f"guest{n}@example.com") for n in range(30))
    email_id = stored_email(database, to="", recipients=many)
    bring(database, email_id, "Y")
    seen_by_the_application(database, email_id)
    overwrite(database, email_id, "N")

    sender.admit()

    assert known(database, email_id) == many


# N over an email that waits, in a table that does not say when a row was made.

FILE_OF_ITS_OWN = StoredAttachment("email_attachments/2026/11/21/2", "2.pdf", 1, "0" * 64)


@pytest.fixture
def undated(tmp_path: Path) -> Iterator[Database]:
    """An adopted table of the seed's columns alone, running."""
    engine = open_engine(file_url(tmp_path / "adopted.db"))
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(text(SEED))
    migrations.upgrade(engine)
    database = Database(engine)
    with database.write() as connection:
        connection.execute(update(service).values(State="running"))
    yield database
    database.close()


def insert_undated(database: Database) -> int:
    return insert_row(database, dd_subject="Invoice")


def what_goes_beside(database: Database, email_id: int) -> tuple[str | None, str | None]:
    """Blind copy and answers' address, by the options that belong to the current entry."""
    number = number_of(database, email_id)
    with database.read() as connection:
        row = connection.execute(
            select(options.c.bccEmailid, options.c.ReplyTo).where(options.c.Number == number)
        ).one_or_none()
    return (None, None) if row is None else (row.bccEmailid, row.ReplyTo)


BESIDE = {"bccEmailid": "bob@example.com", "ReplyTo": "desk@example.com"}


def reset_all(database: Database) -> None:
    execute(database, "UPDATE Digital_Emaildetails SET dd_SendFlag = 'N'")


def test_sqlite_a_waiting_row_that_is_reset_keeps_what_was_given_beside_it(
    undated: Database,
) -> None:
    email_id, plain = insert_undated(undated), insert_undated(undated)
    give_options(undated, email_id, **BESIDE)
    admit(undated, EVERYBODY)

    for _ in range(3):
        reset_all(undated)
        assert admit(undated, EVERYBODY).admitted == 2

    assert what_goes_beside(undated, email_id) == ("bob@example.com", "desk@example.com")
    assert what_goes_beside(undated, plain) == (None, None)


def test_sqlite_what_was_ended_and_is_sent_again_keeps_it_too(undated: Database) -> None:
    email_id = insert_undated(undated)
    give_options(undated, email_id, **BESIDE)
    admit(undated, EVERYBODY)
    bring(undated, email_id, "Y")
    seen_by_the_application(undated, email_id)

    for _ in range(2):
        reset_all(undated)
        assert admit(undated, EVERYBODY).admitted == 1

    assert what_goes_beside(undated, email_id) == ("bob@example.com", "desk@example.com")


def test_sqlite_a_waiting_email_of_the_api_that_is_reset_keeps_options_files_and_list(
    undated: Database,
) -> None:
    undated.run(lambda connection: loose_files.note(connection, FILE_OF_ITS_OWN.key))
    many = tuple(KnownRecipient(Kind.TO, f"guest{n}@example.com") for n in range(30))
    email_id = stored_email(
        undated,
        to="",
        subject="Grüße, 𝒹er Welt",
        body="Grüße\n",
        document=b"%PDF",
        filename="a.pdf",
        bcc="bob@example.com",
        reply_to="desk@example.com",
        recipients=many,
        attachments=(FILE_OF_ITS_OWN,),
    )

    for _ in range(2):
        reset_all(undated)
        assert admit(undated, EVERYBODY).admitted == 1

    number = number_of(undated, email_id)
    assert what_goes_beside(undated, email_id) == ("bob@example.com", "desk@example.com")
    with undated.read() as connection:
        assert attachments_of(connection, [number]) == {number: (FILE_OF_ITS_OWN,)}
    assert known(undated, email_id) == many


def test_sqlite_a_confidential_email_that_is_reset_still_says_what_it_said(
    undated: Database,
) -> None:
    email_id = stored_email(undated, subject="Your code", body="123456", origin=CONFIDENTIAL)
    reset_all(undated)
    admit(undated, EVERYBODY)

    sender = Sender(undated)
    assert sender.claim() == [email_id]
    (email,) = sender.collect(email_id)
    assert isinstance(email, ClaimedEmail)
    assert (email.subject, email.body) == ("Your code", "123456")


def test_sqlite_an_email_that_was_rewritten_and_is_reset_keeps_its_options(
    undated: Database,
) -> None:
    email_id = stored_email(undated, reply_to="desk@example.com")
    new = NewEmail(to="", subject="Better", body="Hello Ann", reply_to="shop@example.com")
    undated.run(lambda connection: rewrite(connection, email_id, new))
    reset_all(undated)

    admit(undated, EVERYBODY)

    assert what_goes_beside(undated, email_id) == (None, "shop@example.com")


def test_sqlite_another_row_under_the_id_of_one_that_waited_has_none_of_it(
    undated: Database,
) -> None:
    email_id = insert_undated(undated)
    give_options(undated, email_id, **BESIDE)
    admit(undated, EVERYBODY)
    with undated.write() as connection:
        connection.execute(delete(emails))
    assert insert_row(undated, dd_srno=email_id, dd_subject="Somebody else's") == email_id

    assert admit(undated, EVERYBODY).admitted == 1

    assert what_goes_beside(undated, email_id) == (None, None)


@pytest.mark.parametrize("subject", ["", "Grüße", "𝒹er Welt"])
@pytest.mark.parametrize("body", ["", "Grüße 𝒹\n"])
@pytest.mark.parametrize("document", [None, b"", b"%PDF"])
def test_the_print_of_an_email_that_is_stored_is_that_of_its_row(
    database: Database, subject: str, body: str, document: bytes | None
) -> None:
    """But for the creation date, which a table may have or not."""
    content = {"to": "ann@example.com", "subject": subject, "body": body, "document": document}
    email_id = stored_email(database, **content)

    with database.read() as connection:
        found = content_of(connection, [email_id])[email_id]
        size = size_once_stored(connection, body)

    # A database that is like SQL Server may count the bytes of UTF-8.
    assert found.body_size in {size, len(body.encode())}
    whole = found._replace(created_at=None, body_size=size)
    assert fingerprint(whole) == entry_of(database, email_id).Fingerprint


# Ids that come again.

FILE = StoredAttachment("email_attachments/2026/11/21/1", "1.pdf", 1, "0" * 64)


@pytest.mark.parametrize("state", ["N", "Y", "F", "C", "U"])
@pytest.mark.parametrize("is_written", [True, False])
def test_a_new_row_under_a_former_id_has_nothing_of_the_former(
    database: Database, sender: Sender, state: str, is_written: bool
) -> None:
    database.run(lambda connection: loose_files.note(connection, FILE.key))
    begin_ids_anew(database)
    email_id = stored_email(
        database,
        to="",
        bcc="secret@example.com",
        recipients=(KnownRecipient(Kind.TO, "former@example.com"),),
        attachments=(FILE,),
        request_id="r-1",
        stored_by="somebody",
    )
    former = number_of(database, email_id)
    bring_stored(database, email_id, state)
    if is_written:
        date_its_end(database, email_id, 1)
    begin_ids_anew(database)
    change_creation(database, insert_row(database, dd_subject="A new one"))
    assert letters(database) == "N"

    assert sender.admit() == Admitted(admitted=1)

    entry = entry_of(database, email_id)
    assert entry.Number != former
    assert (entry.State, entry.FirstNumber, entry.RequestId) == ("N", None, None)
    assert (entry.StoredBy, entry.AttachmentCount, entry.MessageId) == (None, 0, None)
    assert known(database, email_id) == ()
    assert became(database, email_id).bcc is None
    with database.read() as connection:
        assert attachments_of(connection, [entry.Number]) == {}
        assert len(attachments_of(connection, [former])[former]) == 1
    assert sender.claim() == [email_id]


def bring_stored(database: Database, email_id: int, state: str) -> None:
    if state != "N":
        bring(database, email_id, state)


def change_creation(database: Database, email_id: int) -> None:
    """A row of another time."""
    change(database, email_id, dd_CreatedDate=NOW + HOUR)


def test_an_end_that_comes_late_is_not_written_into_a_new_row_under_the_id(
    database: Database, sender: Sender
) -> None:
    begin_ids_anew(database)
    email_id = email_in(database, "F")
    begin_ids_anew(database)
    assert insert_row(database, dd_CreatedDate="2026-01-01 00:00:00") == email_id

    assert sender.admit() == Admitted(admitted=1)

    assert seen_by_the_application(database, email_id).letter == "P"
    assert email_row(database, email_id).dd_BounceReason is None
    assert sender.claim() == [email_id]


# A mass reset.


def ended_and_told(database: Database, number: int) -> None:
    waiting_emails(database, number)
    while admit_all(database).admitted:
        pass
    with database.write() as connection:
        connection.execute(update(entries).values(State="Y", WriteAfter=None, SentAt=utc_now()))
        connection.execute(update(emails).values(dd_SendFlag="Y"))


def admit_everything(database: Database) -> tuple[int, int]:
    admitted, held, after = 0, 0, 0
    while True:
        batch = admit(database, EVERYBODY, after)
        admitted, held = admitted + batch.admitted, held + batch.held
        if batch.after is None:
            return admitted, held
        after = batch.after


def test_a_mass_reset_is_held_until_somebody_confirms(database: Database) -> None:
    ended_and_told(database, MANY_RESETS + 1)
    fresh = insert_row(database)
    execute(database, "UPDATE Digital_Emaildetails SET dd_SendFlag = 'N'")

    admitted, held = admit_everything(database)

    assert (admitted, held) == (1, MANY_RESETS + 1)
    assert flags(database, [fresh]) == "N"
    assert set(letters(database)[:-1]) == {"N"}
    with database.read() as connection:
        ids = list(connection.scalars(select(held_rows.c.EmailId).order_by(held_rows.c.EmailId)))
    held_one = why_held(database, ids[0])
    assert held_one is not None
    assert held_one.reason.startswith("more than 1000 emails that had ended say N at once")

    assert database.run(lambda connection: confirm(connection, ids[:400])) == 400
    assert admit_everything(database) == (400, 0)
    assert letters(database).count("P") == 401


def test_a_thousand_that_are_reset_at_once_are_sent_again(database: Database) -> None:
    ended_and_told(database, MANY_RESETS)
    execute(database, "UPDATE Digital_Emaildetails SET dd_SendFlag = 'N'")

    assert admit_everything(database) == (MANY_RESETS, 0)


# Batches, and where they begin.


def test_one_batch_at_a_time_and_the_next_begins_after_it(database: Database) -> None:
    ids = insert_rows(database, 2 * AT_ONCE + 3)

    first = admit(database, EVERYBODY)
    second = admit(database, EVERYBODY, first.after or 0)
    third = admit(database, EVERYBODY, second.after or 0)

    assert first == Admitted(admitted=AT_ONCE, after=ids[AT_ONCE - 1])
    assert second == Admitted(admitted=AT_ONCE, after=ids[2 * AT_ONCE - 1])
    assert third == Admitted(admitted=3)


def test_an_odd_letter_far_behind_does_not_make_the_next_batch_begin_there(
    database: Database,
) -> None:
    insert_rows(database, AT_ONCE + 3)
    insert_row(database, dd_SendFlag=None)

    assert admit_everything(database) == (AT_ONCE + 4, 0)


def test_rows_that_are_held_do_not_stand_in_the_way_of_those_behind_them(
    database: Database,
) -> None:
    insert_rows(database, AT_ONCE, dd_Lane="fast")
    insert_row(database)

    assert admit_everything(database) == (1, AT_ONCE)


def begin_with(database: Database, first_id: int | None) -> None:
    with database.write() as connection:
        connection.execute(update(service).values(FirstId=first_id))


def first_id(database: Database) -> int | None:
    with database.read() as connection:
        return connection.scalar(select(service.c.FirstId))


def test_rows_below_the_first_id_mean_nothing(database: Database, sender: Sender) -> None:
    old, first, later = insert_rows(database, 3)
    begin_with(database, first)

    assert sender.admit() == Admitted(admitted=2)
    assert letters(database) == "NPP"
    assert sender.claim() == [first, later]

    begin_with(database, None)
    assert sender.claim() == [old]


def test_the_bound_lapses_when_ids_begin_anew_below_it(database: Database, sender: Sender) -> None:
    *_, last = insert_rows(database, 5)
    begin_with(database, last + 1)
    assert sender.admit() == Admitted()
    assert first_id(database) == last + 1

    begin_ids_anew(database)
    email_id = insert_row(database)

    assert sender.claim() == [email_id]
    assert first_id(database) is None


def test_a_row_that_is_gone_before_it_is_claimed_is_taken_back(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)
    sender.admit()
    with database.write() as connection:
        connection.execute(delete(emails).where(emails.c.dd_srno == email_id))

    assert sender.claim() == [email_id]
    assert sender.collect(email_id) == []
    assert entry_of(database, email_id).State == Flag.CANCELLED


def test_new_emails_of_the_api_need_no_admission(database: Database, sender: Sender) -> None:
    email_id = stored_email(database)

    assert letters(database) == "P"
    assert sender.admit() == Admitted()
    assert sender.claim() == [email_id]
