"""Every change of an email's state: the only module that writes one.

    N waiting      → P claimed, C cancelled or taken back, F expired
    P preparing    → T marked; Y, N, F, U as its attempt came out; N given back or lease over; C
    T transmitting → Y, N, F, U; U lease over
    U unknown      → N, Y by decision; Y, F by a late reply of its sender (put off, it stays U)
    Y, F, U, C     → an entry of its own where somebody asks for the email again

What has ended, or was tried, is to be told to the email's row (`WriteAfter`), except where the row
is what told us. Each change that others can see is an event, written in its transaction: an email
that is claimed, and given back before anything of it could arrive, has waited all the time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Double,
    Insert,
    Integer,
    Row,
    Select,
    String,
    Update,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)

from shared.database.columns.times import utc_now
from shared.database.statements.changes import changed
from shared.database.statements.locks import skipping_locked
from shared.database.statements.prepared import PreparedUpdate
from shared.database.tables import emails, entries, new_events
from shared.events.event import Event, EventType
from shared.events.record import record, record_each, record_selected, recording
from shared.outbox.conditions import (
    NUMBERS,
    TOKEN,
    held_by_us,
    is_current,
    lease_end,
    leased,
    service_runs,
    state_is,
)
from shared.outbox.queries.statistics import Counted, count
from shared.outbox.sending.lease import Lease
from shared.outbox.states import Flag, Letter

MOST_LOST_LEASES = 3
DIED_PREPARING = "sender died while preparing this email"
DIED_TRANSMITTING = (
    "sender died while this email was transmitted: it may have arrived or not; "
    "decide to resend it or to count it as sent"
)
EXPIRED = "expired before it could be sent"
TAKEN_BACK = "taken back: its row says so, or is gone"
REPLACED = "its row was put into the queue once more"
TOO_LATE_THEN = "it would have expired before its next attempt"
COUNTED_AS_SENT = "counted as sent by decision, its outcome was unknown"

_BATCH = 500
_NUMBER: BindParameter[int] = bindparam("number")
_NO_LEASE = {"LeaseToken": null(), "LeaseUntil": null()}
_TELL_ROW = {"WriteAfter": utc_now(), "WriteTries": literal_column("0"), "WriteFault": null()}

Numbers = Sequence[int]


def _to(state: Flag) -> ColumnElement[str]:
    return literal_column(f"'{state}'")


# Into the ledger.

ENTER = insert(entries)


def enter(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make entries that wait; each row has a value for the same of the table's columns."""
    connection.execute(ENTER, [{"State": Flag.WAITING.value, **row} for row in rows])
    record_each(connection, EventType.QUEUED, [row["EmailId"] for row in rows])


def enter_one(connection: Connection, row: Mapping[str, Any]) -> int:
    """Make one entry that waits; answers its number."""
    key = connection.execute(ENTER, {"State": Flag.WAITING.value, **row}).inserted_primary_key
    if key is None:
        raise LookupError("the database gave no number for the new entry")
    record_each(connection, EventType.QUEUED, [row["EmailId"]])
    return int(key[0])


def entering(columns: Sequence[str], rows: Select[Any]) -> Insert:
    """What makes entries that wait of these rows, whose columns are those."""
    return insert(entries).from_select(
        [*columns, "State"], rows.add_columns(_to(Flag.WAITING)), include_defaults=False
    )


_JUST_ENTERED = (
    skipping_locked(
        select(entries.c.EmailId).join_from(entries, emails, emails.c.dd_srno == entries.c.EmailId),
        emails,
    )
    .where(
        entries.c.Number > bindparam("before"),
        entries.c.EmailId.between(bindparam("low"), bindparam("high")),
        is_current,
        emails.c.dd_SendFlag == literal_column(f"'{Letter.NEW}'"),
    )
    .order_by(entries.c.Number)
)


