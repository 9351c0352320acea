"""Hours of a session's core in minutes: flows, pods that are replaced and judgements, by a clock of its own."""

from __future__ import annotations

from collections.abc import Sequence

from meshtui.core.findings import Findings
from meshtui.core.flows.connections import Connections
from meshtui.core.flows.flow import FlowRow, Peer
from meshtui.core.flows.store import FlowStore
from meshtui.core.flows.sums import Aggregates
from meshtui.core.health.judge import Judge
from meshtui.core.health.pulse import EventCounts
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.core.services.table import ServiceTable
from tests.core import meshes

BEGIN = 1_800_000_000
SERVICES = 40
_TALK = (("SYN", False), ("SYN, ACK", True), ("ACK, PSH", False), ("ACK, FIN", False), ("ACK, FIN", True))
"""Flags and whether the server sent it: the events of one connection."""


class Soak:
    """Two clusters; in each second so many flows, and the pods of one service replaced."""

    def __init__(self, flows_a_second: int, capacity: int) -> None:
        self.mesh = meshes.mesh()
        self.rate = flows_a_second
        self.second = 0
        self.made = 0
        self.judge = Judge(self.mesh)
        self.judge.follow()
        self.table, self.findings = ServiceTable(self.mesh), Findings(self.mesh)
        self.event_counts, self.store = EventCounts(), FlowStore(capacity)
        self.view = self.store.view(lambda row: row.verdict == 2)
        self.sums, self.connections = Aggregates(), Connections()
        for service in range(SERVICES):
            self._replace(service, 0)

    def pass_by(self, seconds: int) -> None:
        """Let so much time go by."""
        for _ in range(seconds):
            self.second += 1
            self._replace(self.second % SERVICES, self.second)
            rows = self._rows()
            self.store.add(rows)
            self.judge.traffic.take(rows, self.judge.addresses.services)
            self.event_counts.take(rows)
            self.sums.add(rows)
            self.connections.add(rows)
            self.judge.judge(float(BEGIN + self.second))

    def sizes(self) -> dict[str, int]:
        """What is kept of what, in numbers: all of them must end."""
        memory, traffic, places = self.judge.memory, self.judge.traffic, self.judge.addresses
        found = {name: len(getattr(memory, name)) for name in ("firsts", "verdicts", "nodes", "node_fails", "down_at")}
        found |= {"open": traffic.open, "services": len(traffic.services), "pairs": len(traffic.pairs)}
        found |= {"heard": len(traffic.heard), "connections": len(self.connections), "sums": len(self.sums)}
        found |= {"flows": len(self.store), "pods": sum(len(c.pods) for c in self.mesh.clusters.values())}
        return found | {"addresses": places.size, "rows": len(self.table), "seen": len(self.view)}

    def _tell(self, event: s.Event) -> None:
        delta = reduce(self.mesh, event)
        self.judge.note(delta)
        self.table.update(delta)
        self.findings.update(delta)

    def _replace(self, service: int, turn: int) -> None:
        """A service's pod goes, and another one with another address comes."""
        context, key, at = "ab"[service % 2], f"default/svc-{service}", float(turn)
        cluster = self.mesh.clusters[context]
        old = [name for name in cluster.pods if name.startswith(f"default/svc-{service}-")]
        pod = meshes.pod(f"svc-{service}-{turn}", {"app": f"svc-{service}"})
        ends = [meshes.endpoint(self.address(service, turn), pod.name)]
        self._tell(s.Changed(context, r.PODS, {**dict.fromkeys(old), pod.key: pod}, at))
        self._tell(s.Changed(context, r.SERVICES, {key: meshes.service(key=key)}, at))
        slices = {(piece := meshes.endpointslice(ends, key=key)).key: piece}
        self._tell(s.Changed(context, r.ENDPOINTSLICES, slices, at))

    @staticmethod
    def address(service: int, turn: int) -> str:
        return f"10.{service}.{turn >> 8 & 255}.{turn & 255}"

    def _rows(self) -> Sequence[FlowRow]:
        rows = []
        for step in range(self.rate):
            number, part = divmod(self.made, len(_TALK))
            flags, reply = _TALK[part]
            service = number % SERVICES
            turn = self.second - (self.second - service) % SERVICES
            client = Peer(1, "a", "default", f"client-{number % 500}", "client")
            server = Peer(2, "ab"[service % 2], "default", f"svc-{service}-{turn}", f"svc-{service}")
            ends = (client, server), ("10.99.0.1", self.address(service, max(0, turn))), (1024 + number % 60_000, 80)
            (one, two), (ip, other), (port, target) = (pair[:: -1 if reply else 1] for pair in ends)
            at = (BEGIN + self.second) * 1_000_000_000 + step * 1_000_000
            node = f"{server.cluster if reply else 'a'}/n"
            dropped = 2 if number % 97 == 0 and part == 0 else 1
            known = (dropped, 4, 0, 0, reply, one, two, ip, other, "TCP", port, target, flags, "", 133 * (dropped - 1))
            rows.append(FlowRow(at, f"uuid-{self.made}", node, *known))
            self.made += 1
        return rows
