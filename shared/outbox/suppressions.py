"""Addresses that a mail server has refused for good, and those of people who have complained: they
are spared for 30 days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Select,
    bindparam,
    delete,
    literal_column,
    select,
    update,
)

from shared.database.columns.times import in_days, utc_now
from shared.database.columns.widths import cut
from shared.database.statements.changes import changed
from shared.database.statements.insert_if_absent import insert_if_absent
from shared.database.tables import suppressions
from shared.outbox.recipients import KnownRecipient, RecipientState

KEPT_DAYS = 30
_BATCH = 500
_REASON_WIDTH = 500


class Suppression(NamedTuple):
    """An address that gets nothing until then, and the reply of the mail server that said why."""

    address: str
    reason: str
    email_id: int | None
    since: datetime
    until: datetime


_lasting = suppressions.c.Until > utc_now()
_until = in_days(literal_column(str(KEPT_DAYS)))
_COLUMNS = (
    suppressions.c.Address,
    suppressions.c.Reason,
    suppressions.c.EmailId,
    suppressions.c.Since,
    suppressions.c.Until,
)
_THIS = suppressions.c.Address == bindparam("address")
AGAIN = (
    update(suppressions)
    .where(_THIS)
    .values(
        Reason=bindparam("reason"), EmailId=bindparam("email_id"), Since=utc_now(), Until=_until
    )
)
ANY = select(suppressions.c.Address).where(_lasting).order_by(suppressions.c.Until.desc()).limit(1)
AMONG = select(*_COLUMNS).where(
    suppressions.c.Address.in_(bindparam("addresses", expanding=True)), _lasting
)
FORGET = delete(suppressions).where(_THIS)
FORGET_OVER = delete(suppressions).where(
    suppressions.c.Address.in_(
        select(suppressions.c.Address).where(~_lasting).order_by(suppressions.c.Until).limit(_BATCH)
    )
)


def suppress_refused(
    connection: Connection, email_id: int, recipients: Iterable[KnownRecipient]
) -> None:
    """Spare those of an email's recipients whose own address was refused for good."""
    for one in recipients:
        if one.state is RecipientState.REFUSED and one.bad_address:
            suppress(connection, one.address, one.reply or "", email_id)


def suppress(connection: Connection, address: str, reason: str, email_id: int) -> None:
    """Spare an address from now on, for what came of this email."""
    values = {"address": _key(address), "reason": cut(reason, _REASON_WIDTH), "email_id": email_id}
    if not changed(connection, AGAIN, values):
        _suppress_first(connection, values)


def any_suppressed(connection: Connection) -> bool:
    """Whether anybody is spared at all: nearly always the answer is no."""
    return connection.scalar(ANY) is not None


def suppressed_among(connection: Connection, addresses: Sequence[str]) -> dict[str, Suppression]:
    """Those of the addresses that are spared now, as they were given."""
    keys = {_key(address): address for address in addresses}
    found: dict[str, Suppression] = {}
    names = list(keys)
    for start in range(0, len(names), _BATCH):
        rows = connection.execute(AMONG, {"addresses": names[start : start + _BATCH]})
        found.update((keys[row.Address], Suppression(*row)) for row in rows if row.Address in keys)
    return found


def list_suppressions(connection: Connection, after: str, limit: int) -> list[Suppression]:
    """Up to `limit` addresses beyond this one, in the order of their letters."""
    return [Suppression(*row) for row in connection.execute(list_statement(after, limit))]


def list_statement(after: str, limit: int) -> Select[Any]:
    """What reads the addresses beyond this one."""
    return (
        select(*_COLUMNS)
        .where(_lasting, suppressions.c.Address > after)
        .order_by(suppressions.c.Address)
        .limit(limit)
    )


def remove_suppression(connection: Connection, address: str) -> bool:
    """Let the address get emails again; whether it was spared."""
    return changed(connection, FORGET, {"address": _key(address)}) > 0


def forget_over(connection: Connection) -> int:
    """Remove those whose time is over; one batch, answers how many."""
    return changed(connection, FORGET_OVER)


def _suppress_first(connection: Connection, values: dict[str, Any]) -> None:
    """Unless another sender was refused for the same address a moment ago."""
    insert_if_absent(
        connection,
        suppressions,
        {"Address": values["address"]},
        {"Reason": values["reason"], "EmailId": values["email_id"], "Until": _until},
    )


def _key(address: str) -> str:
    return address.strip().lower()
