"""Emails with files in the store, from their row to the mail server."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import text

from shared.app import Application
from shared.attachments.folder import FolderStore
from shared.attachments.keeper import Upload
from shared.delivery import tick
from shared.outbox.add import NewEmail, add
from shared.outbox.attachments import StoredAttachment, release_attachments
from tests.faults.senders import settings_for
from tests.support.emails import let_retries_come_due
from tests.support.queue import Queue
from tests.support.smtp import SmtpServer

MEGABYTE = 1024 * 1024
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)

Servers = Callable[..., SmtpServer]


@pytest.fixture
def queue(application: Application) -> Queue:
    return Queue(application)


@pytest.fixture
def in_folder(tmp_path: Path) -> Iterator[Queue]:
    made = Queue(Application(settings_for(tmp_path)))
    yield made
    made.application.close()


def kept(
    queue: Queue, name: str, content: bytes, content_id: str | None = None
) -> StoredAttachment:
    upload = Upload(name, [content], content_id=content_id)
    return queue.application.attachments.keep(upload, 100 * MEGABYTE)


def stored(queue: Queue, *files: StoredAttachment, **more: object) -> int:
    email = NewEmail(
        to="ann@example.com",
        subject="Hello",
        body="<html><img src='cid:logo@x'></html>",
        attachments=files,
        **more,  # type: ignore[arg-type]
    )
    with queue.database.write() as connection:
        return add(connection, email)


def parsed(content: bytes) -> EmailMessage:
    mail = message_from_bytes(content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def test_files_and_pictures_arrive_beside_the_rows_own_document(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    queue.account(server)
    stored(
        queue,
        kept(queue, "März 1.pdf", PDF),
        kept(queue, "logo.png", PNG, "logo@x"),
        kept(queue, "2.csv", b"a;b\r\n" * 100_000),
        text_alternative="Hello",
        document=b"row",
        filename="row.bin",
    )

    result = tick.force(queue.application, 20)

    assert result.sent == 1
    (message,) = server.messages
    mail = parsed(message.content)
    assert mail.get_content_type() == "multipart/mixed"
    files = [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        for part in mail.iter_attachments()
    ]
    assert files == [
        ("row.bin", "application/octet-stream", b"row"),
        ("März 1.pdf", "application/pdf", PDF),
        ("2.csv", "text/csv", b"a;b\r\n" * 100_000),
    ]
    related = mail.get_body(("related",))
    assert related is not None
    _, logo = related.iter_parts()
    assert logo["Content-ID"] == "<logo@x>"
    assert logo.get_content_disposition() == "inline"
    assert logo.get_payload(decode=True) == PNG


def test_many_emails_with_files_and_without_all_arrive(queue: Queue, smtp_server: Servers) -> None:
    server = smtp_server()
    queue.account(server)
    for number in range(12):
        stored(queue, *[kept(queue, f"{number}.pdf", PDF)] * (number % 2))

    tick.force(queue.application, 20)

    assert queue.states() == {"Y": 12}
    assert len(server.messages) == 12
    assert sum(b"application/pdf" in one.content for one in server.messages) == 6


def test_a_file_that_is_gone_fails_its_email_alone(queue: Queue, smtp_server: Servers) -> None:
    server = smtp_server()
    queue.account(server)
    lost = kept(queue, "lost.pdf", PDF)
    first, odd, last = (stored(queue), stored(queue, lost), stored(queue))
    queue.application.attachments.store.delete(lost.key)

    tick.force(queue.application, 20)

    became = queue.became(odd)
    assert became.state == "F"
    assert became.reason == "its attachment 'lost.pdf' is gone from the store"
    assert {queue.became(number).state for number in (first, last)} == {"Y"}


@pytest.mark.parametrize("changed", [b"", PDF[:-1], PDF + b"x", PDF[:-1] + b"x"])
def test_a_file_that_was_changed_in_the_store_is_not_sent(
    queue: Queue, smtp_server: Servers, changed: bytes
) -> None:
    server = smtp_server()
    queue.account(server)
    file = kept(queue, "a.pdf", PDF)
    email_id = stored(queue, file)
    queue.application.attachments.store.write(file.key, [changed])

    tick.force(queue.application, 20)

    assert queue.became(email_id).state == "F"
    assert "'a.pdf' is not what was stored" in queue.became(email_id).reason
    assert server.messages == []


@pytest.mark.parametrize(
    ("lost", "state", "reason"),
    [
        ("dd_document = NULL", "F", "it names the file 'invoice.pdf' and has no document"),
        ("dd_document = NULL, dd_filename = NULL", "Y", None),
        (
            "dd_document = NULL, dd_filename = NULL, dd_bodyText = '', dd_subject = NULL",
            "F",
            "it has no subject, no body and no document",
        ),
    ],
    ids=["its document, not the name", "document and name", "all that it said"],
)
def test_a_row_that_loses_what_it_says_that_it_has_is_not_sent_without_it(
    in_folder: Queue, smtp_server: Servers, lost: str, state: str, reason: str | None
) -> None:
    """As an archive's job empties rows that it takes for old. What the row does not name any more
    was taken out of it by somebody who knew."""
    queue, server = in_folder, smtp_server()
    queue.account(server)
    odd = stored(queue, document=PDF, filename="invoice.pdf")
    other = stored(queue, document=PDF, filename="invoice.pdf")
    queue.database.run(
        lambda connection: connection.execute(
            text(f"UPDATE Digital_Emaildetails SET {lost} WHERE dd_srno = :odd"), {"odd": odd}
        )
    )

    tick.force(queue.application, 20)

    assert (queue.became(odd).state, queue.became(other).state) == (state, "Y")
    assert (queue.became(odd).reason or "").startswith(reason or "")
    assert len(server.messages) == (1 if state == "F" else 2)


def test_an_email_whose_files_were_removed_is_never_sent_without_them(
    queue: Queue, smtp_server: Servers
) -> None:
    server = smtp_server()
    queue.account(server)
    email_id = stored(queue, kept(queue, "a.pdf", PDF))
    queue.database.run(lambda connection: release_attachments(connection, [email_id]))

    tick.force(queue.application, 20)

    assert queue.became(email_id).state == "F"
    assert "were removed" in queue.became(email_id).reason
    assert server.messages == []


def test_files_that_are_too_large_together_are_told(tmp_path: Path, smtp_server: Servers) -> None:
    server = smtp_server()
    queue = Queue(Application(settings_for(tmp_path, most_attached_mb=1)))
    queue.account(server)
    half = b"x" * (MEGABYTE // 2)
    files = [kept(queue, name, half) for name in ("a.bin", "b.bin")]
    too_large, fits = stored(queue, *files, document=b"1"), stored(queue, kept(queue, "c", half))

    tick.force(queue.application, 20)
    queue.application.close()

    became = queue.became(too_large)
    assert became.state == "F"
    assert became.reason.startswith("its files have 1.0 MB together, and 1 MB may be sent")
    assert queue.became(fits).state == "Y"


def test_while_the_store_is_away_its_emails_wait_and_others_go_on(
    in_folder: Queue, smtp_server: Servers
) -> None:
    queue, server = in_folder, smtp_server()
    queue.account(server)
    waiting = [stored(queue, kept(queue, f"{number}.pdf", PDF)) for number in range(3)]
    others = [stored(queue) for _ in range(3)]
    keeper = queue.application.attachments
    store = keeper.store
    (queue.application.settings.data / "file").write_bytes(b"")
    keeper.store = FolderStore(queue.application.settings.data / "file")

    result = tick.force(queue.application, 20)

    assert (result.sent, result.failed) == (3, 0)
    assert {queue.became(number).state for number in others} == {"Y"}
    for email_id in waiting:
        became = queue.became(email_id)
        assert (became.state, became.retries) == ("N", 0)
        assert "the folder for attachments cannot be used" in became.reason
        assert became.next_attempt_at is not None
        assert queue.attempts(email_id) == []

    keeper.store = store
    let_retries_come_due(queue.database)
    tick.force(queue.application, 20)

    assert queue.states() == {"Y": 6}
    assert all(number == 1 for number in server.copies().values())


@pytest.fixture
def slow_file(in_folder: Queue) -> Iterator[Callable[[], int]]:
    """Stores an email whose file can't be read before somebody writes it: a named pipe."""
    pipes: list[Path] = []

    def store() -> int:
        file = kept(in_folder, "slow.pdf", PDF)
        path = in_folder.application.settings.data / "attachments" / file.key
        path.unlink()
        os.mkfifo(path)
        pipes.append(path)
        return stored(in_folder, file)

    yield store
    for pipe in pipes:
        pipe.unlink()


