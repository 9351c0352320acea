"""What each cluster's agents see of every other cluster's nodes, worked out once for each report.

In a mesh of many nodes a report is long and comes every twenty seconds; a judgement is made every second.
"""

from __future__ import annotations

from msgspec import Struct, field

from meshtui.core.model.probes import HealthNode, HealthReport, Path, Reached, merged_nodes, whole
from meshtui.core.model.state import Cluster


class Sight(Struct, frozen=True):
    """One agent's newest probe of one remote node, by one path."""

    at: float
    passed: bool
    prober: str
    target: str
    error: str
    latency_ms: float | None
    """The faster of HTTP and ICMP: what the network takes, without a busy agent's part."""


class Toward(Struct):
    """What all agents of a cluster see of another cluster's nodes."""

    pods: list[Sight] = field(default_factory=list)
    hosts: list[Sight] = field(default_factory=list)
    reached: dict[str, Reached] = field(default_factory=dict)
    """`cluster/node` → what all agents together know of it."""


class _Part(Struct):
    """What one report says of one cluster."""

    pods: list[Sight] = field(default_factory=list)
    hosts: list[Sight] = field(default_factory=list)
    nodes: list[HealthNode] = field(default_factory=list)


class Eyes:
    """Remembers what was worked out until a report changes."""

    def __init__(self) -> None:
        self._reports: dict[tuple[str, str], tuple[HealthReport, dict[str, _Part]]] = {}
        self._seen: dict[str, tuple[tuple[HealthReport, ...], dict[str, Toward]]] = {}

    def toward(self, cluster: Cluster, target: str) -> Toward:
        """What `cluster`'s agents see of the cluster that Cilium calls `target`."""
        reports = tuple(cluster.health.values())
        known = self._seen.get(cluster.context)
        if (
            known is None
            or len(known[0]) != len(reports)
            or any(a is not b for a, b in zip(*(known[0], reports), strict=True))
        ):
            known = self._seen[cluster.context] = reports, {}
        found = known[1].get(target)
        if found is None:
            found = known[1][target] = self._together(cluster, target)
        return found

    def _together(self, cluster: Cluster, target: str) -> Toward:
        made, nodes = Toward(), list[HealthNode]()
        for name, report in cluster.health.items():
            part = self._parts(cluster.context, name, report).get(target)
            if part is not None:
                made.pods += part.pods
                made.hosts += part.hosts
                nodes += part.nodes
        made.reached = merged_nodes(nodes)
        return made

    def _parts(self, context: str, name: str, report: HealthReport) -> dict[str, _Part]:
        known = self._reports.get((context, name))
        if known is not None and known[0] is report:
            return known[1]
        made: dict[str, _Part] = {}
        for node in report.nodes:
            if node.name == report.local:
                continue
            part = made.setdefault(node.name.partition("/")[0], _Part())
            part.nodes.append(node)
            for path, sights in ((whole(node), part.pods), (node.host, part.hosts)):
                if path.at and path.known:
                    sights.append(_sight(path, report.local, node.name))
        self._reports[context, name] = report, made
        return made


def _sight(path: Path, prober: str, target: str) -> Sight:
    times = [probe.latency_ms for probe in (path.http, path.icmp) if probe.latency_ms is not None]
    return Sight(path.at, path.passed, prober, target, path.http.error or path.icmp.error, min(times, default=None))
