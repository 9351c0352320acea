"""cilium-health: every agent probes every node's two addresses in turn, and tells how each answered when last asked.

A round takes 60 s times the logarithm of one more than the addresses (2 m 12 s for 8); each address has its turn
within it, in an order drawn anew (recorded on 1.20). So a report is up to two rounds old, address by address.
"""

from __future__ import annotations

import copy
import math
import random
from dataclasses import dataclass
from typing import Any

from meshtui.sim.clock import go_duration, timestamp
from meshtui.sim.datapath.view import view
from meshtui.sim.faults.active import HEALTH_PORT, ICMP, OVERLAY, Broken, Place
from meshtui.sim.world import SimCluster, World

Object = dict[str, Any]
BASE = 60.0
"""Seconds that a round takes for each unit of the logarithm (cluster-health probe interval)."""
TIMEOUT = 10.0
"""Seconds after which a probe is given up and written down."""
PINGS = 3
HOST, ENDPOINT = "host", "endpoint"


@dataclass(frozen=True, eq=False)
class Target:
    """One address that is probed."""

    place: Place
    kind: str
    ip: str


@dataclass(frozen=True)
class Turn:
    """When an address is probed, in monotonic seconds, and what was broken then."""

    at: float
    broken: Broken


def report(world: World, cluster: SimCluster, node: str) -> Object:
    """`cilium-health status -o json` on a node."""
    prober = Prober(world, cluster, node)
    nodes = []
    for host, endpoint in prober.pairs:
        told, inside = prober.answer(host), prober.answer(endpoint)
        nodes.append(
            {
                "endpoint": inside,
                "health-endpoint": {"primary-address": copy.deepcopy(inside), "secondary-addresses": []},
                "host": {"primary-address": told, "secondary-addresses": []},
                "name": f"{host.place.cluster}/{host.place.node}",
            }
        )
    return {
        "local": {"name": f"{cluster.name}/{node}"},
        "nodes": sorted(nodes, key=lambda n: str(n["name"])),
        "probeInterval": go_duration(prober.period),
        "timestamp": timestamp(prober.ahead + prober.begun),
    }


def interval(addresses: int) -> float:
    """Seconds a round takes. A cluster of one node alone has the least."""
    return BASE * math.log1p(addresses) if addresses > 2 else BASE


def started_at(world: World, place: Place) -> float | None:
    """When a node's agent was started anew because it had been stopped, gone or on a dead node; None: long ago."""
    spans = world.faults.spans(lambda b: b.agent_down(place.cluster, place.node))
    ended = [s.end for s in spans if s.end is not None]
    return ended[-1] if ended else None


class Prober:
    """One agent's rounds of probes, as they stand now."""

    def __init__(self, world: World, cluster: SimCluster, node: str) -> None:
        self._world = world
        self._here = Place(cluster.name, node)
        self.pairs = _pairs(cluster)
        self._started = started_at(world, self._here)
        self.period = interval(2 * len(self.pairs))
        """Seconds a round takes."""
        self._now = world.clock.monotonic()
        self.ahead = world.clock.now() - self._now
        """Seconds from monotonic time to the epoch's."""
        self._seed = f"{world.options.seed}/health/{cluster.name}/{node}"
        first = -random.Random(self._seed).uniform(0, self.period) if self._started is None else self._started
        number = math.floor((self._now - first) / self.period)
        self.begun = first + number * self.period
        """When the round began that is going on."""
        rounds = range(number, max(number - 3, -1) if self._started is not None else number - 3, -1)
        self._turns = [self._round(each, first + each * self.period) for each in rounds]

    def _round(self, number: int, start: float) -> dict[Target, float]:
        """When each address has its turn: nodes in any order, a node's two addresses after each other."""
        draw = random.Random(f"{self._seed}/{number}")
        pairs = [draw.sample(pair, 2) for pair in self.pairs]
        draw.shuffle(pairs)
        step = self.period / (2 * len(pairs))
        return {target: start + step * place for place, target in enumerate(t for pair in pairs for t in pair)}

    def _last(self, target: Target) -> Turn | None:
        """The newest turn of an address whose result is written down; None right after the agent's start."""
        for turns in self._turns:
            broken = self._world.faults.at(turns[target])
            if turns[target] + (TIMEOUT if _fails(self._here, target, broken) else 0.0) <= self._now:
                return Turn(turns[target], broken)
        return None

    def answer(self, target: Target) -> Object:
        """One address as it answered at its turn; without a turn only the address is known."""
        turn = self._last(target)
        if turn is None:
            return {"ip": target.ip}
        draw = random.Random(f"{self._seed}/{target.ip}/{turn.at:.3f}")
        late = TIMEOUT if _fails(self._here, target, turn.broken) else 0.0
        probed = {"lastProbed": timestamp(self.ahead + turn.at + late)}
        icmp = probed | _ping(self._here, target, turn.broken, draw)
        return {"http": probed | _hello(self._here, target, turn.broken, draw), "icmp": icmp, "ip": target.ip}


