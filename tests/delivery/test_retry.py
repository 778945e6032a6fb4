"""When an email is tried again, and how long an account rests."""

from __future__ import annotations

import pytest

from shared.delivery.retry import RetryPolicy, pause_seconds

MINUTE, HOUR = 60.0, 3600.0


@pytest.mark.parametrize(
    ("retries", "wait"), [(0, MINUTE), (1, 4 * MINUTE), (2, 16 * MINUTE), (3, None), (4, None)]
)
def test_an_email_is_retried_three_times_after_growing_waits(
    retries: int, wait: float | None
) -> None:
    assert RetryPolicy().next_wait(retries, chance=0.0) == wait


@pytest.mark.parametrize(
    ("first_wait", "retries", "wait"),
    [
        (MINUTE, 4, 256 * MINUTE),
        (MINUTE, 5, 6 * HOUR),
        (MINUTE, 99, 6 * HOUR),
        (0.01, 1, 0.04),
        (24 * HOUR, 0, 24 * HOUR),
        (24 * HOUR, 1, 24 * HOUR),
    ],
)
def test_no_wait_is_longer_than_six_hours_or_the_first_one(
    first_wait: float, retries: int, wait: float
) -> None:
    assert RetryPolicy(100, first_wait).next_wait(retries, chance=0.0) == pytest.approx(wait)


def test_without_retries_the_first_refusal_is_the_last_word() -> None:
    assert RetryPolicy(max_retries=0).next_wait(0, chance=0.0) is None


def test_chance_spreads_emails_that_were_refused_together_over_a_fifth_more() -> None:
    policy = RetryPolicy()

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
