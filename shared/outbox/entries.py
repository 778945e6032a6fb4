"""Entries of the ledger by the email's id, and what passes from one to the next of an email."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from shared.database.tables import (
    attachments,
    confidential,
    contacts,
    entries,
    mail_items,
    options,
    recipients,
)
from shared.errors import RowpostError
from shared.outbox.conditions import is_current

_EMAIL_ID = entries.c.EmailId == bindparam("email_id")
CURRENT = select(entries.c.Number).where(_EMAIL_ID, is_current)
NUMBERS_OF = select(entries.c.EmailId, entries.c.Number).where(
    entries.c.EmailId.in_(bindparam("ids", expanding=True)), is_current
)
_ENTRY = select(entries).where(_EMAIL_ID, is_current)
_PASS_ON = {
    table.name: update(table)
    .where(table.c.Number == bindparam("former"))
    .values(Number=bindparam("number"))
    for table in (options, attachments, contacts, recipients, confidential, mail_items)
}
first_number = func.coalesce(entries.c.FirstNumber, entries.c.Number)


class EmailNotFound(RowpostError):
    """No email has this number."""


def current_number(connection: Connection, email_id: int) -> int:
    """The number of the email's current entry. Raises EmailNotFound."""
    number = connection.scalar(CURRENT, {"email_id": email_id})
    if number is None:
        raise EmailNotFound(f"there is no email {email_id}")
    return int(number)


def current_numbers(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    """The numbers of the current entries of these emails, by the emails' ids."""
    if not ids:
        return {}
    return {row.EmailId: row.Number for row in connection.execute(NUMBERS_OF, {"ids": list(ids)})}


def current_entry(connection: Connection, email_id: int) -> Row[Any] | None:
    """The email's current entry; None where Rowpost has none."""
    return connection.execute(_ENTRY, {"email_id": email_id}).one_or_none()


def pass_on(
    connection: Connection,
    former: int,
    number: int,
    *,
    who_had_it: bool,
    options_too: bool = True,
) -> None:
    """What belongs to an email's former entry belongs to its new one: files, what a visitor wrote,
    what Database Mail was given, `options_too` unless new ones were given; and `who_had_it`: what
    became of each recipient."""
    tables = [attachments, contacts, confidential, mail_items]
    if options_too:
        tables.append(options)
    if who_had_it:
        tables.append(recipients)
    for table in tables:
        connection.execute(_PASS_ON[table.name], {"former": former, "number": number})