def entered(connection: Connection, low: int, high: int, before: int) -> None:
    """What `entering` has made of rows with ids from `low` to `high`, which still say N, are the
    entries with numbers beyond `before`."""
    values = {"low": low, "high": high, "before": before}
    record_selected(connection, EventType.QUEUED, _JUST_ENTERED, values)


@cache
def entered_in_batch() -> Insert:
    """That a new email waits, in one text with its INSERT: its row's id is in @EmailId."""
    return recording(new_events, EventType.QUEUED, select(literal_column("@EmailId", Integer())))


def _superseding(which: ColumnElement[bool]) -> Update:
    """Nobody holds these any more: what is prepared is not sent, and of what is being transmitted
    nobody will learn the outcome."""
    undone = state_is(Flag.WAITING, Flag.PREPARING)
    going = state_is(Flag.TRANSMITTING)
    return (
        update(entries)
        .where(which, is_current)
        .values(
            IsCurrent=literal_column("0"),
            State=case(
                (undone, _to(Flag.CANCELLED)),
                (going, _to(Flag.UNKNOWN)),
                else_=entries.c.State,
            ),
            Reason=case((or_(undone, going), REPLACED), else_=entries.c.Reason),
            EndedAt=func.coalesce(entries.c.EndedAt, utc_now()),
            WriteAfter=null(),
            LeaseToken=null(),
            LeaseUntil=null(),
            NotBefore=null(),
        )
    )


SUPERSEDE = _superseding(entries.c.Number.in_(NUMBERS)).returning(
    entries.c.EmailId, entries.c.State, entries.c.Reason
)
SUPERSEDE_FORMER = PreparedUpdate(
    lambda ids: _superseding(entries.c.EmailId.in_(ids)).returning(entries.c.Number)
)


def supersede(connection: Connection, numbers: Numbers) -> None:
    """Others take the place of these entries, in the same transaction."""
    for start in range(0, len(numbers), _BATCH):
        some = {"numbers": list(numbers[start : start + _BATCH])}
        record(
            connection,
            [
                Event(
                    EventType.UNKNOWN if state == Flag.UNKNOWN else EventType.CANCELLED,
                    email_id,
                    reason=REPLACED,
                )
                for email_id, state, reason in connection.execute(SUPERSEDE, some)
                if reason == REPLACED
            ],
        )


@cache
def superseding_former_in_batch() -> Update:
    """The same in one text with the new row's INSERT, which has put its id into @EmailId."""
    return _superseding(entries.c.EmailId == literal_column("@EmailId"))


def supersede_former(connection: Connection, email_id: int) -> None:
    """A new row has the id of a former email: where their ids come again, that one's entry ends."""
    SUPERSEDE_FORMER.run(connection, [email_id])


# N → P → T.


def claiming(numbers: Select[Any]) -> Update:
    """Take these waiting entries under a lease; answers their numbers.

    The outer condition repeats the state: without it a server that ignores lock hints lets two
    claims take the same entry.
    """
    message_id = (
        literal_column("'<'", String())
        + cast(entries.c.EmailId, String(12))
        + cast(bindparam("message_id_end"), String(240))
    )
    return (
        update(entries)
        .where(entries.c.Number.in_(numbers), state_is(Flag.WAITING), service_runs)
        .values(
            State=_to(Flag.PREPARING),
            LeaseToken=TOKEN,
            LeaseUntil=lease_end,
            MessageId=func.coalesce(entries.c.MessageId, message_id),
        )
        .returning(entries.c.Number)
    )


def _marking(numbers: list[BindParameter[int]]) -> Update:
    prints: list[tuple[ColumnElement[bool], BindParameter[str]]] = [
        (entries.c.Number == number, bindparam(f"print_{number.key}")) for number in numbers
    ]
    return (
        update(entries)
        .where(held_by_us(numbers, Flag.PREPARING), is_current, entries.c.LeaseUntil > utc_now())
        .values(
            State=_to(Flag.TRANSMITTING),
            LeaseUntil=lease_end,
            Fingerprint=case(*prints, else_=entries.c.Fingerprint),
        )
        .returning(entries.c.Number, entries.c.EmailId)
    )


