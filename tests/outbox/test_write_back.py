"""Write-back: rows are told what the ledger knows, and what stands in the way of one stops no
other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, text, update

from shared.database import migrations
from shared.database.columns.times import utc_now
from shared.database.database import Database
from shared.database.engine import file_url, open_engine
from shared.database.tables import emails, entries
from shared.outbox.cancel_retry_resolve import Decision, resolve
from shared.outbox.rows.write_back import (
    AT_ONCE,
    Unwritten,
    everything_is_written,
    unwritten,
    write_all_back,
    write_back,
)
from shared.outbox.sending.finish import Outcome, Result
from tests.outbox.sender import Sender
from tests.support.emails import (
    REFUSED,
    attempt,
    bring,
    email_in,
    let_retries_come_due,
    many_emails,
    overwrite,
    waiting_email,
)
from tests.support.rows import email_row, entry_of, flags, insert_row, insert_rows


def letters(database: Database) -> str:
    with database.read() as connection:
        said = connection.execute(text("SELECT dd_SendFlag FROM Digital_Emaildetails"))
        return "".join(sorted(letter or "-" for (letter,) in said))


def letter_of(database: Database, email_id: int) -> str | None:
    letter: str | None = email_row(database, email_id).dd_SendFlag
    return letter


def behind(database: Database) -> Unwritten:
    with database.read() as connection:
        return unwritten(connection)


def all_is_written(database: Database) -> bool:
    with database.read() as connection:
        return everything_is_written(connection)


def let_rows_be_told(database: Database) -> None:
    """Those that were put off have waited long enough."""
    with database.write() as connection:
        waits = update(entries).where(entries.c.WriteAfter.is_not(None))
        connection.execute(waits.values(WriteAfter=utc_now()))


def execute(database: Database, *statements: str) -> None:
    with database.write() as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.parametrize(
    ("state", "reason"), [("Y", None), ("F", REFUSED), ("U", None)], ids=["Y", "F", "U"]
)
def test_an_end_is_written_over_p_and_the_ledger_notes_it(
    database: Database, state: str, reason: str | None
) -> None:
    email_id = email_in(database, state)
    assert letter_of(database, email_id) == "P"
    assert not all_is_written(database)

    write_all_back(database, 5)

    row, entry = email_row(database, email_id), entry_of(database, email_id)
    assert (row.dd_SendFlag, row.dd_BounceReason) == (state, reason)
    assert (row.dd_SentDate is None) == (state != "Y")
    if state == "Y":
        assert abs(row.dd_SentDate - datetime.now(UTC)) < timedelta(minutes=5)
    assert (entry.WriteAfter, entry.WriteTries, entry.WriteFault) == (None, 0, None)
    assert all_is_written(database)
    assert behind(database) == Unwritten(0, None, None)


def test_a_try_that_failed_for_now_is_told_and_the_row_goes_on_saying_p(
    database: Database,
) -> None:
    email_id = waiting_email(database)
    attempt(database, email_id, Outcome.RETRY, reason="451 later", wait=600.0)

    write_all_back(database, 5)

    row = email_row(database, email_id)
    assert (row.dd_SendFlag, row.dd_RetryCount, row.dd_BounceReason) == ("P", 1, "451 later")
    assert abs(row.dd_LastRetryDate - datetime.now(UTC)) < timedelta(minutes=5)
    assert row.dd_SentDate is None
    assert all_is_written(database)


def test_after_retries_an_email_that_is_sent_has_no_reason_any_more(
    database: Database,
) -> None:
    email_id = waiting_email(database)
    attempt(database, email_id, Outcome.RETRY, reason="451 later", wait=0.0)
    write_all_back(database, 5)
    bring(database, email_id, "Y")

    write_all_back(database, 5)

    row = email_row(database, email_id)
    assert (row.dd_SendFlag, row.dd_RetryCount, row.dd_BounceReason) == ("Y", 1, None)


def test_nothing_else_of_the_row_is_changed(database: Database) -> None:
    email_id = email_in(database, "Y", dd_document=b"%PDF", dd_filename="a.pdf", dd_ccEmailid="b@x")
    before = email_row(database, email_id)._asdict()

    write_all_back(database, 5)

    after = email_row(database, email_id)._asdict()
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"dd_SendFlag", "dd_SentDate", "dd_LastRetryDate"}


@pytest.mark.parametrize("letter", ["X", "Y", "C", None])
@pytest.mark.parametrize("state", ["F", "N"])
def test_another_letter_stays_with_all_that_stands_beside_it(
    database: Database, letter: str | None, state: str
) -> None:
    email_id = waiting_email(database)
    outcome = Outcome.FAILED if state == "F" else Outcome.RETRY
    attempt(database, email_id, outcome, reason="no", wait=60.0)
    overwrite(database, email_id, letter)
    before = email_row(database, email_id)

    write_all_back(database, 5)

    assert email_row(database, email_id) == before
    assert all_is_written(database)


def test_an_n_over_an_end_stays_and_is_left_to_admission(database: Database) -> None:
    email_id = email_in(database, "Y")
    overwrite(database, email_id, "N")

    write_all_back(database, 5)

    assert letter_of(database, email_id) == "N"
    assert not all_is_written(database)
    assert behind(database).number == 0
    Sender(database).admit()
    assert letter_of(database, email_id) == "Y"
    assert all_is_written(database)


def test_a_row_that_is_gone_is_not_waited_for(database: Database) -> None:
    email_id, other = email_in(database, "Y"), email_in(database, "Y")
    with database.write() as connection:
        connection.execute(delete(emails).where(emails.c.dd_srno == email_id))

    write_all_back(database, 5)

    assert letter_of(database, other) == "Y"
    assert all_is_written(database)


@pytest.mark.parametrize(
    ("decision", "letter"), [(Decision.SENT, "Y"), (Decision.RESEND, "P")], ids=str
)
def test_a_decision_about_u_stands_in_the_row_before_and_after_it_was_told(
    database: Database, decision: Decision, letter: str
) -> None:
    told = email_in(database, "U")
    write_all_back(database, 5)
    untold = email_in(database, "U")
    with database.write() as connection:
        for email_id in (told, untold):
            resolve(connection, email_id, decision)

    write_all_back(database, 5)

    assert (letter_of(database, told), letter_of(database, untold)) == (letter, letter)
    assert all_is_written(database)


def test_a_reply_that_comes_late_is_written_over_u(database: Database, sender: Sender) -> None:
    (email_id,) = insert_rows(database, 1)
    sender.claim()
    sender.mark(email_id)
    sender.finish(Result(email_id, Outcome.UNKNOWN, "MAIN", reason="lost"))
    write_all_back(database, 5)
    assert letter_of(database, email_id) == "U"

    sender.finish(Result(email_id, Outcome.SENT, "MAIN"))
    write_all_back(database, 5)

    row = email_row(database, email_id)
    assert (row.dd_SendFlag, row.dd_BounceReason) == ("Y", None)
    assert row.dd_SentDate is not None


def test_many_are_told_some_at_a_time_until_none_is_left(sqlite_database: Database) -> None:
    many_emails(sqlite_database, AT_ONCE + 10, "Y")
    execute(
        sqlite_database,
        "UPDATE Digital_Emaildetails SET dd_SendFlag = 'P'",
        "UPDATE Rowpost_Emails SET WriteAfter = strftime('%Y-%m-%d %H:%M:%f', 'now')",
    )

    assert write_back(sqlite_database) == AT_ONCE
    assert letters(sqlite_database).count("Y") == AT_ONCE
    assert write_back(sqlite_database) == 10
    assert write_back(sqlite_database) == 0
    assert set(letters(sqlite_database)) == {"Y"}


# What stands in the way.


@contextmanager
def refusing(database: Database, email_id: int) -> Iterator[None]:
    """A trigger that lets nobody change this row."""
    execute(
        database,
        "CREATE TRIGGER stubborn BEFORE UPDATE ON Digital_Emaildetails "
        f"WHEN new.dd_srno = {email_id} BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    )
    yield
    execute(database, "DROP TRIGGER stubborn")


def test_sqlite_a_failing_trigger_puts_its_own_row_off_with_the_reason(
    sqlite_database: Database,
) -> None:
    first, bad, last = (email_in(sqlite_database, "Y") for _ in range(3))

    with refusing(sqlite_database, bad):
        write_all_back(sqlite_database, 5)

        assert [letter_of(sqlite_database, each) for each in (first, bad, last)] == ["Y", "P", "Y"]
        assert flags(sqlite_database) == "YYY"
        entry = entry_of(sqlite_database, bad)
        assert (entry.WriteTries, entry.WriteFault) == (1, "not this one")
        found = behind(sqlite_database)
        assert (found.number, found.reason) == (1, "not this one")
        assert abs(found.since - datetime.now(UTC)) < timedelta(minutes=5)

    let_rows_be_told(sqlite_database)
    write_all_back(sqlite_database, 5)
    assert letter_of(sqlite_database, bad) == "Y"
    entry = entry_of(sqlite_database, bad)
    assert (entry.WriteAfter, entry.WriteTries, entry.WriteFault) == (None, 0, None)
    assert behind(sqlite_database).number == 0


def test_sqlite_the_waits_grow_and_meanwhile_it_is_not_tried(sqlite_database: Database) -> None:
    email_id = email_in(sqlite_database, "Y")
    waits = []

    with refusing(sqlite_database, email_id):
        for _ in range(10):
            assert write_back(sqlite_database) == 1
            assert write_back(sqlite_database) == 0
            left = entry_of(sqlite_database, email_id).WriteAfter - datetime.now(UTC)
            waits.append(round(left.total_seconds()))
            let_rows_be_told(sqlite_database)

    assert waits == pytest.approx([5, 10, 20, 40, 80, 160, 320, 640, 900, 900], abs=2)


def test_sqlite_what_cannot_be_told_delays_no_other_email_and_none_goes_twice(
    sqlite_database: Database,
) -> None:
    bad = email_in(sqlite_database, "Y")
    sender = Sender(sqlite_database)

    with refusing(sqlite_database, bad):
        write_all_back(sqlite_database, 5)
        new = insert_row(sqlite_database)
        assert sender.claim() == [new]
        bring_on(sender, new)
        write_all_back(sqlite_database, 5)

    assert letter_of(sqlite_database, new) == "Y"
    let_retries_come_due(sqlite_database)
    assert sender.claim() == []


def bring_on(sender: Sender, email_id: int) -> None:
    assert sender.mark(email_id) == {email_id}
    assert sender.finish(Result(email_id, Outcome.SENT, "MAIN")) == {email_id}


# Tables that are not quite ours.


SEED = (
    "CREATE TABLE Digital_Emaildetails (dd_srno INTEGER PRIMARY KEY AUTOINCREMENT, "
    "dd_document BLOB, dd_filename VARCHAR(255), dd_toEmailid VARCHAR(500), "
    "dd_ccEmailid VARCHAR(500), dd_subject VARCHAR(500), dd_bodyText TEXT, "
    "dd_SendFlag VARCHAR(1) DEFAULT 'N', dd_EmailParamCode VARCHAR(50), "
    "dd_RetryCount INTEGER DEFAULT 0, dd_SentDate DATETIME, {reason}, dd_LastRetryDate DATETIME)"
)
PLAIN_REASON = "dd_BounceReason VARCHAR(500)"


@contextmanager
def adopted(folder: Path, reason: str = PLAIN_REASON, *more: str) -> Iterator[Database]:
    """A queue that was there before Rowpost, with the seed's columns only; it has been started."""
    file = folder / "adopted.db"
    with closing(sqlite3.connect(file)) as theirs, theirs:
        theirs.execute(SEED.format(reason=reason))
        for statement in more:
            theirs.execute(statement)
    engine = open_engine(file_url(file))
    migrations.upgrade(engine)
    database = Database(engine)
    execute(database, "UPDATE Rowpost_Service SET State = 'running'")
    try:
        yield database
    finally:
        database.close()


