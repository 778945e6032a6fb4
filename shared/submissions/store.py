"""Storing a submission: the one call in which every way in ends.

It judges the email, writes its row (with the answer that a repeated request is to get, in the same
transaction), and wakes a sender. A plain INSERT by an application needs none of this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Connection

from shared.accounts.codes import code_of
from shared.accounts.errors import AccountNotFound
from shared.app import Application
from shared.attachments.pending import PendingFiles, TooMuchAttached
from shared.errors import RowpostError
from shared.outbox.add import BadValue, DatabaseMoved, NewEmail, add
from shared.outbox.states import Lane
from shared.scheduling import relocation
from shared.submissions.submission import InvalidEmail, Submission
from shared.submissions.validate import judge
from shared.unsubscribing.links import NoPublicAddress

T = TypeVar("T")

Stored = int | RowpostError
"""What became of one of several emails: its number, or why it was not stored."""

Afterwards = Callable[[Connection, list[T]], None]
"""What is written in the transaction that stores the emails, once it is known what became of
them."""


def store(
    application: Application,
    submission: Submission,
    afterwards: Afterwards[int] | None = None,
    *,
    wakes: bool = True,
) -> int:
    """Store one email; answers its number. When this returns it is safe, and on its way.

    `wakes` False: the caller sends it at once himself.

    Raises InvalidEmail, UnknownTemplate, AccountNotFound, ExpiresTooSoon, TooMuchAttached,
    AttachmentStoreUnavailable, FileNotKept, DatabaseUnreachable, or CommitUncertain.
    """
    judged = _right(application, submission)
    with _pending_files(application) as files:
        email = replace(judged, attachments=files.keep(submission.attachments))

        def write(connection: Connection) -> int:
            email_id = _add(connection, email, submission)
            if afterwards is not None:
                afterwards(connection, [email_id])
            return email_id

        email_id = _write(application, write)
        files.taken(email.attachments)
    if wakes and _is_due(submission):
        application.waker.wake()
    elif wakes:
        application.waker.tell()
    return email_id


def store_each(
    application: Application,
    submissions: Sequence[Submission | RowpostError],
    afterwards: Afterwards[Stored] | None = None,
) -> list[Stored]:
    """Store those of them that can be sent, together or none; answers what became of each.

    What is an error already is answered as it is. Raises AttachmentStoreUnavailable, FileNotKept,
    DatabaseUnreachable, or CommitUncertain.
    """
    with _pending_files(application) as files:
        judged = [_judged(application, one, files) for one in submissions]

        def write(connection: Connection) -> list[Stored]:
            stored = [_added(connection, one) for one in judged]
            if afterwards is not None:
                afterwards(connection, stored)
            return stored

        stored = _write(application, write)
        for one, number in zip(judged, stored, strict=True):
            if isinstance(one, tuple) and isinstance(number, int):
                files.taken(one[0].attachments)
    if any(isinstance(one, Submission) and _is_due(one) for one in submissions):
        application.waker.wake()
    else:
        application.waker.tell()
    return stored


_Judged = tuple[NewEmail, Submission] | RowpostError


def _right(application: Application, submission: Submission) -> NewEmail:
    """The email as the queue takes it. Raises what `judge` does."""
    if submission.unsubscribe is not None and application.settings.public_address is None:
        raise InvalidEmail(BadValue("unsubscribe", f"can't be offered: {NoPublicAddress()}"))
    return judge(submission)


def _judged(
    application: Application, submission: Submission | RowpostError, files: PendingFiles
) -> _Judged:
    if isinstance(submission, RowpostError):
        return submission
    try:
        email = _right(application, submission)
    except RowpostError as error:
        return error
    try:
        return replace(email, attachments=files.keep(submission.attachments)), submission
    except TooMuchAttached as error:
        return error


def _pending_files(application: Application) -> PendingFiles:
    return PendingFiles(lambda: application.attachments, application.settings.most_attached_mb)


def _added(connection: Connection, judged: _Judged) -> Stored:
    if isinstance(judged, RowpostError):
        return judged
    try:
        return _add(connection, *judged)
    except AccountNotFound as error:
        return error


def _add(connection: Connection, email: NewEmail, submission: Submission) -> int:
    account = submission.account
    code = None if account is None else code_of(connection, account, "smtp_config_id")
    return add(connection, replace(email, account_code=code))


def _write(application: Application, work: Callable[[Connection], T]) -> T:
    """In the database in use; should the queue have moved a moment ago, in the new one."""
    try:
        return application.database().run_together(work)
    except DatabaseMoved:
        return relocation.settled(application).run(work)


def _is_due(submission: Submission) -> bool:
    if submission.lane is not Lane.IMMEDIATE:
        return False
    return submission.send_at is None or submission.send_at <= datetime.now(UTC)
