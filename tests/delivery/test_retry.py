"""When an email is tried again, and how long an account rests."""

from __future__ import annotations

from itertools import count, takewhile

import pytest

from shared.delivery.retry import RetryPolicy, pause_seconds
from shared.settings import Settings

MINUTE, HOUR = 60.0, 3600.0


def waits_of(policy: RetryPolicy) -> list[float]:
    """All waits between the tries of an email that is refused every time."""
    waits = takewhile(
        lambda wait: wait is not None, (policy.next_wait(retries, 0.0) for retries in count())
    )
    return [wait for wait in waits if wait is not None]


def policy_of(settings: Settings) -> RetryPolicy:
    return RetryPolicy(settings.max_retries, settings.retry_seconds)


def test_an_email_is_retried_for_a_day_after_waits_that_grow_to_an_hour() -> None:
    waits = waits_of(policy_of(Settings()))

    assert waits[:5] == [MINUTE, 4 * MINUTE, 16 * MINUTE, HOUR, HOUR]
    assert set(waits[5:]) == {HOUR}
    assert 24 * HOUR <= sum(waits) < 25 * HOUR


@pytest.mark.parametrize(("max_retries", "first_wait"), [(0, 60.0), (2, 0.5), (100, 86_400.0)])
def test_the_settings_say_how_often_and_how_long_first(max_retries: int, first_wait: float) -> None:
    waits = waits_of(policy_of(Settings(max_retries=max_retries, retry_seconds=first_wait)))

    assert len(waits) == max_retries
    assert waits[:1] == [first_wait][:max_retries]


@pytest.mark.parametrize(
    ("first_wait", "retries", "wait"),
    [
        (MINUTE, 3, HOUR),
        (MINUTE, 99, HOUR),
        (20 * MINUTE, 1, HOUR),
        (0.01, 1, 0.04),
        (24 * HOUR, 0, 24 * HOUR),
        (24 * HOUR, 1, 24 * HOUR),
    ],
)
def test_no_wait_is_longer_than_an_hour_or_the_first_one(
    first_wait: float, retries: int, wait: float
) -> None:
    assert RetryPolicy(100, first_wait).next_wait(retries, chance=0.0) == pytest.approx(wait)


def test_without_retries_the_first_refusal_is_the_last_word() -> None:
    assert RetryPolicy(0, MINUTE).next_wait(0, chance=0.0) is None


def test_chance_spreads_emails_that_were_refused_together_over_a_fifth_more() -> None:
    policy = RetryPolicy(3, MINUTE)

    waits = [policy.next_wait(0, chance) for chance in (0.0, 0.5, 0.999)]

    assert waits == pytest.approx([60.0, 66.0, 72.0], rel=1e-3)


@pytest.mark.parametrize(
    ("times", "login_refused", "minutes"),
    [
        (0, False, 1),
        (1, False, 2),
        (2, False, 4),
        (3, False, 8),
        (4, False, 15),
        (10_000, False, 15),
        (0, True, 5),
        (1, True, 10),
        (2, True, 15),
        (10_000, True, 15),
    ],
)
def test_an_account_rests_longer_each_time_and_longer_when_its_login_was_refused(
    times: int, login_refused: bool, minutes: int
) -> None:
    assert pause_seconds(times, login_refused=login_refused, chance=0.0) == minutes * MINUTE


def test_chance_lengthens_a_pause_by_a_fifth_at_most() -> None:
    assert pause_seconds(0, login_refused=False, chance=0.999) == pytest.approx(72.0, rel=1e-3)