def asked(database: Database, statement: str) -> Sequence[Any]:
    with database.read() as connection:
        return connection.execute(text(statement)).all()


def sent_through(database: Database, outcome: Outcome, **result: Any) -> int:
    """An email of the application goes all its way."""
    execute(
        database,
        "INSERT INTO Digital_Emaildetails (dd_toEmailid, dd_subject, dd_bodyText) "
        "VALUES ('ann@example.com', 'Hello', 'Hi Ann')",
    )
    sender = Sender(database)
    (email_id,) = sender.claim()
    (email,) = sender.collect(email_id)
    assert email.id == email_id
    sender.mark(email_id)
    sender.finish(Result(email_id, outcome, "MAIN", **result))
    write_all_back(database, 5)
    return email_id


ROW = "SELECT dd_SendFlag, dd_BounceReason FROM Digital_Emaildetails"


def test_sqlite_a_reason_that_takes_no_null_is_empty_instead(tmp_path: Path) -> None:
    with adopted(tmp_path, "dd_BounceReason VARCHAR(500) NOT NULL DEFAULT ''") as database:
        sent_through(database, Outcome.SENT)

        assert asked(database, ROW) == [("Y", "")]
        assert all_is_written(database)


def test_sqlite_a_reason_is_cut_to_the_width_of_a_narrow_column(tmp_path: Path) -> None:
    narrow = "dd_BounceReason VARCHAR(20) CHECK (length(dd_BounceReason) <= 20)"
    with adopted(tmp_path, narrow) as database:
        email_id = sent_through(database, Outcome.FAILED, reason="550 5.1.1 no such user here")

        assert asked(database, ROW) == [("F", "550 5.1.1 no such us")]
        assert all_is_written(database)
        with database.read() as connection:
            reason = connection.scalar(
                text(f"SELECT Reason FROM Rowpost_Emails WHERE EmailId = {email_id}")
            )
        assert reason == "550 5.1.1 no such user here"


