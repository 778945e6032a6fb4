"""How a fault campaign settles its account: what it calls lost, doubled, unknown for no reason."""

from __future__ import annotations

import pytest

from bench.faults.accounting import (
    DOUBLED,
    LEFT,
    LOST,
    NO_REASON,
    UNJUSTIFIED,
    UNTOLD,
    Account,
    Entry,
    Evidence,
    settle,
)
from bench.faults.application import Asked
from bench.faults.liveness import slowed
from bench.faults.mail_servers import Record

KILLED = 4711


def entry(state: str, token: str | None = None, *, current: bool = True) -> Entry:
    return Entry(1, current, state, "550 no" if state == "F" else "", token, state)


def account_of(
    *entries: Entry,
    copies: int,
    asked: int = 1,
    withdrawn: bool = False,
    uncertain: bool = False,
    record: Record | None = None,
) -> Account:
    record = record or Record()
    record.kept[0, 0] = copies
    if uncertain:
        record.uncertain.add(0)
    evidence = Evidence(record, {"of a killed one": KILLED, "of a sound one": 2}, {KILLED})
    return settle([Asked(0, 1, 1, asked, withdrawn)], entries, evidence)


def found(account: Account) -> list[str]:
    return [finding.what for finding in account.findings]


@pytest.mark.parametrize(
    ("account", "where"),
    [
        (account_of(entry("Y"), copies=1), "sent"),
        (account_of(entry("U", "of a killed one"), copies=0), "unknown"),
        (account_of(entry("U", "of a killed one"), copies=1), "unknown"),
        (account_of(entry("U", "of a sound one"), copies=1, uncertain=True), "unknown"),
        (account_of(entry("C"), copies=0, withdrawn=True), "withdrawn"),
        (account_of(entry("Y"), copies=1, withdrawn=True), "withdrawn"),
        (account_of(entry("Y", current=False), entry("Y"), copies=2, asked=2), "sent"),
    ],
)
def test_what_ended_as_promised_counts_once(account: Account, where: str) -> None:
    assert found(account) == []
    assert (account.stored, getattr(account, where), account.left) == (1, 1, 0)


def test_what_failed_counts_by_its_reason_without_what_differs() -> None:
    account = account_of(entry("F"), copies=0)

    assert (found(account), account.failed, account.left) == ([], {"no": 1}, 0)


@pytest.mark.parametrize(
    ("account", "what"),
    [
        (account_of(entry("Y"), copies=0), LOST),
        (account_of(entry("C"), copies=0), LOST),
        (account_of(entry("Y"), copies=1, asked=2), LOST),
        (account_of(entry("Y", current=False), entry("Y"), copies=1, asked=2), LOST),
        (account_of(entry("Y"), copies=2), DOUBLED),
        (account_of(entry("F"), copies=1), DOUBLED),
        (account_of(entry("C"), copies=1, withdrawn=True), DOUBLED),
        (account_of(entry("Y", current=False), entry("Y"), copies=2), DOUBLED),
        (account_of(entry("U", "of a sound one"), copies=1), UNJUSTIFIED),
        (account_of(entry("U"), copies=1, uncertain=True), UNJUSTIFIED),
        (account_of(Entry(1, True, "F", "", None, "F"), copies=0), NO_REASON),
        (account_of(entry("N"), copies=0), LEFT),
        (account_of(copies=0), LEFT),
        (account_of(Entry(1, True, "Y", "", None, "P"), copies=1), UNTOLD),
    ],
)
def test_what_did_not_end_as_promised_is_found(account: Account, what: str) -> None:
    assert what in found(account)


def test_an_accepted_email_that_its_server_threw_away_is_the_servers_doing() -> None:
    record = Record()
    record.dropped[0, 0] = 1

    account = account_of(entry("Y"), copies=0, record=record)

    assert (found(account), account.sent, account.dropped_by_a_lie) == ([], 1, 1)


def test_a_recipient_who_was_refused_lacks_no_copy() -> None:
    record = Record()
    record.refused.add((0, 1))
    record.kept[0, 0] = record.kept[0, 2] = 1
    evidence = Evidence(record, {}, set())

    assert settle([Asked(0, 1, 3)], [entry("Y")], evidence).findings == []


def test_whoever_is_slower_than_half_is_slow_for_that_long() -> None:
    before = [number / 10 for number in range(-40, 0)]
    silent_for_two_seconds = [number / 10 for number in range(20, 50)]

    told = slowed("a fault", before + silent_for_two_seconds, 0.0, for_all=False)

    assert (told.before, told.kept, told.slow_seconds) == (10.0, 0.6, 2.0)
