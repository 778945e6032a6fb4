"""Who wants no more emails of a list: for good, and of that list alone.

An email belongs to a list if it says so (`unsubscribe`): receipts and codes do not, and reach
whoever has unsubscribed from the news.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, delete, or_, select

from shared.database.statements.changes import changed
from shared.database.statements.insert_if_absent import insert_if_absent
from shared.database.tables import unsubscribed
from shared.unsubscribing.links import Subscription

DEFAULT_LIST = "default"
"""The list of emails that ask for a link and name no list."""
LIST_NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,49}$"
_LIST_NAME = re.compile(LIST_NAME)
_YES = frozenset({"y", "yes", "true", "1"})
_NO = frozenset({"", "n", "no", "false", "0"})
_BATCH = 500


class Unsubscribed(NamedTuple):
    """An address that wants no more of a list, since when, and by which email's link."""

    address: str
    list_name: str
    email_id: int | None
    since: datetime


_COLUMNS = (
    unsubscribed.c.Address,
    unsubscribed.c.List,
    unsubscribed.c.EmailId,
    unsubscribed.c.Since,
)
AMONG = select(unsubscribed.c.Address, unsubscribed.c.List).where(
    unsubscribed.c.Address.in_(bindparam("addresses", expanding=True))
)
OF_ADDRESS = (
    select(*_COLUMNS)
    .where(unsubscribed.c.Address == bindparam("address"))
    .order_by(unsubscribed.c.List)
    .limit(_BATCH)
)
FROM_ANY = (
    select(*_COLUMNS)
    .where(
        unsubscribed.c.Address >= bindparam("address"),
        or_(
            unsubscribed.c.Address > bindparam("address"),
            unsubscribed.c.List > bindparam("list_name"),
        ),
    )
    .order_by(unsubscribed.c.Address, unsubscribed.c.List)
)
FORGET = delete(unsubscribed).where(
    unsubscribed.c.Address == bindparam("address"), unsubscribed.c.List == bindparam("list_name")
)


def list_named(option: object) -> str | None:
    """The list that an email's option names; None: the email offers no link.

    Yes (Y, yes, true, 1) is the default list. Raises ValueError for what is no name.
    """
    name = " ".join(str(option).split()).lower() if option is not None else ""
    if name in _NO:
        return None
    if name in _YES:
        return DEFAULT_LIST
    if not _LIST_NAME.fullmatch(name):
        raise ValueError(
            "the name of its list may have 50 letters, digits, spaces, dots, _ and -, "
            "and begins with a letter or digit"
        )
    return name


def unsubscribe(connection: Connection, subscription: Subscription) -> bool:
    """Take the address off the list; whether it was on it until now."""
    return insert_if_absent(
        connection,
        unsubscribed,
        {"Address": _key(subscription.address), "List": subscription.list_name},
        {"EmailId": subscription.email_id},
    )


def unsubscribed_among(
    connection: Connection, addresses: Iterable[str]
) -> frozenset[tuple[str, str]]:
    """Of these addresses who is off which list, as `subscription_key` has it."""
    keys = sorted({_key(address) for address in addresses})
    found: set[tuple[str, str]] = set()
    for start in range(0, len(keys), _BATCH):
        rows = connection.execute(AMONG, {"addresses": keys[start : start + _BATCH]})
        found.update((_key(row.Address), row.List.lower()) for row in rows)
    return frozenset(found)


def subscription_key(address: str, list_name: str) -> tuple[str, str]:
    """Equal for what is one subscription."""
    return _key(address), list_name.lower()


def who_unsubscribed(
    connection: Connection, list_name: str, after: str, limit: int
) -> Sequence[Unsubscribed]:
    """Up to `limit` addresses beyond this one that are off the list, in their letters' order."""
    rows = connection.execute(page_statement(list_name.lower(), after, limit))
    return [Unsubscribed(*row) for row in rows]


def unsubscribed_from(connection: Connection, address: str) -> Sequence[Unsubscribed]:
    """The lists that an address is off, up to 500 of them, in their letters' order."""
    rows = connection.execute(OF_ADDRESS, {"address": _key(address)})
    return [Unsubscribed(*row) for row in rows]


def who_unsubscribed_from_any(
    connection: Connection, after: tuple[str, str], limit: int
) -> Sequence[Unsubscribed]:
    """Up to `limit` of all lists beyond this address and list, in their letters' order."""
    address, list_name = after
    values = {"address": address, "list_name": list_name}
    rows = connection.execute(FROM_ANY.limit(limit), values)
    return [Unsubscribed(*row) for row in rows]


def page_statement(list_name: str, after: str, limit: int) -> Select[Any]:
    """What reads the addresses beyond this one."""
    return (
        select(*_COLUMNS)
        .where(unsubscribed.c.List == list_name, unsubscribed.c.Address > after)
        .order_by(unsubscribed.c.Address)
        .limit(limit)
    )


def subscribe_again(connection: Connection, address: str, list_name: str) -> bool:
    """Put the address back on the list, by its own wish; whether it was off it."""
    values = {"address": _key(address), "list_name": list_name.lower()}
    return changed(connection, FORGET, values) > 0


def _key(address: str) -> str:
    return address.strip().lower()