def test_sqlite_a_check_that_knows_no_f_puts_the_row_off_and_the_ledger_knows_it(
    tmp_path: Path,
) -> None:
    no_f = f"{PLAIN_REASON} CHECK (dd_SendFlag IN ('N', 'P', 'Y'))"
    with adopted(tmp_path, no_f) as database:
        sent_through(database, Outcome.FAILED, reason="no")
        sent_through(database, Outcome.SENT)

        assert asked(database, ROW + " ORDER BY dd_srno") == [("P", None), ("Y", None)]
        assert asked(database, "SELECT State FROM Rowpost_Emails ORDER BY Number") == [
            ("F",),
            ("Y",),
        ]
        found = behind(database)
        assert found.number == 1
        assert "CHECK" in (found.reason or "")


AUDIT = (
    "CREATE TABLE audit (was TEXT, said TEXT)",
    (
        "CREATE TRIGGER audits AFTER UPDATE ON Digital_Emaildetails "
        "BEGIN INSERT INTO audit VALUES (old.dd_SendFlag, new.dd_SendFlag); END"
    ),
)


def test_sqlite_a_trigger_that_writes_audit_rows_sees_one_letter_after_the_other(
    tmp_path: Path,
) -> None:
    with adopted(tmp_path, PLAIN_REASON, *AUDIT) as database:
        sent_through(database, Outcome.SENT)

        assert asked(database, "SELECT was, said FROM audit") == [("N", "P"), ("P", "Y")]


