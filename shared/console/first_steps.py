"""The steps of a first visit, and how far somebody has come with them. Pure.

What is done follows from what there is; what is as it should be without being done (the local file
for a database, say) can be ticked off.
"""

from __future__ import annotations

from collections.abc import Set
from enum import StrEnum
from typing import NamedTuple


class Step(StrEnum):
    LOGIN = "login"
    DATABASE = "database"
    ACCOUNT = "account"
    TEST_EMAIL = "test_email"
    SCHEDULE = "schedule"
    START = "start"


class Standing(NamedTuple):
    """A step: done by what there is, or ticked off by somebody; `is_next`: the first that is
    neither."""

    step: Step
    is_done: bool
    is_ticked: bool
    is_next: bool

    @property
    def is_open(self) -> bool:
        return not (self.is_done or self.is_ticked)


def standings(done: Set[Step], ticked: Set[str]) -> tuple[Standing, ...]:
    """Each step in its order."""
    left = [step for step in Step if step not in done and step.value not in ticked]
    return tuple(
        Standing(step, step in done, step.value in ticked, step in left[:1]) for step in Step
    )
