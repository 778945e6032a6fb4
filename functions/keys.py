"""Keys for programs: made, listed and revoked by an admin."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from shared.api.endpoint import Request, Routes
from shared.api.models import (
    ONE_LINE,
    Answer,
    Input,
    QueryNumber,
    SnakeAnswer,
    SnakeInput,
    Timestamp,
    example,
)
from shared.app import application
from shared.security.kept_keys import NAME_WIDTH, KeptKey
from shared.security.roles import Role

routes = Routes({"id": "The key's number."})

_LARGEST_NUMBER = 2**31 - 1
_EXAMPLE_KEY = "rp_4Jf0sVtYb1wqE7n2Zk8mXcR5uHdA3gLp9TiOyCeNvQs"
_EXAMPLE_DETAILS = {
    "id": 1,
    "name": "web shop",
    "role": "service",
    "smtp_config_id": 1,
    "created_at": "2026-11-21T09:00:00.000Z",
    "created_by": "login:admin",
    "revoked_at": None,
    "last_used_at": "2026-11-21T10:00:00.000Z",
}


class KeyToMake(SnakeInput):
    model_config = example(name="web shop", smtp_config_id=1)

    name: Annotated[str, Field(min_length=1, max_length=NAME_WIDTH, pattern=ONE_LINE)]
    """What the key is for, as it is shown in lists."""
    smtp_config_id: int = Field(ge=1, le=_LARGEST_NUMBER)
    """The number of the account that everything sent with the key goes over."""
    role: Role = Role.SERVICE
    """What the key may do beside sending; `service` reads only what it has stored itself."""


class KeyMade(Answer):
    """The key is shown this once."""

    model_config = example(id=1, key=_EXAMPLE_KEY)

    http_status: ClassVar[int] = 201

    id: int
    """The key's number, to revoke it by."""
    key: str = Field(repr=False)
    """The key itself, as the `key` of a body or as `Authorization: Bearer`. Nobody can show it
    again."""


class KeyDetails(SnakeAnswer):
    model_config = example(**_EXAMPLE_DETAILS)

    id: int
    """The key's number."""
    name: str
    """What the key is for."""
    role: Role
    """What the key may do."""
    smtp_config_id: int
    """The number of the account that it sends over."""
    created_at: Timestamp
    """When it was made."""
    created_by: str | None
    """Who made it: `login:` or `key:` and the name; null if it was imported."""
    revoked_at: Timestamp | None
    """When it was revoked; null: it is good."""
    last_used_at: Timestamp | None
    """When it was last used, to about a minute; null: never."""


class KeyPage(SnakeAnswer):
    model_config = example(items=[_EXAMPLE_DETAILS], next_cursor=None)

    items: list[KeyDetails]
    """The keys, the oldest first."""
    next_cursor: str | None
    """To be given as `cursor` for the next page; null: this is the last."""


class KeyQuery(Input):
    limit: QueryNumber = Field(100, ge=1, le=500)
    """How many keys at most."""
    cursor: str = Field("0", pattern=r"^[0-9]{1,9}$")
    """`next_cursor` of the page before; left out, the first page."""


class KeyRevoked(Answer):
    message: str = "The key is revoked: within 30 seconds it opens nothing, anywhere."
    """The same in words."""
    id: int
    """The key's number."""


@routes.post("api/keys", who=Role.ADMIN)
def make_key(request: Request[KeyToMake]) -> KeyMade:
    """Make a key for a program. Emails sent with it go over the account that it is bound to."""
    wanted = request.body
    made = application().keys.make(
        wanted.name, wanted.smtp_config_id, wanted.role, request.caller.identity
    )
    return KeyMade(id=made.id, key=made.text)


@routes.get("api/keys", who=Role.ADMIN)
def list_keys(request: Request[None, KeyQuery]) -> KeyPage:
    """List the keys, revoked ones too, without what would let anybody use them."""
    limit = request.query.limit
    found = application().keys.page(int(request.query.cursor), limit + 1)
    return KeyPage(
        items=[details(one) for one in found[:limit]],
        next_cursor=str(found[limit - 1].id) if len(found) > limit else None,
    )


@routes.delete("api/keys/{id:int}", who=Role.ADMIN, errors={404})
def revoke_key(request: Request) -> KeyRevoked:
    """Revoke a key, on every instance within 30 seconds."""
    key_id = int(request.path["id"])
    application().keys.revoke(key_id)
    return KeyRevoked(id=key_id)


def details(kept: KeptKey) -> KeyDetails:
    """The key without what would let anybody use it."""
    return KeyDetails(
        id=kept.id,
        name=kept.name,
        role=Role(kept.role),
        smtp_config_id=kept.account_id,
        created_at=kept.created_at,
        created_by=kept.created_by,
        revoked_at=kept.revoked_at,
        last_used_at=kept.last_used_at,
    )
