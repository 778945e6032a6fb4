"""Fallbacks and connection slots at work."""

from __future__ import annotations

import email
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.accounts.failovers import keep_further
from shared.accounts.pauses import end_pause, pause
from shared.database.database import Database
from shared.delivery.dispatcher import Order, drain
from shared.limits.connection_slots import renew_slots, return_all_slots, return_slot, take_slot
from shared.outbox.cancel_retry_resolve import Decision, resolve
from shared.outbox.sending.lease import Lease
from shared.outbox.states import Flag
from tests.faults.senders import settings_for
from tests.support.emails import bring, states
from tests.support.queue import Queue, make_queue
from tests.support.smtp import Late, SmtpServer

Servers = Callable[..., SmtpServer]
SENDER = "shop@example.com"
DEPUTY = {"SMTPMailId": "deputy@example.net", "ApplicationName": "The Deputy"}


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = make_queue(settings_for(tmp_path, lease_seconds=60))
    yield made
    made.application.close()


def send(queue: Queue) -> None:
    drain(queue.application, Order(seconds=20))


def rests(queue: Queue, account_id: int) -> None:
    queue.database.run(lambda connection: pause(connection, account_id, 900, "535 no"))


def headers(server: SmtpServer) -> list[tuple[Any, Any]]:
    messages = [email.message_from_bytes(one.content) for one in server.messages]
    return [(one["From"], one["Reply-To"]) for one in messages]


def test_a_fallback_sends_with_its_own_address_and_answers_go_to_the_original(
    queue: Queue, smtp_server: Servers
) -> None:
    broken, working = smtp_server(), smtp_server()
    deputy = queue.account(working, "DEPUTY", **DEPUTY, Rowpost_Default="Y")
    main = queue.account(broken, "MAIN", Rowpost_FallbackId=deputy)
    queue.add(3, dd_EmailParamCode="MAIN")
    queue.add(1)
    rests(queue, main)

    send(queue)

    assert queue.states() == {"Y": 4}
    assert broken.connections == 0
    assert sorted(headers(working), key=str) == [
        ("The Deputy <deputy@example.net>", "The Shop <shop@example.com>")
    ] * 3 + [("The Deputy <deputy@example.net>", None)]
    assert {one.sender for one in working.messages} == {"deputy@example.net"}
    assert [queue.attempts(known.id)[-1].account for known in queue.emails()] == ["DEPUTY"] * 4


def test_it_steps_in_at_once_when_the_account_fails_and_steps_back_when_it_works(
    queue: Queue, smtp_server: Servers
) -> None:
    main_server = smtp_server(
        reactions={"MAIL": lambda c: b"535 5.7.8 no" if c.count < 9 else None}
    )
    working = smtp_server()
    deputy = queue.account(working, "DEPUTY", **DEPUTY)
    main = queue.account(main_server, "MAIN", Rowpost_FallbackId=deputy)
    queue.add(5, dd_EmailParamCode="MAIN")

    send(queue)
    assert (queue.states(), len(working.messages)) == ({"Y": 5}, 5)

    main_server.reactions = {}
    queue.database.run(lambda connection: end_pause(connection, main))
    queue.add(5, dd_EmailParamCode="MAIN")
    send(queue)
    assert (len(main_server.messages), len(working.messages)) == (5, 5)


def test_an_email_of_uncertain_outcome_waits_for_its_own_account(
    queue: Queue, smtp_server: Servers
) -> None:
    working = smtp_server()
    deputy = queue.account(working, "DEPUTY", **DEPUTY)
    main = queue.account(smtp_server(), "MAIN", Rowpost_FallbackId=deputy)
    uncertain, certain = queue.add(2, dd_EmailParamCode="MAIN")
    bring(queue.database, uncertain, Flag.UNKNOWN)
    queue.database.run(lambda connection: resolve(connection, uncertain, Decision.RESEND))
    rests(queue, main)

    send(queue)
    assert states(queue.database) == "NY"
    assert len(queue.attempts(certain)) == 1

    queue.database.run(lambda connection: end_pause(connection, main))
    send(queue)
    assert queue.states() == {"Y": 2}


def test_of_several_the_first_that_does_not_rest_takes_over(
    queue: Queue, smtp_server: Servers
) -> None:
    servers = [smtp_server() for _ in range(3)]
    last = queue.account(servers[2], "LAST")
    first = queue.account(servers[1], "FIRST")
    main = queue.account(servers[0], "MAIN", Rowpost_FallbackId=first)
    queue.database.run(lambda connection: keep_further(connection, main, [last]))
    rests(queue, main)

    queue.add(2, dd_EmailParamCode="MAIN")
    send(queue)
    rests(queue, first)
    queue.add(3, dd_EmailParamCode="MAIN")
    send(queue)

    assert queue.states() == {"Y": 5}
    assert [len(server.messages) for server in servers] == [0, 2, 3]


