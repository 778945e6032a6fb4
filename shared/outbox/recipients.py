"""Recipients known one by one: where a list is long, or not everybody was accepted alike.

Most emails have no rows here: their lists say it all, and every recipient shares one fate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, delete, insert, null, select, update

from shared.database.columns.times import utc_now
from shared.database.columns.widths import cut
from shared.database.tables import recipients
from shared.outbox.conditions import NUMBERS, number_among

NAME_WIDTH = 255
_REPLY_WIDTH = 500


class Kind(StrEnum):
    """The list that names the recipient."""

    TO = "to"
    CC = "cc"
    BCC = "bcc"
    TAKEN_OUT = "out"
    """None any more: it had the email, and its row names it no longer."""


class RecipientState(StrEnum):
    """What became of one recipient."""

    PENDING = "pending"
    """Has not had the email, and is to get it."""
    ATTEMPTED = "attempted"
    """Was accepted in a transaction whose final dot may have been written."""
    SENT = "sent"
    REFUSED = "refused"


class KnownRecipient(NamedTuple):
    """One recipient of one email and what is known of it. `address` may carry no display name.

    `bad_address`: a reply about this very address has just refused it for good (5.1.x).
    `redirected_to`: who gets the email in its place, in test mode.
    """

    kind: Kind
    address: str
    name: str = ""
    state: RecipientState = RecipientState.PENDING
    reply: str | None = None
    bad_address: bool = False
    redirected_to: str | None = None

    @property
    def mailed_at(self) -> str:
        """The address that the envelope names."""
        return self.redirected_to or self.address


_FORGET = delete(recipients).where(recipients.c.Number == bindparam("number"))
_SETTLE = (
    update(recipients)
    .where(recipients.c.Number.in_(NUMBERS), recipients.c.State == RecipientState.ATTEMPTED.value)
    .values(State=bindparam("state"), ChangedAt=utc_now())
)
_ASK_EVERYBODY = (
    update(recipients)
    .where(recipients.c.Number == bindparam("number"))
    .values(State=RecipientState.PENDING.value, Reply=null(), ChangedAt=utc_now())
)
_PENDING = (
    select(recipients.c.Number)
    .where(
        recipients.c.Number == bindparam("number"),
        recipients.c.State == RecipientState.PENDING.value,
    )
    .limit(1)
)


@lru_cache(maxsize=4)
def known_statement(among: str | None = None) -> Select[Any]:
    """What reads recipients known one by one: see `conditions.number_among`."""
    return (
        select(recipients)
        .where(number_among(recipients.c.Number, among))
        .order_by(recipients.c.Number, recipients.c.Ordinal)
    )


def known_recipients(
    connection: Connection, numbers: Sequence[int]
) -> dict[int, tuple[KnownRecipient, ...]]:
    """The recipients of these emails, of those where they are known one by one."""
    return by_email(connection.execute(known_statement(), {"numbers": list(numbers)}))


def by_email(rows: Iterable[Any]) -> dict[int, tuple[KnownRecipient, ...]]:
    """Rows of `known_statement`, by the number of their email's entry."""
    found: dict[int, list[KnownRecipient]] = {}
    for row in rows:
        found.setdefault(row.Number, []).append(
            KnownRecipient(
                Kind(row.Kind), row.Address, row.Name or "", RecipientState(row.State), row.Reply
            )
        )
    return {number: tuple(known) for number, known in found.items()}


def write_recipients(connection: Connection, number: int, known: Sequence[KnownRecipient]) -> None:
    """Replace what is known of an email's recipients."""
    connection.execute(_FORGET, {"number": number})
    if not known:
        return
    connection.execute(
        insert(recipients).values(ChangedAt=utc_now()),
        [
            {
                "Number": number,
                "Ordinal": ordinal,
                "Kind": one.kind.value,
                "Address": one.address,
                "Name": cut(one.name, NAME_WIDTH) or None,
                "State": one.state.value,
                "Reply": cut(one.reply or "", _REPLY_WIDTH) or None,
            }
            for ordinal, one in enumerate(known)
        ],
    )


def settle_attempted(connection: Connection, numbers: Sequence[int], state: RecipientState) -> None:
    """Everybody who was being attempted now stands so."""
    connection.execute(_SETTLE, {"numbers": list(numbers), "state": state.value})


def ask_everybody(connection: Connection, number: int) -> None:
    """Everybody is to get the email, whatever became of them before."""
    connection.execute(_ASK_EVERYBODY, {"number": number})


def somebody_pending(connection: Connection, number: int) -> bool:
    """Whether a recipient of the email is still to get it."""
    return connection.scalar(_PENDING, {"number": number}) is not None
