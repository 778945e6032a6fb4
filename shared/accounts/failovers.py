"""Who takes over for an account that rests: the one that its row names, then further ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from shared.database.tables import failovers

Further = Mapping[int, Sequence[int]]
"""The failovers of accounts beyond those that their rows name, in their order."""
NONE_FURTHER: Further = MappingProxyType({})

_ALL = select(failovers.c.AccountId, failovers.c.FailoverId).order_by(
    failovers.c.AccountId, failovers.c.Position
)


def further_failovers(connection: Connection) -> Further:
    """Those of all accounts that have some."""
    found: dict[int, list[int]] = defaultdict(list)
    for account_id, failover_id in connection.execute(_ALL):
        found[account_id].append(failover_id)
    return found


def failover_ids(row: Row[Any], further: Further) -> tuple[int, ...]:
    """All failovers of the account that has this row, in their order."""
    first = () if row.Rowpost_FallbackId is None else (row.Rowpost_FallbackId,)
    return tuple(dict.fromkeys((*first, *further.get(row.Rowpost_Id, ()))))


def keep_further(connection: Connection, account_id: int, ids: Sequence[int]) -> None:
    """An account has these failovers beyond the one that its row names."""
    connection.execute(delete(failovers).where(failovers.c.AccountId == account_id))
    if ids:
        rows = [
            {"AccountId": account_id, "Position": position, "FailoverId": failover_id}
            for position, failover_id in enumerate(ids, start=2)
        ]
        connection.execute(insert(failovers), rows)
