"""Claiming: waiting emails of one account become ours (N to P), under a lease.

First the numbers, in the one statement that also changes the state; then what a sender needs to
know of them. Large bodies and documents stay in the table until their email is composed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Update, bindparam, literal_column, or_, select, union_all
from sqlalchemy.sql.elements import ColumnElement

from shared.database.statements.locks import skipping_locked
from shared.database.tables import entries
from shared.outbox.conditions import is_current, not_expired, state_is
from shared.outbox.sending.lease import Lease
from shared.outbox.states import Flag, Lane
from shared.outbox.transitions import claiming

_SUSPECTS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which emails to claim: those with one of these account codes, in these lanes.

    `certain`: only those of which no copy may have gone out already.
    """

    codes: tuple[str | None, ...]
    lanes: tuple[Lane, ...]
    most: int
    message_domain: str
    certain: bool = False


def claim(connection: Connection, wanted: Wanted, lease: Lease) -> list[int]:
    """Claim up to `wanted.most` emails, by lane, priority and age; answers their numbers.

    None while the service is stopped. An empty answer does not prove an empty queue: rows may be
    locked by somebody else's claim.
    """
    statement, values = claiming_for(wanted, lease)
    return list(connection.execute(statement, values).scalars().all())


def claiming_for(wanted: Wanted, lease: Lease) -> tuple[Update, dict[str, Any]]:
    """The statement of such a claim, and its values."""
    nulls = tuple(code is None for code in wanted.codes)
    statement = claim_statement(nulls, len(wanted.lanes), wanted.most, wanted.certain)
    return statement, _values(wanted, lease)


def claim_suspects(connection: Connection, wanted: Wanted, lease: Lease) -> list[int]:
    """Claim emails whose sender died while it prepared them, to be tried with nothing beside them.

    A few that were there once, else a single one that was there more often: the email that kills
    its sender ends up alone, and the others are sent.
    """
    for times, most in ((1, _SUSPECTS_AT_ONCE), (2, 1)):
        nulls = tuple(code is None for code in wanted.codes)
        statement = suspects_statement(nulls, len(wanted.lanes), times, most, wanted.certain)
        if numbers := _execute(connection, statement, wanted, lease):
            return numbers
    return []


def claim_blamed(connection: Connection, wanted: Wanted, lease: Lease) -> list[int]:
    """Claim one email for whose sake the account had to rest: such a one goes behind the others."""
    nulls = tuple(code is None for code in wanted.codes)
    statement = blamed_statement(nulls, len(wanted.lanes), wanted.certain)
    return _execute(connection, statement, wanted, lease)


def claim_one(connection: Connection, wanted: Wanted, lease: Lease, email_id: int) -> list[int]:
    """Claim this email, if it waits and is one of those wanted; answers its number or nothing."""
    nulls = tuple(code is None for code in wanted.codes)
    statement = claim_one_statement(nulls, len(wanted.lanes), wanted.certain)
    return _execute(connection, statement, wanted, lease, email_id=email_id)


_ORDER = (entries.c.Lane, entries.c.Priority, entries.c.Number)


def _execute(
    connection: Connection, statement: Update, wanted: Wanted, lease: Lease, **more: int
) -> list[int]:
    return list(connection.execute(statement, _values(wanted, lease) | more).scalars().all())


def _values(wanted: Wanted, lease: Lease) -> dict[str, Any]:
    values: dict[str, Any] = {
        "token": lease.token,
        "lease_seconds": lease.seconds,
        "message_id_end": f".{lease.token[:8]}@{wanted.message_domain}>",
    }
    values.update((f"code{n}", code) for n, code in enumerate(wanted.codes) if code is not None)
    values.update((f"lane{n}", lane.value) for n, lane in enumerate(wanted.lanes))
    return values


@lru_cache(maxsize=256)
def claim_statement(
    nulls: tuple[bool, ...], lanes: int, most: int, certain: bool = False
) -> Update:
    """A branch for each code and lane, since each is one range of the index."""
    branches = [
        skipping_locked(select(*_ORDER), entries)
        .where(
            state_is(Flag.WAITING),
            entries.c.NotBefore.is_(None),
            _code_is(number, null),
            entries.c.Lane == bindparam(f"lane{lane}"),
            entries.c.LostLeases.is_(None),
            entries.c.Blamed.is_(None),
            not_expired,
            *_certainty(certain),
        )
        .order_by(entries.c.Priority, entries.c.Number)
        .limit(most)
        for number, null in enumerate(nulls)
        for lane in range(lanes)
    ]
    if len(branches) == 1:
        return claiming(select(branches[0].subquery().c.Number))
    each = union_all(*(select(branch.subquery()) for branch in branches)).subquery()
    return claiming(
        select(each.c.Number).order_by(each.c.Lane, each.c.Priority, each.c.Number).limit(most)
    )


@lru_cache(maxsize=64)
def suspects_statement(
    nulls: tuple[bool, ...], lanes: int, times: int, most: int, certain: bool = False
) -> Update:
    lost = entries.c.LostLeases
    often = lost >= literal_column("2") if times > 1 else lost == literal_column("1")
    return _claiming_apart((often,), nulls, lanes, most, certain)


@lru_cache(maxsize=64)
def blamed_statement(nulls: tuple[bool, ...], lanes: int, certain: bool = False) -> Update:
    blamed = (entries.c.Blamed.is_not(None), entries.c.LostLeases.is_(None))
    return _claiming_apart(blamed, nulls, lanes, 1, certain)


def _claiming_apart(
    which: tuple[ColumnElement[bool], ...],
    nulls: tuple[bool, ...],
    lanes: int,
    most: int,
    certain: bool,
) -> Update:
    """Of the few that other claims leave out."""
    return claiming(
        skipping_locked(select(entries.c.Number), entries)
        .where(
            state_is(Flag.WAITING),
            *which,
            entries.c.NotBefore.is_(None),
            or_(*(_code_is(number, null) for number, null in enumerate(nulls))),
            # By the bare lane, SQLite would read all that waits in it.
            (entries.c.Lane + literal_column("''")).in_(
                [bindparam(f"lane{lane}") for lane in range(lanes)]
            ),
            not_expired,
            *_certainty(certain),
        )
        # Ordered by the bare number, SQLite would walk through the whole table in that order.
        .order_by(entries.c.Number + literal_column("0"))
        .limit(most)
    )


@lru_cache(maxsize=64)
def claim_one_statement(nulls: tuple[bool, ...], lanes: int, certain: bool = False) -> Update:
    return claiming(
        skipping_locked(select(entries.c.Number), entries).where(
            entries.c.EmailId == bindparam("email_id"),
            is_current,
            state_is(Flag.WAITING),
            or_(*(_code_is(number, null) for number, null in enumerate(nulls))),
            entries.c.Lane.in_([bindparam(f"lane{lane}") for lane in range(lanes)]),
            not_expired,
            *_certainty(certain),
        )
    )


def _certainty(certain: bool) -> tuple[ColumnElement[bool], ...]:
    return (entries.c.Uncertain.is_(None),) if certain else ()


def _code_is(number: int, null: bool) -> ColumnElement[bool]:
    code = entries.c.AccountCode
    return code.is_(None) if null else code == bindparam(f"code{number}")
