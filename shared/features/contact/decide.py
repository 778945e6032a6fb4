"""Decisions by hand about what visitors wrote: change, cancel, delete; try again what failed."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from shared.app import Application
from shared.features.contact import entries
from shared.features.contact.attached import SentFile, kept, named
from shared.features.contact.message import Words, message_of
from shared.outbox import cancel_retry_resolve, removal
from shared.outbox.attachments import StoredAttachment, release_attachments, write_attachments
from shared.outbox.cancel_retry_resolve import NotEnded, try_again
from shared.outbox.rows.rewrite import rewrite
from shared.submissions.validate import judge

MOST_AT_ONCE = 500


class TriedAgain(NamedTuple):
    """How many wait again now; `more`: others failed that do not yet."""

    number: int
    more: bool


def change(application: Application, contact_id: str, words: Words, file: SentFile | None) -> None:
    """Let it say this, while it still waits; without a file the former one stays.

    Raises ContactNotFound, NotWaiting, and as `submit`.
    """
    with kept(application, file) as attachment:
        work = partial(
            _change,
            application=application,
            contact_id=contact_id,
            words=named(words, attachment),
            attachment=attachment,
        )
        former = application.database().run(work)
    if former:
        application.attachments.discard(former)


def cancel(application: Application, contact_id: str) -> None:
    """Let it not be sent. Raises ContactNotFound or NotWaiting."""

    def work(connection: Connection) -> None:
        cancel_retry_resolve.cancel(connection, entries.find(connection, contact_id).email_id)

    application.database().run(work)
    application.waker.tell()


def try_one_again(application: Application, contact_id: str) -> None:
    """Let it wait again, after it failed or was cancelled.

    Raises ContactNotFound, NotEnded or ContentRemoved.
    """

    def work(connection: Connection) -> None:
        try_again(connection, entries.find(connection, contact_id).email_id)

    application.database().run(work)
    application.waker.wake()


def delete(application: Application, contact_id: str) -> None:
    """Remove it with its email and its file. Raises ContactNotFound or NotAtRest."""

    def work(connection: Connection) -> list[str]:
        return removal.remove(connection, entries.find(connection, contact_id).email_id)

    if keys := application.database().run(work):
        application.attachments.discard(keys)


def try_failed_again(application: Application) -> TriedAgain:
    """Let the latest that failed wait again, up to 500 at once."""

    def work(connection: Connection) -> TriedAgain:
        failed = entries.failed(connection, MOST_AT_ONCE + 1)
        waiting = [one for one in failed[:MOST_AT_ONCE] if _waits_again(connection, one)]
        return TriedAgain(len(waiting), len(failed) > MOST_AT_ONCE)

    tried = application.database().run(work)
    if tried.number:
        application.waker.wake()
    return tried


def _waits_again(connection: Connection, email_id: int) -> bool:
    try:
        try_again(connection, email_id)
    except NotEnded:
        return False  # Somebody else was a moment faster.
    return True


def _change(
    connection: Connection,
    *,
    application: Application,
    contact_id: str,
    words: Words,
    attachment: StoredAttachment | None,
) -> list[str]:
    """Answers the keys of files that are its own no more."""
    stored = entries.find(connection, contact_id)
    carries = attachment or stored.file
    words = named(words, carries)
    message = message_of(words, application.settings, attached=carries is not None)
    rewrite(connection, stored.email_id, judge(message))
    entries.rewrite(connection, stored.email_id, words)
    if attachment is None:
        return []
    former = release_attachments(connection, [stored.number])
    write_attachments(connection, stored.number, [attachment])
    return former