MARK = PreparedUpdate(_marking)


def mark(connection: Connection, prints: Mapping[int, str], lease: Lease) -> set[int]:
    """Mark these entries, each with the fingerprint of what goes; answers those that really were
    ours and now stand in T. Their lease runs for its full length from this moment."""
    if not prints:
        return set()
    numbers = list(prints)
    padded = MARK.padded(numbers)
    marked = MARK.rows(
        connection,
        numbers,
        token=lease.token,
        lease_seconds=lease.seconds,
        **{f"print_id{place}": prints[number] for place, number in enumerate(padded)},
    )
    record_each(connection, EventType.SENDING, [email_id for _, email_id in marked])
    return {number for number, _ in marked}


# What an attempt came to.

_FINISHED = (entries.c.Number, entries.c.Origin, entries.c.EmailId, entries.c.State)
_OURS = (Flag.PREPARING, Flag.TRANSMITTING, Flag.UNKNOWN)
_wait = cast(bindparam("wait"), Double)

SENT = PreparedUpdate(
    lambda numbers: (
        update(entries)
        .where(held_by_us(numbers, Flag.TRANSMITTING, Flag.UNKNOWN))
        .values(
            State=_to(Flag.SENT),
            SentAt=utc_now(),
            EndedAt=utc_now(),
            Reason=null(),
            **_NO_LEASE,
            **_TELL_ROW,
        )
        .returning(*_FINISHED)
    )
)


def _ending(state: Flag, before: tuple[Flag, ...] = _OURS, **values: Any) -> Update:
    """From any of the states in which it is ours to this one, with the values that go with it."""
    return (
        update(entries)
        .where(entries.c.Number == _NUMBER, entries.c.LeaseToken == TOKEN, state_is(*before))
        .values(
            {
                "State": _to(state),
                "Reason": bindparam("reason"),
                "Retries": entries.c.Retries + bindparam("retries"),
                "LastTriedAt": utc_now(),
                "NotBefore": null(),
                **_NO_LEASE,
                **_TELL_ROW,
                **values,
            }
        )
        .returning(*_FINISHED)
    )


_again_at = case((_wait > literal_column("0"), utc_now(_wait)), else_=None)
_due_since = case((_wait > literal_column("0"), utc_now(_wait)), else_=utc_now())

SENT_TO_SOME = _ending(Flag.SENT, SentAt=utc_now(), EndedAt=utc_now())
# Its row may say U already, which a sender that claims it would take for another's letter: what was
# called unknown waits for a decision, and whoever had it is known.
_called_unknown = state_is(Flag.UNKNOWN)
RETRY = _ending(
    Flag.WAITING,
    State=case((_called_unknown, _to(Flag.UNKNOWN)), else_=_to(Flag.WAITING)),
    NotBefore=case((~_called_unknown, _again_at)),
    DueSince=_due_since,
)
POSTPONED = _ending(
    Flag.WAITING,
    (Flag.PREPARING,),
    NotBefore=utc_now(_wait),
    DueSince=entries.c.DueSince,
    LastTriedAt=entries.c.LastTriedAt,
)
BLAMED = _ending(
    Flag.WAITING,
    (Flag.PREPARING, Flag.TRANSMITTING),
    DueSince=entries.c.DueSince,
    Blamed=func.coalesce(entries.c.Blamed, literal_column("0")) + literal_column("1"),
)
FAILED = _ending(Flag.FAILED, EndedAt=utc_now())
UNKNOWN = _ending(Flag.UNKNOWN, LeaseToken=entries.c.LeaseToken)


def sent(connection: Connection, numbers: Numbers, lease: Lease) -> Sequence[Sequence[Any]]:
    """The mail server accepted these for everybody; answers number, origin, email id and state of
    those that were still ours to write."""
    return SENT.rows(connection, numbers, token=lease.token) if numbers else ()


