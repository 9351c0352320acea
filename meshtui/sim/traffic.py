"""Background flows at a given rate, made once and sent again and again under fresh times and uuids."""

from __future__ import annotations

import random

from meshtui.sim.datapath.connection import Connection, http_exchange, unanswered
from meshtui.sim.datapath.emit import record
from meshtui.sim.datapath.events import Observer
from meshtui.sim.datapath.identity import Party, of_pod, view_of
from meshtui.sim.datapath.policy import DENIED_BY_DEFAULT, OPEN, Decision
from meshtui.sim.datapath.view import View, view, views
from meshtui.sim.relay.ring import Template
from meshtui.sim.world import SimCluster, World

CONNECTIONS = 400
"""Connections made up for the whole mesh, at least fifty per cluster; their events repeat."""
DROPPED_SHARE = 0.05
REMOTE_SHARE = 0.3
Seen = tuple[SimCluster, str, Template]


class Traffic:
    """The background traffic of one cluster's pods."""

    def __init__(self, world: World, cluster: SimCluster, rate: float) -> None:
        self._world = world
        self._rate = rate
        self._rng = random.Random(f"{world.options.seed}/traffic/{cluster.name}")
        self._cluster = cluster
        self._pool: list[Seen] | None = None
        self._next = 0
        self._owed = 0.0
        self._last = world.clock.monotonic()

    def tick(self) -> None:
        """Send what is owed since the last tick."""
        now = self._world.clock.monotonic()
        span, self._last = now - self._last, now
        if self._pool is None:
            self._pool = make(self._world, self._cluster, self._rng) if self._rate > 0 else []
        if not self._pool:
            return
        self._owed = min(self._owed + span * self._rate, self._rate)
        count = int(self._owed)
        self._owed -= count
        start, step = self._world.clock.now() - span, span / max(1, count)
        pool, size = self._pool, len(self._pool)
        for index in range(count):
            cluster, node, template = pool[(self._next + index) % size]
            record(self._world, cluster, node, template, start + step * index)
        self._next = (self._next + count) % size


def make(world: World, cluster: SimCluster, rng: random.Random) -> list[Seen]:
    """Events of many connections between pods, interleaved as they would arrive."""
    known = view(cluster)
    here = _parties(known)
    others = [p for v in views(world) if v.name in known.remotes() for p in _parties(v)]
    if not here:
        return []
    found: list[tuple[float, Seen]] = []
    for _ in range(max(50, CONNECTIONS // len(world.clusters))):
        source = rng.choice(here)
        remote = others and rng.random() < REMOTE_SHARE
        destination = rng.choice(others if remote else here)
        if destination is source:
            continue
        link = _link(world, known, source, destination, rng)
        steps = unanswered(link, 2.0, jitter=0.01) if not link.egress.allowed else http_exchange(link)
        start = rng.random()
        found += [(start + at, (o.known.cluster, o.node, template)) for at, o, template in steps]
    found.sort(key=lambda item: item[0])
    return [seen for _, seen in found]


def _parties(known: View) -> list[Party]:
    pods = sorted(known.pod_by_ip.items())
    return [of_pod(known, pod) for _, pod in pods]


def _link(world: World, known: View, source: Party, destination: Party, rng: random.Random) -> Connection:
    there = view_of(world, destination)
    egress: Decision = OPEN
    if rng.random() < DROPPED_SHARE:
        egress = Decision(False, reason=DENIED_BY_DEFAULT)
    ports = rng.randrange(32768, 60999), 80
    return Connection(
        Observer(known, source.node), Observer(there, destination.node), source, destination, "TCP", *ports,
        egress, OPEN,
    )  # fmt: skip
