"""What each cluster's agents see of every other cluster's nodes, worked out once for each report.

In a mesh of many nodes a report is long and comes every twenty seconds; a judgement is made every second.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nlargest

from msgspec import Struct, field

from meshtui.core.health.model import Source, Statement
from meshtui.core.model.links import Claims
from meshtui.core.model.probes import HealthNode, HealthReport, Path, Reached, merged_nodes, whole
from meshtui.core.model.state import Cluster

SAMPLES = 3
"""Probes whose times are compared."""
_RETRANSMITTED_MS, _QUICK_MS = 190.0, 20.0
"""Linux sends a lost packet of an open connection again after 200 ms at least: recorded in fault 08 and, of 130 probes
of other faults without a delay, in none."""


class ProbeResult(Struct, frozen=True):
    """One agent's newest probe of one remote node, by one path."""

    at: float
    passed: bool
    prober: str
    target: str
    error: str
    latency_ms: float | None
    """The faster of HTTP and ICMP: what the network takes, without a busy agent's part."""
    repeated: bool = False
    """HTTP took a retransmission's time and ICMP next to none: a packet of it was lost and sent again."""


class ProbeResults:
    """Probes by one path, with what a judgement asks of them; made once, asked every second."""

    __slots__ = ("failed", "newest", "oldest", "passed_at", "seen")

    def __init__(self, seen: list[ProbeResult]) -> None:
        self.seen = seen
        self.failed = [result for result in seen if not result.passed]
        """Those that were not answered."""
        self.oldest = min((result.at for result in seen), default=float("inf"))
        self.passed_at = max((result.at for result in seen if result.passed), default=0.0)
        """When one was answered last."""
        timed = [result for result in seen if result.passed and result.latency_ms is not None]
        self.newest = nlargest(SAMPLES, timed, key=lambda result: result.at)
        """Of those that were answered and timed, the newest."""

    def since(self, moment: float) -> ProbeResults:
        """Those made at or after a moment."""
        return self if self.oldest >= moment else ProbeResults([result for result in self.seen if result.at >= moment])

    def __bool__(self) -> bool:
        return bool(self.seen)


class RemoteProbes(Struct):
    """What all agents of a cluster see of another cluster's nodes."""

    pods: ProbeResults
    hosts: ProbeResults
    reached: dict[str, Reached] = field(default_factory=dict)
    """`cluster/node` → what all agents together know of it."""
    statements: tuple[Statement, ...] = ()
    """The same in words, by node."""
    silent: tuple[str, ...] = ()
    """Nodes that do not answer, by name."""
    latency_ms: float | None = None
    """Median of HTTP to the nodes' health endpoints."""


class _Part(Struct):
    """What one report says of one cluster."""

    pods: list[ProbeResult] = field(default_factory=list)
    hosts: list[ProbeResult] = field(default_factory=list)
    nodes: list[HealthNode] = field(default_factory=list)


class AgentReports:
    """Remembers what was worked out until a report changes."""

    def __init__(self) -> None:
        self._reports: dict[tuple[str, str], tuple[HealthReport, dict[str, _Part]]] = {}
        self.claims = Claims()
        """What clusters say of their links."""
        self._heard: dict[str, tuple[float, float]] = {}
        self._seen: dict[str, tuple[tuple[HealthReport, ...], dict[str, RemoteProbes]]] = {}

    def toward(self, cluster: Cluster, target: str) -> RemoteProbes:
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

    def heard(self, cluster: Cluster, now: float) -> float:
        """When an agent of a cluster answered last, as of `now`; 0 for never."""
        known = self._heard.get(cluster.context)
        if known is None or known[0] != now:
            at = max((at for (what, _), at in cluster.heard.items() if what == "agent"), default=0.0)
            known = self._heard[cluster.context] = now, at
        return known[1]

    def _together(self, cluster: Cluster, target: str) -> RemoteProbes:
        pods, hosts, nodes = list[ProbeResult](), list[ProbeResult](), list[HealthNode]()
        for name, report in cluster.health.items():
            part = self._parts(cluster.context, name, report).get(target)
            if part is not None:
                pods += part.pods
                hosts += part.hosts
                nodes += part.nodes
        reached = merged_nodes(nodes)
        times = sorted(n.endpoint.http.latency_ms for n in reached.values() if n.endpoint.http.latency_ms is not None)
        return RemoteProbes(
            ProbeResults(pods),
            ProbeResults(hosts),
            reached,
            tuple(_told(reached)),
            tuple(sorted(name for name, node in reached.items() if node.silent)),
            times[len(times) // 2] if times else None,
        )

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
            for path, results in ((whole(node), part.pods), (node.host, part.hosts)):
                if path.at and path.known:
                    results.append(_result(path, report.local, node.name))
        self._reports[context, name] = report, made
        return made


def _told(reached: dict[str, Reached]) -> Iterator[Statement]:
    for name, node in sorted(reached.items()):
        for what, path in (("pods of", node.endpoint), ("node", node.host)):
            if path.known:
                answer = f"{path.http.latency_ms or path.icmp.latency_ms or 0:.1f} ms"
                words = f"{what} {name}: {answer if path.passed else path.http.error or path.icmp.error}"
                yield Statement(Source.PROBES, words, path.passed, path.at)


def _result(path: Path, prober: str, target: str) -> ProbeResult:
    times = [probe.latency_ms for probe in (path.http, path.icmp) if probe.latency_ms is not None]
    error = path.http.error or path.icmp.error
    repeated = len(times) == 2 and max(times) >= _RETRANSMITTED_MS and min(times) < _QUICK_MS
    return ProbeResult(path.at, path.passed, prober, target, error, min(times, default=None), repeated)
