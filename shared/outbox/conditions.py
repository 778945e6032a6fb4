"""Conditions that more than one of the queue's statements makes.

Flags are written as literals: a filtered index serves only a statement that names its condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, exists, literal_column, or_
from sqlalchemy.sql.elements import BindParameter

from shared.database.tables import emails, service
from shared.database.times import as_stored, utc_now
from shared.outbox.states import Flag

IDS: BindParameter[int] = bindparam("ids", expanding=True)
TOKEN: BindParameter[str] = bindparam("token")
LEASE_SECONDS: BindParameter[float] = bindparam("lease_seconds")

lease_end: ColumnElement[datetime] = utc_now(LEASE_SECONDS)


def flag_is(*flags: Flag) -> ColumnElement[bool]:
    """The email is in one of these states."""
    literals: list[ColumnElement[str]] = [literal_column(f"'{flag}'") for flag in flags]
    if len(literals) == 1:
        return emails.c.dd_SendFlag == literals[0]
    return emails.c.dd_SendFlag.in_(literals)


def held_by_us(ids: Sequence[ColumnElement[int]], *flags: Flag) -> ColumnElement[bool]:
    """These emails, in one of these states, under our lease (`token`): the fence."""
    return and_(emails.c.dd_srno.in_(ids), emails.c.dd_LeaseToken == TOKEN, flag_is(*flags))


def leased(*flags: Flag) -> ColumnElement[bool]:
    """In one of these states, said so that the index of leased emails serves it."""
    return and_(flag_is(Flag.PREPARING, Flag.TRANSMITTING), flag_is(*flags))


def ended(*flags: Flag) -> ColumnElement[bool]:
    """In one of these states, said so that the index of what has ended serves it."""
    return and_(flag_is(Flag.SENT, Flag.FAILED, Flag.CANCELLED), flag_is(*flags))


time_has_come: ColumnElement[bool] = and_(
    or_(as_stored(emails.c.dd_SendAt).is_(None), as_stored(emails.c.dd_SendAt) <= utc_now()),
    or_(as_stored(emails.c.dd_ExpiresAt).is_(None), as_stored(emails.c.dd_ExpiresAt) > utc_now()),
)

service_runs: ColumnElement[bool] = exists().where(
    service.c.Id == 1,
    service.c.State == literal_column("'running'"),
    service.c.MovedAt.is_(None),
)
