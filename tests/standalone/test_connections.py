"""Connections that only take up room keep nobody out, and no disk fills with words about them."""

from __future__ import annotations

import json
import resource
import socket
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from standalone.connections import Connections, room_for_connections
from tests.standalone.test_attacks import GET, POST, connected
from tests.support.standalone import Launch, Standalone

SILENT = 1_100


@dataclass(eq=False)
class Client:
    address: str = "192.0.2.7"
    is_silent: bool = False
    is_unfinished: bool = False
    given_up: bool = field(default=False)

    def give_up(self) -> None:
        self.given_up = True


class TestRoom:
    def test_the_oldest_silent_one_makes_room(self) -> None:
        connections = Connections(3)
        busy, older, newer = Client(), Client(is_silent=True), Client(is_silent=True)
        for client in (busy, older, newer):
            connections.admit(client)

        assert connections.admit(Client())
        assert [one.given_up for one in (busy, older, newer)] == [False, True, False]

    def test_then_one_whose_body_does_not_end(self) -> None:
        connections = Connections(2)
        busy, slow = Client(), Client(is_unfinished=True)
        for client in (busy, slow):
            connections.admit(client)

        assert connections.admit(Client())
        assert (busy.given_up, slow.given_up) == (False, True)

    def test_with_all_at_work_there_is_none(self) -> None:
        connections = Connections(1)
        busy = Client()
        connections.admit(busy)

        assert not connections.admit(Client())
        connections.leave(busy)
        assert connections.admit(Client())

    def test_an_address_with_too_many_makes_room_among_its_own(self) -> None:
        connections = Connections(1_000)
        other = Client("192.0.2.8", is_silent=True)
        crowd = [Client(is_silent=True) for _ in range(250)]
        for client in (other, *crowd):
            connections.admit(client)

        assert connections.admit(Client())
        assert (other.given_up, crowd[0].given_up) == (False, True)

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
    def test_a_proxy_of_this_machine_may_have_all(self, address: str) -> None:
        connections = Connections(1_000)
        crowd = [Client(address, is_silent=True) for _ in range(300)]
        for client in crowd:
            connections.admit(client)

        assert not any(client.given_up for client in crowd)


def test_there_are_fewer_connections_than_open_files() -> None:
    assert 0 < room_for_connections() < resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@pytest.fixture(scope="module")
def service(standalone_module: Launch) -> Standalone:
    return standalone_module(ROWPOST_CATCHER_PORT="off")


@pytest.mark.parametrize("sent", [b"", b"GET /hea", POST + b"Content-Length: 100\r\n\r\n{"])
def test_silent_clients_keep_nobody_out(service: Standalone, sent: bytes) -> None:
    before = len(service.written())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4_096), hard))
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(SILENT):
            client = stack.enter_context(connected(service))
            client.sendall(sent)

        assert [service.get("/health").status for _ in range(20)] == [200] * 20

    assert len(service.written()) - before < 100_000


def test_headers_that_do_not_end_are_told_so_in_the_form_of_all_errors(
    service: Standalone,
) -> None:
    with connected(service) as client:
        client.settimeout(20)
        client.sendall(GET)

        answer = read_all(client)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408")
    assert json.loads(body)["code"] == "request_timeout"


def read_all(client: socket.socket) -> bytes:
    answer = b""
    while piece := client.recv(4096):
        answer += piece
    return answer
