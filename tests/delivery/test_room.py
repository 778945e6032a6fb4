"""Room for files in memory: so many bytes, in the order in which they are asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.delivery.attached_files import Room
from shared.smtp.pump import Pump, Task


@pytest.fixture
def pump() -> Iterator[Pump]:
    made = Pump()
    yield made
    made.close()


def entering(pump: Pump, room: Room, octets: int, noted: list[int]) -> Task:
    async def enter() -> None:
        noted.append(await room.enter(octets))

    task = pump.start(enter())
    pump.turn(0)
    return task


def test_who_finds_no_room_waits_for_somebody_to_leave(pump: Pump) -> None:
    room, inside = Room(10), list[int]()
    for octets in (6, 4, 5):
        entering(pump, room, octets, inside)
    assert inside == [6, 4]

    room.leave(4)
    pump.turn(0)
    assert inside == [6, 4]

    room.leave(6)
    pump.turn(0)
    assert inside == [6, 4, 5]


def test_nobody_overtakes_one_who_needs_much(pump: Pump) -> None:
    room, inside = Room(10), list[int]()
    for octets in (6, 8, 1):
        entering(pump, room, octets, inside)
    assert inside == [6]

    room.leave(6)
    pump.turn(0)
    assert inside == [6, 8, 1]


def test_one_who_needs_more_than_there_is_has_it_all_to_itself(pump: Pump) -> None:
    room, inside = Room(10), list[int]()

    entering(pump, room, 25, inside)
    entering(pump, room, 1, inside)

    assert inside == [10]
    room.leave(10)
    pump.turn(0)
    assert inside == [10, 1]


def test_who_is_interrupted_while_waiting_takes_nothing(pump: Pump) -> None:
    room, inside = Room(10), list[int]()
    entering(pump, room, 6, inside)
    waiting = entering(pump, room, 8, inside)
    entering(pump, room, 4, inside)
    assert inside == [6]

    with pytest.raises(TimeoutError):
        pump.interrupt(waiting, TimeoutError())
    pump.turn(0)

    assert inside == [6, 4]
