"""`kill -9` of the sender at every step of a transaction: nothing lost, nothing doubled."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from sqlalchemy import select

from shared.database.tables import events
from shared.delivery.dispatcher import Order, drain
from shared.delivery.unknown_operations import resolve_by_asking
from shared.maintenance.rescue import rescue
from shared.outbox.states import Flag
from tests.faults import senders
from tests.faults.ways_out import EVERYTHING, OVER_HTTP, hasty, identity, of_this_process
from tests.support.emails import let_leases_run_out, let_operations_be_asked
from tests.support.mail_services import MailService, Moment, running_mail_service
from tests.support.queue import Queue, make_queue
from tests.support.smtp import Command, SmtpServer

# `make faults` kills a thousand times.
KILLS_A_CASE = 3
KILLS_OF_A_LONE_EMAIL = 2
OF_THE_SERVER = {"rcpt": "RCPT", "body": "BODY", "dot": "DATA_END", "reply": "DATA_END"}
# A small body travels with the final dot; a large one is on its way before its mark.
BODIES = {"body": "one line of a long email\n" * 2_000}
STEPS_OF_ITS_OWN = ("claim", "mark", "record", "recorded")
AFTER_THE_MARK = {"mark", "dot", "reply", "record"}
END = {Flag.SENT: "email.sent", Flag.UNKNOWN: "email.unknown"}


class Killer:
    """The mail server's side: kills whoever is sending at the n-th command of a kind."""

    def __init__(self) -> None:
        self.victim: BaseProcess | None = None
        self.step = ""
        self.nth = 0
        self._seen = 0

    def aim(self, step: str, nth: int) -> None:
        self.victim, self.step, self.nth, self._seen = None, step, nth, 0

    def reaction(self, verb: str) -> object:
        def react(_: Command) -> None:
            if OF_THE_SERVER.get(self.step) != verb:
                return
            self._seen += 1
            if self._seen != self.nth or self.victim is None:
                return
            if self.step == "reply":  # A moment later: the reply is on its way.
                threading.Timer(random.uniform(0, 0.004), kill, [self.victim]).start()
            else:
                kill(self.victim)

        return react


def kill(process: BaseProcess) -> None:
    with suppress(ProcessLookupError):
        os.kill(process.pid or 0, signal.SIGKILL)


@contextmanager
def killing_server() -> Iterator[tuple[SmtpServer, Killer]]:
    killer = Killer()
    reactions = {verb: killer.reaction(verb) for verb in ("RCPT", "BODY", "DATA_END")}
    with SmtpServer(reactions=reactions) as server:  # type: ignore[arg-type]
        yield server, killer


def sent_to_the_end(folder: Path) -> None:
    """A last sender, unharmed, sends and rescues what there is."""
    process = senders.start(folder)
    process.join(senders.LONGEST_SECONDS + 10)
    assert process.exitcode == 0


def killed_once(killer: Killer, folder: Path, step: str, nth: int, connections: int) -> None:
    own = step if step in STEPS_OF_ITS_OWN else ""
    killer.aim(step, nth)
    process = senders.start(folder, own, nth, connections)
    killer.victim = process
    process.join(senders.LONGEST_SECONDS)
    assert process.exitcode == -signal.SIGKILL


def require_promise(queue: Queue, copies: Counter[str]) -> None:
    """Nothing lost, nothing twice, and nothing left in between."""
    for email in queue.emails():
        number = copies[email.message_id]
        assert email.state in ("Y", "U"), (email.id, email.state, email.reason)
        assert number == 1 if email.state == "Y" else number in (0, 1), email.id
    assert len(copies) == sum(copies.values())
    require_events(queue)


def require_events(queue: Queue) -> None:
    """Numbers without a gap; each email was queued first and came to its end once, at the last."""
    wanted = select(events.c.Id, events.c.Type, events.c.EmailId).order_by(events.c.Id)
    with queue.database.read() as connection:
        rows = connection.execute(wanted).all()
    assert [row.Id for row in rows] == list(range(1, len(rows) + 1))
    for email in queue.emails():
        told = [row.Type for row in rows if row.EmailId == email.id]
        assert told[0] == "email.queued", email.id
        assert [kind for kind in told if kind in END.values()] == [END[email.state]], email.id
        assert told[-1] == END[email.state], email.id


