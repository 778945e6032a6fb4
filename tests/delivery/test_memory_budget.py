"""Room for files in memory: so many bytes, in the order in which they are asked for."""

from __future__ import annotations

import asyncio

import pytest

from shared.delivery.composing.attached_files import MemoryBudget


async def entering(budget: MemoryBudget, octets: int, noted: list[int]) -> asyncio.Task[None]:
    async def enter() -> None:
        noted.append(await budget.enter(octets))

    task = asyncio.create_task(enter())
    await turns()
    return task


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_who_finds_no_room_waits_for_somebody_to_leave() -> None:
    async def scene() -> None:
        budget, inside = MemoryBudget(10), list[int]()
        for octets in (6, 4, 5):
            await entering(budget, octets, inside)
        assert inside == [6, 4]

        budget.leave(4)
        await turns()
        assert inside == [6, 4]

        budget.leave(6)
        await turns()
        assert inside == [6, 4, 5]

    asyncio.run(scene())


def test_nobody_overtakes_one_who_needs_much() -> None:
    async def scene() -> None:
        budget, inside = MemoryBudget(10), list[int]()
        for octets in (6, 8, 1):
            await entering(budget, octets, inside)
        assert inside == [6]

        budget.leave(6)
        await turns()
        assert inside == [6, 8, 1]

    asyncio.run(scene())


def test_one_who_needs_more_than_there_is_has_it_all_to_itself() -> None:
    async def scene() -> None:
        budget, inside = MemoryBudget(10), list[int]()
        await entering(budget, 25, inside)
        await entering(budget, 1, inside)

        assert inside == [10]
        budget.leave(10)
        await turns()
        assert inside == [10, 1]

    asyncio.run(scene())


def test_who_is_interrupted_while_waiting_takes_nothing() -> None:
    async def scene() -> None:
        budget, inside = MemoryBudget(10), list[int]()
        await entering(budget, 6, inside)
        waiting = await entering(budget, 8, inside)
        await entering(budget, 4, inside)
        assert inside == [6]

        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await turns()

        assert inside == [6, 4]

    asyncio.run(scene())
