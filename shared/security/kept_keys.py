"""Keys as the database has them: a row each, with the hash of the key in place of the key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, literal, or_, select, update

from shared.database.columns.times import utc_now
from shared.database.columns.widths import cut
from shared.database.statements.changes import changed
from shared.database.tables import keys
from shared.errors import RowpostError
from shared.security.roles import Role

NAME_WIDTH = 100
USE_SECONDS = 60.0

_IDENTITY_WIDTH = 150


class KeyNotFound(RowpostError):
    """There is no key of this number."""

    def __init__(self) -> None:
        super().__init__("There is no such key: GET /api/keys lists them.")


@dataclass(frozen=True, slots=True)
class Key:
    """A good key: what its holder may do, and the account that its emails go over."""

    id: int
    role: Role
    account_id: int

    @property
    def identity(self) -> str:
        """By what its holder is known again."""
        return f"key:{self.id}"


class KeptKey(NamedTuple):
    """What is known of a key, without the key."""

    id: int
    name: str
    role: str
    account_id: int
    created_at: datetime
    created_by: str | None
    revoked_at: datetime | None
    last_used_at: datetime | None


_FIND = select(keys.c.Id, keys.c.Role, keys.c.AccountId).where(
    keys.c.KeyHash == bindparam("hash"), keys.c.RevokedAt.is_(None)
)
_KEPT = select(
    keys.c.Id,
    keys.c.Name,
    keys.c.Role,
    keys.c.AccountId,
    keys.c.CreatedAt,
    keys.c.CreatedBy,
    keys.c.RevokedAt,
    keys.c.LastUsedAt,
)
REVOKE = (
    update(keys)
    .where(keys.c.Id == bindparam("key_id"), keys.c.RevokedAt.is_(None))
    .values(RevokedAt=utc_now())
)
USED = (
    update(keys)
    .where(
        keys.c.Id.in_(bindparam("ids", expanding=True)),
        or_(keys.c.LastUsedAt.is_(None), keys.c.LastUsedAt <= utc_now(literal(-USE_SECONDS))),
    )
    .values(LastUsedAt=utc_now())
)


def add(
    connection: Connection, hashed: str, name: str, account_id: int, role: Role, made_by: str
) -> int:
    """Store a key; answers its number."""
    values = {
        "KeyHash": hashed,
        "Name": cut(name, NAME_WIDTH),
        "AccountId": account_id,
        "Role": role.value,
        "CreatedBy": cut(made_by, _IDENTITY_WIDTH),
    }
    return int(connection.execute(insert(keys).returning(keys.c.Id), values).scalar_one())


def find(connection: Connection, hashed: str) -> Key | None:
    """The key with this hash, unless it was revoked."""
    row = connection.execute(_FIND, {"hash": hashed}).one_or_none()
    return None if row is None else Key(row.Id, Role(row.Role), row.AccountId)


def kept(connection: Connection, hashed: str) -> KeptKey | None:
    """What is known of the key with this hash, revoked or not."""
    row = connection.execute(_KEPT.where(keys.c.KeyHash == hashed)).one_or_none()
    return None if row is None else KeptKey(*row)


def page(connection: Connection, after: int, limit: int) -> list[KeptKey]:
    """Up to `limit` keys beyond number `after`, in the order in which they were made."""
    rows = connection.execute(_KEPT.where(keys.c.Id > after).order_by(keys.c.Id).limit(limit))
    return [KeptKey(*row) for row in rows]


def revoke(connection: Connection, key_id: int) -> None:
    """End a key; one that has ended already stays as it is. Raises KeyNotFound."""
    if changed(connection, REVOKE, {"key_id": key_id}) == 1:
        return
    if connection.execute(select(keys.c.Id).where(keys.c.Id == key_id)).first() is None:
        raise KeyNotFound


def mark_used(connection: Connection, ids: Sequence[int]) -> None:
    """Write that these keys are in use, unless that was written in the last minute."""
    connection.execute(USED, {"ids": list(ids)})
