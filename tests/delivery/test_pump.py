"""The pump: conversations that wait for sockets, for signals and for work in other threads."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from shared.smtp.pump import READ, WRITE, Pump, Signal, carry_out, ready

LONG = 10.0


@pytest.fixture
def pump() -> Iterator[Pump]:
    made = Pump()
    yield made
    made.close()


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)
    yield ends
    for end in ends:
        end.close()


def until(noted: list[str], pump: Pump, count: int = 1) -> None:
    """Turn the pump until so much has been noted, for some seconds at most."""
    deadline = time.monotonic() + LONG
    while len(noted) < count and time.monotonic() < deadline:
        pump.turn(0.01)
    assert len(noted) >= count


def later(seconds: float = LONG) -> float:
    return time.monotonic() + seconds


def test_conversations_go_on_while_others_wait(pump: Pump) -> None:
    noted: list[str] = []
    first, second = socket.socketpair(), socket.socketpair()

    async def listen(name: str, sock: socket.socket) -> None:
        await ready(sock, READ, later())
        noted.append(f"{name} {sock.recv(10).decode()}")

    pump.start(listen("first", first[0]))
    pump.start(listen("second", second[0]))
    pump.turn(0)

    second[1].send(b"b")
    until(noted, pump)
    first[1].send(b"a")
    until(noted, pump, 2)

    assert noted == ["second b", "first a"]
    for one in (*first, *second):
        one.close()


def test_a_wait_ends_at_its_time(pump: Pump, line: tuple[socket.socket, socket.socket]) -> None:
    noted: list[str] = []

    async def wait_for_a_byte() -> None:
        try:
            await ready(line[0], READ, later(0.05))
        except TimeoutError:
            noted.append("socket")

    async def wait_for_a_signal() -> None:
        nothing: Signal[None] = Signal()
        try:
            await nothing.wait(0.05)
        except TimeoutError:
            nothing.set(None)  # Too late to wake anybody.
            noted.append("signal")

    pump.start(wait_for_a_byte())
    pump.start(wait_for_a_signal())
    until(noted, pump, 2)

    assert sorted(noted) == ["signal", "socket"]
    assert not pump.turn(0)


def test_a_signal_carries_its_value_before_and_after_it_is_waited_for(pump: Pump) -> None:
    noted: list[str] = []
    before: Signal[str] = Signal()
    after: Signal[str] = Signal()
    before.set("before")

    async def wait_for_both() -> None:
        noted.append(await before.wait(LONG))
        noted.append(await after.wait(LONG))

    pump.start(wait_for_both())
    until(noted, pump)
    after.set("after")
    until(noted, pump, 2)

    assert noted == ["before", "after"]


def test_work_in_a_thread_holds_nobody_up_and_raises_where_it_was_asked_for(pump: Pump) -> None:
    noted: list[str] = []
    may_end = threading.Event()

    def slow() -> str:
        assert may_end.wait(LONG)
        return "slow"

    def failing() -> str:
        raise ValueError("failed")

    async def ask_for_slow_work() -> None:
        noted.append(await pump.in_thread(slow))

    async def ask_for_failing_work() -> None:
        try:
            await pump.in_thread(failing)
        except ValueError as error:
            noted.append(str(error))

    pump.start(ask_for_slow_work())
    pump.start(ask_for_failing_work())
    until(noted, pump)
    may_end.set()
    until(noted, pump, 2)

    assert noted == ["failed", "slow"]


def test_a_conversation_can_be_interrupted_where_it_waits(
    pump: Pump, line: tuple[socket.socket, socket.socket]
) -> None:
    noted: list[str] = []

    async def wait_for_ever() -> None:
        try:
            await ready(line[0], READ, later())
        except ConnectionError:
            noted.append("interrupted")

    task = pump.start(wait_for_ever())
    pump.turn(0)
    pump.interrupt(task, ConnectionError())

    assert noted == ["interrupted"]
    assert task.done
    pump.interrupt(task, ConnectionError())  # It has ended: nothing happens.


def test_a_socket_that_nobody_listens_to_does_not_keep_the_pump_busy(
    pump: Pump, line: tuple[socket.socket, socket.socket]
) -> None:
    noted: list[str] = []
    go_on: Signal[None] = Signal()

    async def listen_twice() -> None:
        await ready(line[0], READ, later())
        noted.append(line[0].recv(1).decode())
        await go_on.wait(LONG)
        await ready(line[0], READ, later())
        noted.append(line[0].recv(1).decode())

    pump.start(listen_twice())
    line[1].send(b"ab")
    until(noted, pump)
    pump.turn(0)

    assert not any(pump.turn(0) for _ in range(5))
    go_on.set(None)
    until(noted, pump, 2)
    assert noted == ["a", "b"]


def test_a_new_socket_with_the_number_of_a_closed_one_is_watched(pump: Pump) -> None:
    noted: list[str] = []

    async def listen(sock: socket.socket) -> None:
        await ready(sock, READ, later())
        noted.append(sock.recv(1).decode())

    first = socket.socketpair()
    first[1].send(b"a")
    pump.start(listen(first[0]))
    until(noted, pump)
    number = first[0].fileno()
    first[0].close()
    second = socket.socketpair()
    assert number in (second[0].fileno(), second[1].fileno())
    near, far = second if second[0].fileno() == number else second[::-1]
    far.send(b"b")
    pump.start(listen(near))
    until(noted, pump, 2)

    assert noted == ["a", "b"]
    for one in (first[1], *second):
        one.close()


def test_reading_and_writing_take_turns_on_one_socket(
    pump: Pump, line: tuple[socket.socket, socket.socket]
) -> None:
    noted: list[str] = []

    async def write_then_read() -> None:
        await ready(line[0], WRITE, later())
        line[0].send(b"question")
        await ready(line[0], READ, later())
        noted.append(line[0].recv(10).decode())

    async def answer() -> None:
        await ready(line[1], READ, later())
        line[1].send(line[1].recv(10)[::-1])

    pump.start(write_then_read())
    pump.start(answer())
    until(noted, pump)

    assert noted == ["noitseuq"]


def test_what_a_conversation_lets_escape_reaches_whoever_turns_the_pump(pump: Pump) -> None:
    async def fail() -> None:
        raise LookupError("of our own")

    task = pump.start(fail())

    with pytest.raises(LookupError, match="of our own"):
        pump.turn(0)
    assert task.done


def test_a_single_conversation_is_carried_out() -> None:
    async def ask(number: int) -> int:
        one: Signal[int] = Signal()
        one.set(number)
        return await one.wait(LONG) + 1

    async def fail() -> None:
        raise LookupError("of our own")

    assert carry_out(ask(41)) == 42
    with pytest.raises(LookupError):
        carry_out(fail())


def test_a_pump_that_is_closed_ends_what_still_waits(
    line: tuple[socket.socket, socket.socket],
) -> None:
    noted: list[str] = []

    async def wait_for_ever() -> None:
        try:
            await ready(line[0], READ, later())
        finally:
            noted.append("ended")

    pump = Pump()
    pump.start(wait_for_ever())
    pump.turn(0)
    pump.close()

    assert noted == ["ended"]


def test_a_conversation_that_takes_too_long_is_told_so(
    pump: Pump, line: tuple[socket.socket, socket.socket]
) -> None:
    async def wait_for_ever() -> None:
        await ready(line[0], READ, later())

    with pytest.raises(TimeoutError):
        pump.carry_out(wait_for_ever(), seconds=0.05)
