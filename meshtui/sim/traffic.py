"""Background flows at a given rate, sent again and again under fresh times and uuids until policies or pods change."""

from __future__ import annotations

import random

from meshtui.sim.datapath.connection import Connection, http_exchange, unanswered
from meshtui.sim.datapath.emit import record
from meshtui.sim.datapath.events import Observer
from meshtui.sim.datapath.identity import Party, as_seen, of_pod, view_of
from meshtui.sim.datapath.policy import decide
from meshtui.sim.datapath.view import View, view, views
from meshtui.sim.faults.active import OVERLAY, Place
from meshtui.sim.relay.ring import Template
from meshtui.sim.rulebook.rules import EGRESS, INGRESS
from meshtui.sim.world import SimCluster, World

CONNECTIONS = 400
"""Connections made up for the whole mesh, at least fifty per cluster; their events repeat."""
REMOTE_SHARE = 0.3
PORT = 80
PATIENCE = 2.0
"""Seconds for which a connection that nobody answers is tried."""
REMAKE = 0.5
"""Seconds at least between two times that the connections are made up, while policies or pods go on changing."""
NODE_HOP = 0.00012
"""Seconds from a node to another."""
Seen = tuple[SimCluster, str, Template]


class Traffic:
    """The background traffic of one cluster's pods."""

    def __init__(self, world: World, cluster: SimCluster, rate: float) -> None:
        self._world = world
        self._rate = rate
        self._rng = random.Random(f"{world.options.seed}/traffic/{cluster.name}")
        self._cluster = cluster
        self._pool: list[Seen] | None = None
        self._made_by: tuple[object, ...] = ()
        self._made = 0.0
        self._next = 0
        self._owed = 0.0
        self._last = world.clock.monotonic()

    def tick(self) -> None:
        """Send what is owed since the last tick."""
        now = self._world.clock.monotonic()
        span, self._last = now - self._last, now
        if self._rate <= 0:
            return
        rules = self._rules()
        if self._pool is None or (rules != self._made_by and now - self._made >= REMAKE):
            self._pool, self._made_by, self._made = make(self._world, self._cluster, self._rng), rules, now
            self._next = 0
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

    def _rules(self) -> tuple[object, ...]:
        """What decides how connections fare: policies and pods of every cluster, and what is broken."""
        seen = [(v.policy_version, v.revision, v.pod_version) for v in views(self._world)]
        return (*seen, self._world.faults.held())


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
        allowed = link.egress.allowed and link.ingress.allowed and not link.cut and not link.cut_back
        steps = http_exchange(link) if allowed else unanswered(link, PATIENCE, jitter=0.01)
        start = rng.random()
        found += [(start + at, (o.known.cluster, o.node, template)) for at, o, template in steps]
    found.sort(key=lambda item: item[0])
    return [seen for _, seen in found]


def _parties(known: View) -> list[Party]:
    pods = sorted(known.pod_by_ip.items())
    return [of_pod(known, pod) for _, pod in pods]


def _link(world: World, known: View, source: Party, destination: Party, rng: random.Random) -> Connection:
    """A connection as policies and faults let it fare, like any request's."""
    there = view_of(world, destination)
    here, far = Observer(known, source.node), Observer(there, destination.node)
    egress = decide(known, EGRESS, source, as_seen(destination, known, source.node), "TCP", PORT)
    ingress = decide(there, INGRESS, destination, as_seen(source, there, destination.node), "TCP", PORT)
    near, away = Place(known.name, source.node), Place(there.name, destination.node)
    faults = world.faults
    return Connection(
        here,
        far,
        source,
        destination,
        "TCP",
        rng.randrange(32768, 60999),
        PORT,
        egress,
        ingress,
        latency=NODE_HOP + faults.delay(near.cluster, away.cluster),
        cut=not faults.passes(near, away, OVERLAY),
        latency_back=NODE_HOP + faults.delay(away.cluster, near.cluster),
        cut_back=not faults.passes(away, near, OVERLAY),
    )
