"""What follows from what a message says of a recipient. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from shared.bounces.report import Finding, Kind, Report
from shared.events.event import EventType


class Done(StrEnum):
    """What was done about it."""

    SUPPRESSED = "suppressed"
    """The address gets nothing for now."""
    ONCE = "once"
    """It is suppressed once another day says the same."""
    NOTED = "noted"
    """It stands with its email, and among the events."""
    COUNTED = "counted"
    """It says nothing of an email."""
    UNCLEAR = "unclear"
    """It was not understood."""
    REPEATED = "repeated"
    """The same was told of that email and recipient often enough: it is not told again."""
    NOT_OURS = "not_ours"
    """It names no email that was sent from here to that recipient, so it is not believed."""
    UNREADABLE = "unreadable"
    """It could not be read, or not be written down."""


class Filing(StrEnum):
    """Where a message is to go."""

    DONE = "done"
    UNCLEAR = "unclear"


class Consequence(NamedTuple):
    """`event`: what is told; None: nothing. `suppresses`: the address gets nothing for now."""

    done: Done
    event: EventType | None = None
    suppresses: bool = False


FOR_A_PERSON = (Done.UNCLEAR, Done.NOT_OURS, Done.UNREADABLE)
"""What nobody has understood yet."""
OF_NO_EMAIL = (Done.COUNTED, Done.REPEATED, *FOR_A_PERSON)
"""What stands with no email of ours."""
OF_AN_EMAIL = frozenset(
    {Kind.HARD, Kind.SOFT, Kind.POLICY, Kind.DELAYED, Kind.DELIVERED, Kind.COMPLAINT}
)
"""What is said of one email, and believed only where that is one of ours."""
_EVENTS = {
    Kind.HARD: EventType.BOUNCED,
    Kind.SOFT: EventType.BOUNCED,
    Kind.POLICY: EventType.BOUNCED,
    Kind.DELAYED: EventType.RETRYING,
    Kind.DELIVERED: EventType.DELIVERED,
    Kind.COMPLAINT: EventType.COMPLAINED,
}


def consequence_of(
    finding: Finding, *, is_ours: bool, is_guess: bool, said_before: bool, told_often: bool
) -> Consequence:
    """`is_ours`: it names an email from here to that recipient. `said_before`: another day has said
    the same of the address. `told_often`: so have many messages of that email and recipient."""
    event = _EVENTS.get(finding.kind)
    if event is None:
        return Consequence(Done.UNCLEAR if finding.kind is Kind.UNCLEAR else Done.COUNTED)
    if not is_ours:
        return Consequence(Done.NOT_OURS)
    if told_often:
        return Consequence(Done.REPEATED)
    if is_guess or finding.kind not in (Kind.HARD, Kind.COMPLAINT):
        return Consequence(Done.NOTED, event)
    if finding.needs_second and not said_before:
        return Consequence(Done.ONCE, event)
    return Consequence(Done.SUPPRESSED, event, suppresses=True)


def filing_of(report: Report, *, any_ours: bool) -> Filing:
    """Where a message goes: what was not understood, or is about no email of ours, is for a
    person."""
    understood = report.kind is not Kind.UNCLEAR
    if report.kind in OF_AN_EMAIL:
        understood = any_ours
    return Filing.DONE if understood else Filing.UNCLEAR


def told(finding: Finding) -> str:
    """The reason that an event gives: of which sort it is, and the server's words."""
    return f"{finding.kind.value}: {finding.reason}" if finding.reason else finding.kind.value
