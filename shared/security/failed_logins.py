"""Failed logins of all instances, each a row until it is forgotten."""

from __future__ import annotations

import math

from sqlalchemy import Connection, bindparam, cast, delete, func, insert, literal_column, select

from shared.database.columns.times import utc_now
from shared.database.statements.changes import changed
from shared.database.statements.locks import for_change
from shared.database.tables import login_failures

_REMOVED_AT_ONCE = 100

_pair = login_failures.c.PairHash == bindparam("pair")
_counts = login_failures.c.ForgottenAt > utc_now()
# Who asks for the same pair at the same moment has to wait until this row is committed.
_so_far = (
    for_change(select(func.count(literal_column("*"))).select_from(login_failures), login_failures)
    .where(_pair, _counts)
    .scalar_subquery()
)
ADD = insert(login_failures).from_select(
    ["PairHash", "ForgottenAt"],
    select(
        cast(bindparam("pair"), login_failures.c.PairHash.type), utc_now(bindparam("seconds"))
    ).where(_so_far < bindparam("most")),
)
FIRST = select(func.min(login_failures.c.ForgottenAt).label("first"), utc_now().label("now")).where(
    _pair, _counts
)
FORGET = delete(login_failures).where(_pair)
REMOVE = delete(login_failures).where(
    login_failures.c.Id.in_(
        select(login_failures.c.Id)
        .where(login_failures.c.ForgottenAt < utc_now())
        .limit(_REMOVED_AT_ONCE)
    )
)


def count(connection: Connection, pair: str, most: int, seconds: int) -> int | None:
    """Count an attempt as failed; it is forgotten after `seconds`.

    With `most` of them counted already nothing is, and the answer is how many seconds to wait.
    """
    values = {"pair": pair, "most": most, "seconds": seconds}
    if changed(connection, ADD, values) == 1:
        connection.execute(REMOVE)
        return None
    first, now = connection.execute(FIRST, {"pair": pair}).one()
    return max(1, math.ceil((first - now).total_seconds())) if first else 1


def forget(connection: Connection, pair: str) -> None:
    """A login went well: the failures before it do not count any more."""
    connection.execute(FORGET, {"pair": pair})
