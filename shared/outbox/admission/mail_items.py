"""What sp_send_dbmail was given beside an email's row: admission puts it under the entry's number.

Lists of recipients that are longer than the row's columns stand here alone, and each recipient is
known by itself from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    update,
)

from shared.database.columns.sizes import stored_size
from shared.database.columns.widths import cut, width
from shared.database.tables import emails, mail_items, options
from shared.mime.addresses import BadAddress, address_key, entries_of, parse_mailbox
from shared.outbox.recipients import Kind, KnownRecipient, RecipientState, write_recipients
from shared.outbox.rows.their_rows import IDS

DATABASE_MAIL = "database_mail"
"""The origin of such emails."""
_LISTS = {
    Kind.TO: mail_items.c.Recipients,
    Kind.CC: mail_items.c.CopyRecipients,
    Kind.BCC: mail_items.c.BlindCopyRecipients,
}
_NO_ADDRESS = "5.1.3 this is no email address"
_ADDRESS_WIDTH = 320
_COLUMN_WIDTH = 500

item_given = and_(mail_items.c.EmailId == emails.c.dd_srno, mail_items.c.Number.is_(None))
"""The item of a row that is not admitted yet."""
lists_size = sum(
    (func.coalesce(stored_size(column), 0) for column in list(_LISTS.values())[1:]),
    func.coalesce(stored_size(mail_items.c.Recipients), 0),
)
"""Of all three lists, in bytes."""

_not_in_the_row = and_(
    *(
        func.coalesce(stored_size(column), 0) == literal_column("0")
        for column in (emails.c.dd_toEmailid, emails.c.dd_ccEmailid)
    )
)
_may_be_longer = or_(
    *(stored_size(column) > literal_column(str(_COLUMN_WIDTH)) for column in _LISTS.values())
)
WITHOUT_ROOM = (
    select(
        mail_items.c.EmailId,
        *_LISTS.values(),
        case((_not_in_the_row, literal_column("1")), else_=literal_column("0")).label("Alone"),
    )
    .join(emails, item_given)
    .where(emails.c.dd_srno.in_(IDS), or_(_not_in_the_row, _may_be_longer))
)
SAY_BCC = (
    update(options)
    .where(options.c.Number == bindparam("entry"))
    .values(bccEmailid=bindparam("bcc"))
)
TAKE = (
    update(mail_items)
    .where(mail_items.c.EmailId == bindparam("email_id"), mail_items.c.Number.is_(None))
    .values(Number=bindparam("entry"))
)


def take_items(connection: Connection, numbers: Mapping[int, int]) -> None:
    """The items of these emails, by id, belong to the entries with these numbers from now on."""
    if not numbers:
        return
    for item in connection.execute(WITHOUT_ROOM, {"ids": list(numbers)}).all():
        if known := list(_recipients(item._mapping)):
            number = numbers[item.EmailId]
            write_recipients(connection, number, known)
            bcc = None if item.Alone else _as_a_list(known)
            connection.execute(SAY_BCC, {"entry": number, "bcc": bcc})
    connection.execute(
        TAKE, [{"email_id": each, "entry": number} for each, number in numbers.items()]
    )


def _as_a_list(known: Sequence[KnownRecipient]) -> str | None:
    """Their Bcc as the options hold it beside the row's own lists. None: it is too long for that,
    and counts as it is known; beside a row without lists, any list would be taken for all."""
    several = [
        each.address
        for each in known
        if each.kind is Kind.BCC and each.state is RecipientState.PENDING
    ]
    written = "; ".join(several)
    return written if several and width(written) <= _COLUMN_WIDTH else None


def _recipients(lists: Mapping[Any, Any]) -> Iterator[KnownRecipient]:
    """Each of them once. What is no address is refused, and takes nobody else along."""
    seen: set[str] = set()
    for kind, column in _LISTS.items():
        for entry in entries_of(lists[column] or ""):
            try:
                mailbox = parse_mailbox(entry)
            except BadAddress:
                # Of no list that the header shows.
                shown = cut(entry, _ADDRESS_WIDTH)
                yield KnownRecipient(Kind.BCC, shown, "", RecipientState.REFUSED, _NO_ADDRESS)
                continue
            if address_key(mailbox.address) not in seen:
                seen.add(address_key(mailbox.address))
                yield KnownRecipient(kind, mailbox.address, mailbox.name)