def end_attempt(
    connection: Connection, statement: Update, values: Mapping[str, Any], lease: Lease
) -> Sequence[Row[Any]]:
    """What one attempt came to: SENT_TO_SOME, RETRY, POSTPONED, BLAMED, FAILED or UNKNOWN;
    answers the same if it was still ours to write."""
    return connection.execute(statement, {**values, "token": lease.token}).all()


def attempts_ended(
    connection: Connection, outcomes: Counter[tuple[str, Counted]], events: Sequence[Event]
) -> None:
    """Count what attempts came to and let it be known, in the transaction that writes it."""
    count(connection, outcomes)
    record(connection, events)


# Back to waiting, nothing irrevocable done.

_RETURNED = {"State": _to(Flag.WAITING), **_NO_LEASE}
GIVE_BACK = PreparedUpdate(
    lambda numbers: (
        update(entries)
        .where(held_by_us(numbers, Flag.PREPARING, Flag.TRANSMITTING))
        .values(_RETURNED)
        .returning(entries.c.Number)
    )
)
MARKED = PreparedUpdate(
    lambda numbers: select(entries.c.Number, entries.c.EmailId).where(
        held_by_us(numbers, Flag.TRANSMITTING)
    )
)
RELEASE = (
    update(entries).where(leased(Flag.PREPARING), entries.c.LeaseToken == TOKEN).values(_RETURNED)
)


def give_back(connection: Connection, numbers: Numbers, lease: Lease) -> set[int]:
    """These wait again, no attempt used up; answers those that were ours to give back."""
    if not numbers:
        return set()
    marked = MARKED.rows(connection, numbers, token=lease.token)
    returned = GIVE_BACK.run(connection, numbers, token=lease.token)
    told_as_sending = [email_id for number, email_id in marked if number in returned]
    record_each(connection, EventType.QUEUED, told_as_sending)
    return returned


def release(connection: Connection, lease: Lease) -> int:
    """All that is claimed under the lease and not marked waits again; answers how many."""
    return changed(connection, RELEASE, {"token": lease.token})


TAKE_BACK = PreparedUpdate(
    lambda numbers: (
        update(entries)
        .where(held_by_us(numbers, Flag.PREPARING))
        .values(
            State=_to(Flag.CANCELLED),
            Reason=bindparam("reason"),
            EndedAt=utc_now(),
            WriteAfter=null(),
            **_NO_LEASE,
        )
        .returning(entries.c.EmailId)
    )
)


def take_back(connection: Connection, numbers: Numbers, lease: Lease) -> None:
    """The rows of these claimed entries are gone, or another letter stands there: not sent."""
    if numbers:
        taken = TAKE_BACK.run(connection, numbers, token=lease.token, reason=TAKEN_BACK)
        _all_with_reason(connection, EventType.CANCELLED, sorted(taken), TAKEN_BACK)


# Leases that are over.

_lease_is_over = (entries.c.LeaseToken.is_not(None), entries.c.LeaseUntil < utc_now())
_lost = func.coalesce(entries.c.LostLeases, literal_column("0")) + literal_column("1")
_too_often = _lost >= literal_column(str(MOST_LOST_LEASES))

TO_UNKNOWN = (
    update(entries)
    .where(leased(Flag.TRANSMITTING), *_lease_is_over)
    .values(State=_to(Flag.UNKNOWN), Reason=DIED_TRANSMITTING, LeaseUntil=null(), **_TELL_ROW)
    .returning(entries.c.EmailId)
)
FROM_PREPARING = (
    update(entries)
    .where(leased(Flag.PREPARING), *_lease_is_over)
    .values(
        State=case((_too_often, _to(Flag.FAILED)), else_=_to(Flag.WAITING)),
        Reason=case((_too_often, DIED_PREPARING), else_=entries.c.Reason),
        EndedAt=case((_too_often, utc_now()), else_=None),
        WriteAfter=case((_too_often, utc_now()), else_=entries.c.WriteAfter),
        LostLeases=_lost,
        **_NO_LEASE,
    )
    .returning(entries.c.Number, entries.c.State, entries.c.EmailId)
)


