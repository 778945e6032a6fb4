"""How long those whom a fault does not concern were slower for its sake: each fault alone."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from bench.faults.application import Busy
from bench.faults.campaign import CALM, STRUCK, Campaign
from bench.faults.mail_servers import Deed, Stage

_BEFORE_SECONDS = 3.0
_LATENCY = (0.3, 0.5)
"""Of the mail servers, in seconds: so that a core is no bound."""
_AFTER_SECONDS = 5.0
_BIN_SECONDS = 0.5
_STOCK = 600
_DRAIN_SECONDS = 45.0
_FAULT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Slowed:
    """What one fault did to the account that it does not concern.

    before: its emails a second. kept: the share of them in the five seconds from the fault on.
    slow_seconds: how many of these it had less than half of its speed.
    for_all: the fault is everybody's, so that there is no account that it does not concern.
    """

    fault: str
    before: float
    kept: float
    slow_seconds: float
    for_all: bool = False


def slowed_by_each(campaign: Campaign) -> list[Slowed]:
    """Each kind of fault alone, while every account has emails that wait."""
    campaign.servers.pace(_LATENCY)
    campaign.senders.drain_seconds = _DRAIN_SECONDS
    campaign.staff()
    found = []
    for name, fault, for_all in _faults(campaign):
        _stock(campaign)
        campaign.pass_time(time.monotonic() + _BEFORE_SECONDS)
        struck_at = time.monotonic()
        fault()
        end = struck_at + _AFTER_SECONDS
        while time.monotonic() < end:
            campaign.do_what_is_due(time.monotonic())
            campaign.staff()
            time.sleep(0.02)
        arrivals = campaign.servers.record.arrivals[CALM]
        found.append(slowed(name, list(arrivals), struck_at, for_all=for_all))
    campaign.senders.stop_all()
    return found


def slowed(fault: str, arrivals: Sequence[float], struck_at: float, *, for_all: bool) -> Slowed:
    """Judged by when emails of that account arrived, in seconds, in order."""
    before = _number(arrivals, struck_at - _BEFORE_SECONDS, struck_at) / _BEFORE_SECONDS
    after = _number(arrivals, struck_at, struck_at + _AFTER_SECONDS) / _AFTER_SECONDS
    bins = [
        _number(arrivals, struck_at + place * _BIN_SECONDS, struck_at + (place + 1) * _BIN_SECONDS)
        for place in range(int(_AFTER_SECONDS / _BIN_SECONDS))
    ]
    slow = sum(number / _BIN_SECONDS < before / 2 for number in bins)
    kept = after / before if before else 0.0
    return Slowed(fault, round(before, 1), round(kept, 2), slow * _BIN_SECONDS, for_all)


def _number(arrivals: Sequence[float], since: float, until: float) -> int:
    return bisect_left(arrivals, until) - bisect_left(arrivals, since)


def _stock(campaign: Campaign) -> None:
    """Every account has something to send for as long as it is watched."""
    for code in (CALM, *STRUCK):
        lacking = _STOCK - campaign.waiting(code)
        while lacking > 0:
            with suppress(Busy):
                campaign.applications.insert(min(lacking, 200), code)
                lacking -= 200


def _faults(campaign: Campaign) -> list[tuple[str, Callable[[], None], bool]]:
    def misbehaving(stage: Stage, deed: Deed) -> tuple[str, Callable[[], None], bool]:
        def all_of_them() -> None:
            for code in STRUCK:
                campaign.misbehave(stage, deed, _FAULT_SECONDS, code)

        return f"three mail servers: {deed.value} at {stage.value}", all_of_them, False

    def gone() -> None:
        for code in STRUCK:
            campaign.outage(code)

    faults: list[tuple[str, Callable[[], None], bool]] = [
        ("none", lambda: None, False),
        ("one sender killed", campaign.kill, False),
        ("one sender frozen past its lease", campaign.freeze, False),
        misbehaving(Stage.CONNECT, Deed.STALL),
        misbehaving(Stage.RCPT, Deed.STALL),
        misbehaving(Stage.DOT, Deed.STALL),
        misbehaving(Stage.DOT, Deed.CUT),
        misbehaving(Stage.MAIL, Deed.CLOSING),
        misbehaving(Stage.RCPT, Deed.DEFER),
        misbehaving(Stage.MAIL, Deed.GARBAGE),
        ("three mail servers gone", gone, False),
        ("one sender's files may not grow", campaign.let_no_file_grow, False),
        ("one sender opens no files", campaign.let_no_file_be_opened, False),
        ("one sender's clock jumps", campaign.let_clock_jump, False),
        ("applications change rows", campaign.meddle, False),
        ("database locked", lambda: campaign.lock(_FAULT_SECONDS), True),
        ("disk full", lambda: campaign.fill_disk(_FAULT_SECONDS), True),
    ]
    if campaign.plan.before is not None:
        faults.append(("revision before beside", campaign.begin_the_one_before, False))
    return faults
