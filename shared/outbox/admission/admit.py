"""Admission: rows in which an application wrote N become entries of the ledger, and say P.

The only place where their N is read. One transaction makes the entry and writes the letter. Ids
come from the index alone, then rows by key, those that somebody else holds passed over: admission
never waits for a foreign lock. What can't be admitted keeps its N and is held, with its reason.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from itertools import islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

from shared.database.columns.sizes import stored_size
from shared.database.columns.times import as_stored, utc_now
from shared.database.database import Database
from shared.database.dialects.dialect_of import dialect_of
from shared.database.errors import is_held_by_others, is_transient
from shared.database.statements.locks import skipping_locked
from shared.database.tables import (
    emails,
    entries,
    held_rows,
    mail_items,
    mail_profiles,
    options,
    service,
)
from shared.outbox import transitions
from shared.outbox.admission.fingerprint import fingerprint
from shared.outbox.admission.held import (
    BUSY_SECONDS,
    HELD_BY_OTHERS,
    LOOK_AGAIN_SECONDS,
    codes_are_answered,
    hold,
    let_go,
)
from shared.outbox.admission.mail_items import (
    DATABASE_MAIL,
    item_given,
    lists_size,
    take_items,
)
from shared.outbox.admission.row_content import content_of, says_when_it_was_made
from shared.outbox.admission.rules import (
    PRIORITIES,
    Held,
    Over,
    Wanted,
    instant,
    judge,
    over,
    spares_who_had_it,
)
from shared.outbox.cancel_retry_resolve import following
from shared.outbox.conditions import NUMBERS, is_current, service_runs, state_is
from shared.outbox.entries import current_numbers, pass_on
from shared.outbox.recipients import ask_everybody
from shared.outbox.rows.their_rows import IDS, says_new, take, take_entered, tell
from shared.outbox.rows.their_table import their_table
from shared.outbox.states import ENDED, NEW_LETTERS, Flag, Lane, Letter

log = logging.getLogger("rowpost.outbox")

AT_ONCE = 500
MANY_RESETS = 1_000
"""So many emails that have ended may be reset at once; more are held until somebody confirms."""
_LOCK = "Rowpost_Admission"
# What Rowpost stores itself gets its row and its entry in one transaction.
_STORED_TOGETHER = timedelta(seconds=1)
# Claims wait meanwhile: a batch is tried again for so long, then its rows one by one.
_BATCH_SECONDS = 2.0
_ONE_BY_ONE_SECONDS = 5.0

Answered = Mapping[str, str | None]
"""The account codes that an active account answers for, as emails get them, by themselves in small
letters; None for emails without a code, "" (`accounts.routing.answered`)."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """What a batch came to: how many emails went into the queue, how many rows are held, and the
    id up to which was looked; None: that was all."""

    admitted: int = 0
    held: int = 0
    after: int | None = None


def admit(database: Database, answered: Answered, after: int = 0) -> Admitted:
    """Admit one batch of the rows beyond the id `after`.

    Nothing while the service is stopped, or while another instance admits. A row that makes its
    batch fail is held by itself; one that somebody else holds, for seconds. Raises
    DatabaseUnreachable, or what passes by itself.
    """
    try:
        return database.run(
            lambda connection: admit_rows(connection, answered, after), seconds=_BATCH_SECONDS
        )
    except DBAPIError as error:
        if is_transient(error) and not is_held_by_others(error):
            raise
        log.warning("a batch of new rows could not be admitted: %s", type(error).__name__)
        return _one_by_one(database, answered, after)


def admit_rows(connection: Connection, answered: Answered, after: int = 0) -> Admitted:
    """The same in the caller's transaction, all or nothing."""
    first = first_id(connection)
    if first is None or not dialect_of(connection).take_turn(connection, _LOCK):
        return Admitted()
    if after == 0:
        codes_are_answered(connection, answered)
    first = max(first, after + 1)
    usual = connection.scalars(NEW_IDS, {"first": first}).all()
    odd = _odd_ids(connection, first) if after == 0 else []
    admitted = _admit_plain(connection, answered, usual) if usual else 0
    batch = _Batch(connection, answered)
    if admitted < len(usual):
        batch.admit(list(connection.scalars(NEW_AMONG, {"low": usual[0], "high": usual[-1]})))
    batch.admit(odd)
    return Admitted(
        admitted + len(batch.taken),
        len(batch.held),
        usual[-1] if len(usual) >= AT_ONCE else None,
    )


