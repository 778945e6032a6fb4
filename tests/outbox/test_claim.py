from __future__ import annotations

import random
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from sqlalchemy import insert, update

from shared.accounts.numbers import insert_account
from shared.database.columns.times import utc_now
from shared.database.database import Database
from shared.database.tables import emails, relocation
from shared.outbox.sending.claim import Wanted, claim
from shared.outbox.sending.due import what_is_due
from shared.outbox.sending.finish import Outcome, Result
from shared.outbox.sending.lease import Lease
from shared.outbox.states import BOTH_LANES, Lane
from shared.scheduling import service_state
from tests.outbox.sender import DOMAIN, Sender, admit_all, wanted
from tests.support.database import address_of
from tests.support.emails import let_leases_run_out
from tests.support.rows import (
    change_entry,
    entry_of,
    flags,
    insert_row,
    insert_rows,
)
from tests.support.tools import ROOT

CROWD = 5_000


def crowd(database: Database, number: int = CROWD) -> None:
    with database.write() as connection:
        row = {"dd_toEmailid": "ann@example.com", "dd_subject": "Hello"}
        connection.execute(insert(emails), [row] * number)
    while admit_all(database).after is not None:
        pass


def test_a_claimed_email_is_ours_for_the_length_of_the_lease(
    database: Database, sender: Sender
) -> None:
    email_id = insert_row(database)

    assert sender.claim() == [email_id]

    row = entry_of(database, email_id)
    assert (row.State, row.LeaseToken) == ("P", sender.lease.token)
    left = row.LeaseUntil - datetime.now(UTC)
    assert timedelta(seconds=30) < left < timedelta(seconds=90)


def test_nobody_else_gets_what_is_claimed(database: Database, sender: Sender) -> None:
    insert_rows(database, 2)

    assert len(sender.claim()) == 2
    assert Sender(database).claim() == []


def test_lane_then_priority_then_age_decide_who_is_first(
    database: Database, sender: Sender
) -> None:
    late, normal, urgent, immediate_late, immediate = (
        insert_row(database, dd_Lane=lane, dd_Priority=priority)
        for lane, priority in [
            ("scheduled", 5),
            ("scheduled", 3),
            ("scheduled", 1),
            ("immediate", 4),
            ("immediate", 2),
        ]
    )
    same = insert_row(database, dd_Lane="scheduled", dd_Priority=3)

    in_order = list(chain.from_iterable(sender.claim(most=1) for _ in range(6)))

    assert in_order == [immediate, immediate_late, urgent, normal, same, late]


def test_the_order_holds_over_all_codes_of_the_default_account(
    database: Database, sender: Sender
) -> None:
    """A row without a code, with an empty one and with its code belong to one account."""
    ids = {}
    for number in range(60):
        code = (None, "", "MAIN")[number % 3]
        priority = random.Random(number).randint(1, 5)
        email_id = insert_row(database, dd_EmailParamCode=code, dd_Priority=priority)
        ids[email_id] = (priority, email_id)

    claimed = [sender.claim(None, "", "MAIN", most=7) for _ in range(9)]

    in_order = sorted(ids, key=lambda one: ids[one])
    assert [sorted(batch) for batch in claimed] == [
        sorted(in_order[start : start + 7]) for start in range(0, 63, 7)
    ]


def test_other_accounts_emails_stay(database: Database, sender: Sender) -> None:
    none, empty, news = (insert_row(database, dd_EmailParamCode=c) for c in (None, "", "NEWS"))

    assert sender.claim("NEWS") == [news]
    assert sender.claim("OTHER") == []
    assert sender.claim(None) == [none, empty]


def test_only_the_lanes_that_are_wanted(database: Database, sender: Sender) -> None:
    scheduled = insert_row(database)
    immediate = insert_row(database, dd_Lane="immediate")

    assert sender.take(wanted(lanes=(Lane.IMMEDIATE,))) == [immediate]
    assert sender.take(wanted(lanes=(Lane.IMMEDIATE,))) == []
    assert sender.take(wanted(lanes=(Lane.SCHEDULED,))) == [scheduled]


@pytest.mark.parametrize("codes", [(None,), (None, "", "MAIN")])
def test_no_more_than_asked_for(
    database: Database, sender: Sender, codes: tuple[str | None, ...]
) -> None:
    insert_rows(database, 5)
    insert_rows(database, 5, dd_Lane="immediate")

    assert len(sender.claim(*codes, most=7)) == 7
    assert len(sender.claim(*codes, most=7)) == 3


def test_a_stopped_service_claims_nothing(database: Database, sender: Sender) -> None:
    email_id = insert_row(database)
    with database.write() as connection:
        service_state.stop(connection, "a test")
    assert sender.claim() == []

    with database.write() as connection:
        service_state.start(connection, "a test")
    assert sender.claim() == [email_id]


def test_a_queue_that_has_moved_gives_nothing(database: Database, sender: Sender) -> None:
    insert_row(database)
    with database.write() as connection:
        connection.execute(update(relocation).values(MovedAt=utc_now()))

    assert sender.claim() == []


def test_only_waiting_emails_are_claimed(database: Database, sender: Sender) -> None:
    for flag in "PTYFUC":
        insert_row(database, dd_SendFlag=flag)

    assert sender.claim() == []
    assert flags(database) == "PTYFUC"


