"""How long the queue is: counts that stop at a bound, so that asking costs the same always."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from shared.database.columns.times import as_stored, in_days, utc_now
from shared.database.tables import emails, entries, held_rows, options, ready, service
from shared.outbox.admission.held import is_still_new
from shared.outbox.conditions import ended, is_current, state_is
from shared.outbox.queries.statistics import Counted, totals
from shared.outbox.rows.their_table import their_table
from shared.outbox.states import Flag, Lane, Letter

COUNT_LIMIT = 10_000
# SQLite takes no more than 500 parts in one statement.
_GAPS_AT_ONCE = 100
_NEW_LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Emails by state, none counted beyond COUNT_LIMIT; sent and failed are all that ever were."""

    waiting: int
    later: int
    """Of those waiting, how many wait for a time: retries and emails with a time to send at."""
    sending: int
    unknown: int
    sent: int
    failed: int
    oldest_waiting: datetime | None


def counts(connection: Connection) -> QueueCounts:
    """The queue at this moment."""
    ever = totals(connection)
    return QueueCounts(
        waiting=waiting(connection),
        later=later(connection),
        sending=sending(connection),
        unknown=unknown(connection),
        sent=ever[Counted.SENT],
        failed=ever[Counted.FAILED],
        oldest_waiting=oldest_waiting(connection),
    )


def waiting(connection: Connection) -> int:
    """How many emails wait, admitted or not, up to COUNT_LIMIT."""
    number = _ready(connection) + later(connection) + _said_new(connection, NEW_OR_HELD)
    return min(COUNT_LIMIT, number)


def _said_new(connection: Connection, question: Select[Any], **values: Any) -> int:
    first = connection.scalar(_FIRST_ID) or 0
    return connection.scalar(question, {"first": first, **values}) or 0


@dataclass(frozen=True, slots=True)
class NewByAge:
    """Rows that say N, up to COUNT_LIMIT of the newest. Ages are None without creation dates:
    within a day, then a week, then 30 days, and older ones (those without a date, too)."""

    total: int
    newest_id: int | None
    day: int | None = None
    week: int | None = None
    month: int | None = None
    older: int | None = None


def new_by_age(connection: Connection) -> NewByAge:
    """What an adopted queue holds before somebody has said where sending begins."""
    newest = connection.scalar(NEWEST_ID)
    if "dd_CreatedDate" not in their_table(connection).options:
        return NewByAge(connection.scalar(NEW, {"first": 0}) or 0, newest)
    row = connection.execute(NEW_BY_AGE).one()
    day, week, month = row.day or 0, row.week or 0, row.month or 0
    return NewByAge(row.total, newest, day, week - day, month - week, row.total - month)


def due(connection: Connection) -> int:
    """How many emails wait whose time has come, or are to be admitted, up to COUNT_LIMIT."""
    return min(COUNT_LIMIT, _ready(connection) + _said_new(connection, NEW))


def _ready(connection: Connection) -> int:
    waits = and_(state_is(Flag.WAITING), entries.c.NotBefore.is_(None))
    return _number(connection, waits, *ready.columns)


def later(connection: Connection) -> int:
    """How many emails wait for a time, retries among them, up to COUNT_LIMIT."""
    waits = and_(state_is(Flag.WAITING), entries.c.NotBefore.is_not(None))
    return _number(connection, waits, entries.c.NotBefore)


def failed_since(connection: Connection, time: datetime) -> int:
    """How many emails were given up since then and still are, up to COUNT_LIMIT."""
    since = and_(ended(Flag.FAILED), is_current, entries.c.EndedAt >= time)
    return _number(connection, since, entries.c.EndedAt)


def sending(connection: Connection) -> int:
    """How many emails are claimed or being transmitted, up to COUNT_LIMIT."""
    return _number(connection, state_is(Flag.PREPARING, Flag.TRANSMITTING))


