"""Which accounts may send an email: from its account code to accounts, in their order. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from shared.outbox.states import profile_code


@dataclass(frozen=True, slots=True)
class ActiveAccount:
    """An active account as routing sees it, whether it can be used or not."""

    id: int
    code: str
    """Of the emails that it is for; "" for none."""
    is_marked: bool = False
    """As the default one."""
    failover_ids: tuple[int, ...] = ()
    """Who takes over while it rests, in this order."""


@dataclass(frozen=True, slots=True)
class ActiveProfile:
    """A mail profile: the first of its accounts that can sends, the others take over in order."""

    id: int
    account_ids: tuple[int, ...]

    @property
    def code(self) -> str:
        """Of the emails that it is for."""
        return profile_code(self.id)


class HasFailovers(Protocol):
    """What of an account says who takes over for it."""

    @property
    def id(self) -> int: ...
    @property
    def failover_ids(self) -> tuple[int, ...]: ...


A = TypeVar("A", bound=HasFailovers)


def route(
    code: str | None, active: Sequence[ActiveAccount], profiles: Sequence[ActiveProfile] = ()
) -> tuple[ActiveAccount, ...]:
    """The active accounts that may send emails with this code, in their order: those that answer
    for it, then those that take over while they rest. None: the emails are held.

    Several accounts with the same code share its emails. Emails without a code go to the default
    account: the first marked one, or the only active one. With several active and none marked they
    are held, and so are those whose code no active account has. The code of a profile is none of an
    account's: who takes over is its next account, whatever the failovers of the one that rests.
    """
    by_id = {account.id: account for account in active}
    for profile in profiles:
        if profile.code == fold(code):
            return tuple(by_id[each] for each in profile.account_ids if each in by_id)
    own = _answering(fold(code), active)
    several = (account for each in own for account in failovers(each, by_id))
    return tuple(dict.fromkeys((*own, *several)))


def leaders(
    profiles: Sequence[ActiveProfile], usable: Container[int]
) -> dict[int, list[ActiveProfile]]:
    """The profiles that each of the usable accounts, by number, sends first for."""
    led: dict[int, list[ActiveProfile]] = {}
    for profile in profiles:
        first = first_of(profile.account_ids, usable)
        if first is not None:
            led.setdefault(first, []).append(profile)
    return led


def first_of(ids: Iterable[int], able: Container[int]) -> int | None:
    """The first of these accounts that is able to send."""
    return next((each for each in ids if each in able), None)


def failovers(account: HasFailovers, among: Mapping[int, A]) -> Iterator[A]:
    """Those of these accounts, by id, that take over while this one rests, in their order.

    There is one step and no more: who takes over for a failover is not asked.
    """
    for failover_id in dict.fromkeys(account.failover_ids):
        if failover_id != account.id and failover_id in among:
            yield among[failover_id]


def default_of(active: Sequence[ActiveAccount]) -> ActiveAccount | None:
    """The account for emails without a code."""
    marked = next((account for account in active if account.is_marked), None)
    return active[0] if marked is None and len(active) == 1 else marked


def answered(
    active: Sequence[ActiveAccount], profiles: Sequence[ActiveProfile] = ()
) -> dict[str, str | None]:
    """The codes for which there is a route, as the accounts spell them, by what `fold` makes of
    them; None for emails without a code."""
    spelled = {fold(account.code): account.code or None for account in reversed(active)}
    without: dict[str, str | None] = {} if default_of(active) is None else {"": None}
    codes = {
        profile.code: profile.code
        for profile in profiles
        if route(profile.code, active, (profile,))
    }
    return without | {code: own for code, own in spelled.items() if code} | codes


def fold(code: str | None) -> str:
    """A code as it is compared: in small letters, without spaces around it; "" for none."""
    return (code or "").strip().lower()


def _answering(code: str, active: Sequence[ActiveAccount]) -> list[ActiveAccount]:
    if code:
        return [account for account in active if fold(account.code) == code]
    default = default_of(active)
    return [] if default is None else [default]
