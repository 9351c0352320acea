"""How often a session asks for what no watch delivers, and how long it waits before it tries again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from msgspec import Struct


class Pace(Struct, frozen=True):
    """Seconds between two readings of one thing; every pause is drawn from 0.8 to 1.2 times its value."""

    heartbeat: float = 5.0
    """Does the API server answer?"""
    config: float = 30.0
    agents: float = 10.0
    health: float = 20.0
    """cilium-health, of every agent: a read costs nothing but itself, no probe is made for it."""
    troubleshoot: float = 60.0
    """KVStoreMesh's own troubleshoot, which connects anew to every remote cluster."""
    troubleshoot_again: float = 15.0
    """The same while a link is not well."""
    list_awaited: float = 0.5
    """How long agents wait to be found in the list of all pods that is on its way: one of many pages takes longer."""
    judge: float = 1.0
    access: float = 300.0
    relay: float = 30.0
    """Has a cluster that has no Relay got one?"""
    agents_after: float = 5.0
    """How long a Relay may be silent, and no other deliver for it, before its agents are asked."""
    peers: float = 5.0
    """Are the nodes back that a Relay could not reach?"""
    account: float = 15.0
    """How many flows have the nodes seen?"""
    account_first: float = 3.0
    """The same, for the first few times after a source came."""
    account_calm: float = 3.0
    """What was on its way when it was asked has come by then."""
    account_patience: float = 45.0
    """Nothing comes of a node any more when it did not by then."""
    first_retry: float = 0.5
    """After a failure; doubled with every further one up to `last_retry`."""
    last_retry: float = 30.0
    agents_at_once: int = 8
    agents_per_round: int = 64
    """In a larger cluster the first round asks so many of its agents, each later one the next of them."""
    agents_a_second: float = 5.0
    """Agents asked for their status by the whole session, once each cluster had its first round: 6 ms each."""
    probes_a_second: float = 1_000.0
    """Entries of cilium-health's lists read by the whole session: 25 µs each."""
    health_most: float = 60.0
    """A round of cilium-health that takes longer by that is one of fewer agents."""
    probed_nodes: int = 20_000
    """cilium-health's lists are as long as the mesh has nodes: so many entries are kept for a cluster, from as many of
    its agents as that allows."""
    after_change: tuple[float, ...] = (1.0, 4.0)
    """After a Service was changed here its agents are asked again: what it tells crosses in 0.1 to 0.7 s, or later."""
    pending: float = 10.0
    """How long a change may wait for the watch to show it before it is no longer marked."""


class Backoff:
    """Pauses between attempts: doubling, jittered, back to the first after a success."""

    def __init__(self, pace: Pace, rng: random.Random) -> None:
        self._pace = pace
        self._rng = rng
        self._failures = 0

    def reset(self) -> None:
        """The last attempt succeeded."""
        self._failures = 0

    def next(self) -> float:
        """Seconds to wait after one more failure: half to all of the doubled pause."""
        whole: float = min(self._pace.last_retry, self._pace.first_retry * 2 ** min(self._failures, 16))
        self._failures += 1
        return whole * self._rng.uniform(0.5, 1.0)


async def every(
    seconds: float, act: Callable[[], Awaitable[None]], rng: random.Random, poke: asyncio.Event | None = None
) -> None:
    """Do `act` now and then about every `seconds`, at once when `poke` is set; runs until cancelled."""
    while True:
        await act()
        await pause(seconds * rng.uniform(0.8, 1.2), poke)


async def pause(seconds: float, poke: asyncio.Event | None = None) -> None:
    """Wait that long, or until `poke` is set, which is cleared."""
    if poke is None:
        await asyncio.sleep(seconds)
        return
    try:
        async with asyncio.timeout(seconds):
            await poke.wait()
    except TimeoutError:
        return
    poke.clear()
