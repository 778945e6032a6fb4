"""Limits as pure decisions: windows, units, and what still fits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.limits.sending_limits import Limits, Units, Window, letters_of, minute_of, windows_of

NOON = minute_of(datetime(2026, 11, 21, 12, 34, 56, tzinfo=UTC))


def at(hour: int, minute: int, day: int = 21) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "begin", "end"),
    [
        (Window.MINUTE, at(12, 34), at(12, 35)),
        (Window.HOUR, at(12, 0), at(13, 0)),
        (Window.DAY, at(0, 0), at(0, 0, 22)),
    ],
)
def test_windows_are_fixed_in_utc(window: Window, begin: datetime, end: datetime) -> None:
    assert (window.begin(NOON), window.end(NOON)) == (minute_of(begin), minute_of(end))


@pytest.mark.parametrize(
    ("limits", "used", "left", "opens"),
    [
        (Limits(1, minute=10), Units(3, 90, 90), 7, None),
        (Limits(1, minute=10), Units(10, 10, 10), 0, at(12, 35)),
        (Limits(1, minute=10, hour=20), Units(10, 20, 20), 0, at(13, 0)),
        (Limits(1, minute=10, day=20), Units(0, 0, 20), 0, at(0, 0, 22)),
        (Limits(1, minute=10, day=20), Units(8, 0, 19), 1, None),
        (Limits(1, minute=10), Units(12, 0, 0), 0, at(12, 35)),
    ],
)
def test_the_tightest_limit_decides(
    limits: Limits, used: Units, left: int, opens: datetime | None
) -> None:
    assert limits.emails_left(used) == left
    assert limits.opens_at(used, NOON) == opens


def test_each_window_counts_emails_or_recipients() -> None:
    limits = Limits(1, minute=30, day=100, counting_recipients=frozenset({Window.DAY}))

    assert limits.units(recipients=7) == Units(1, 1, 7)
    assert limits.allow(Units(1, 1, 7), Units(29, 29, 93))
    assert not limits.allow(Units(1, 1, 7), Units(29, 29, 94))
    assert limits.too_small_for(Units(1, 1, 100)) is None
    assert "may send to 100 in one day" in (limits.too_small_for(Units(1, 1, 101)) or "")


@pytest.mark.parametrize(("limit", "share"), [(1, 1), (30, 1), (100, 4), (10_000, 400)])
def test_a_sender_holds_a_small_share(limit: int, share: int) -> None:
    assert Limits(1, day=limit).share == share


def test_an_account_without_limits_has_none() -> None:
    assert not Limits(1)
    assert Limits(1, hour=1)


def test_windows_are_kept_as_letters() -> None:
    assert letters_of(frozenset({Window.DAY, Window.MINUTE})) == "MD"
    assert windows_of("dm") == {Window.DAY, Window.MINUTE}
    assert (letters_of(frozenset()), windows_of(None)) == (None, frozenset())
