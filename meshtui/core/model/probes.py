"""cilium-health: what each agent's probes of the other nodes say, and what all of them say together.

An agent probes every node about once in `probeInterval` (132 s for four nodes), its host address and its health
endpoint at different moments, so each probe has an age of its own (cilium pkg/health/server/prober.go).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct


class Probe(Struct, frozen=True):
    """One probe of one address. `error` is empty when it was answered."""

    at: float = 0.0
    """Wall time of the probe; 0 while there has been none."""
    latency_ms: float | None = None
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether it was made and answered."""
        return self.latency_ms is not None and not self.error


NOT_PROBED = Probe()


class Path(Struct, frozen=True):
    """The way to one address of a node, tried by HTTP and by ICMP."""

    http: Probe = NOT_PROBED
    icmp: Probe = NOT_PROBED

    @property
    def known(self) -> bool:
        """Whether any probe of it has ended."""
        return self.http.passed or bool(self.http.error) or self.icmp.passed or bool(self.icmp.error)

    @property
    def passed(self) -> bool:
        """Whether either of them was answered: packets pass both ways."""
        return self.http.passed or self.icmp.passed

    @property
    def at(self) -> float:
        """When it was probed last."""
        return max(self.http.at, self.icmp.at)


NO_PATH = Path()


class HealthNode(Struct, frozen=True):
    """One node as cilium-health of another node sees it."""

    name: str
    """`cluster/node`."""
    latency_ms: float | None
    """HTTP latency to the node's health endpoint; None when it did not answer."""
    error: str
    """Why it did not answer, empty when it did."""
    endpoint: Path = NO_PATH
    """The health endpoint's pod address: what pod traffic goes through."""
    host: Path = NO_PATH
    """The node's own address."""

    @property
    def at(self) -> float:
        """When the health endpoint was probed; 0 when that is not known."""
        return self.endpoint.at


class HealthReport(Struct, frozen=True):
    """`cilium-health status -o json` of one agent: whether the datapath really reaches the other nodes."""

    local: str
    """`cluster/node` of the agent that probes."""
    nodes: tuple[HealthNode, ...]
    timestamp: str = ""
    interval: float = 120.0
    """Seconds between two probes of one node."""

    @property
    def node(self) -> str:
        """Name of the node that probes, without its cluster."""
        return self.local.rpartition("/")[2]


def parse_health(document: Mapping[str, Any]) -> HealthReport:
    """Read cilium-health's JSON; a path counts as failed when its probe gave a `status` text."""
    nodes = []
    for node in document.get("nodes") or []:
        section = _section(node, "health-endpoint") or _mapping(node.get("endpoint"))
        endpoint = _path(section)
        http = endpoint.http
        host = _path(_section(node, "host"))
        nodes.append(HealthNode(str(node.get("name", "")), http.latency_ms, http.error, endpoint, host))
    local = str(_mapping(document.get("local")).get("name", ""))
    interval = seconds(str(document.get("probeInterval", ""))) or 120.0
    return HealthReport(local, tuple(nodes), str(document.get("timestamp", "")), interval)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _section(node: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return _mapping(_mapping(node.get(name)).get("primary-address"))


def _path(section: Mapping[str, Any]) -> Path:
    return Path(_probe(_mapping(section.get("http"))), _probe(_mapping(section.get("icmp"))))


def _probe(found: Mapping[str, Any]) -> Probe:
    error = str(found.get("status") or "")
    latency = found.get("latency")
    at = moment(str(found.get("lastProbed", "")))
    if error or not isinstance(latency, int | float) or latency <= 0:
        return Probe(at, None, error)
    return Probe(at, latency / 1e6)


def moment(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time; 0 for none, for Go's zero time and for what cannot be read."""
    try:
        found = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return max(0.0, found)


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def seconds(text: str) -> float:
    """Seconds of a Go duration, `2m11.8s`; 0 for what is none."""
    total, number, unit = 0.0, "", ""
    for sign in [*text, ""]:
        if unit and (sign == "" or sign.isdigit()):
            if unit not in _UNITS:
                return 0.0
            total += float(number) * _UNITS[unit]
            number, unit = "", ""
        if sign.isdigit() or sign == ".":
            number += sign
        elif sign:
            unit += sign
            if not number:
                return 0.0
    return 0.0 if number else total


class Reached(Struct, frozen=True):
    """One remote node as all agents of a cluster together see it: the newest answer for each path counts."""

    name: str
    """`cluster/node`."""
    endpoint: Path
    host: Path
    by: int
    """Agents that probe it."""
    failed_by: int
    """Those whose own newest probe of its endpoint failed."""

    @property
    def silent(self) -> bool:
        """Whether the newest probe of its health endpoint was not answered."""
        return self.endpoint.known and not self.endpoint.passed


def merged(reports: Iterable[HealthReport]) -> dict[str, Reached]:
    """`cluster/node` → what all agents together know of it; an agent's probes of its own node do not count."""
    return merged_nodes(node for report in reports for node in report.nodes if node.name != report.local)


def merged_nodes(nodes: Iterable[HealthNode]) -> dict[str, Reached]:
    """`cluster/node` → what all these say of it together."""
    found: dict[str, list[HealthNode]] = {}
    for node in nodes:
        found.setdefault(node.name, []).append(node)
    return {name: _merge(name, seen) for name, seen in found.items()}


def _merge(name: str, seen: list[HealthNode]) -> Reached:
    endpoint = max((whole(node) for node in seen), key=lambda path: (path.at, not path.passed))
    host = max((node.host for node in seen), key=lambda path: (path.at, not path.passed))
    return Reached(name, endpoint, host, len(seen), sum(bool(node.error) for node in seen))


def whole(node: HealthNode) -> Path:
    """The endpoint's path; one that is only told by latency and error (no times) stands for itself."""
    if node.endpoint.known:
        return node.endpoint
    return Path(Probe(0.0, node.latency_ms, node.error))
