"""Settling the account of a campaign: what became of every email that was asked for. Pure.

Of each row's id the entries of the ledger tell how often it was sent: so many copies have to have
arrived, neither fewer nor more, as entries say Y; for each that says U, one more may have.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.faults.application import Asked
from bench.faults.mail_servers import Record

LOST = "lost"
DOUBLED = "doubled"
UNJUSTIFIED = "unknown without a fault"
NO_REASON = "failed without a reason"
LEFT = "left waiting"
UNTOLD = "row not told its end"
FINDINGS = (LOST, DOUBLED, UNJUSTIFIED, NO_REASON, LEFT, UNTOLD)

_ENDS = ("Y", "F", "U")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the ledger, as it stands in the end. letter: its row's; None: it has none."""

    email_id: int
    is_current: bool
    state: str
    reason: str = ""
    token: str | None = None
    letter: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the driver knows beside the ledger.

    record: what the mail servers took and did. processes: who took which lease. harmed: processes
    that something was done to, so that an outcome may be unknown for their sake.
    """

    record: Record
    processes: Mapping[str, int]
    harmed: Collection[int]


@dataclass(frozen=True, slots=True)
class Finding:
    """An email whose account does not settle, and why."""

    what: str
    email_id: int
    serials: tuple[int, ...]
    told: str


@dataclass
class Account:
    """How a campaign ended: stored = sent + failed + unknown + withdrawn, and what is left."""

    stored: int = 0
    sent: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """By reason, without what differs from email to email."""
    unknown: int = 0
    withdrawn: int = 0
    """Deleted, taken back or replaced by its application, had it arrived by then or not."""
    sent_again_as_asked: int = 0
    unknown_that_arrived: int = 0
    dropped_by_a_lie: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Emails that have not ended."""
        return self.stored - self.sent - self.failed.total() - self.unknown - self.withdrawn

    def count(self, what: str) -> int:
        return sum(finding.what == what for finding in self.findings)


def settle(asked: Sequence[Asked], entries: Iterable[Entry], evidence: Evidence) -> Account:
    """The account of all emails that were asked for."""
    account = Account(stored=len(asked))
    entries_of: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        entries_of[entry.email_id].append(entry)
    asked_of: dict[int, list[Asked]] = defaultdict(list)
    for each in asked:
        asked_of[each.email_id].append(each)
    for email_id, wishes in asked_of.items():
        case = _Case(email_id, wishes, entries_of[email_id], evidence)
        account.findings += case.findings()
        case.count(account)
    return account


class _Case:
    """One id: who has had it one after another, its entries, and the copies that arrived."""

    def __init__(
        self, email_id: int, wishes: Sequence[Asked], entries: Sequence[Entry], evidence: Evidence
    ) -> None:
        self._email_id = email_id
        self._wishes = wishes
        self._entries = entries
        self._evidence = evidence
        self._serials = tuple(wish.serial for wish in wishes)
        self._states = Counter(entry.state for entry in entries)
        self._current = next((entry for entry in entries if entry.is_current), None)
        self._copies = [
            self._copies_for(place) for place in range(max(wish.recipients for wish in wishes))
        ]

    def findings(self) -> list[Finding]:
        """All that does not settle."""
        return [
            Finding(what, self._email_id, self._serials, f"{self._story()}: {why}")
            for what, why in (
                *self._doubled(),
                *self._lost(),
                *self._unended(),
                *self._unjustified(),
            )
        ]

    def count(self, account: Account) -> None:
        """Where each of the wishes belongs."""
        last, current = self._wishes[-1], self._current
        account.withdrawn += sum(wish.withdrawn for wish in self._wishes)
        if not last.withdrawn and current is not None:
            account.sent += current.state == "Y"
            account.unknown += current.state == "U"
            if current.state == "F":
                account.failed[_in_general(current.reason)] += 1
            if current.state == "U":
                account.unknown_that_arrived += max(self._copies) > self._states["Y"]
        account.sent_again_as_asked += max(self._states["Y"] - len(self._wishes), 0)
        dropped = self._evidence.record.dropped
        account.dropped_by_a_lie += any(dropped[serial, 0] for serial in self._serials)

    def _doubled(self) -> Iterable[tuple[str, str]]:
        kept = self._evidence.record.kept
        for wish in self._wishes:
            most = max(kept[wish.serial, place] for place in range(wish.recipients))
            if most > wish.asked:
                yield DOUBLED, f"{wish.serial} came {most} times, asked for {wish.asked}"
        most = self._states["Y"] + self._states["U"]
        # What some of its recipients have had when it is withdrawn is nowhere but in its list.
        if len(self._copies) > 1 and any(wish.withdrawn for wish in self._wishes):
            most += self._states["C"]
        if max(self._copies) > most:
            yield DOUBLED, "more arrived than the ledger knows of"

    def _lost(self) -> Iterable[tuple[str, str]]:
        for place, copies in enumerate(self._copies):
            refused = any(
                (serial, place) in self._evidence.record.refused for serial in self._serials
            )
            if copies < self._states["Y"] and not refused:
                yield LOST, f"recipient {place} has fewer than the ledger says"
        last = self._wishes[-1]
        if not last.withdrawn and len(self._entries) < last.asked:
            yield LOST, "it was not taken up as often as it was asked for"
        if not last.withdrawn and self._current is not None and self._current.state == "C":
            yield LOST, "nobody withdrew it"

    def _unended(self) -> Iterable[tuple[str, str]]:
        current = self._current
        if self._wishes[-1].withdrawn:
            return
        if current is None or current.state not in (*_ENDS, "C"):
            yield LEFT, "it has not ended"
        elif current.letter != current.state:
            yield UNTOLD, f"its row says {current.letter}"

    def _unjustified(self) -> Iterable[tuple[str, str]]:
        for entry in self._entries:
            if entry.state == "F" and not entry.reason:
                yield NO_REASON, "no reason stands there"
            if entry.state == "U" and not self._is_justified(entry):
                yield UNJUSTIFIED, "neither its server nor its sender had a fault"

    def _is_justified(self, entry: Entry) -> bool:
        """Its server kept back the final reply, or something was done to its sender; or it was on
        its way when its row was replaced."""
        evidence = self._evidence
        if entry.token is None:
            return not entry.is_current
        by_server = not evidence.record.uncertain.isdisjoint(self._serials)
        return by_server or evidence.processes.get(entry.token) in evidence.harmed

    def _copies_for(self, place: int) -> int:
        record = self._evidence.record
        return sum(
            record.kept[serial, place] + record.dropped[serial, place] for serial in self._serials
        )

    def _story(self) -> str:
        wishes = [(wish.asked, "withdrawn" if wish.withdrawn else "") for wish in self._wishes]
        entries = [(entry.state, entry.reason[:60]) for entry in self._entries]
        return f"asked {wishes}, entries {entries}, copies {self._copies}"


def _in_general(reason: str) -> str:
    return " ".join(word for word in reason.split() if not any(map(str.isdigit, word)))[:80]