def unknown_after_lease(connection: Connection) -> int:
    """Entries in T whose lease is over: the final dot may have left. Answers how many.

    They keep the token, so that a reply that comes late still tells the truth until somebody has
    decided.
    """
    unknown = connection.scalars(TO_UNKNOWN).all()
    _count_without_account(connection, Counted.UNKNOWN, len(unknown))
    _all_with_reason(connection, EventType.UNKNOWN, unknown, DIED_TRANSMITTING)
    return len(unknown)


def waiting_after_lease(connection: Connection) -> tuple[int, list[int]]:
    """Entries in P whose lease is over: how many wait again, and which failed as it happened three
    times."""
    rows = connection.execute(FROM_PREPARING).all()
    failed = [row for row in rows if row.State == Flag.FAILED]
    _count_without_account(connection, Counted.FAILED, len(failed))
    _all_with_reason(connection, EventType.FAILED, [row.EmailId for row in failed], DIED_PREPARING)
    return len(rows) - len(failed), [row.Number for row in failed]


def _count_without_account(connection: Connection, what: Counted, number: int) -> None:
    if number:
        count(connection, {("", what): number})


def _all_with_reason(
    connection: Connection, what: EventType, email_ids: Sequence[int], reason: str
) -> None:
    record(connection, [Event(what, email_id, reason=reason) for email_id in email_ids])


# Time.

CALL_UP = (
    update(entries)
    .where(
        entries.c.Number.in_(
            select(entries.c.Number)
            .where(
                state_is(Flag.WAITING),
                entries.c.NotBefore.is_not(None),
                entries.c.NotBefore <= utc_now(),
            )
            .order_by(entries.c.NotBefore)
            .limit(_BATCH)
        ),
        state_is(Flag.WAITING),
    )
    .values(NotBefore=null(), DueSince=entries.c.NotBefore)
)
EXPIRE = (
    update(entries)
    .where(
        entries.c.Number.in_(
            select(entries.c.Number)
            .where(
                state_is(Flag.WAITING),
                entries.c.ExpiresAt.is_not(None),
                entries.c.ExpiresAt <= utc_now(),
            )
            .order_by(entries.c.ExpiresAt)
            .limit(_BATCH)
        ),
        state_is(Flag.WAITING),
    )
    .values(
        State=_to(Flag.FAILED), EndedAt=utc_now(), Reason=EXPIRED, NotBefore=null(), **_TELL_ROW
    )
    .returning(entries.c.Number, entries.c.EmailId)
)


def call_up(connection: Connection) -> int:
    """Emails whose time has come may go now; one batch, answers how many."""
    return changed(connection, CALL_UP)


def expire(connection: Connection) -> list[int]:
    """Give up emails that are of no use any more; one batch, answers which."""
    expired = connection.execute(EXPIRE).all()
    _all_with_reason(connection, EventType.FAILED, [row.EmailId for row in expired], EXPIRED)
    return [row.Number for row in expired]


# Decisions.

CANCEL = (
    update(entries)
    .where(entries.c.Number == _NUMBER, state_is(Flag.WAITING))
    .values(State=_to(Flag.CANCELLED), EndedAt=utc_now(), NotBefore=null(), **_TELL_ROW)
    .returning(entries.c.EmailId)
)
_unknown = (
    entries.c.Number == _NUMBER,
    state_is(Flag.UNKNOWN),
    is_current,
)
RESEND = (
    update(entries)
    .where(*_unknown)
    .values(
        State=_to(Flag.WAITING),
        NotBefore=null(),
        DueSince=utc_now(),
        LostLeases=null(),
        Uncertain=literal_column("1"),
        WriteAfter=null(),
        **_NO_LEASE,
    )
    .returning(entries.c.EmailId)
)
COUNT_AS_SENT = (
    update(entries)
    .where(*_unknown)
    .values(
        State=_to(Flag.SENT),
        SentAt=utc_now(),
        EndedAt=utc_now(),
        Reason=COUNTED_AS_SENT,
        **_NO_LEASE,
        **_TELL_ROW,
    )
    .returning(entries.c.EmailId)
)


