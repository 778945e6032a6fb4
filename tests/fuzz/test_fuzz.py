"""A short run of make fuzz: what every request is checked for, on each of the endpoints."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.campaign import SETTINGS, fuzz
from tests.fuzz.odd_values import misunderstood
from tests.support.standalone import Launch

SECONDS = 5


def test_an_admin_who_sends_anything_finds_nothing_that_is_not_described(
    standalone: Launch, tmp_path: Path
) -> None:
    service = standalone(**SETTINGS)

    outcome = fuzz(service.base, tmp_path, SECONDS, "all", service.login())

    assert outcome.clean, outcome.report
    assert outcome.statuses[200] > 0


def test_odd_values_in_paths_and_queries_have_their_meaning_or_are_refused(
    standalone: Launch,
) -> None:
    assert list(misunderstood(standalone(**SETTINGS))) == []
