"""When an email that was just stored goes, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.outbox.states import Lane
from shared.scheduling.schedule import Schedule
from shared.scheduling.service_state import ServiceState

_TICK = timedelta(minutes=1)
_STALE_AFTER = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Expected:
    """`at`: when it goes at the latest, as far as anybody can tell; None: nobody can."""

    at: datetime | None
    words: str


def expected(state: ServiceState, schedule: Schedule, lane: Lane, now: datetime) -> Expected:
    """When an email of this lane goes, if its account lets it."""
    if not state.running:
        return Expected(None, "when the service is started: it is stopped (rowpost start)")
    if state.last_tick is None or now - state.last_tick > _STALE_AFTER:
        since = f" since {state.last_tick:%Y-%m-%d %H:%M}Z" if state.last_tick else ""
        return Expected(None, f"as soon as Rowpost runs: nobody has looked at the queue{since}")
    due = state.next_run(schedule, now) if lane is Lane.SCHEDULED else now
    if due is None or due <= now + _TICK:
        return Expected(now + _TICK, "within a minute")
    local = due.astimezone(schedule.zone)
    zone = "" if schedule.zone.key == "UTC" else f" ({local:%H:%M} {schedule.zone.key})"
    return Expected(due, f"at {due:%Y-%m-%d %H:%M}Z{zone}")
