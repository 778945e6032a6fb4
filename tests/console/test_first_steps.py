"""Which steps of the first visit are done, ticked off, open, and next."""

from __future__ import annotations

import pytest

from shared.console.first_steps import Step, standings


@pytest.mark.parametrize(
    ("done", "ticked", "following", "left"),
    [
        (set(), set(), Step.LOGIN, 6),
        ({Step.LOGIN}, set(), Step.DATABASE, 5),
        ({Step.LOGIN, Step.ACCOUNT}, {"database"}, Step.TEST_EMAIL, 3),
        ({Step.LOGIN, Step.DATABASE}, {"database", "of another version"}, Step.ACCOUNT, 4),
        (set(Step), set(), None, 0),
        (set(), {step.value for step in Step}, None, 0),
    ],
)
def test_the_next_step_is_the_first_that_is_neither_done_nor_ticked(
    done: set[Step], ticked: set[str], following: Step | None, left: int
) -> None:
    found = standings(done, ticked)

    assert [standing.step for standing in found] == list(Step)
    assert [standing.step for standing in found if standing.is_next] == [following][: bool(left)]
    assert sum(standing.is_open for standing in found) == left
