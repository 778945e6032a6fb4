"""Settling the account of a campaign: what became of every email that was asked for. Pure.

Of each id the entries of the ledger tell how often it was sent: as many copies have to have
arrived, neither fewer nor more, as entries say Y; for each that says U, one more may have.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bench.faults.application import Asked
from bench.faults.mail_servers import Record

_ENDS = ("Y", "F", "U", "C")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the ledger, as it stands in the end."""

    email_id: int
    is_current: bool
    state: str
    reason: str
    token: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """An email whose account does not settle, and why."""

    what: str
    email_id: int
    serials: tuple[int, ...]
    told: str


@dataclass
class Account:
    """How a campaign ended, in emails."""

    stored: int = 0
    sent_once: int = 0
    sent_again_as_asked: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """By reason, numbers left out."""
    unknown: int = 0
    unknown_that_arrived: int = 0
    withdrawn: int = 0
    dropped_by_a_lie: int = 0
    findings: list[Finding] = field(default_factory=list)

    def count(self, what: str) -> int:
        return sum(finding.what == what for finding in self.findings)


class _Find(Protocol):
    """Notes a finding."""

    def __call__(self, what: str, more: str = "") -> None: ...


LOST = "lost"
DOUBLED = "doubled"
UNJUSTIFIED = "unknown without a fault"
NO_REASON = "failed without a reason"
LEFT = "left waiting"


def settle(
    asked: Sequence[Asked],
    entries: Iterable[Entry],
    record: Record,
    processes: Mapping[str, int],
    harmed: Collection[int],
) -> Account:
    """The account of all emails. `processes`: by lease; `harmed`: those that something was done
    to, so that an outcome may be unknown for their sake."""
    account = Account(stored=len(asked))
    entries_of: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        entries_of[entry.email_id].append(entry)
    asked_of: dict[int, list[Asked]] = defaultdict(list)
    for each in asked:
        asked_of[each.email_id].append(each)
    for email_id, wishes in asked_of.items():
        _settle(account, email_id, wishes, entries_of[email_id], record, processes, harmed)
    return account


def _settle(
    account: Account,
    email_id: int,
    wishes: Sequence[Asked],
    entries: Sequence[Entry],
    record: Record,
    processes: Mapping[str, int],
    harmed: Collection[int],
) -> None:
    serials = tuple(wish.serial for wish in wishes)
    states = Counter(entry.state for entry in entries)
    told = (
        f"asked {[(wish.asked, wish.withdrawn) for wish in wishes]}, "
        f"entries {[(entry.state, entry.reason[:60]) for entry in entries]}, "
    )

    def find(what: str, more: str = "") -> None:
        account.findings.append(Finding(what, email_id, serials, told + more))

    places = max(wish.recipients for wish in wishes)
    copies = [_copies(record, serials, place) for place in range(places)]
    told += f"copies {copies}"
    _require_each_once(wishes, record, find)
    most = states["Y"] + states["U"]
    if any(wish.withdrawn for wish in wishes) and places > 1:
        most += states["C"]
    if max(copies) > most:
        find(DOUBLED, ": more than the ledger knows of")
    for place in range(places):
        refused = any((serial, place) in record.refused for serial in serials)
        if copies[place] < states["Y"] and not refused:
            find(LOST, f": recipient {place} has fewer than the ledger says")
    last = wishes[-1]
    if not last.withdrawn and not any(
        entry.is_current and entry.state in _ENDS for entry in entries
    ):
        find(LEFT)
    for entry in entries:
        _judge(account, entry, serials, record, processes, harmed, find)
    _count(account, wishes, states, max(copies), record)


def _copies(record: Record, serials: Sequence[int], place: int) -> int:
    return sum(record.kept[serial, place] + record.dropped[serial, place] for serial in serials)


def _require_each_once(wishes: Sequence[Asked], record: Record, find: _Find) -> None:
    for wish in wishes:
        for place in range(wish.recipients):
            kept = record.kept[wish.serial, place]
            if kept > wish.asked:
                find(DOUBLED, f": {wish.serial} came {kept} times, asked for {wish.asked}")


def _judge(
    account: Account,
    entry: Entry,
    serials: Sequence[int],
    record: Record,
    processes: Mapping[str, int],
    harmed: Collection[int],
    find: _Find,
) -> None:
    if entry.state == "F":
        account.failed[_without_numbers(entry.reason)] += 1
        if not entry.reason:
            find(NO_REASON)
    if entry.state == "U":
        by_server = not record.uncertain.isdisjoint(serials)
        by_sender = entry.token is not None and processes.get(entry.token) in harmed
        superseded = entry.token is None and not entry.is_current
        if not (by_server or by_sender or superseded):
            find(UNJUSTIFIED)


def _count(
    account: Account,
    wishes: Sequence[Asked],
    states: Counter[str],
    copies: int,
    record: Record,
) -> None:
    account.withdrawn += sum(wish.withdrawn for wish in wishes)
    account.unknown += states["U"]
    account.unknown_that_arrived += min(states["U"], max(0, copies - states["Y"]))
    account.sent_once += min(states["Y"], 1)
    account.sent_again_as_asked += max(states["Y"] - 1, 0)
    account.dropped_by_a_lie += any(record.dropped[wish.serial, 0] for wish in wishes)


def _without_numbers(reason: str) -> str:
    return " ".join(word for word in reason.split() if not any(map(str.isdigit, word)))[:80]
