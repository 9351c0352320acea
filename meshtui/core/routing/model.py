"""What a routing decision is made of: backends, reasons why not, and the route itself."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct, field

from meshtui.core.model import objects as o
from meshtui.core.routing.annotations import Affinity


class Reason(Enum):
    """Why a cluster or a backend gets nothing from these clients."""

    UNKNOWN = "not known yet"
    EXTERNAL_NAME = "ExternalName"
    NO_LOCAL_SERVICE = "no Service here"
    NO_FRONTEND = "no frontend"
    HEADLESS = "headless"
    UNKNOWN_PORT = "no such port"
    NOT_MESHED = "this cluster has no mesh"
    NOT_GLOBAL_HERE = "not global here"
    NO_REMOTE_SERVICE = "no Service there"
    NOT_GLOBAL_THERE = "not global there"
    NOT_SHARED = "not shared"
    NAMESPACE_NOT_EXPORTED = "namespace not exported"
    NOT_CONNECTED = "cluster not configured"
    REMOTE_NOT_READY = "cluster not ready"
    AFFINITY_LOCAL = "affinity local"
    AFFINITY_REMOTE = "affinity remote"
    AFFINITY_UNREADABLE = "affinity misread"
    NO_ENDPOINTS = "no endpoints"
    NOT_READY = "endpoint not ready"
    TERMINATING = "terminating"
    PORT_NAME = "port name differs"
    PROTOCOL = "protocol differs"
    FAMILY = "IP family differs"
    OTHER_NODE = "on another node"
    SAME_ADDRESS = "same address here"


class Backend(Struct, frozen=True):
    """One address that may answer. `pod` is `namespace/name`, empty when the endpoint names none."""

    context: str
    cluster: str
    ip: str
    port: int
    protocol: str
    pod: str
    node: str
    remote: bool
    active: bool = True
    """False: terminating but still serving."""
    stale: bool = False
    """In rotation, although its node does not answer cilium-health."""


class Unused(Struct, frozen=True):
    """A cluster (`backend` None) or one backend that these clients do not reach, and why."""

    context: str
    cluster: str
    reason: Reason
    text: str
    backend: Backend | None = None


class Route(Struct, frozen=True):
    """Where new connections of one cluster's clients to one service's port go.

    Text in here holds names as the clusters sent them: clean it before it reaches a screen.
    """

    context: str
    cluster: str
    service: str
    port: o.ServicePort | None
    backends: tuple[Backend, ...]
    unused: tuple[Unused, ...]
    affinity: Affinity = Affinity.NONE
    failover: bool = False
    """Affinity's preferred side has nobody left, so the other side serves."""
    notes: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    """Cluster name → its short tag, for `summary`."""

    @property
    def counts(self) -> dict[str, int]:
        """Backends in rotation per cluster name, own cluster first."""
        counts: dict[str, int] = {}
        for backend in self.backends:
            counts[backend.cluster] = counts.get(backend.cluster, 0) + 1
        return counts

    @property
    def shares(self) -> dict[str, float]:
        """Expected share of new connections per cluster name: its backends over all of them.

        The datapath picks uniformly among active slots and knows no cluster weights (bpf/lib/lb.h).
        Sums to 1, or is empty when nobody serves.
        """
        total = len(self.backends)
        return {name: count / total for name, count in self.counts.items()}

    @property
    def answering(self) -> frozenset[str]:
        """Names of clusters in rotation with at least one backend on a node that answers."""
        return frozenset(b.cluster for b in self.backends if not b.stale)

    @property
    def silent(self) -> frozenset[str]:
        """Names of clusters in rotation with a backend on a node that does not answer."""
        return frozenset(b.cluster for b in self.backends if b.stale)

    @property
    def summary(self) -> str:
        """`K 2, T 2`, `T 2 (failover)`, `K 2, T 2 silent`, or why nobody serves."""
        if not self.backends:
            if self.unused and self.unused[0].reason is Reason.EXTERNAL_NAME:
                return self.unused[0].text
            return f"nobody: {self.unused[0].reason.value}" if self.unused else "nobody"
        parts = []
        for name, count in self.counts.items():
            stale = sum(b.stale for b in self.backends if b.cluster == name)
            quiet = " silent" if stale == count else f" ({stale} silent)" if stale else ""
            parts.append(f"{self.tags.get(name, name)} {count}{quiet}")
        return ", ".join(parts) + (" (failover)" if self.failover else "")

    def why_not(self, context: str) -> Unused | None:
        """The first reason why a cluster's backends are not used; None when nothing was left out."""
        return next((u for u in self.unused if u.context == context), None)