def _pairs(cluster: SimCluster) -> list[tuple[Target, Target]]:
    """Every node's own address and that of its health endpoint."""
    found = []
    for name in (cluster.name, *sorted(view(cluster).remotes())):
        known = view(cluster.world.clusters[name])
        for node in known.nodes():
            place = Place(name, node)
            host, endpoint = known.internal_ip(node), known.health_ip(node)
            found.append((Target(place, HOST, host), Target(place, ENDPOINT, endpoint)))
    return found


def _reached(here: Place, target: Target, broken: Broken, what: str | int) -> bool:
    return here == target.place or broken.round_trip(here, target.place, OVERLAY if target.kind == ENDPOINT else what)


def _fails(here: Place, target: Target, broken: Broken) -> bool:
    """Whether a probe waits for its whole patience."""
    hangs = target.kind == HOST and broken.agent_stopped(target.place.cluster, target.place.node)
    return hangs or not all(_reached(here, target, broken, what) for what in (HEALTH_PORT, ICMP))


def _ping(here: Place, target: Target, broken: Broken, draw: random.Random) -> Object:
    lost = 1 - (1 - broken.loss(here.cluster, target.place.cluster)) ** 2
    if not _reached(here, target, broken, ICMP) or (lost and draw.random() < lost**PINGS):
        # A cut made on a cluster's own nodes refuses what they send themselves.
        cuts = [f for f in broken.of("link-cut") if f.get("at") == here.cluster]
        if target.kind == HOST and any(f.between(here.cluster, target.place.cluster) for f in cuts):
            return {"status": f"write ip 0.0.0.0->{target.ip}: sendmsg: operation not permitted"}
        return {"status": "Connection timed out"}
    return {"latency": _nanoseconds(draw.uniform(80e-6, 500e-6) + broken.trip(here.cluster, target.place.cluster))}


def _hello(here: Place, target: Target, broken: Broken, draw: random.Random) -> Object:
    url, place = f'Get "http://{target.ip}:{HEALTH_PORT}/hello"', target.place
    dead = broken.node_down(place.cluster, place.node)
    hangs = target.kind == HOST and broken.agent_stopped(place.cluster, place.node)
    if dead and target.kind == HOST and draw.random() < 0.25:
        return {"status": f"{url}: dial tcp {target.ip}:{HEALTH_PORT}: connect: no route to host"}
    if hangs or not _reached(here, target, broken, HEALTH_PORT):
        return {"status": f"{url}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)"}
    if broken.agent_down(place.cluster, place.node) and not broken.agent_stopped(place.cluster, place.node):
        return {"status": f"{url}: dial tcp {target.ip}:{HEALTH_PORT}: connect: connection refused"}
    seconds = draw.uniform(400e-6, 900e-6) + 2 * broken.trip(here.cluster, place.cluster)
    if draw.random() < broken.loss(here.cluster, place.cluster):
        seconds += draw.choice((0.2, 0.2, 0.6))
    return {"latency": _nanoseconds(seconds)}


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