ARCHIVE = "INSERT INTO archive SELECT * FROM Digital_Emaildetails"
WITHOUT_LIST = (
    "INSERT INTO Digital_Emaildetails VALUES "
    "(NULL, NULL, NULL, 'bob@example.com', NULL, 'Hello', 'Hi', 'N', NULL, 0, NULL, NULL, NULL)"
)


def test_sqlite_an_insert_without_columns_and_an_archive_go_on_before_during_and_after_sending(
    tmp_path: Path,
) -> None:
    archive = SEED.format(reason=PLAIN_REASON).replace("Digital_Emaildetails", "archive")
    archive = archive.replace(" PRIMARY KEY AUTOINCREMENT", "")
    with adopted(tmp_path, PLAIN_REASON, archive, WITHOUT_LIST) as database:
        sender = Sender(database)
        execute(database, ARCHIVE, WITHOUT_LIST)
        assert sender.claim() == [1, 2]
        execute(database, ARCHIVE, WITHOUT_LIST)
        for email_id in (1, 2):
            bring_on(sender, email_id)
        write_all_back(database, 5)
        execute(database, ARCHIVE, WITHOUT_LIST)

        assert sender.claim() == [3, 4]
        archived = asked(database, "SELECT dd_srno, dd_SendFlag FROM archive ORDER BY rowid")
        assert archived == [(1, "N"), (1, "P"), (2, "P"), (1, "Y"), (2, "Y"), (3, "N")]


def test_sqlite_nothing_of_an_adopted_table_is_altered_but_one_index(tmp_path: Path) -> None:
    shape = "SELECT type, name, sql FROM sqlite_master WHERE tbl_name = 'Digital_Emaildetails'"
    with adopted(tmp_path) as database:
        sent_through(database, Outcome.SENT)

        found = {name: sql for _, name, sql in asked(database, shape)}
        assert found.pop("Digital_Emaildetails") == SEED.format(reason=PLAIN_REASON)
        assert set(found) == {"IX_Rowpost_New"}
