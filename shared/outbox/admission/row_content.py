"""What rows say as it counts for their fingerprints, read without their bodies and documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, null, select

from shared.database.columns.sizes import stored_size
from shared.database.tables import emails
from shared.outbox.admission.fingerprint import Content
from shared.outbox.rows.their_rows import IDS
from shared.outbox.rows.their_table import their_table

CREATED = "dd_CreatedDate"


@lru_cache(maxsize=16)
def content_statement(there: frozenset[str]) -> Select[Any]:
    """What reads what fingerprints are made of, of a table with these option columns."""
    return select(
        emails.c.dd_srno,
        emails.c.dd_toEmailid,
        emails.c.dd_ccEmailid,
        emails.c.dd_subject,
        emails.c.dd_filename,
        stored_size(emails.c.dd_bodyText).label("body_size"),
        stored_size(emails.c.dd_document).label("document_size"),
        (emails.c[CREATED] if CREATED in there else null()).label("created"),
    ).where(emails.c.dd_srno.in_(IDS))


def content_of(connection: Connection, ids: Sequence[int]) -> dict[int, Content]:
    """What the rows of these emails say now, by the emails' ids."""
    if not ids:
        return {}
    statement = content_statement(their_table(connection).options)
    found: dict[int, Content] = {}
    for email_id, to, cc, subject, filename, body, document, created in connection.execute(
        statement, {"ids": list(ids)}
    ):
        made_at = creation_date(created)
        found[email_id] = Content(to, cc, subject, filename, body, document, made_at)
    return found


def says_when_it_was_made(connection: Connection) -> bool:
    """Whether their table has creation dates: by these a row is known without a fingerprint."""
    return CREATED in their_table(connection).options


def creation_date(value: Any) -> datetime | None:
    """A creation date as it counts for a fingerprint; what is no date counts as none."""
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value
