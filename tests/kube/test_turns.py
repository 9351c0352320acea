"""Long answers that came together are read one in a turn of the loop, short ones as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from meshtui.kube.turns import own_turn


@pytest.fixture
async def turn() -> AsyncIterator[list[int]]:
    """The number of the turn."""
    loop, number = asyncio.get_running_loop(), [0]
    handles: list[asyncio.Handle] = []

    def on() -> None:
        number[0] += 1
        handles[:] = [loop.call_soon(on)]

    on()
    yield number
    handles[0].cancel()


async def read(long: bool, turn: list[int]) -> int:
    async with own_turn(long):
        return turn[0]


async def test_no_two_long_answers_are_read_in_one_turn(turn: list[int]) -> None:
    found = await asyncio.gather(*(read(True, turn) for _ in range(16)))
    assert len(set(found)) == 16


async def test_short_ones_do_not_wait_for_each_other(turn: list[int]) -> None:
    found = await asyncio.gather(*(read(False, turn) for _ in range(16)))
    assert len(set(found)) == 1


async def test_one_that_gives_up_or_fails_keeps_nobody_waiting(turn: list[int]) -> None:
    async def broken() -> None:
        async with own_turn(True):
            raise ValueError

    tasks = [asyncio.create_task(each) for each in (read(True, turn), broken(), read(True, turn), read(True, turn))]
    await asyncio.sleep(0)
    tasks[2].cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found[1], ValueError)
    assert isinstance(found[2], asyncio.CancelledError)
    assert isinstance(found[3], int)