def pipe_of(queue: Queue) -> Path:
    folder = queue.application.settings.data / "attachments"
    return next(one for one in folder.rglob("*") if one.is_fifo())


def test_a_slow_store_holds_up_its_own_email_only(
    in_folder: Queue, smtp_server: Servers, slow_file: Callable[[], int]
) -> None:
    server = smtp_server()
    in_folder.account(server)
    slow = slow_file()
    for _ in range(5):
        stored(in_folder)
    drain = threading.Thread(target=tick.force, args=(in_folder.application, 20))
    drain.start()

    assert server.wait_for_messages(5)
    assert in_folder.became(slow).state == "P"
    pipe_of(in_folder).write_bytes(PDF)
    drain.join(20)

    assert in_folder.states() == {"Y": 6}


def test_an_email_whose_files_are_being_read_is_given_back_at_a_stop(
    in_folder: Queue, smtp_server: Servers, slow_file: Callable[[], int]
) -> None:
    server = smtp_server()
    in_folder.account(server)
    slow, other = slow_file(), stored(in_folder)
    drain = threading.Thread(target=tick.force, args=(in_folder.application, 20))
    drain.start()
    assert server.wait_for_messages(1)

    in_folder.application.stop.set()
    drain.join(10)

    assert not drain.is_alive()
    assert in_folder.became(other).state == "Y"
    assert in_folder.became(slow).state == "N"
    assert in_folder.became(slow).retries == 0
    pipe_of(in_folder).write_bytes(b"")


def test_an_email_without_files_asks_nothing_about_them(in_folder: Queue) -> None:
    from sqlalchemy import event

    from shared.outbox.sending.fetch import fetch

    ids = [stored(in_folder), stored(in_folder)]
    asked: list[str] = []
    engine = in_folder.database.engine
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))

    with in_folder.database.read() as connection:
        fetch(connection, ids)

    assert not any("Rowpost_Attachments" in one for one in asked)