def _withdrawing(*states: Flag) -> Update:
    return (
        update(entries)
        .where(state_is(*states))
        .values(
            State=_to(Flag.CANCELLED),
            EndedAt=utc_now(),
            NotBefore=null(),
            **_NO_LEASE,
            **_TELL_ROW,
        )
        .returning(entries.c.EmailId)
    )


WITHDRAW = PreparedUpdate(
    lambda numbers: _withdrawing(Flag.WAITING, Flag.PREPARING).where(entries.c.Number.in_(numbers))
)
TOO_LATE = PreparedUpdate(
    lambda numbers: _withdrawing(Flag.WAITING).where(
        entries.c.Number.in_(numbers),
        entries.c.ExpiresAt <= func.coalesce(entries.c.NotBefore, utc_now()),
    )
)


def cancel(connection: Connection, number: int) -> bool:
    """A waiting email is not sent; whether it was waiting."""
    return _decided(connection, CANCEL, number, EventType.CANCELLED)


def resend_unknown(connection: Connection, number: int) -> bool:
    """An email that may have been sent waits again; whether its outcome was unknown."""
    return _decided(connection, RESEND, number, EventType.RESOLVED, "resend")


def count_as_sent(connection: Connection, number: int) -> bool:
    """An email that may have been sent counts as sent; whether its outcome was unknown."""
    return _decided(connection, COUNT_AS_SENT, number, EventType.RESOLVED, "sent")


def withdraw(connection: Connection, number: int) -> bool:
    """Cancel an email even while it is prepared; whether that was in time. Its sender then finds
    that it may not mark it, and writes no final dot."""
    withdrawn = WITHDRAW.run(connection, [number])
    record_each(connection, EventType.CANCELLED, sorted(withdrawn))
    return bool(withdrawn)


def cancel_too_late(connection: Connection, numbers: Numbers) -> None:
    """Cancel those that would have expired before their next attempt."""
    if numbers:
        late = TOO_LATE.run(connection, numbers)
        _all_with_reason(connection, EventType.CANCELLED, sorted(late), TOO_LATE_THEN)


def _decided(
    connection: Connection,
    statement: Update,
    number: int,
    what: EventType,
    decision: str | None = None,
) -> bool:
    emails_changed = connection.scalars(statement, {"number": number}).all()
    record(connection, [Event(what, email_id, reason=decision) for email_id in emails_changed])
    return bool(emails_changed)


# What their row has been told, or told us.

WRITTEN = PreparedUpdate(
    lambda numbers: (
        update(entries)
        .where(
            entries.c.Number.in_(numbers),
            entries.c.WriteAfter <= bindparam("seen", type_=entries.c.WriteAfter.type),
        )
        .values(WriteAfter=null(), WriteTries=literal_column("0"), WriteFault=null())
    )
)
NOT_WRITTEN = (
    update(entries)
    .where(entries.c.Number == _NUMBER, entries.c.WriteAfter.is_not(None))
    .values(
        WriteAfter=utc_now(bindparam("seconds")),
        WriteTries=entries.c.WriteTries + literal_column("1"),
        WriteFault=bindparam("fault"),
    )
)


def written(connection: Connection, numbers: Numbers, *, seen: datetime) -> None:
    """The rows of these entries have been told what was known up to this moment; what came since
    then is still to be told."""
    if numbers:
        WRITTEN.run(connection, numbers, seen=seen)


def not_written(connection: Connection, number: int, seconds: float, fault: str | None) -> None:
    """Its row could not be told now: look again in so many seconds."""
    connection.execute(NOT_WRITTEN, {"number": number, "seconds": seconds, "fault": fault})
