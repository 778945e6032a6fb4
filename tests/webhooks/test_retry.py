"""When an event is tried again, when a webhook rests and when it is turned off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.webhooks.retry import DISABLED_AFTER, WAITS, next_wait, standing_after
from shared.webhooks.webhook import Answer

NOW = datetime(2026, 11, 27, 10, tzinfo=UTC)
TAKEN = Answer(204, None, 5)
REFUSED = Answer(500, "its receiver answered 500", 5)
SILENT = Answer(None, "no answer", 15_000)


def test_an_event_is_tried_for_three_days_as_the_specification_says() -> None:
    waits = [next_wait(attempts, REFUSED, 0) for attempts in range(1, len(WAITS) + 2)]

    assert waits[:3] == [5, 300, 1800]
    assert waits[-1] is None
    assert sum(WAITS) == (75 * 60 + 35) * 60 + 5
    assert next_wait(1, REFUSED, 1) == 6


@pytest.mark.parametrize(("wish", "wait"), [(60.0, 60), (1.0, 5), (1e9, 86_400)])
def test_a_receiver_may_ask_for_more_time_up_to_a_day(wish: float, wait: float) -> None:
    assert next_wait(1, REFUSED._replace(status=429, retry_after=wish), 0) == wait


def test_one_event_that_is_refused_does_not_make_the_others_wait() -> None:
    for failures in (0, 1):
        assert standing_after(failures, NOW, REFUSED, NOW, 0).rest is None
    assert standing_after(2, NOW, REFUSED, NOW, 0).rest == 5
    assert standing_after(9, NOW, TAKEN, NOW, 0) == (0, None, None, None)


@pytest.mark.parametrize(
    ("failures", "answer", "rest"),
    [
        (0, SILENT, 5),
        (1, SILENT, 15),
        (99, SILENT, 1800),
        (0, Answer(503, "503", 5), 5),
        (0, Answer(429, "429", 5, 90.0), 90),
    ],
)
def test_a_receiver_that_is_away_is_asked_ever_less_often(
    failures: int, answer: Answer, rest: float
) -> None:
    assert standing_after(failures, NOW, answer, NOW, 0).rest == rest


def test_410_and_days_of_failure_turn_a_webhook_off() -> None:
    gone = standing_after(0, None, Answer(410, "410", 5), NOW, 0)
    assert "410" in (gone.disable or "")
    before = NOW - DISABLED_AFTER + timedelta(seconds=1)
    assert standing_after(50, before, SILENT, NOW, 0).disable is None
    assert standing_after(50, NOW - DISABLED_AFTER, SILENT, NOW, 0).disable
