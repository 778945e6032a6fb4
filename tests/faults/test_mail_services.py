"""Mail services over HTTP through the whole delivery: each email is accounted for, and one that is
away, silent or wrong costs neither its own emails nor those of others."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from shared.database.tables import operations
from shared.delivery import tick, unknown_operations
from shared.delivery.dispatcher import Order, drain
from shared.delivery.unknown_operations import resolve_by_asking
from shared.outbox.sending.operations import MOST_QUESTIONS
from tests.faults.senders import settings_for
from tests.faults.ways_out import OVER_HTTP, hasty, of_this_process
from tests.support.emails import let_operations_be_asked, let_retries_come_due
from tests.support.mail_services import How, MailService, Place, Says, running_mail_service
from tests.support.queue import Queue, make_queue
from tests.support.smtp import AcceptAndDrop, SmtpServer
from tests.support.standalone import wait_until

LOST = Says(takes=True, breaks=(Place.ANSWER, How.CLOSES))
NOT_TAKEN = Says(takes=False, breaks=(Place.ANSWER, How.RESETS))
SILENT = Says(200, breaks=(Place.ANSWER, How.IS_SILENT))
WORDS = (
    *(Says(), Says(429, headers={"Retry-After": "1"}), Says(500), Says(), Says(500, takes=True)),
    *(Says(400), Says(503), LOST, Says(), NOT_TAKEN, Says(401), Says(504, takes=True), Says()),
    *(Says(502), Says(404), Says(200, body=b"<html>"), Says(409)),
)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailService]:
    with running_mail_service() as running:
        of_this_process(running, monkeypatch)
        yield running


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path, retry_seconds=60, lease_seconds=60))
    yield made
    made.application.close()


def send(queue: Queue) -> None:
    """By hand, so that accounts that rest are tried at once."""
    drain(queue.application, Order(seconds=20, forced=True), transport_of=hasty)


def send_all(queue: Queue) -> None:
    for _ in range(60):
        send(queue)
        let_retries_come_due(queue.database)
        if not queue.states()["N"]:
            return


def account(queue: Queue, service: MailService, kind: str, code: str = "", **columns: Any) -> int:
    code = code or kind.upper()
    return queue.account(service.port, code, Rowpost_Transport=kind, **columns)


def ask(queue: Queue) -> int:
    let_operations_be_asked(queue.database)
    return resolve_by_asking(queue.application)


def asked(queue: Queue) -> list[tuple[int, bool]]:
    """Of each operation how often it was asked in vain, and whether it will be again."""
    with queue.database.read() as connection:
        rows = connection.execute(select(operations.c.Asked, operations.c.AskAfter))
        return [(row.Asked, row.AskAfter is not None) for row in rows]


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_each_email_is_taken_once_or_refused_or_unknown_whatever_the_service_does(
    queue: Queue, service: MailService, kind: str
) -> None:
    words = cycle(WORDS)
    service.says = lambda _: next(words)
    account(queue, service, kind, Rowpost_MaxConnections=2)
    stored = queue.add(40)

    send_all(queue)
    ask(queue)

    states, copies = queue.states(), service.copies()
    assert states["Y"] + states["F"] + states["U"] == len(stored), states
    for one in queue.emails():
        number = copies[one.message_id]
        if one.state == "U":
            # ACS has told what it took; nobody can say of the others that they will never be.
            assert number == 0 if kind == "acs" else number <= 1, one.reason
        else:
            assert (one.state, number) in (("Y", 1), ("F", 0)), one.reason
        assert one.reason or one.state == "Y"
    assert len(copies) == copies.total()
    named = Counter(service.posted)
    assert kind == "graph" or named.total() == len(named)


@pytest.mark.parametrize("kind", OVER_HTTP)
@pytest.mark.parametrize(
    "says", [Says(504), NOT_TAKEN, Says(200, body=b"<html>")], ids=["504", "resets", "page"]
)
def test_an_outage_leaves_few_emails_unknown_and_the_rest_wait_for_its_end(
    queue: Queue, service: MailService, kind: str, says: Says
) -> None:
    service.says = lambda _: says
    account(queue, service, kind, Rowpost_MaxConnections=1)
    queue.add(50)

    send(queue)
    first = queue.states()
    send(queue)
    second = queue.states()
    service.says = lambda _: Says()
    send_all(queue)

    assert (first["U"], second["U"]) == (3, 4)  # The second time one email probes.
    assert queue.states() == {"U": 4, "Y": 46}
    assert queue.retries() == {0}
    assert queue.reasons_to_pause() == []


def test_a_mail_server_whose_replies_get_lost_rests_too(queue: Queue) -> None:
    with SmtpServer(reactions={"DATA_END": AcceptAndDrop()}) as server:
        queue.account(server, Rowpost_MaxConnections=1)
        queue.add(50)

        send(queue)

        assert queue.states() == {"U": 3, "N": 47}
        assert "replies were lost" in queue.reasons_to_pause()[0]
        assert len(server.messages) == 3


def test_a_silent_service_keeps_neither_a_tick_nor_anybodys_questions(
    queue: Queue, service: MailService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked beside the sending; that nothing came is no answer, and costs no question."""
    monkeypatch.setattr(unknown_operations, "LONGEST_SECONDS", 3.0)
    monkeypatch.setattr(tick, "_SECONDS_FOR_QUESTIONS", 0.1)
    with running_mail_service() as silent, SmtpServer() as server:
        account(queue, silent, "acs", "SILENT")
        account(queue, service, "acs", "OTHER", Rowpost_MaxConnections=1)
        queue.account(server, "SHOP")
        service.says = silent.says = lambda _: NOT_TAKEN
        (theirs,) = queue.add(dd_EmailParamCode="SILENT")
        ours = queue.add(3, dd_EmailParamCode="OTHER")
        send(queue)
        assert queue.states() == {"U": 4}
        silent.answers = lambda _: SILENT
        service.knows = lambda _: "Succeeded"
        before = len(silent.questions)
        shop = queue.add(5, dd_EmailParamCode="SHOP", dd_Lane="immediate")
        let_operations_be_asked(queue.database)

        tick.tick(queue.application)

        assert {queue.became(one).state for one in shop} == {"Y"}
        assert silent.wait_for(lambda: len(silent.questions) == before + 1)
        wait_until(nobody_is_asked, 60, "what the services said to be written")
        assert [queue.became(one).state for one in ours] == ["Y"] * 3
        assert queue.became(theirs).state == "U"
        assert (0, True) in asked(queue)
        silent.answers = lambda _: None
        silent.knows = lambda _: "Running"
        ask(queue)
        assert queue.became(theirs).state == "Y"