@pytest.mark.parametrize(
    "step", ["claim", "rcpt", "body", "mark", "dot", "reply", "record", "recorded"]
)
def test_a_lone_email_survives_the_death_of_its_sender(tmp_path: Path, step: str) -> None:
    with killing_server() as (server, killer):
        queue = make_queue(senders.settings_for(tmp_path))
        queue.account(server)
        for _ in range(KILLS_OF_A_LONE_EMAIL):
            (email_id,) = queue.add(dd_bodyText=BODIES.get(step, "Hi"))

            killed_once(killer, tmp_path, step, nth=1, connections=1)
            sent_to_the_end(tmp_path)

            became = queue.became(email_id)
            copies = server.copies()[became.message_id]
            if step not in AFTER_THE_MARK:
                assert (became.state, copies) == ("Y", 1)
            elif step == "mark":
                assert (became.state, copies) == ("U", 0)
            elif step in ("dot", "record"):
                assert (became.state, copies) == ("U", 1)
            else:
                assert (became.state in ("U", "Y"), copies) == (True, 1)
        require_promise(queue, server.copies())
        queue.application.close()


@pytest.mark.parametrize("step", ["claim", "rcpt", "body", "mark", "dot", "reply"])
def test_emails_on_several_connections_survive_the_death_of_their_sender(
    tmp_path: Path, step: str
) -> None:
    chance = random.Random(step)
    with killing_server() as (server, killer):
        queue = make_queue(senders.settings_for(tmp_path))
        queue.account(server)
        for _ in range(KILLS_A_CASE):
            queue.add(12, dd_bodyText=BODIES.get(step, "Hi"))

            killed_once(killer, tmp_path, step, chance.randint(1, 8), connections=4)
            sent_to_the_end(tmp_path)

        require_promise(queue, server.copies())
        assert len(queue.emails()) == 12 * KILLS_A_CASE
        # Of each connection: the email on its way, and the one behind it.
        assert queue.states()["U"] <= 2 * 4 * KILLS_A_CASE
        queue.application.close()


STEPS_OVER_HTTP = ("claim", "mark", "body", "dot", "reply")
# Both services share all but their words.
IN_SHORT = {"acs": ("mark", "dot", "reply"), "graph": ("claim", "body", "dot")}
AT = {"body": Moment.BEGUN, "dot": Moment.TAKEN, "reply": Moment.ANSWERED}


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_an_email_over_http_survives_the_death_of_its_sender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """It is taken once or unknown, and ACS tells what it took."""
    steps = STEPS_OVER_HTTP * KILLS_A_CASE if EVERYTHING else IN_SHORT[kind]
    queue = make_queue(senders.settings_for(tmp_path, lease_seconds=60))
    with running_mail_service() as service:
        of_this_process(service, monkeypatch)
        queue.account(service.port, Rowpost_Transport=kind, Rowpost_MaxConnections=64)
        for step in steps:
            (email_id,) = queue.add(dd_bodyText=BODIES.get(step, "Hi"))

            killed_at(service, tmp_path, step)
            let_leases_run_out(queue.database)
            queue.database.run(rescue)
            drain(queue.application, Order(seconds=20), transport_of=hasty)
            before = queue.became(email_id).state
            let_operations_be_asked(queue.database)
            resolve_by_asking(queue.application)

            became = queue.became(email_id)
            copies = service.copies()[became.message_id]
            if step == "claim":
                assert (became.state, copies) == ("Y", 1)
            elif step == "mark":
                assert (became.state, copies) == ("U", 0)
            elif step == "body":
                assert (before, copies in (0, 1)) == ("U", True)
            elif step == "dot":
                assert (before, copies) == ("U", 1)
            else:
                assert (before in ("U", "Y"), copies) == (True, 1)
            if kind == "acs":
                assert became.state == ("Y" if copies else "U")
        assert set(service.copies().values()) == {1}
    queue.application.close()


def killed_at(service: MailService, folder: Path, step: str) -> None:
    """A sender dies at its first email."""
    own = step if step in ("claim", "mark") else ""
    aimed = threading.Event()
    process = senders.start(folder, own, 1, 1, identity())

    def strike(moment: Moment) -> None:
        if AT.get(step) is moment and not aimed.is_set():
            aimed.set()
            kill(process)

    service.at = strike
    process.join(senders.LONGEST_SECONDS)
    service.at = lambda _: None
    assert process.exitcode == -signal.SIGKILL


def test_an_email_that_kills_its_sender_fails_alone(tmp_path: Path) -> None:
    with SmtpServer() as server:
        queue = make_queue(senders.settings_for(tmp_path))
        queue.account(server)
        ids = queue.add(30)
        poison = ids[17]

        deaths = 0
        deadline = time.monotonic() + 60
        while queue.became(poison).state != "F" and time.monotonic() < deadline:
            process = senders.start(tmp_path, f"poison {poison}")
            process.join(senders.LONGEST_SECONDS)
            deaths += process.exitcode == -signal.SIGKILL
        sent_to_the_end(tmp_path)

        became = queue.became(poison)
        assert (became.state, deaths) == ("F", 1)
        assert became.reason == "sender died while preparing this email"
        assert queue.states()["F"] == 1
        copies = server.copies()
        assert all(number == 1 for number in copies.values())
        assert queue.states()["Y"] + queue.states()["U"] == 29
        queue.application.close()
