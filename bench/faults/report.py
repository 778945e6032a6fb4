"""A campaign's outcome, as JSON and as a page."""

from __future__ import annotations

import os
import platform
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.faults import accounting
from bench.faults.accounting import Account
from bench.faults.campaign import Plan
from bench.faults.liveness import Slowed
from bench.faults.sender import CONNECTIONS, LEASE_SECONDS

_LEAST_SPEED_KEPT = 0.5
_MOST_SHOWN = 20


@dataclass
class Outcome:
    """What a campaign came to."""

    plan: Plan
    account: Account
    done: Counter[str]
    """Faults, by kind."""
    changed_rows: Counter[str]
    """What applications did to their rows, by kind."""
    seconds: float
    died_by_themselves: list[tuple[int, int | None]] = field(default_factory=list)
    slowed: list[Slowed] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return self.done["kill"]

    @property
    def other_faults(self) -> int:
        return self.done.total() - self.kills

    @property
    def is_as_promised(self) -> bool:
        """Nothing lost, nothing doubled, every unknown one justified, and no sender that ended
        without having been told to."""
        return not self.account.findings and not self.died_by_themselves

    @property
    def too_slow(self) -> list[Slowed]:
        """Faults for whose sake others had less than half of their speed."""
        return [each for each in self.slowed if not each.for_all and each.kept < _LEAST_SPEED_KEPT]


def as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "plan": asdict(outcome.plan),
        "machine": machine(),
        "revision": revision(),
        "seconds": round(outcome.seconds),
        "kills": outcome.kills,
        "other_faults": outcome.other_faults,
        "faults": dict(sorted(outcome.done.items())),
        "changed_rows": dict(outcome.changed_rows),
        "account": {
            **{name: value for name, value in asdict(outcome.account).items() if name != "findings"}
        },
        "findings": [asdict(finding) for finding in outcome.account.findings[:_MOST_SHOWN]],
        "died_by_themselves": outcome.died_by_themselves,
        "slowed": [asdict(each) for each in outcome.slowed],
    }


def as_page(outcome: Outcome) -> Iterator[str]:
    """The lines of two tables in Markdown."""
    plan, account = outcome.plan, outcome.account
    yield (
        f"Seed {plan.seed}, revision {revision()}, beside it {plan.before or 'no other revision'}; "
        f"{machine()}; {plan.senders} senders of {CONNECTIONS} connections an account, leases of "
        f"{LEASE_SECONDS} s; {round(outcome.seconds)} s in all."
    )
    yield ""
    yield "| | |"
    yield "|---|---|"
    for name, value in _figures(outcome, account):
        yield f"| {name} | {value} |"
    yield ""
    yield "| fault | how often |"
    yield "|---|---|"
    for name, number in sorted(outcome.done.items()):
        yield f"| {name} | {number} |"
    if outcome.slowed:
        yield ""
        yield from _speeds(outcome.slowed)


def _figures(outcome: Outcome, account: Account) -> Iterator[tuple[str, object]]:
    yield "kills, other faults", f"{outcome.kills:,}, {outcome.other_faults:,}"
    yield "emails stored", f"{account.stored:,}"
    yield "= sent", f"{account.sent:,}"
    for reason, number in account.failed.most_common():
        yield f"+ failed: {reason}", number
    yield "+ unknown (U)", account.unknown
    yield "+ withdrawn by their application: deleted, taken back, replaced", account.withdrawn
    yield "+ not ended", account.left
    for what in accounting.FINDINGS:
        yield f"**{what}**", f"**{account.count(what)}**"
    yield "unknown ones that had arrived", account.unknown_that_arrived
    yield "sent again because their application asked for it", account.sent_again_as_asked
    yield "thrown away by a server that had said 250", account.dropped_by_a_lie
    yield "senders that ended by themselves", len(outcome.died_by_themselves)


def _speeds(slowed: Sequence[Slowed]) -> Iterator[str]:
    yield "| fault, alone | emails/s before | kept in the 5 s after | below half of it for |"
    yield "|---|---|---|---|"
    for each in slowed:
        name = f"{each.fault} (concerns all)" if each.for_all else each.fault
        yield f"| {name} | {each.before} | {each.kept:.0%} | {each.slow_seconds} s |"


def machine() -> str:
    """Cores, Python, and what else runs there."""
    load = os.getloadavg()[1]
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}"


def revision() -> str:
    """The commit that is checked out; `+` where files differ from it."""
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "unknown"
