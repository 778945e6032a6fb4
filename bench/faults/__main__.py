"""Emails through kills, freezes, cuts and lies; then an account of every one of them.

python -m bench.faults [--seed 1] [--emails 50000] [--kills 1000] [--faults 1000] [--seconds 1200]
                       [--before REVISION] [--no-speeds] [--json]

At first each fault alone, while it is measured how much slower other accounts become; then all of
them at random. Ends with 1 if an email is lost, doubled, left, or unknown without a fault. On
Linux. As root it mounts a small disk for the data, which it fills.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path

from bench.faults.campaign import Campaign, Plan
from bench.faults.liveness import slowed_by_each
from bench.faults.report import Outcome, as_json, as_page


def main() -> int:
    chosen = _arguments()
    plan = Plan(
        chosen.seed, chosen.emails, chosen.kills, chosen.faults, chosen.seconds, chosen.before
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to stop"))  # Whatever is mounted goes.
    notes = Path(tempfile.mkdtemp(prefix="rowpost-faults-"))
    print(f"journal and logs: {notes}", file=sys.stderr)
    outcome = run(plan, notes, speeds=not chosen.no_speeds)
    if chosen.json:
        print(json.dumps(as_json(outcome), indent=2))
    else:
        print("\n".join(as_page(outcome)))
    for finding in outcome.account.findings:
        print(finding, file=sys.stderr)
    return 0 if outcome.is_as_promised else 1


def run(plan: Plan, notes: Path, *, speeds: bool = True) -> Outcome:
    """A whole campaign; `notes` keeps the senders' log and the journal of their leases."""
    with Campaign(plan, notes) as campaign:
        began = time.monotonic()
        slowed = slowed_by_each(campaign) if speeds else []
        campaign.done.clear()
        campaign.storm()
        account = campaign.settle()
        return Outcome(
            plan,
            account,
            campaign.done,
            campaign.applications.changed,
            time.monotonic() - began,
            campaign.senders.died_by_themselves,
            slowed,
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description="The campaign.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--emails", type=int, default=50_000)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--faults", type=int, default=1_000, help="faults of other kinds")
    parser.add_argument("--seconds", type=float, default=1_200, help="over so long")
    parser.add_argument("--before", help="a revision whose senders run beside these")
    parser.add_argument("--no-speeds", action="store_true", help="no fault alone beforehand")
    parser.add_argument("--json", action="store_true", help="JSON in place of a page")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