def test_an_email_keeps_the_message_id_of_its_first_claim(
    database: Database, sender: Sender
) -> None:
    email_id, own = insert_rows(database, 2)
    change_entry(database, own, MessageId="<mine@example.com>")
    sender.claim()
    first = entry_of(database, email_id).MessageId
    assert re.fullmatch(rf"<{email_id}\.[0-9a-f]{{8}}@{DOMAIN}>", first)

    let_leases_run_out(database)
    change_entry(database, email_id, State="N")
    Sender(database).claim()

    assert entry_of(database, email_id).MessageId == first
    assert entry_of(database, own).MessageId == "<mine@example.com>"


def test_suspects_are_claimed_apart_and_in_the_end_alone(
    database: Database, sender: Sender
) -> None:
    """Whose sender died once goes with a few, whose sender died twice goes alone."""
    fresh, *once = insert_rows(database, 12)
    twice, again = insert_rows(database, 2)
    for email_id in once:
        change_entry(database, email_id, LostLeases=1)
    for email_id in (twice, again):
        change_entry(database, email_id, LostLeases=2)

    assert sender.claim() == [fresh]
    assert sorted(sender.claim_suspects()) == once[:8]
    assert sorted(sender.claim_suspects()) == once[8:]
    assert sender.claim_suspects() == [twice]
    assert sender.claim_suspects() == [again]
    assert sender.claim_suspects() == []


def test_suspects_obey_code_lane_time_and_the_service(database: Database, sender: Sender) -> None:
    email_id = insert_row(database, dd_EmailParamCode="NEWS", dd_Lane="immediate")
    change_entry(database, email_id, LostLeases=1)
    news = Wanted(("NEWS",), (Lane.SCHEDULED,), 10, DOMAIN)
    assert sender.claim_suspects(None, "") == []
    assert sender.take(news) == []

    with database.write() as connection:
        service_state.stop(connection, "a test")
    assert sender.claim_suspects("NEWS") == []
    with database.write() as connection:
        service_state.start(connection, "a test")

    change_entry(database, email_id, NotBefore=datetime.now(UTC) + timedelta(hours=1))
    assert sender.claim_suspects("NEWS") == []
    change_entry(database, email_id, NotBefore=None)
    assert sender.claim_suspects("NEWS") == [email_id]


def test_who_was_blamed_for_a_pause_is_claimed_behind_the_others(
    database: Database, sender: Sender
) -> None:
    first, second, third = insert_rows(database, 3)
    assert sender.claim() == [first, second, third]
    sender.mark(second)

    refused = [Result(number, Outcome.BLAMED, "MAIN") for number in (first, second)]
    assert sender.finish(*refused) == {first, second}

    assert sender.claim() == []
    assert sender.claim_blamed("NEWS") == []
    assert sender.claim_blamed() == [first]
    assert sender.claim_blamed() == [second]
    assert sender.claim_blamed() == []
    row = entry_of(database, first)
    assert (row.State, row.Retries, row.Blamed) == ("P", 0, 1)


def test_which_accounts_have_something_due(database: Database, sender: Sender) -> None:
    with database.write() as connection:
        for code in ("MAIN", "NEWS", "IDLE", "BAD"):
            insert_account(connection, {"ParamCode": code, "IsActive": "Y"})
    insert_row(database, dd_EmailParamCode="MAIN")
    insert_row(database, dd_EmailParamCode="NEWS", dd_Lane="immediate")
    insert_row(database, dd_EmailParamCode=None)
    suspect = insert_row(database, dd_EmailParamCode="BAD")
    sender.admit()
    change_entry(database, suspect, LostLeases=1)
    with database.read() as connection:
        due = what_is_due(connection, BOTH_LANES)
        immediate = what_is_due(connection, [Lane.IMMEDIATE])

    assert due.codes >= {"MAIN", "NEWS", None}
    assert "IDLE" not in due.codes
    assert (due.suspects, due.blamed) == (frozenset({"BAD"}), frozenset())
    assert immediate.codes == {"NEWS"}


def test_claimers_in_threads_share_no_row_and_leave_none(database: Database) -> None:
    crowd(database)
    claimed: list[list[int]] = [[] for _ in range(4)]
    enough = threading.Event()

    def work(mine: list[int]) -> None:
        lease = Lease.new(60)
        while not enough.is_set():
            numbers = database.run(
                lambda connection: claim(connection, wanted(None, most=100), lease)
            )
            mine += numbers
            if not numbers and set(flags(database)) == {"P"}:
                enough.set()

    threads = [threading.Thread(target=work, args=(mine,)) for mine in claimed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    everything = list(chain.from_iterable(claimed))
    assert len(everything) == len(set(everything)) == CROWD


def test_claimers_in_processes_share_no_row_and_leave_none(database: Database) -> None:
    crowd(database)
    command = [sys.executable, "-m", "tests.outbox.claimer", address_of(database)]
    claimers = [
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    try:
        for claimer in claimers:
            assert claimer.stdout is not None
            assert claimer.stdout.readline() == "ready\n"
        for claimer in claimers:
            assert claimer.stdin is not None
            claimer.stdin.write("go\n")
            claimer.stdin.flush()
        answers = [claimer.communicate(timeout=60)[0] for claimer in claimers]
    finally:
        for claimer in claimers:
            claimer.kill()
            claimer.wait()

    everything = [int(email_id) for answer in answers for email_id in answer.split()]
    assert len(everything) == len(set(everything)) == CROWD
    assert set(flags(database)) == {"P"}
