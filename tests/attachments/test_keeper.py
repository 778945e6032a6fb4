"""Files kept for emails: none is lost while an email needs it, none stays when none does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, literal, select, update

from shared.app import Application
from shared.attachments.keeper import FileTooLarge, Upload
from shared.attachments.store import AttachmentGone
from shared.database.columns.times import utc_now
from shared.database.tables import loose_files
from shared.outbox.add import NewEmail, add
from shared.outbox.attachments import StoredAttachment, attachments_of
from shared.outbox.loose_files import FileNotKept

MEGABYTE = 1024 * 1024


def kept(application: Application, name: str = "a.pdf") -> StoredAttachment:
    return application.attachments.keep(Upload(name, [b"con", b"tent"]), MEGABYTE)


def stored(application: Application, *files: StoredAttachment) -> int:
    email = NewEmail(to="ann@example.com", subject="Hello", body="Hi", attachments=files)
    with application.database().write() as connection:
        return add(connection, email)


def store_and_fail(connection: Connection, file: StoredAttachment) -> float:
    add(connection, NewEmail(to="a@b.org", subject="", body="", attachments=(file,)))
    return 1 / 0


def is_there(application: Application, file: StoredAttachment) -> bool:
    try:
        return b"".join(application.attachments.store.read(file.key)) == b"content"
    except AttachmentGone:
        return False


def loose(application: Application) -> set[str]:
    with application.database().read() as connection:
        return set(connection.execute(select(loose_files.c.StorageKey)).scalars())


def let_hours_pass(application: Application, hours: float) -> None:
    with application.database().write() as connection:
        for key in loose(application):
            seconds = 3600 * (24 - hours)
            connection.execute(
                update(loose_files)
                .where(loose_files.c.StorageKey == key)
                .values(DeleteAfter=utc_now(literal(seconds)))
            )


def test_a_file_is_kept_with_its_size_and_hash(application: Application) -> None:
    file = application.attachments.keep(
        Upload("../März 1.pdf", [b"con", b"tent"], "application/pdf", "logo@x"), MEGABYTE
    )

    assert file.filename == "März 1.pdf"
    assert file.size == 7
    assert file.sha256 == "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    assert (file.content_type, file.content_id) == ("application/pdf", "logo@x")
    assert is_there(application, file)


def test_a_file_that_is_too_large_is_refused_while_it_is_read(application: Application) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 1000

    with pytest.raises(FileTooLarge, match="100000 bytes"):
        application.attachments.keep(Upload("a.bin", endless()), 100_000)

    assert taken == 101
    assert loose(application) == set()


def test_an_emails_files_come_back_in_their_order(application: Application) -> None:
    files = [kept(application, f"{number}.pdf") for number in range(12)]

    email_id = stored(application, *files)

    with application.database().read() as connection:
        assert attachments_of(connection, [email_id]) == {email_id: tuple(files)}
    assert loose(application) == set()


def test_a_file_that_no_email_takes_is_deleted_after_a_day(application: Application) -> None:
    taken, left = kept(application), kept(application)
    email_id = stored(application, taken)
    let_hours_pass(application, 24.1)

    assert application.attachments.sweep() == 1

    assert not is_there(application, left)
    assert is_there(application, taken)
    assert loose(application) == set()
    with application.database().read() as connection:
        assert len(attachments_of(connection, [email_id])) == 1


def test_an_email_whose_transaction_is_rolled_back_leaves_its_files_loose(
    application: Application,
) -> None:
    file = kept(application)

    with pytest.raises(ZeroDivisionError):
        application.database().run(lambda connection: store_and_fail(connection, file))

    assert loose(application) == {file.key}
    stored(application, file)


def test_a_file_of_today_is_not_swept(application: Application) -> None:
    file = kept(application)
    let_hours_pass(application, 23.9)

    assert application.attachments.sweep() == 0
    assert is_there(application, file)


def test_sweeps_are_an_hour_apart(application: Application) -> None:
    application.attachments.sweep()
    file = kept(application)
    let_hours_pass(application, 25)

    assert application.attachments.sweep() == 0
    assert is_there(application, file)


def test_no_email_takes_a_file_that_is_about_to_be_deleted(application: Application) -> None:
    file = kept(application)
    let_hours_pass(application, 23.5)

    with pytest.raises(FileNotKept, match="send it again"):
        stored(application, file)


def test_no_two_emails_take_the_same_file(application: Application) -> None:
    file = kept(application)
    stored(application, file)

    with pytest.raises(FileNotKept):
        stored(application, file)


def test_discarded_files_are_deleted_unless_an_email_has_them(application: Application) -> None:
    taken, left = kept(application), kept(application)
    stored(application, taken)

    application.attachments.discard([taken.key, left.key])

    assert is_there(application, taken)
    assert not is_there(application, left)
    assert loose(application) == set()


def test_files_that_cannot_be_deleted_now_are_deleted_later(application: Application) -> None:
    from shared.attachments.folder import FolderStore

    file = kept(application)
    store = application.attachments.store
    here = application.settings.data / "not-a-folder"
    here.write_bytes(b"")
    application.attachments.store = FolderStore(here)

    application.attachments.discard([file.key])
    assert loose(application) == {file.key}

    application.attachments.store = store
    assert application.attachments.sweep() == 1
    assert not is_there(application, file)