def test_an_account_that_no_email_can_name_sends_none_and_hinders_nobody(
    queue: Queue, smtp_server: Servers
) -> None:
    nameless, shop = smtp_server(), smtp_server()
    queue.account(nameless, ParamCode=None)
    queue.account(shop, "SHOP", Rowpost_Default="Y")
    queue.add(2)

    send(queue)

    assert queue.states() == {"Y": 2}
    assert (nameless.connections, len(shop.messages)) == (0, 2)


def test_there_is_one_step_and_a_fallback_that_rests_sends_nothing(
    queue: Queue, smtp_server: Servers
) -> None:
    servers = [smtp_server() for _ in range(3)]
    last = queue.account(servers[2], "LAST")
    deputy = queue.account(servers[1], "DEPUTY", Rowpost_FallbackId=last)
    main = queue.account(servers[0], "MAIN", Rowpost_FallbackId=deputy)
    queue.add(2, dd_EmailParamCode="MAIN")
    rests(queue, main)
    rests(queue, deputy)

    send(queue)

    assert queue.states() == {"N": 2}
    assert [server.connections for server in servers] == [0, 0, 0]


def test_the_limits_of_the_fallback_hold_for_all_that_it_sends(
    queue: Queue, smtp_server: Servers
) -> None:
    deputy = queue.account(smtp_server(), "DEPUTY", Rowpost_DayLimit=10, Rowpost_Default="Y")
    main = queue.account(smtp_server(), "MAIN", Rowpost_FallbackId=deputy)
    queue.add(8, dd_EmailParamCode="MAIN")
    queue.add(8)
    rests(queue, main)

    send(queue)

    assert queue.states() == {"Y": 10, "N": 6}


# Connections at most, over all senders.


class Counting:
    """A server's side: how many connections were open at once."""

    def __init__(self) -> None:
        self.most = 0
        self._server: SmtpServer | None = None

    def watch(self, server: SmtpServer) -> None:
        self._server = server

    def note(self, _: object) -> None:
        if self._server is not None:
            self.most = max(self.most, len(self._server._open))


def test_all_senders_together_open_no_more_connections_than_allowed(
    queue: Queue, smtp_server: Servers
) -> None:
    counting = Counting()
    server = smtp_server(reactions={"MAIL": counting.note, "DATA_END": Late(0.01)})
    counting.watch(server)
    queue.account(server, Rowpost_MaxConnections=3)
    queue.add(150)

    drains = [threading.Thread(target=send, args=(queue,)) for _ in range(4)]
    for one in drains:
        one.start()
    for one in drains:
        one.join(60)
    send(queue)

    assert queue.states() == {"Y": 150}
    assert 1 <= counting.most <= 3


def took(database: Database, lease: Lease, most: int = 2) -> bool:
    return database.run(lambda connection: take_slot(connection, 1, most, lease))


def test_a_slot_is_one_senders_until_it_returns_it(sqlite_database: Database) -> None:
    database, one, other = sqlite_database, Lease.new(60), Lease.new(60)

    assert [took(database, one), took(database, other), took(database, one)] == [True, True, False]
    database.run(lambda connection: return_slot(connection, 1, one))
    assert [took(database, other), took(database, one)] == [True, False]
    database.run(lambda connection: return_all_slots(connection, other))
    assert [took(database, one), took(database, one), took(database, one)] == [True, True, False]


def test_a_slot_of_a_dead_sender_is_free_when_its_lease_is_over(sqlite_database: Database) -> None:
    database, dead, alive = sqlite_database, Lease.new(-1), Lease.new(60)

    assert took(database, dead, most=1)
    assert took(database, alive, most=1)
    database.run(lambda connection: renew_slots(connection, dead))
    assert not took(database, dead, most=1)


def test_fewer_connections_are_allowed_from_one_moment_to_the_next(
    sqlite_database: Database,
) -> None:
    database, one = sqlite_database, Lease.new(60)
    assert [took(database, one, most=3) for _ in range(4)] == [True, True, True, False]
    database.run(lambda connection: return_all_slots(connection, one))

    assert [took(database, one, most=1) for _ in range(2)] == [True, False]
