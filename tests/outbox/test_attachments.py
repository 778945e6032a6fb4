"""The rows of an email's files: written with the email, read with its claim."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection
from sqlalchemy.dialects import mssql

from shared.database.database import Database
from shared.outbox import attachments, loose_files
from shared.outbox.add import BadValue, NewEmail, add
from shared.outbox.attachments import MOST_FILES, StoredAttachment, release_attachments
from shared.outbox.entries import current_number
from shared.outbox.sending.fetch import ClaimedEmail, fetch
from tests.outbox.sender import admit_all, numbers_of
from tests.outbox.test_plans import plan
from tests.support.rows import entry_of, insert_row

FILES = tuple(
    StoredAttachment(f"email_attachments/2026/11/21/{n}", f"{n}.pdf", n, "0" * 64, None, f"{n}@x")
    for n in range(3)
)


def stored(connection: Connection, files: tuple[StoredAttachment, ...]) -> int:
    for one in files:
        loose_files.note(connection, one.key)
    return add(connection, NewEmail(to="ann@example.com", subject="", body="", attachments=files))


def test_an_email_is_claimed_with_its_files_and_others_without(database: Database) -> None:
    plain = insert_row(database)
    with database.write() as connection:
        email_id = stored(connection, FILES)

    admit_all(database)
    with database.read() as connection:
        claimed = fetch(connection, numbers_of(connection, [plain, email_id])).emails

    assert all(isinstance(one, ClaimedEmail) for one in claimed)
    assert {one.id: one.attachments for one in claimed if isinstance(one, ClaimedEmail)} == {
        plain: (),
        email_id: FILES,
    }
    assert entry_of(database, plain).AttachmentCount == 0
    assert entry_of(database, email_id).AttachmentCount == 3


def test_released_files_are_loose_and_the_email_still_says_that_it_had_them(
    database: Database,
) -> None:
    with database.write() as connection:
        email_id, other = stored(connection, FILES[:2]), stored(connection, FILES[2:])

    with database.write() as connection:
        numbers = numbers_of(connection, [email_id])
        keys = release_attachments(connection, numbers)
        assert sorted(loose_files.due(connection, 10)) == sorted(keys)
        assert release_attachments(connection, numbers) == []

    assert sorted(keys) == [one.key for one in FILES[:2]]
    assert entry_of(database, email_id).AttachmentCount == 2
    with database.read() as connection:
        (left,) = fetch(connection, numbers_of(connection, [other])).emails
    assert isinstance(left, ClaimedEmail)
    assert left.attachments == FILES[2:]


def test_an_email_has_a_hundred_files_at_most(database: Database) -> None:
    files = FILES[:1] * (MOST_FILES + 1)
    email = NewEmail(to="ann@example.com", subject="", body="", attachments=files)

    with pytest.raises(BadValue, match="more than 100"), database.write() as connection:
        add(connection, email)


def test_files_are_found_by_their_keys_and_nothing_is_read_through(
    sqlite_database: Database,
) -> None:
    def work(connection: Connection) -> None:
        numbers = [current_number(connection, stored(connection, FILES))]
        attachments.attachments_of(connection, numbers)
        release_attachments(connection, numbers)
        loose_files.due(connection, 10)
        loose_files.give_up(connection, ["x"])
        loose_files.forget(connection, ["x"])

    steps = [step for step in plan(sqlite_database, work) if "Rowpost_" in step]

    assert steps
    assert all("SEARCH" in step or "Rowpost_Service" in step for step in steps), steps


def test_sql_server_takes_files_in_one_statement() -> None:
    text = str(loose_files._TAKE.compile(dialect=mssql.dialect()))  # type: ignore[no-untyped-call]

    assert " ".join(text.split()) == (
        "DELETE FROM [Rowpost_LooseFiles] WHERE [Rowpost_LooseFiles].[StorageKey] IN "
        "(__[POSTCOMPILE_keys]) AND [Rowpost_LooseFiles].[DeleteAfter] > DATEADD(millisecond, "
        "CAST(1000 * CAST(3600.0 AS FLOAT) AS INT), SYSUTCDATETIME())"
    )
