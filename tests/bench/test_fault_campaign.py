"""`make faults` in short: some of everything happens, and every email is accounted for."""

from __future__ import annotations

from pathlib import Path

from bench.faults.__main__ import run
from bench.faults.campaign import Plan
from bench.faults.report import as_json, as_page


def test_every_email_of_a_short_campaign_is_accounted_for(tmp_path: Path) -> None:
    plan = Plan(seed=7, emails=300, kills=5, faults=15, seconds=3, senders=2)

    outcome = run(plan, tmp_path, speeds=False)

    account = outcome.account
    assert account.findings == []
    assert outcome.died_by_themselves == []
    assert (outcome.kills, outcome.other_faults) == (5, 15)
    assert account.stored >= 300
    assert account.left == 0
    assert account.sent > 200
    assert as_json(outcome)["kills"] == 5
    assert "| **doubled** | **0** |" in as_page(outcome)