def nobody_is_asked() -> bool:
    return all(thread.name != "questions" for thread in threading.enumerate())


@pytest.mark.parametrize(
    "says",
    [
        Says(429, headers={"Retry-After": "99999999"}),
        Says(401),
        Says(500),
        Says(200, body=b"[" * 9_999),
    ],
    ids=["429", "401", "500", "nonsense"],
)
def test_only_answers_count_as_answered_questions(
    queue: Queue, service: MailService, says: Says
) -> None:
    service.says = lambda _: LOST
    service.answers = lambda _: says
    account(queue, service, "acs", Rowpost_MaxConnections=1)
    queue.add(3)
    send(queue)
    before = len(service.questions)

    known = [ask(queue) for _ in range(MOST_QUESTIONS + 3)]
    of_each_time = (len(service.questions) - before) / len(known)
    service.answers = lambda _: None

    assert (known, of_each_time) == ([0] * len(known), 1)
    assert ask(queue) == 3
    assert queue.states() == {"Y": 3}


def test_questions_that_are_answered_with_nothing_end(queue: Queue, service: MailService) -> None:
    service.says = lambda _: NOT_TAKEN
    account(queue, service, "acs")
    queue.add()
    send(queue)

    for _ in range(MOST_QUESTIONS + 2):
        ask(queue)

    assert asked(queue) == [(MOST_QUESTIONS - 1, False)]
    assert queue.states() == {"U": 1}


def test_an_account_that_is_gone_keeps_no_question_open_for_ever(
    queue: Queue, service: MailService
) -> None:
    service.says = lambda _: NOT_TAKEN
    account(queue, service, "acs", IsActive="Y")
    queue.add()
    send(queue)
    with queue.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM tbl_EMailParameters")
    ask(queue)
    waits = asked(queue)
    with queue.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE Rowpost_Operations SET StartedAt = '2020-01-01 00:00:00'"
        )
    ask(queue)

    assert (waits, asked(queue)) == ([(0, True)], [(0, False)])


def test_graph_gets_no_more_than_four_requests_at_once_unless_the_account_says_so(
    queue: Queue, service: MailService
) -> None:
    service.says = lambda _: (
        Says() if service.at_once <= 4 else Says(429, code="MailboxConcurrency")
    )
    service.gate.clear()
    account(queue, service, "graph")
    with SmtpServer() as server:
        queue.account(server, "SHOP")
        queue.add(24, dd_EmailParamCode="GRAPH")
        draining = threading.Thread(target=partial(send, queue))
        draining.start()
        assert service.wait_for(lambda: service.at_once == 4)
        # A fifth would have come by the time that another account's emails are through.
        queue.add(30, dd_EmailParamCode="SHOP")
        assert server.wait_for_messages(30, 60)
        service.gate.set()
        draining.join(60)

    assert queue.states() == {"Y": 54}
    assert service.most_at_once == 4


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_a_service_that_hangs_keeps_no_other_account(
    tmp_path: Path, service: MailService, kind: str
) -> None:
    queue = make_queue(settings_for(tmp_path, lease_seconds=60, smtp_timeout=60))
    service.gate.clear()
    with SmtpServer() as server:
        account(queue, service, kind, Rowpost_MaxConnections=2)
        queue.account(server, "SHOP")
        queue.add(5, dd_EmailParamCode=kind.upper())
        draining = threading.Thread(target=partial(send, queue))
        draining.start()
        assert service.wait_for(lambda: service.at_once == 2)
        queue.add(20, dd_EmailParamCode="SHOP")

        assert server.wait_for_messages(20, 60)
        assert service.at_once == 2
        service.gate.set()
        draining.join(60)

    assert queue.states() == {"Y": 25}
    assert service.copies().total() == 5
    queue.application.close()