def admit_one(connection: Connection, answered: Answered, email_id: int) -> bool:
    """Admit this row now, though the service may be stopped; whether it is in the queue then."""
    return _admit_together(connection, answered, [email_id]).admitted == 1


def admit_these(database: Database, answered: Answered, ids: Sequence[int]) -> Admitted:
    """Admit those of these rows that say N, a batch's number at most. As `admit`."""
    try:
        in_turn = partial(_in_turn, answered=answered, ids=ids)
        return database.run(in_turn, seconds=_BATCH_SECONDS) or Admitted()
    except DBAPIError as error:
        if is_transient(error) and not is_held_by_others(error):
            raise
        return _each(database, answered, ids)[0]


def _admit_together(connection: Connection, answered: Answered, ids: Sequence[int]) -> Admitted:
    batch = _Batch(connection, answered)
    batch.admit(ids)
    return Admitted(len(batch.taken), len(batch.held))


def _in_turn(connection: Connection, answered: Answered, ids: Sequence[int]) -> Admitted | None:
    """None: another instance admits."""
    if not dialect_of(connection).take_turn(connection, _LOCK):
        return None
    return _admit_together(connection, answered, ids)


def _one_by_one(database: Database, answered: Answered, after: int) -> Admitted:
    with database.read() as connection:
        first = first_id(connection)
        if first is None:
            return Admitted()
        first = max(first, after + 1)
        usual = connection.scalars(NEW_IDS, {"first": first}).all()
        ids = [*usual, *(_odd_ids(connection, first) if after == 0 else [])]
    admitted, all_of_them = _each(database, answered, ids)
    goes_on = all_of_them and len(usual) >= AT_ONCE
    return replace(admitted, after=usual[-1]) if goes_on else admitted


def _each(database: Database, answered: Answered, ids: Sequence[int]) -> tuple[Admitted, bool]:
    """Each row in a transaction of its own, for a few seconds; whether it came to all of them."""
    admitted, held = 0, 0
    deadline = time.monotonic() + _ONE_BY_ONE_SECONDS
    for email_id in ids:
        if time.monotonic() > deadline:
            return Admitted(admitted, held), False
        try:
            admit_it = partial(_in_turn, answered=answered, ids=[email_id])
            result = database.run(admit_it, seconds=0)
        except DBAPIError as error:
            result = _hold_back(database, email_id, error)
        if result is None:
            return Admitted(admitted, held), False
        admitted, held = admitted + result.admitted, held + result.held
    return Admitted(admitted, held), True


def _hold_back(database: Database, email_id: int, error: DBAPIError) -> Admitted:
    """A row that failed by itself; others go on. Raises what is not about this row."""
    if is_held_by_others(error):
        reason, seconds = HELD_BY_OTHERS, BUSY_SECONDS
    elif is_transient(error):
        raise error
    else:
        reason, seconds = f"its row can't be written: {str(error.orig)[:400]}", LOOK_AGAIN_SECONDS
    database.run(partial(hold, rows={email_id: Held(reason)}, seconds=seconds), seconds=0)
    return Admitted(held=1)


# Which rows.

FIRST_ID = select(func.coalesce(service.c.FirstId, 0)).where(
    service.c.Id == literal_column("1"), service_runs
)
LAPSE = update(service).where(service.c.Id == literal_column("1")).values(FirstId=null())
not_held = ~exists().where(
    held_rows.c.EmailId == emails.c.dd_srno, held_rows.c.LookAgainAt > utc_now()
)
_not_noted = ~exists().where(held_rows.c.EmailId == emails.c.dd_srno)
_ID = emails.c.dd_srno
NEW_IDS = skipping_locked(
    select(_ID)
    .where(
        emails.c.dd_SendFlag == literal_column(f"'{Letter.NEW}'"),
        bindparam("first") <= _ID,
        not_held,
    )
    .order_by(_ID)
    .limit(AT_ONCE),
    emails,
)
_seen = exists().where(entries.c.EmailId == _ID, is_current)
# A branch for each, since each is one range of the index: offered a list of letters, SQLite reads
# all that is in it as soon as it knows how much that is. Where the collation takes them for an N,
# there are none.
ODD_IDS = union_all(
    *(
        select(
            select(_ID)
            .where(
                emails.c.dd_SendFlag == literal_column(f"'{letter}'"),
                emails.c.dd_SendFlag != literal_column(f"'{Letter.NEW}'"),
                bindparam("first") <= _ID,
                not_held,
            )
            .limit(AT_ONCE)
            .subquery()
        )
        for letter in NEW_LETTERS
        if letter != Letter.NEW
    )
)
UNMARKED_IDS = (
    select(_ID)
    .where(emails.c.dd_SendFlag.is_(None), bindparam("first") <= _ID, ~_seen, not_held)
    .limit(AT_ONCE)
)


