"""Every change of an email's state is an event, written with it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from sqlalchemy import literal, update

from shared.accounts import pauses
from shared.database.columns.times import in_days, utc_now
from shared.database.database import Database
from shared.database.tables import events, held_rows
from shared.events.event import Event, EventType
from shared.events.numbering import number_batch
from shared.events.read import read_events
from shared.events.record import record
from shared.events.retention import forget_old_events
from shared.maintenance.rescue import rescue
from shared.outbox import add, transitions
from shared.outbox.cancel_retry_resolve import Decision, cancel, resolve, try_again
from shared.outbox.confidential import CONFIDENTIAL
from shared.outbox.sending.finish import Outcome, Result
from shared.outbox.sending.give_back import give_back, release
from shared.outbox.states import Letter
from tests.outbox.sender import Sender, number_of
from tests.support.emails import expire_in, let_leases_run_out
from tests.support.rows import change, change_entry, insert_row

EMAIL = add.NewEmail(to="ann@example.com", subject="Hello", body="Hi")


def told(database: Database) -> list[Event]:
    """What happened, in order, numbered where that takes a step of its own."""
    database.run(number_batch)
    with database.read() as connection:
        return [numbered.event for numbered in read_events(connection, 0, (), 1_000).items]


def types(database: Database) -> list[str]:
    return [event.type.removeprefix("email.") for event in told(database)]


def in_flight(sender: Sender) -> int:
    email_id = insert_row(sender.database)
    sender.claim()
    sender.mark(email_id)
    return email_id


def test_a_row_is_queued_sending_and_sent(database: Database, sender: Sender) -> None:
    email_id = in_flight(sender)
    sender.finish(Result(email_id, Outcome.SENT, "SHOP", code=250, enhanced_code="2.0.0"))

    assert told(database) == [
        Event(EventType.QUEUED, email_id),
        Event(EventType.SENDING, email_id),
        Event(EventType.SENT, email_id, None, "SHOP", 250, "2.0.0"),
    ]


def test_an_email_of_the_api_is_queued_when_it_is_stored(database: Database) -> None:
    email_id = database.run(lambda connection: add.add(connection, EMAIL))

    assert told(database) == [Event(EventType.QUEUED, email_id)]


def test_what_is_not_committed_has_not_happened(database: Database) -> None:
    with suppress(ZeroDivisionError), database.write() as connection:
        add.add(connection, EMAIL)
        raise ZeroDivisionError

    assert told(database) == []


@pytest.mark.parametrize(
    ("outcome", "event"),
    [
        (Outcome.RETRY, ["retrying"]),
        (Outcome.FAILED, ["failed"]),
        (Outcome.UNKNOWN, ["unknown"]),
        (Outcome.BLAMED, ["retrying"]),
    ],
)
def test_an_attempt_that_comes_to_something_else_says_why(
    database: Database, sender: Sender, outcome: Outcome, event: list[str]
) -> None:
    email_id = in_flight(sender)
    sender.finish(Result(email_id, outcome, "SHOP", "refused", 452, "4.2.2", "4.2.2 full"))

    assert types(database) == ["queued", "sending", *event]
    assert told(database)[-1][1:] == (email_id, None, "SHOP", 452, "4.2.2", "4.2.2 full")


def test_put_off_before_anything_was_tried_it_has_waited_all_the_time(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)
    sender.claim()
    sender.finish(Result(email_id, Outcome.POSTPONED, "SHOP", "the vault is away", wait=60))
    other = insert_row(database)
    sender.claim()
    database.run(lambda connection: release(connection, sender.lease))

    assert told(database) == [Event(EventType.QUEUED, email_id), Event(EventType.QUEUED, other)]


def test_given_back_after_its_mark_it_is_queued_again(database: Database, sender: Sender) -> None:
    claimed = insert_row(database)
    marked = in_flight(sender)
    numbers = [number_of(database, email_id) for email_id in (claimed, marked)]
    database.run(lambda connection: give_back(connection, numbers, sender.lease))

    assert [event[:2] for event in told(database)] == [
        ("email.queued", claimed),
        ("email.queued", marked),
        ("email.sending", marked),
        ("email.queued", marked),
    ]


def test_a_reply_that_comes_too_late_to_put_off_what_is_unknown_changes_nothing(
    database: Database, sender: Sender
) -> None:
    email_id = in_flight(sender)
    let_leases_run_out(database)
    database.run(rescue)
    sender.finish(Result(email_id, Outcome.RETRY, "SHOP", "later", 451))

    assert types(database) == ["queued", "sending", "unknown"]


def test_a_sender_that_dies_three_times_over_an_email_fails_it(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)
    sender.claim()
    change_entry(database, email_id, LostLeases=2)
    let_leases_run_out(database)
    database.run(rescue)

    assert types(database) == ["queued", "failed"]
    assert told(database)[-1].reason == transitions.DIED_PREPARING


def test_what_somebody_decides_is_told(database: Database, sender: Sender) -> None:
    unknown = in_flight(sender)
    sender.finish(Result(unknown, Outcome.UNKNOWN, "SHOP", "lost"))
    database.run(lambda connection: resolve(connection, unknown, Decision.RESEND))
    database.run(lambda connection: cancel(connection, unknown))
    database.run(lambda connection: try_again(connection, unknown))

    assert types(database)[2:] == ["unknown", "resolved", "cancelled", "queued"]
    assert told(database)[3].reason == "resend"


def test_what_its_row_takes_back_or_replaces_is_told(database: Database, sender: Sender) -> None:
    email_id = insert_row(database)
    sender.claim()
    change(database, email_id, dd_SendFlag="X")
    sender.collect(email_id)

    assert types(database) == ["queued", "cancelled"]

    waiting = insert_row(database)
    sender.admit()
    change(database, waiting, dd_SendFlag=Letter.NEW.value)
    sender.admit()
    assert types(database)[2:] == ["queued", "cancelled", "queued"]


def test_what_expires_has_failed(database: Database, sender: Sender) -> None:
    email_id = insert_row(database)
    sender.admit()
    expire_in(database, email_id, -1)
    database.run(transitions.expire)

    assert types(database) == ["queued", "failed"]
    assert told(database)[-1].reason == transitions.EXPIRED


def test_a_held_row_is_told_once(database: Database, sender: Sender) -> None:
    email_id = insert_row(database, dd_Lane="express")
    sender.admit()
    with database.write() as connection:
        connection.execute(update(held_rows).values(LookAgainAt=utc_now()))
    sender.admit()

    (event,) = told(database)
    assert (event.type, event.email_id) == (EventType.HELD, email_id)
    assert "express" in (event.reason or "")


def test_an_account_is_paused_and_resumed_once(database: Database) -> None:
    for work in (
        lambda connection: pauses.pause(connection, 7, 0, "535 no"),
        lambda connection: pauses.pause(connection, 7, 60, "535 no"),
        lambda connection: pauses.end_pause(connection, 7),
        lambda connection: pauses.end_pause(connection, 7),
    ):
        database.run(work)

    assert [(event.type, event.reason) for event in told(database)] == [
        ("account.paused", "535 no"),
        ("account.resumed", None),
    ]


def test_what_a_server_says_of_a_code_is_not_told(database: Database, sender: Sender) -> None:
    """It may quote it."""
    secret = add.NewEmail(to="a@example.com", subject="Code", body="4711", origin=CONFIDENTIAL)
    email_id = database.run(lambda connection: add.add(connection, secret))
    sender.claim()
    sender.mark(email_id)
    sender.finish(Result(email_id, Outcome.FAILED, "SHOP", "no 4711", 554, "5.7.1", "no 4711"))

    assert told(database)[-1] == Event(EventType.FAILED, email_id, None, "SHOP", 554, "5.7.1")


# Reading.


def some(database: Database, *happened: EventType) -> None:
    database.run(lambda connection: record(connection, [Event(one, 1) for one in happened]))
    database.run(number_batch)


def test_pages_follow_each_other_without_a_gap(database: Database) -> None:
    some(database, *[EventType.SENT] * 25)

    pages = []
    after = 0
    with database.read() as connection:
        while (page := read_events(connection, after, (), 10)).next != after:
            pages.append([event.id for event in page.items])
            after = page.next

    assert pages == [list(range(1, 11)), list(range(11, 21)), list(range(21, 26))]


def test_a_rare_type_is_looked_for_part_by_part(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.events.read.LOOKED_AT", 10)
    some(database, *[EventType.SENT] * 25, EventType.BOUNCED)

    with database.read() as connection:
        first = read_events(connection, 0, [EventType.BOUNCED], 100)
        last = read_events(connection, 20, [EventType.BOUNCED], 100)

    assert (first.items, first.next) == ([], 10)
    assert ([event.id for event in last.items], last.next) == ([26], 26)


def test_old_events_go_and_numbers_never_come_again(database: Database) -> None:
    some(database, *[EventType.SENT] * 5)
    with database.write() as connection:
        connection.execute(update(events).values(At=in_days(literal(-31))))

    assert database.run(lambda connection: forget_old_events(connection, 30)) == 4
    assert database.run(lambda connection: forget_old_events(connection, 30)) == 0
    some(database, EventType.FAILED)
    with database.read() as connection:
        assert [event.id for event in read_events(connection, 0, (), 10).items] == [5, 6]
