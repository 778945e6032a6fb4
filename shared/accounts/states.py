"""How each account is just now: whether it sends, and if not, until when and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from shared.accounts.directory import Account, AccountBook, stand_ins
from shared.accounts.pauses import pauses
from shared.limits import reservations
from shared.limits.sending_limits import Limits, Units, minute_of

State = Literal["ready", "paused", "out_of_quota", "unusable"]

_NOTHING = Units()


@dataclass(frozen=True, slots=True)
class AccountState:
    """An active account: `ready`, `paused` (until when, and why, and who sends meanwhile),
    `out_of_quota` (until when), or `unusable` (why).

    `id` is 0 for what is wrong with none of them, but with all together.
    """

    id: int
    code: str
    state: State
    reason: str | None = None
    until: datetime | None = None
    test_mode: str | None = None
    """Whom its emails may not reach; None: everybody."""
    limits: Limits | None = None
    """What it may send; None: nobody knows, since it is unusable."""
    used: Units = _NOTHING
    """What it has used of them in the present minute, hour and day."""


def account_states(connection: Connection, book: AccountBook) -> tuple[AccountState, ...]:
    """The state of each account in the book."""
    resting = pauses(connection)
    deputies: dict[int | None, list[str]] = {}
    for each in stand_ins(book.usable, resting):
        deputies.setdefault(each.stands_in_for, []).append(each.code)
    minute = minute_of(reservations.now(connection))
    limited = [one.id for one in book.usable if one.limits]
    used = reservations.used(connection, limited, minute) if limited else {}

    def state(account: Account) -> AccountState:
        rules = "; ".join(map(str, account.recipient_rules)) or None
        spent = used.get(account.id, Units())
        return replace(sending(account), test_mode=rules, limits=account.limits, used=spent)

    def sending(account: Account) -> AccountState:
        if (pause := resting.get(account.id)) is not None:
            several = deputies.get(account.id, [])
            sends = "sends" if len(several) == 1 else "send"
            meanwhile = f"; {' and '.join(several)} {sends} its emails meanwhile" if several else ""
            return AccountState(
                account.id, account.code, "paused", pause.reason + meanwhile, pause.until
            )
        opens_at = account.limits.opens_at(used.get(account.id, Units()), minute)
        if opens_at is not None:
            return AccountState(
                account.id, account.code, "out_of_quota", "it has sent what it may", opens_at
            )
        return AccountState(account.id, account.code, "ready")

    unusable = [AccountState(one.id, one.code, "unusable", one.reason) for one in book.unusable]
    known = {one.code for one in book.unusable}
    together = [
        AccountState(0, code, "unusable", reason)
        for code, reason in book.problems.items()
        if code not in known
    ]
    return (*map(state, book.usable), *unusable, *together)
