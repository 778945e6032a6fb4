"""What a row that says N means, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from shared.outbox.admission.rules import (
    Held,
    Over,
    Wanted,
    instant,
    judge,
    over,
    spares_who_had_it,
)
from shared.outbox.states import Flag, Lane
from tests.support.accounts import answered_by

NEW_YEAR = datetime(2099, 1, 1, tzinfo=UTC)
ANSWERED = answered_by([None, "", "NEWS"])
HELLO = {"SubjectSize": 5}
PLAIN = Wanted(None, Lane.SCHEDULED, 3, None, None, None)


def test_a_row_that_says_nothing_is_scheduled_with_priority_3_and_at_once() -> None:
    assert judge(HELLO, ANSWERED) == PLAIN


@pytest.mark.parametrize(
    ("column", "said", "field", "meant"),
    [
        ("AccountCode", "NEWS", "account_code", "NEWS"),
        ("AccountCode", " news ", "account_code", "NEWS"),
        ("AccountCode", "News", "account_code", "NEWS"),
        ("AccountCode", "  ", "account_code", None),
        ("Lane", "immediate", "lane", Lane.IMMEDIATE),
        ("Lane", " Immediate ", "lane", Lane.IMMEDIATE),
        ("Lane", "SCHEDULED", "lane", Lane.SCHEDULED),
        ("Lane", "", "lane", Lane.SCHEDULED),
        ("Lane", b"immediate", "lane", Lane.IMMEDIATE),
        ("Priority", 1, "priority", 1),
        ("Priority", 5, "priority", 5),
        ("Priority", " 2 ", "priority", 2),
        ("Priority", "", "priority", 3),
        ("SendAt", NEW_YEAR, "send_at", NEW_YEAR),
        ("SendAt", NEW_YEAR.replace(tzinfo=None), "send_at", NEW_YEAR),
        ("SendAt", "2099-01-01T00:00:00Z", "send_at", NEW_YEAR),
        ("SendAt", " 2099-01-01 00:00:00 ", "send_at", NEW_YEAR),
        ("SendAt", "2099-01-01T05:30:00+0530", "send_at", NEW_YEAR),
        ("SendAt", "2099-01-01T05:30:00+05:30", "send_at", NEW_YEAR),
        ("SendAt", "", "send_at", None),
        ("ExpiresAt", "2099-01-01", "expires_at", NEW_YEAR),
        ("RequestId", " r-1 ", "request_id", "r-1"),
        ("RequestId", "r" * 36, "request_id", "r" * 36),
        ("RequestId", "", "request_id", None),
    ],
)
def test_what_was_surely_meant_is_taken_so(
    column: str, said: Any, field: str, meant: object
) -> None:
    wanted = judge(HELLO | {column: said}, ANSWERED)

    assert isinstance(wanted, Wanted), wanted
    assert getattr(wanted, field) == meant
    others = {"account_code", "lane", "priority", "send_at", "expires_at", "request_id"} - {field}
    assert all(getattr(wanted, other) == getattr(PLAIN, other) for other in others)


@pytest.mark.parametrize(
    ("column", "said", "reason"),
    [
        ("AccountCode", "OTHER", "no active account has the code 'OTHER'"),
        ("Lane", "fast", "its lane is 'fast': it may be immediate or scheduled"),
        ("Lane", 1, "its lane is '1'"),
        ("Priority", 0, "its priority is '0': it may be 1 (first) to 5"),
        ("Priority", 6, "its priority is '6'"),
        ("Priority", -1, "its priority is '-1'"),
        ("Priority", "high", "its priority is 'high'"),
        ("Priority", 1.5, "its priority is '1.5'"),
        ("Priority", "٣", "its priority is '٣'"),
        ("Priority", "²", "its priority is '²'"),
        (
            "SendAt",
            "2099-01-01 00:00:00 UTC",
            "the time to send it at is '2099-01-01 00:00:00 UTC'",
        ),
        ("SendAt", "tomorrow", "the time to send it at is 'tomorrow': it may be like"),
        ("SendAt", "01.02.2099", "the time to send it at"),
        ("SendAt", 0, "the time to send it at is '0'"),
        ("SendAt", 4_070_908_800, "the time to send it at is '4070908800'"),
        ("SendAt", 45_000.5, "the time to send it at"),
        ("SendAt", b"2099-01-01", "the time to send it at"),
        ("SendAt", "0001-01-01T00:00:00+05:00", "the time to send it at"),
        ("ExpiresAt", "never", "its expiry is 'never': it may be like"),
        ("RequestId", "r" * 37, "its request id is longer than 36 characters"),
    ],
)
def test_what_cannot_be_read_is_held_with_its_reason(column: str, said: Any, reason: str) -> None:
    held = judge(HELLO | {column: said}, ANSWERED)

    assert isinstance(held, Held), held
    assert held.reason.startswith(reason)
    assert held.account_code == (said if column == "AccountCode" else None)


@pytest.mark.parametrize("code", [None, "", " "])
def test_without_a_default_account_a_row_without_a_code_is_held(code: str | None) -> None:
    held = judge(HELLO | {"AccountCode": code}, answered_by(["NEWS"]))

    assert isinstance(held, Held)
    assert held.account_code == ""
    assert held.reason.startswith("it names no account, and no account is the default")


def test_a_reason_shows_no_more_than_the_beginning_of_what_was_said() -> None:
    held = judge(HELLO | {"Lane": "x" * 9_000}, ANSWERED)

    assert isinstance(held, Held)
    assert len(held.reason) < 150


@pytest.mark.parametrize(
    ("state", "is_written", "same", "means"),
    [
        # It is on its way: looked at when that has ended.
        (Flag.PREPARING, True, True, Over.LEAVE),
        (Flag.PREPARING, True, False, Over.LEAVE),
        (Flag.TRANSMITTING, True, True, Over.LEAVE),
        (Flag.TRANSMITTING, False, False, Over.LEAVE),
        # It waits: a new entry, the same.
        (Flag.WAITING, True, True, Over.ANEW),
        (Flag.WAITING, True, False, Over.ANEW),
        (Flag.WAITING, False, True, Over.ANEW),
        # Its end was written, and somebody wrote N over it.
        (Flag.SENT, True, True, Over.ANEW),
        (Flag.FAILED, True, True, Over.ANEW),
        (Flag.UNKNOWN, True, True, Over.ANEW),
        (Flag.CANCELLED, True, True, Over.ANEW),
        (Flag.SENT, True, False, Over.ANEW),
        # Its end had not been written: nothing new was asked, or something new was.
        (Flag.SENT, False, True, Over.END),
        (Flag.FAILED, False, True, Over.END),
        (Flag.UNKNOWN, False, True, Over.END),
        (Flag.SENT, False, False, Over.ANEW),
        (Flag.UNKNOWN, False, False, Over.ANEW),
    ],
)
def test_what_an_n_means_over_an_entry(
    state: Flag, is_written: bool, same: bool, means: Over
) -> None:
    assert over(state, is_written=is_written, same=same) is means


def test_who_had_it_is_spared_where_it_had_not_ended_or_nobody_knows() -> None:
    spared = {state for state in Flag if spares_who_had_it(state, same=True)}

    assert spared == {Flag.WAITING, Flag.UNKNOWN}
    assert not any(spares_who_had_it(state, same=False) for state in Flag)


def test_an_instant_keeps_its_zone_in_mind() -> None:
    india = timezone(timedelta(hours=5, minutes=30))

    assert instant(datetime(2099, 1, 1, 5, 30, tzinfo=india)) == NEW_YEAR
    assert instant(None) is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"SubjectSize": 5}, None),
        ({"BodySize": 1}, None),
        ({"DocumentSize": 1}, None),
        ({"AttachmentCount": 1}, None),
        ({"SubjectSize": 5, "Filename": " "}, None),
        ({"Filename": "invoice.pdf", "DocumentSize": 1}, None),
        ({"SubjectSize": 5, "Filename": "invoice.pdf"}, "it names the file 'invoice.pdf'"),
        ({"BodySize": 9, "Filename": "a.pdf", "DocumentSize": 0}, "it names the file 'a.pdf'"),
        ({}, "it has no subject, no body and no document"),
        ({"SubjectSize": 0, "BodySize": 0, "DocumentSize": 0}, "it has no subject, no body"),
    ],
    ids=str,
)
def test_an_email_that_lacks_what_it_names_or_everything_is_held(
    row: dict[str, Any], reason: str | None
) -> None:
    judged = judge(row, ANSWERED)

    if reason is None:
        assert isinstance(judged, Wanted)
    else:
        assert isinstance(judged, Held)
        assert judged.reason.startswith(reason)
