"""How each account is just now: whether it sends, and if not, until when and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from shared.delivery.accounts import AccountBook
from shared.delivery.pauses import pauses

State = Literal["ready", "paused", "unusable"]


@dataclass(frozen=True, slots=True)
class AccountState:
    """An active account: `ready`, `paused` (until when, and why), or `unusable` (why).

    `id` is 0 for what is wrong with none of them, but with all together.
    """

    id: int
    code: str
    state: State
    reason: str | None = None
    until: datetime | None = None


def account_states(connection: Connection, book: AccountBook) -> tuple[AccountState, ...]:
    """The state of each account in the book."""
    resting = pauses(connection)
    usable = [
        AccountState(one.id, one.code, "paused", pause.reason, pause.until)
        if (pause := resting.get(one.id))
        else AccountState(one.id, one.code, "ready")
        for one in book.usable
    ]
    unusable = [AccountState(one.id, one.code, "unusable", one.reason) for one in book.unusable]
    known = {one.code for one in book.unusable}
    together = [
        AccountState(0, code, "unusable", reason)
        for code, reason in book.problems.items()
        if code not in known
    ]
    return (*usable, *unusable, *together)