def unknown(connection: Connection) -> int:
    """Of how many emails nobody knows whether they arrived, up to COUNT_LIMIT."""
    return _number(connection, and_(state_is(Flag.UNKNOWN), is_current))


def held(connection: Connection, answered: Sequence[str | None]) -> Counter[str]:
    """How many emails are held, by their account code: rows that can't be admitted ("" for those
    whose code is not the reason), and emails whose code is none of the `answered` ones any more.

    `answered` is in the database's own order of texts, so that what lies between two of them is
    one range of the index: a queue of emails that can go costs nothing. No email counts beyond
    COUNT_LIMIT.
    """
    found: Counter[str] = Counter()
    for name, number in connection.execute(HELD):
        found[name or ""] += number
    gaps = gaps_between(answered)
    for begin in range(0, len(gaps), _GAPS_AT_ONCE):
        if found.total() >= COUNT_LIMIT:
            break
        statement = held_statement(gaps[begin : begin + _GAPS_AT_ONCE], COUNT_LIMIT - found.total())
        for name, number in connection.execute(statement):
            found[name or ""] += number
    return found


def waiting_for(connection: Connection, codes: Sequence[str | None]) -> int:
    """How many emails wait that name one of these account codes, up to COUNT_LIMIT."""
    code, later = entries.c.AccountCode, entries.c.NotBefore
    number = 0
    for one in codes:
        waits = and_(state_is(Flag.WAITING), code.is_(None) if one is None else code == one)
        number += _number(connection, and_(waits, later.is_(None)), *ready.columns)
        number += _number(connection, and_(waits, later.is_not(None)), later)
        number += _said_new(connection, NEW_WITHOUT if one is None else NEW_WITH, code=one)
    return min(number, COUNT_LIMIT)


class Oldest(NamedTuple):
    """Since when the email of each lane waits that has waited longest, those left out whose time
    has not come; None: none waits."""

    immediate: datetime | None
    scheduled: datetime | None


def oldest(connection: Connection) -> Oldest:
    """The oldest of each lane. Of rows that wait to be admitted the first ones count, as scheduled
    ones, where the table says when they were made."""
    scheduled = [connection.scalar(OLDEST_SCHEDULED)]
    theirs = their_table(connection).options
    if "dd_CreatedDate" in theirs:
        statement = oldest_new_statement("dd_SendAt" in theirs)
        scheduled.append(connection.scalar(statement, {"first": connection.scalar(_FIRST_ID) or 0}))
    return Oldest(connection.scalar(OLDEST_IMMEDIATE), _first(*scheduled))


def oldest_waiting(connection: Connection) -> datetime | None:
    """Since when the email waits that has waited longest, in whichever lane."""
    return _first(*oldest(connection))


def _first(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time is not None), default=None)


_FIRST_ID = select(service.c.FirstId).where(service.c.Id == literal_column("1"))
_is_held = exists().where(held_rows.c.EmailId == emails.c.dd_srno)
_is_new = (
    emails.c.dd_SendFlag == literal_column(f"'{Letter.NEW}'"),
    bindparam("first") <= emails.c.dd_srno,
)
# Numbers from the index alone, then rows: in one, SQLite would read all rows in their order.
_first_new = (
    select(emails.c.dd_srno)
    .where(*_is_new)
    .order_by(emails.c.dd_srno)
    .limit(_NEW_LOOKED_AT)
    .subquery()
)


@lru_cache(maxsize=2)
def oldest_new_statement(may_say_when: bool) -> Select[Any]:
    """When the oldest of the first new rows was made; `may_say_when`: its table has the column that
    says when an email is to be sent. What is to be sent later is left out."""
    created = select(func.min(as_stored(emails.c.dd_CreatedDate))).where(
        emails.c.dd_srno.in_(select(_first_new)),
        ~exists().where(
            options.c.EmailId == emails.c.dd_srno,
            options.c.Number.is_(None),
            as_stored(options.c.SendAt) > utc_now(),
        ),
    )
    if not may_say_when:
        return created
    send_at = emails.c.dd_SendAt
    return created.where(or_(send_at.is_(None), as_stored(send_at) <= utc_now()))