def first_id(connection: Connection) -> int | None:
    """The first id to send; None while nothing is to be admitted.

    Where ids begin anew below it, the bound lapses.
    """
    first: int | None = connection.scalar(FIRST_ID)
    if not first:
        return first
    last = dialect_of(connection).last_identity(connection, emails)
    if last is not None and last < first - 1:
        connection.execute(LAPSE)
        log.warning("the ids of the queue began anew below %d: all of its rows count now", first)
        return 0
    return first


def _odd_ids(connection: Connection, first: int) -> list[int]:
    """Rows whose flag is no N to the letter, but means one; no more than one statement may name."""
    found = (
        email_id
        for statement in (ODD_IDS, UNMARKED_IDS)
        for email_id in connection.scalars(statement, {"first": first})
    )
    return list(islice(found, AT_ONCE))


# Plain rows: nearly all. One statement makes their entries, one writes their letters.


def _admit_plain(connection: Connection, answered: Answered, usual: Sequence[int]) -> int:
    """Admit those of these rows, all that say N between the first and the last, that ask for
    nothing odd; answers how many."""
    codes = [code for code in answered.values() if code]
    within = {"low": usual[0], "high": usual[-1]}
    before = connection.scalar(LAST_NUMBER) or 0
    statement = plain_statement(their_table(connection).options, "" in answered)
    connection.execute(statement, {**within, "codes": codes})
    transitions.entered(connection, usual[0], usual[-1], before)
    return take_entered(connection, usual[0], usual[-1], before)


LAST_NUMBER = select(func.max(entries.c.Number))
_within = (
    emails.c.dd_SendFlag == literal_column(f"'{Letter.NEW}'"),
    emails.c.dd_srno.between(bindparam("low"), bindparam("high")),
)
_has_entry = exists().where(entries.c.EmailId == emails.c.dd_srno, is_current)
NEW_AMONG = skipping_locked(
    select(emails.c.dd_srno).where(*_within, not_held).order_by(emails.c.dd_srno), emails
)


