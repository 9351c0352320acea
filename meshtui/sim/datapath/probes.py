"""The kubelet's HTTP, TCP and gRPC probes: traffic of the host identity that never pauses."""

from __future__ import annotations

import heapq
import zlib
from dataclasses import dataclass
from typing import Any

from meshtui.sim.datapath import servers
from meshtui.sim.datapath.connection import Step, probe, unheard
from meshtui.sim.datapath.emit import record
from meshtui.sim.datapath.events import Observer
from meshtui.sim.datapath.identity import host, of_pod
from meshtui.sim.datapath.policy import decide, named_port
from meshtui.sim.datapath.view import View, view
from meshtui.sim.rulebook.rules import INGRESS
from meshtui.sim.world import SimCluster, World

Object = dict[str, Any]
KINDS = ("httpGet", "tcpSocket", "grpc")


@dataclass(frozen=True, order=True)
class Due:
    """One probe's next time."""

    at: float
    key: str
    port: int
    period: float


def wanted(known: View) -> dict[str, tuple[Object, int, float]]:
    """Probes that reach pods over the network: pod, port and period in seconds, by a stable key."""
    found = {}
    for pod in known.pod_by_ip.values():
        for index, container in enumerate(pod["spec"].get("containers", ())):
            for kind in ("livenessProbe", "readinessProbe"):
                held = container.get(kind) or {}
                target = next((held[k] for k in KINDS if k in held), None)
                port = _port(pod, target) if target else 0
                if port:
                    key = f"{pod['metadata']['uid']}/{index}/{kind}"
                    found[key] = (pod, port, float(held.get("periodSeconds") or 10))
    return found


def _port(pod: Object, target: Object) -> int:
    if target.get("host") in ("127.0.0.1", "localhost"):
        return 0
    port = target.get("port", 0)
    return int(port) if str(port).isdigit() else named_port(pod, str(port), "TCP")


class Prober:
    """All probes of one cluster, in order of their time."""

    def __init__(self, world: World, cluster: SimCluster) -> None:
        self._world = world
        self._cluster = cluster
        self._known = view(cluster)
        self._queue: list[Due] = []
        self._version = -1
        self._pods = 0
        self._wanted: dict[str, tuple[Object, int, float]] = {}

    def tick(self) -> None:
        """Make the probes that are due."""
        now = self._world.clock.monotonic()
        self._refresh(now)
        while self._queue and self._queue[0].at <= now:
            due = heapq.heappop(self._queue)
            if due.key not in self._wanted:
                continue
            self._probe(self._wanted[due.key][0], due.port, due.at)
            heapq.heappush(self._queue, Due(due.at + due.period, due.key, due.port, due.period))

    def _refresh(self, now: float) -> None:
        """Look again when pods changed; each probe keeps its own place within its period."""
        if self._version == self._known.pod_version:
            return
        self._version = self._known.pod_version
        before, self._wanted = self._wanted, wanted(self._known)
        for key, (_, port, period) in self._wanted.items():
            if key not in before:
                offset = zlib.crc32(key.encode()) % 1000 / 1000 * period
                heapq.heappush(self._queue, Due(now + offset, key, port, period))

    def _probe(self, pod: Object, port: int, at: float) -> None:
        node = pod["spec"].get("nodeName", "")
        faults = self._world.faults
        if faults.node_down(self._cluster.name, node):
            return
        observer = Observer(self._known, node)
        kubelet, target = host(self._known, node), of_pod(self._known, pod)
        decision = decide(self._known, INGRESS, target, kubelet, "TCP", port)
        ports = (self._world.rng.randrange(32768, 60999), port)
        ahead = self._world.clock.now() - self._world.clock.monotonic()
        talk = probe if port in servers.ports(pod) else unheard
        steps: list[Step] = sorted(talk(observer, kubelet, target, ports, decision), key=lambda s: s[0])
        for offset, _, template in steps:
            record(self._world, self._cluster, node, template, at + offset + ahead)