def _oldest_of(lane: Lane) -> Select[Any]:
    return (
        select(entries.c.DueSince)
        .where(
            state_is(Flag.WAITING),
            entries.c.NotBefore.is_(None),
            entries.c.Lane == literal_column(f"'{lane}'"),
        )
        .order_by(entries.c.DueSince)
        .limit(1)
    )


OLDEST_IMMEDIATE = _oldest_of(Lane.IMMEDIATE)
OLDEST_SCHEDULED = _oldest_of(Lane.SCHEDULED)


def _counted(*conditions: ColumnElement[bool]) -> Select[Any]:
    some = select(literal_column("1", Integer()).label("one")).select_from(emails)
    rows = some.where(*_is_new, *conditions).limit(COUNT_LIMIT).subquery()
    return select(func.count()).select_from(rows)


NEW = _counted(~_is_held)
NEW_OR_HELD = _counted()
NEW_WITH = _counted(emails.c.dd_EmailParamCode == bindparam("code"))
NEW_WITHOUT = _counted(emails.c.dd_EmailParamCode.is_(None))
NEWEST_ID = select(func.max(emails.c.dd_srno))
_newest_new = (
    select(as_stored(emails.c.dd_CreatedDate).label("created"))
    .where(emails.c.dd_SendFlag == literal_column(f"'{Letter.NEW}'"))
    .order_by(emails.c.dd_srno.desc())
    .limit(COUNT_LIMIT)
    .subquery()
)


def _since(days: int) -> ColumnElement[int]:
    is_younger = _newest_new.c.created > in_days(literal_column(str(-days)))
    return func.sum(case((is_younger, literal_column("1")), else_=literal_column("0")))


NEW_BY_AGE = select(
    func.count().label("total"),
    _since(1).label("day"),
    _since(7).label("week"),
    _since(30).label("month"),
).select_from(_newest_new)
_held_now = select(held_rows.c.AccountCode).where(is_still_new).limit(COUNT_LIMIT).subquery()
HELD = select(_held_now.c.AccountCode, func.count()).group_by(_held_now.c.AccountCode)

Gap = tuple[ColumnElement[bool], ...]


def gaps_between(answered: Sequence[str | None]) -> list[Gap]:
    """Conditions that no answered code meets, for ranges of the index that do not overlap."""
    code = entries.c.AccountCode
    codes = [one for one in answered if one is not None]
    gaps: list[Gap] = [] if None in answered else [(code.is_(None),)]
    if not codes:
        return [*gaps, (code.is_not(None),)]
    between = [(code > low, code < high) for low, high in pairwise(codes)]
    return [*gaps, (code < codes[0],), *between, (code > codes[-1],)]


def held_statement(gaps: Sequence[Gap], most: int) -> Select[Any]:
    """Waiting emails in these gaps, `most` at most, counted by code."""
    in_gaps = union_all(*(select(_in_gap(gap).subquery()) for gap in gaps)).subquery()
    some = select(in_gaps.c.AccountCode).limit(most).subquery()
    return select(some.c[0], func.count()).group_by(some.c[0])


def _in_gap(gap: Gap) -> Select[Any]:
    return (
        select(entries.c.AccountCode)
        .where(state_is(Flag.WAITING), entries.c.NotBefore.is_(None), *gap)
        .order_by(*ready.columns)
        .limit(COUNT_LIMIT)
    )


def _number(
    connection: Connection, condition: ColumnElement[bool], *order: ColumnElement[Any]
) -> int:
    """The order names the index to read: another one may hold all that waits."""
    one = literal_column("1", Integer()).label("one")
    rows = select(one).select_from(entries).where(condition).order_by(*order)
    return (
        connection.scalar(select(func.count()).select_from(rows.limit(COUNT_LIMIT).subquery())) or 0
    )
