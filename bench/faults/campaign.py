"""A campaign: emails, those who send them, and what is done to all of it, drawn from one seed."""

from __future__ import annotations

import errno
import heapq
import os
import random
import resource
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench.faults.accounting import Account, Entry, Evidence, settle
from bench.faults.application import Applications, Busy
from bench.faults.mail_servers import DEEDS, Deed, MailServers, Misbehaviour, Stage
from bench.faults.sender import LEASE_SECONDS, settings_for
from bench.faults.senders import Sender, Senders, tree_of
from shared.accounts.numbers import insert_account
from shared.app import Application

CALM = "CALM"
"""The account whose mail server does as it should."""
STRUCK = ("AIR", "FIRE", "WATER")
_LATENCY = (0.005, 0.03)
"""Seconds from a message's end to its reply, in a storm."""
_DRAIN_SECONDS = 3.0
_LAST_DRAIN_SECONDS = 20.0
_DISK_MB = 768
_SETTLE_SECONDS = 60.0
"""So long without any progress, and what is left stays."""
_STEP_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a campaign is.

    seconds: how long its faults are spread over. before: a revision whose senders run beside
    these; None: none do. senders: of this revision, at once.
    """

    seed: int = 1
    emails: int = 50_000
    kills: int = 1_000
    faults: int = 1_000
    seconds: float = 1_200.0
    before: str | None = None
    senders: int = 3


class Campaign:
    """One database, its senders, mail servers and applications. Use in a `with`."""

    def __init__(self, plan: Plan, notes: Path) -> None:
        self.plan = plan
        self.notes = notes
        self.chance = random.Random(plan.seed)
        self.done: Counter[str] = Counter()
        self._stack = ExitStack()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._full = False
        self._locked = False

    def __enter__(self) -> Campaign:
        with ExitStack() as stack:
            self.data = stack.enter_context(_disk(self.notes / "data"))
            self.servers = stack.enter_context(
                MailServers((CALM, *STRUCK), _LATENCY, self.plan.seed)
            )
            self._fill_accounts()
            self.file = self.data / "rowpost.db"
            codes = (CALM, *STRUCK)
            self.applications = Applications(self.file, codes, self.plan.seed)
            self.senders = Senders(self.data, self.notes)
            stack.callback(self.senders.stop_all)
            self._tree = None
            if self.plan.before is not None:
                self._tree = tree_of(self.plan.before, self.notes / "before")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # What goes on.

    def staff(self) -> None:
        """See to it that so many senders are there as there are to be."""
        self.senders.bury()
        ours = [each for each in self.senders.alive if each.revision == "this"]
        for _ in range(self.plan.senders - len(ours)):
            self.senders.begin()

    def pass_time(self, until: float) -> None:
        """What is due meanwhile is done."""
        while (now := time.monotonic()) < until:
            self.do_what_is_due(now)
            time.sleep(min(_STEP_SECONDS, until - now))
        self.do_what_is_due(time.monotonic())

    def do_what_is_due(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            heapq.heappop(self._later)[2]()

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._order), work))

    def storm(self) -> None:
        """All faults of the plan, at moments drawn at random over its time."""
        plan, chance = self.plan, self.chance
        self.servers.pace(_LATENCY)
        self.senders.drain_seconds = _DRAIN_SECONDS
        began, before = time.monotonic(), len(self.applications.asked)
        faults = [(chance.uniform(0, plan.seconds), self.kill) for _ in range(plan.kills)]
        for _ in range(plan.faults):
            (fault,) = chance.choices(*self._choices())
            faults.append((chance.uniform(0, plan.seconds), fault))
        faults.sort(key=lambda fault: fault[0])
        for moment, fault in faults:
            while time.monotonic() < began + moment:
                self._turn(before, (time.monotonic() - began) / plan.seconds)
            self._turn(before, moment / plan.seconds)
            fault()
        while self._later or len(self.applications.asked) < before + plan.emails:
            self._turn(before, 1.0)

    def _turn(self, before: int, share: float) -> None:
        """A moment passes: what is due is done, emails are stored, who died is replaced.

        before: how many emails were stored when it began, share: how much of its time is over.
        """
        self.do_what_is_due(time.monotonic())
        self.staff()
        wanted = before + int(self.plan.emails * share) - len(self.applications.asked)
        if wanted > 0 and self.may_write:
            with suppress(Busy):
                self.applications.insert(min(wanted, 200))
        time.sleep(_STEP_SECONDS)

    @property
    def may_write(self) -> bool:
        """Whether an application can store something now."""
        return not (self._full or self._locked)

    # Faults.

    def _choices(self) -> tuple[list[Callable[[], None]], list[float]]:
        weights: dict[Callable[[], None], float] = {
            self.misbehave: 8,
            self.outage: 1,
            self.meddle: 5,
            self.freeze: 2,
            self.lock: 1,
            self.fill_disk: 1,
            self.let_no_file_grow: 0.7,
            self.let_no_file_be_opened: 0.7,
            self.let_clock_jump: 1,
        }
        if self._tree is not None:
            weights[self.begin_the_one_before] = 0.5
        return list(weights), list(weights.values())

    def _until_there_is_a_victim(self) -> Sender:
        """Somebody who sends now, and is not in trouble already."""
        while not (free := self.senders.at_work):
            self._turn(0, 0.0)
        return self.chance.choice(free)

    def kill(self) -> None:
        """SIGKILL, whatever it is doing."""
        self.senders.kill(self._until_there_is_a_victim())
        self.done["kill"] += 1

    def freeze(self) -> None:
        """SIGSTOP until its leases are over and somebody else has rescued; then it goes on."""
        victim = self._until_there_is_a_victim()
        self.senders.freeze(victim)
        self.done["freeze past the lease"] += 1
        seconds = LEASE_SECONDS * self.chance.uniform(0.6, 2.5)
        self.later(seconds, lambda: self.senders.thaw(victim))

    def misbehave(
        self,
        stage: Stage | None = None,
        deed: Deed | None = None,
        seconds: float | None = None,
        code: str | None = None,
    ) -> None:
        """A mail server cuts, stalls, refuses or lies for a while."""
        stage = stage or self.chance.choice(list(DEEDS))
        deed = deed or self.chance.choice(DEEDS[stage])
        seconds = seconds or self.chance.uniform(0.1, 1.0)
        share = self.chance.choice((1.0, 0.3)) if deed is not Deed.REFUSE else 0.3
        self.done[f"mail server: {deed.value} at {stage.value}"] += 1
        code = code or self.chance.choice(STRUCK)
        self.servers.by_code[code].misbehave(
            Misbehaviour(stage, deed, time.monotonic() + seconds, share)
        )

    def outage(self, code: str | None = None) -> None:
        """A mail server is gone, with all its connections, and comes back."""
        code = code or self.chance.choice(STRUCK)
        if not self.servers.is_open(code):
            return self.misbehave()
        self.servers.close(code)
        self.done["mail server: gone"] += 1
        self.later(self.chance.uniform(0.2, 2.0), lambda: self.servers.open(code))
        return None

    def lock(self, seconds: float | None = None) -> None:
        """Somebody else's transaction keeps the database, sometimes past all leases."""
        if not self.may_write:
            return self.misbehave()
        connection = sqlite3.connect(self.file, timeout=0.1, isolation_level=None)
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            connection.close()
            return self._again(self.lock)
        self._locked = True
        self.done["database locked"] += 1
        for each in self.senders.alive:
            self.senders.harmed[each.pid].append("locked out")

        def unlock() -> None:
            connection.execute("ROLLBACK")
            connection.close()
            self._locked = False

        self.later(seconds or self.chance.choice((0.2, 0.5, 1.0, 1.0, 3.0)), unlock)
        return None

    def fill_disk(self, seconds: float | None = None) -> None:
        """The disk of the database is full, for everybody. Where it can't be: for one sender."""
        if not self.may_write:
            return self.misbehave()
        if not self.data.is_mount():
            return self.let_no_file_grow()
        ballast = self.data / "ballast"
        self._full = True
        self.done["disk full"] += 1
        for each in self.senders.alive:
            self.senders.harmed[each.pid].append("disk full")
        _fill(ballast)

        def empty() -> None:
            ballast.unlink()
            self._full = False

        self.later(seconds or self.chance.choice((0.1, 0.3, 1.0, 2.5)), empty)
        return None

    def let_no_file_grow(self) -> None:
        """RLIMIT_FSIZE of one sender: its writes end with EFBIG."""
        self._starve(resource.RLIMIT_FSIZE, "no file may grow")

    def let_no_file_be_opened(self) -> None:
        """RLIMIT_NOFILE of one sender: no connection, neither to the database nor to a server."""
        self._starve(resource.RLIMIT_NOFILE, "no file may be opened")

    def _starve(self, limit: int, name: str) -> None:
        victim = self._until_there_is_a_victim()
        self.senders.starve(victim, limit)
        self.done[name] += 1
        self.later(self.chance.uniform(0.1, 2.0), lambda: self.senders.feed(victim, limit))

    def let_clock_jump(self) -> None:
        """The clock of one sender's application jumps by up to two days, forth or back."""
        self.senders.let_clock_jump(self._until_there_is_a_victim())
        self.done["clock jumps"] += 1

    def begin_the_one_before(self) -> None:
        """A sender of the revision before works beside the others for a while."""
        if self._tree is None:
            return
        begun = self.senders.begin_with(self._tree)
        self.done["revision before beside"] += 1

        def end() -> None:
            if begun.is_alive:
                self.senders.kill(begun)

        self.later(self.chance.uniform(4, 12), end)

    def meddle(self) -> None:
        """Applications change rows: edit, delete, take back, reset, rewrite, reinsert."""
        if not self.may_write:
            return self.misbehave()
        try:
            self.done[f"application: {self.applications.meddle()}"] += 1
        except Busy:
            return self._again(self.meddle)
        return None

    def _again(self, fault: Callable[[], None]) -> None:
        """Somebody holds the database: a moment later."""
        self.later(0.2, fault)

    # The end.

    def settle(self) -> Account:
        """Unharmed senders send what is left; then the account of every email."""
        self.senders.stop_all()
        self.senders.drain_seconds = _LAST_DRAIN_SECONDS
        left, deadline = self._left(), time.monotonic() + _SETTLE_SECONDS
        while left and time.monotonic() < deadline:
            self.staff()
            self.do_what_is_due(time.monotonic())
            time.sleep(0.2)
            before, left = left, self._left()
            if left < before:
                deadline = time.monotonic() + _SETTLE_SECONDS
        self.senders.stop_all()
        return settle(
            self.applications.asked,
            self._entries(),
            Evidence(
                self.servers.record,
                self.senders.processes_of_leases(),
                {pid for pid, how in self.senders.harmed.items() if set(how) != {"stopped"}},
            ),
        )

    def _left(self) -> int:
        """How many emails have not ended; those that wait for their next try may go at once."""
        with self._reading() as connection:
            connection.execute(
                "UPDATE Rowpost_Emails SET NotBefore = strftime('%Y-%m-%d %H:%M:%f', 'now') "
                "WHERE State = 'N' AND NotBefore > strftime('%Y-%m-%d %H:%M:%f', 'now', '1 second')"
            )
            (left,) = connection.execute(
                "SELECT (SELECT COUNT(*) FROM Rowpost_Emails WHERE State IN ('N', 'P', 'T') "
                "OR WriteAfter IS NOT NULL) + (SELECT COUNT(*) FROM Digital_Emaildetails "
                "WHERE dd_SendFlag = 'N')"
            ).fetchone()
        return int(left)

    def waiting(self, code: str) -> int:
        """How many emails of an account wait."""
        with self._reading() as connection:
            (number,) = connection.execute(
                "SELECT COUNT(*) FROM Digital_Emaildetails "
                "WHERE dd_EmailParamCode = ? AND dd_SendFlag IN ('N', 'P')",
                (code,),
            ).fetchone()
        return int(number)

    def _entries(self) -> list[Entry]:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT EmailId, IsCurrent, State, COALESCE(Reason, ''), LeaseToken, dd_SendFlag "
                "FROM Rowpost_Emails LEFT JOIN Digital_Emaildetails ON dd_srno = EmailId "
                "ORDER BY Number"
            ).fetchall()
        return [Entry(*row) for row in rows]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.file, timeout=60, isolation_level=None)
        try:
            yield connection
        finally:
            connection.close()

    def _fill_accounts(self) -> None:
        application = Application(settings_for(self.data))
        with application.database().write() as connection:
            for code, server in self.servers.by_code.items():
                insert_account(connection, _account(code, server.port))
        application.close()


@contextmanager
def _disk(folder: Path) -> Iterator[Path]:
    """A small disk in memory where we may mount one, so that it can be full; else a folder."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m,mode=700", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False).returncode == 0
    try:
        yield folder
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    if file.write(b"\0" * size) < size:
                        break
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def _account(code: str, port: int) -> dict[str, object]:
    return {
        "SMTPServer": "127.0.0.1",
        "SMTPPort": port,
        "SMTPMailId": f"{code.lower()}@example.com",
        "SMTPSSLFlag": "N",
        "ParamCode": code,
        "IsActive": "Y",
    }