def _is_there(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return stored_size(column) > literal_column("0")


# A name of nothing but spaces is left to the rules.
_has_its_document = or_(
    emails.c.dd_filename.is_(None),
    ~_is_there(emails.c.dd_filename),
    _is_there(emails.c.dd_document),
)
_says_something = or_(
    *map(_is_there, (emails.c.dd_subject, emails.c.dd_bodyText, emails.c.dd_document))
)


@lru_cache(maxsize=16)
def plain_statement(there: frozenset[str], default: bool) -> Insert:
    """What makes entries of plain rows, of a table that has these option columns; `default`: an
    account answers for rows without a code."""
    code = emails.c.dd_EmailParamCode
    named = func.nullif(code, literal_column("''"))
    none: ColumnElement[Any] = literal_column("NULL")
    lane = emails.c.dd_Lane if "dd_Lane" in there else none
    priority = emails.c.dd_Priority if "dd_Priority" in there else none
    created = emails.c.dd_CreatedDate if "dd_CreatedDate" in there else none
    lanes: list[ColumnElement[str]] = [literal_column(f"'{known}'") for known in Lane]
    priorities: list[ColumnElement[int]] = [literal_column(str(known)) for known in PRIORITIES]
    conditions: list[ColumnElement[bool]] = [
        _not_noted,
        ~_has_entry,
        ~exists().where(options.c.EmailId == emails.c.dd_srno, options.c.Number.is_(None)),
        or_(code.in_(bindparam("codes", expanding=True)), *((named.is_(None),) if default else ())),
    ]
    conditions += [_has_its_document, _says_something]
    if "dd_Lane" in there:
        conditions.append(or_(lane.is_(None), lane.in_(lanes)))
    if "dd_Priority" in there:
        conditions.append(or_(priority.is_(None), priority.in_(priorities)))
    conditions += [
        emails.c[name].is_(None)
        for name in ("dd_SendAt", "dd_ExpiresAt", "dd_RequestId")
        if name in there
    ]
    return transitions.entering(
        ["EmailId", "AccountCode", "Lane", "Priority", "DueSince", "RowCreatedAt"],
        skipping_locked(
            select(
                emails.c.dd_srno,
                named,
                func.coalesce(lane, literal_column(f"'{Lane.SCHEDULED}'")),
                func.coalesce(priority, literal_column("3")),
                func.coalesce(as_stored(created), utc_now()),
                as_stored(created),
            )
            .where(*_within, *conditions)
            .order_by(emails.c.dd_srno),
            emails,
        ),
    )


# What they say.

_entry_there = and_(entries.c.EmailId == _ID, is_current)
_options_given = and_(options.c.EmailId == _ID, options.c.Number.is_(None))


def _raw(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """As the driver gives it: what can't be read as the column's type is to be told."""
    return type_coerce(column, NullType())


@lru_cache(maxsize=16)
def rows_statement(there: frozenset[str]) -> Select[Any]:
    """What reads new rows, of a table that has these option columns."""

    def option(name: str) -> ColumnElement[Any]:
        ours = _raw(options.c[name])
        theirs = f"dd_{name}"
        return (func.coalesce(ours, _raw(emails.c[theirs])) if theirs in there else ours).label(
            name
        )

    created = _raw(emails.c.dd_CreatedDate) if "dd_CreatedDate" in there else null()
    return skipping_locked(
        select(
            _ID,
            emails.c.dd_SendFlag,
            _raw(emails.c.dd_EmailParamCode).label("AccountCode"),
            option("Lane"),
            option("Priority"),
            option("SendAt"),
            option("ExpiresAt"),
            option("RequestId"),
            _raw(options.c.ProfileId).label("ProfileId"),
            mail_profiles.c.Name.label("ProfileName"),
            _raw(options.c.Importance).label("Importance"),
            _raw(options.c.Sensitivity).label("Sensitivity"),
            lists_size.label("ListsSize"),
            stored_size(emails.c.dd_subject).label("SubjectSize"),
            _raw(emails.c.dd_filename).label("Filename"),
            stored_size(emails.c.dd_bodyText).label("BodySize"),
            stored_size(emails.c.dd_document).label("DocumentSize"),
            entries.c.AttachmentCount,
            created.label("Created"),
            options.c.Id.label("OptionsId"),
            entries.c.Number,
        )
        .select_from(
            emails.outerjoin(options, _options_given)
            .outerjoin(mail_profiles, mail_profiles.c.Id == options.c.ProfileId)
            .outerjoin(mail_items, item_given)
            .outerjoin(entries, _entry_there)
        )
        .where(_ID.in_(IDS), or_(says_new, emails.c.dd_SendFlag.is_(None)))
        .order_by(_ID, options.c.Id),
        emails,
    )


FORMER = select(entries).where(entries.c.Number.in_(NUMBERS))
_RESET = (
    f"more than {MANY_RESETS} emails that had ended say N at once: "
    "confirm that they are to be sent again"
)
HELD_RESETS = select(held_rows.c.EmailId, held_rows.c.Confirmed).where(
    held_rows.c.EmailId.in_(IDS), held_rows.c.Reason == bindparam("reason")
)
_ended_once = state_is(*ENDED)
RESETS = select(func.count()).select_from(
    select(literal_column("1").label("one"))
    .join_from(emails, entries, _entry_there)
    .where(emails.c.dd_SendFlag == literal_column(f"'{Letter.NEW}'"), _ended_once)
    .limit(MANY_RESETS + 1)
    .subquery()
)
PUT_UNDER = (
    update(options)
    .where(options.c.Id == bindparam("options_id"))
    .values(Number=bindparam("number"))
)


@dataclass(slots=True)
class _Batch:
    """Some rows on their way into the ledger, in one transaction."""

    connection: Connection
    answered: Answered
    taken: set[int] = field(default_factory=set)
    held: dict[int, Held] = field(default_factory=dict)
    without_list: set[int] = field(default_factory=set)
    """Rows that name no recipient: these stand beside the row only."""

    def admit(self, ids: Sequence[int]) -> None:
        if not ids:
            return
        statement = rows_statement(their_table(self.connection).options)
        rows = {row.dd_srno: row for row in self.connection.execute(statement, {"ids": list(ids)})}
        former = self._former([row.Number for row in rows.values() if row.Number is not None])
        again = {email_id: row for email_id, row in rows.items() if email_id in former}
        self._put_anew(self._wanted(again, former), former)
        fresh = {email_id: row for email_id, row in rows.items() if email_id not in former}
        self._put_fresh(fresh)
        self._bring_options(rows)
        if self.taken:
            take(self.connection, sorted(self.taken))
            let_go(self.connection, sorted(self.taken))
        hold(self.connection, self.held)

    def _former(self, numbers: Sequence[int]) -> dict[int, Row[Any]]:
        if not numbers:
            return {}
        found = self.connection.execute(FORMER, {"numbers": list(numbers)})
        return {entry.EmailId: entry for entry in found}

    def _entry(self, row: Row[Any]) -> dict[str, Any] | None:
        """The row's entry; None where it is held."""
        wanted = judge(row._asdict(), self.answered)
        if isinstance(wanted, Held):
            self.held[row.dd_srno] = wanted
            return None
        return _values(row, wanted)

    def _put_fresh(self, rows: Mapping[int, Row[Any]]) -> None:
        entering = {email_id: self._entry(row) for email_id, row in rows.items()}
        beside = [
            email_id
            for email_id, entry in entering.items()
            if entry is not None and rows[email_id].OptionsId is not None
        ]
        if beside and not says_when_it_was_made(self.connection):
            prints = self._fingerprints(beside)
            for email_id in beside:
                if (entry := entering[email_id]) is not None:
                    entry["Fingerprint"] = prints.get(email_id)
        self._put(entering)

    def _put(self, several: Mapping[int, dict[str, Any] | None]) -> None:
        values = [entry for entry in several.values() if entry is not None]
        if values:
            transitions.enter(self.connection, values)
            self.taken.update(entry["EmailId"] for entry in values)

    # Rows that had an entry before.

    def _wanted(
        self, rows: Mapping[int, Row[Any]], former: Mapping[int, Row[Any]]
    ) -> dict[int, Row[Any]]:
        """Of rows that Rowpost had before those that are to be decided about: not very many that
        were reset in one go, and of those none that nobody has confirmed."""
        reset = {email_id for email_id in rows if former[email_id].State in ENDED}
        if not reset:
            return dict(rows)
        found = self.connection.execute(HELD_RESETS, {"ids": list(reset), "reason": _RESET})
        known = {email_id: bool(confirmed) for email_id, confirmed in found}
        many = (self.connection.scalar(RESETS) or 0) > MANY_RESETS
        refused = {email_id for email_id in reset if not known.get(email_id, not many)}
        for email_id in refused:
            self.held[email_id] = Held(_RESET)
        return {email_id: row for email_id, row in rows.items() if email_id not in refused}

    def _put_anew(self, rows: Mapping[int, Row[Any]], former: Mapping[int, Row[Any]]) -> None:
        if not rows:
            return
        prints = self._fingerprints(list(rows))
        anew: dict[int, dict[str, Any] | None] = {}
        for email_id, row in rows.items():
            entry = former[email_id]
            same = _says_what_went(row, entry, prints)
            state = Flag(entry.State)
            match over(state, is_written=entry.WriteAfter is None, same=same):
                case Over.LEAVE:
                    continue
                case Over.END:
                    self._tell_end(entry)
                case Over.ANEW:
                    values = self._following(row, entry, same=same)
                    if values is not None and not says_when_it_was_made(self.connection):
                        values["Fingerprint"] = prints.get(email_id)
                    anew[email_id] = values
        going = {email_id: entry for email_id, entry in anew.items() if entry is not None}
        transitions.supersede(self.connection, [former[email_id].Number for email_id in going])
        self._put(going)
        self._pass_on(going, rows, former, prints)

    def _following(self, row: Row[Any], entry: Row[Any], *, same: bool) -> dict[str, Any] | None:
        values = self._entry(row)
        if values is None:
            return None
        if not (same or _same_row(row, entry)):
            return values
        kept = following(entry)
        for name in ("FirstNumber", "MessageId", "Origin", "StoredBy", "AttachmentCount"):
            values[name] = kept[name]
        values["RequestId"] = values["RequestId"] or kept["RequestId"]
        if spares_who_had_it(Flag(entry.State), same=same):
            values["Fingerprint"] = kept["Fingerprint"]
            values["Uncertain"] = 1 if entry.State == Flag.UNKNOWN else kept["Uncertain"]
        else:
            values["MessageId"] = None
        return values

    def _pass_on(
        self,
        going: Mapping[int, Mapping[str, Any]],
        rows: Mapping[int, Row[Any]],
        former: Mapping[int, Row[Any]],
        prints: Mapping[int, str],
    ) -> None:
        numbers = current_numbers(self.connection, list(going))
        for email_id, values in going.items():
            if "FirstNumber" not in values or values["FirstNumber"] is None:
                continue
            entry = former[email_id]
            same = _says_what_went(rows[email_id], entry, prints)
            pass_on(
                self.connection,
                entry.Number,
                numbers[email_id],
                who_had_it=same or email_id in self.without_list,
                options_too=rows[email_id].OptionsId is None,
            )
            if not spares_who_had_it(Flag(entry.State), same=same):
                ask_everybody(self.connection, numbers[email_id])

    def _tell_end(self, entry: Row[Any]) -> None:
        """The row says N over an end that it had not been told: it gets that end."""
        take(self.connection, [entry.EmailId])
        tell(self.connection, [entry.Number])
        transitions.written(self.connection, [entry.Number], seen=entry.WriteAfter)
        let_go(self.connection, [entry.EmailId])

    def _fingerprints(self, ids: Sequence[int]) -> dict[int, str]:
        found = content_of(self.connection, ids)
        self.without_list.update(
            email_id for email_id, content in found.items() if not (content.to or content.cc)
        )
        return {email_id: fingerprint(content) for email_id, content in found.items()}

    def _bring_options(self, rows: Mapping[int, Row[Any]]) -> None:
        """What applications put into `Rowpost_Options` belongs to the entries from now on."""
        given = {
            email_id: rows[email_id].OptionsId
            for email_id in self.taken
            if email_id in rows and rows[email_id].OptionsId is not None
        }
        if given:
            numbers = current_numbers(self.connection, list(given))
            self.connection.execute(
                PUT_UNDER,
                [
                    {"options_id": options_id, "number": numbers[email_id]}
                    for email_id, options_id in given.items()
                ],
            )
            take_items(
                self.connection,
                {each: numbers[each] for each in given if rows[each].ProfileId is not None},
            )


def _values(row: Row[Any], wanted: Wanted) -> dict[str, Any]:
    created = _created(row)
    return {
        "EmailId": row.dd_srno,
        "AccountCode": wanted.account_code,
        "Lane": wanted.lane.value,
        "Priority": wanted.priority,
        "NotBefore": wanted.send_at if _is_later(wanted.send_at) else None,
        "DueSince": wanted.send_at or created or datetime.now(UTC),
        "ExpiresAt": wanted.expires_at,
        "RequestId": wanted.request_id,
        "RowCreatedAt": created,
        "FirstNumber": None,
        "MessageId": None,
        "Origin": None if wanted.profile_id is None else DATABASE_MAIL,
        "StoredBy": None,
        "AttachmentCount": 0,
        "Fingerprint": None,
        "Uncertain": None,
    }


def _is_later(send_at: datetime | None) -> bool:
    """A time that has passed costs no round of waiting."""
    return send_at is not None and send_at > datetime.now(UTC)


def _created(row: Row[Any]) -> datetime | None:
    with suppress(ValueError):
        return instant(row.Created)
    return None


def _says_what_went(row: Row[Any], entry: Row[Any], prints: Mapping[int, str]) -> bool:
    """Whether the row asks for what this entry sent, or began to: the same content, and nothing
    beside it. With options of its own it is another email, whose recipients may be others."""
    went = entry.Fingerprint
    return went is not None and went == prints.get(row.dd_srno) and row.OptionsId is None


def _same_row(row: Row[Any], entry: Row[Any]) -> bool:
    """Whether the table itself says that it is the row that the entry was made of, or with."""
    created = _created(row)
    if created is None or entry.RowCreatedAt is not None:
        return bool(created is not None and created == entry.RowCreatedAt)
    return bool(abs(created - entry.CreatedAt) < _STORED_TOGETHER)
