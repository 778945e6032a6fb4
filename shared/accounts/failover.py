"""Fallbacks: while an account rests, the one that it names sends its emails. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from shared.accounts.directory import Account


def stand_ins(accounts: Sequence[Account], resting: Collection[int]) -> Iterator[Account]:
    """For each account that rests, its fallback as it sends for it, unless that rests as well.

    The fallback signs with its own address, since its server takes no other, and answers go to
    the original sender. A fallback's own fallback is not asked: there is one step and no more.
    """
    by_id = {account.id: account for account in accounts}
    for account in accounts:
        fallback = by_id.get(account.fallback_id or 0)
        if account.id not in resting or fallback is None or fallback.id in resting:
            continue
        if fallback.id != account.id:
            yield replace(
                fallback,
                codes=account.codes,
                reply_to=(account.sender,),
                stands_in_for=account.id,
            )
