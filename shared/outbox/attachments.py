"""An email's files in the attachment store: which they are, written with the email itself.

An email's entry says how many there are, so that one without any costs no question, and
one whose files were removed is never sent without them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, update

from shared.database.tables import attachments, entries
from shared.outbox.conditions import NUMBERS, number_among
from shared.outbox.loose_files import let_go, take

MOST_FILES = 100


class StoredAttachment(NamedTuple):
    """A file that lies in the attachment store under its key.

    `content_type`: None to tell it from content and name. `content_id`: the name, without angle
    brackets, by which the HTML shows it inline; None for an attachment.
    """

    key: str
    filename: str
    size: int
    sha256: str
    content_type: str | None = None
    content_id: str | None = None


@lru_cache(maxsize=4)
def files_statement(among: str | None = None) -> Select[Any]:
    """What reads the files of emails: see `conditions.number_among`."""
    return (
        select(
            attachments.c.Number,
            attachments.c.StorageKey,
            attachments.c.Filename,
            attachments.c.Size,
            attachments.c.Sha256,
            attachments.c.ContentType,
            attachments.c.ContentId,
        )
        .where(number_among(attachments.c.Number, among))
        .order_by(attachments.c.Number, attachments.c.Ordinal)
    )


_COUNT = (
    update(entries)
    .where(entries.c.Number == bindparam("number"))
    .values(AttachmentCount=bindparam("files"))
)
_REMOVE = (
    delete(attachments).where(attachments.c.Number.in_(NUMBERS)).returning(attachments.c.StorageKey)
)


def write_attachments(
    connection: Connection, number: int, files: Sequence[StoredAttachment]
) -> None:
    """Give these files to an email that has none, in the caller's transaction.

    Raises FileNotKept for one that is no longer, or was never, kept for an email.
    """
    take(connection, [one.key for one in files])
    connection.execute(
        insert(attachments),
        [
            {
                "Number": number,
                "Ordinal": ordinal,
                "Filename": one.filename,
                "ContentType": one.content_type,
                "ContentId": one.content_id,
                "Size": one.size,
                "Sha256": one.sha256,
                "StorageKey": one.key,
            }
            for ordinal, one in enumerate(files)
        ],
    )
    connection.execute(_COUNT, {"number": number, "files": len(files)})


def attachments_of(
    connection: Connection, numbers: Sequence[int]
) -> dict[int, tuple[StoredAttachment, ...]]:
    """The files of these emails, of those that have any: one statement."""
    return by_number(connection.execute(files_statement(), {"numbers": list(numbers)}))


def by_number(rows: Iterable[Any]) -> dict[int, tuple[StoredAttachment, ...]]:
    """Rows of `files_statement`, by the number of their email's entry."""
    found: dict[int, list[StoredAttachment]] = {}
    for number, *file in rows:
        found.setdefault(number, []).append(StoredAttachment(*file))
    return {number: tuple(files) for number, files in found.items()}


def release_attachments(connection: Connection, numbers: Sequence[int]) -> list[str]:
    """Take their files from these emails; answers the keys, which are due to be deleted now.

    The emails go on saying that they had files: one that is sent again fails, with that reason.
    """
    keys = list(connection.execute(_REMOVE, {"numbers": list(numbers)}).scalars())
    if keys:
        let_go(connection, keys)
    return keys
