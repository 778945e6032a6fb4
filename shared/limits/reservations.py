"""Quotas: what accounts with limits have used, so that all senders together stay within them.

A claimed email has reserved its units; marked, it has spent them. What was reserved and not spent
is released with the email: when it is given back, fails before its mark, or is rescued. An account
without limits has no row here, and costs no statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    case,
    delete,
    exists,
    insert,
    literal_column,
    select,
    update,
)

from shared.database.columns.times import utc_now
from shared.database.statements.changes import changed
from shared.database.statements.insert_if_absent import insert_if_absent
from shared.database.tables import entries, quotas, reservations
from shared.limits.sending_limits import Limits, Units, Window, minute_of
from shared.outbox.conditions import NUMBERS, TOKEN, state_is
from shared.outbox.sending.lease import Lease
from shared.outbox.states import Flag

# Between the mark and the moment when the mail server has the whole email.
_ON_THE_WAY = timedelta(seconds=0.25)
_NO_LIMIT = 2_000_000_000

_USED = {
    Window.MINUTE: quotas.c.MinuteUsed,
    Window.HOUR: quotas.c.HourUsed,
    Window.DAY: quotas.c.DayUsed,
}


class Reservation(NamedTuple):
    """What one email has reserved, and in which minute."""

    number: int
    account_id: int
    minute: int
    units: Units


def _used_now(window: Window) -> ColumnElement[int]:
    """What is used of the present window; nothing, if the row speaks of an earlier one."""
    same = quotas.c.Minute >= bindparam(f"{window}_begin")
    return case((same, _USED[window]), else_=literal_column("0"))


RESERVE = (
    update(quotas)
    .where(
        quotas.c.AccountId == bindparam("account_id"),
        quotas.c.Minute <= bindparam("now_minute"),
        *(_used_now(window) <= bindparam(f"{window}_room") for window in Window),
    )
    .values(
        {_USED[window]: _used_now(window) + bindparam(f"{window}_units") for window in Window}
        | {quotas.c.Minute: bindparam("now_minute")}
    )
)
RELEASE = (
    update(quotas)
    .where(quotas.c.AccountId == bindparam("account_id"))
    .values(
        {
            _USED[window]: case(
                (
                    quotas.c.Minute < bindparam(f"{window}_end"),
                    _USED[window] - bindparam(f"{window}_units"),
                ),
                else_=_USED[window],
            )
            for window in Window
        }
    )
)
FORGET = delete(reservations).where(
    reservations.c.Number == bindparam("number"), reservations.c.Token == TOKEN
)
_ACCOUNT_IDS: BindParameter[int] = bindparam("ids", expanding=True)
_NOW = select(utc_now())
_ROW = select(quotas).where(quotas.c.AccountId.in_(_ACCOUNT_IDS))
_RESERVED = select(reservations).where(reservations.c.Token == TOKEN)
_still_prepared = exists().where(
    entries.c.Number == reservations.c.Number,
    entries.c.LeaseToken == reservations.c.Token,
    state_is(Flag.PREPARING),
)
_ORPHANS = select(reservations).where(~_still_prepared)


def now(connection: Connection) -> datetime:
    """The time by the clock that all senders share."""
    return connection.execute(_NOW).scalar_one()


def used(connection: Connection, account_ids: Sequence[int], minute: int) -> dict[int, Units]:
    """What these accounts have used, reserved or spent, of the windows around this minute."""
    found = {row.AccountId: row for row in connection.execute(_ROW, {"ids": account_ids})}
    return {number: _used_in(found.get(number), minute) for number in account_ids}


def reserve(connection: Connection, limits: Limits, minute: int, units: Units) -> bool:
    """Reserve so many units, if that keeps within the limits; answers whether it did.

    One statement: whoever else reserves at the same moment is counted, or counts us.
    """
    values: dict[str, Any] = {"account_id": limits.account_id, "now_minute": minute}
    for window in Window:
        limit = limits.of(window)
        values[f"{window}_begin"] = window.begin(minute)
        values[f"{window}_units"] = units.of(window)
        values[f"{window}_room"] = (_NO_LIMIT if limit is None else limit) - units.of(window)
    if changed(connection, RESERVE, values) == 1:
        return True
    return _open(connection, limits.account_id) and changed(connection, RESERVE, values) == 1


def note(connection: Connection, reserved: Sequence[Reservation], lease: Lease) -> None:
    """Write down which emails the reserved units are for."""
    for one in reserved:
        values = {
            "Number": one.number,
            "Token": lease.token,
            "AccountId": one.account_id,
            "Minute": one.minute,
            "MinuteUnits": one.units.minute,
            "HourUnits": one.units.hour,
            "DayUnits": one.units.day,
        }
        connection.execute(insert(reservations), values)


def confirm(connection: Connection, wanted: Mapping[int, Limits], lease: Lease) -> set[int]:
    """Which of these emails may be marked now; what they reserved in a former window moves along.

    At the very end of a window none may: the mail server would count it in the next one.
    """
    time = now(connection)
    minute, arrival = minute_of(time), minute_of(time + _ON_THE_WAY)
    confirmed = set()
    for one in _reserved_by(connection, list(wanted), lease):
        limits = wanted[one.number]
        if limits.same_windows(minute, arrival) and (
            limits.same_windows(one.minute, minute) or _move(connection, one, limits, minute, lease)
        ):
            confirmed.add(one.number)
    return confirmed


def spend(connection: Connection, numbers: Iterable[int], lease: Lease) -> None:
    """These emails have been marked: what they reserved stays used."""
    for number in sorted(numbers):
        connection.execute(FORGET, {"number": number, "token": lease.token})


def release(connection: Connection, numbers: Sequence[int], lease: Lease) -> None:
    """Release what these emails still have reserved under the lease."""
    _release(connection, _reserved_by(connection, numbers, lease), lease.token)


def release_all(connection: Connection, lease: Lease) -> None:
    """Release all that is still reserved under the lease."""
    rows = connection.execute(_RESERVED, {"token": lease.token})
    _release(connection, [_reservation(row) for row in rows], lease.token)


def release_orphans(connection: Connection) -> None:
    """Release what is reserved for emails that are no longer prepared by whoever reserved it."""
    rows = connection.execute(_ORPHANS).all()
    for token, its in groupby(sorted(rows, key=lambda row: str(row.Token)), lambda row: row.Token):
        _release(connection, [_reservation(row) for row in its], str(token))


def _move(
    connection: Connection, one: Reservation, limits: Limits, minute: int, lease: Lease
) -> bool:
    _release(connection, [one], lease.token)
    if not reserve(connection, limits, minute, one.units):
        return False
    note(connection, [one._replace(minute=minute)], lease)
    return True


def _reserved_by(connection: Connection, numbers: Sequence[int], lease: Lease) -> list[Reservation]:
    if not numbers:
        return []
    statement = _RESERVED.where(reservations.c.Number.in_(NUMBERS))
    rows = connection.execute(statement, {"token": lease.token, "numbers": list(numbers)})
    return [_reservation(row) for row in rows]


def _release(connection: Connection, reserved: Sequence[Reservation], token: str) -> None:
    """Of each only once: whoever deletes its row gives its units back."""
    for one in reserved:
        if changed(connection, FORGET, {"number": one.number, "token": token}) != 1:
            continue
        values: dict[str, Any] = {"account_id": one.account_id}
        for window in Window:
            values[f"{window}_end"] = window.end(one.minute)
            values[f"{window}_units"] = one.units.of(window)
        connection.execute(RELEASE, values)


def _reservation(row: Any) -> Reservation:
    units = Units(row.MinuteUnits, row.HourUnits, row.DayUnits)
    return Reservation(row.Number, row.AccountId, row.Minute, units)


def _used_in(row: Any, minute: int) -> Units:
    if row is None:
        return Units()
    numbers = (row.MinuteUsed, row.HourUsed, row.DayUsed)
    return Units(
        *(
            number if row.Minute >= window.begin(minute) else 0
            for window, number in zip(Window, numbers, strict=True)
        )
    )


def _open(connection: Connection, account_id: int) -> bool:
    """Open the account's row; whether it was not there."""
    if connection.execute(_ROW, {"ids": [account_id]}).first() is not None:
        return False
    insert_if_absent(connection, quotas, {"AccountId": account_id})
    return True
