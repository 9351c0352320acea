"""What is broken at one moment, as plain data, and how each part of the simulator asks about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshtui.sim.faults.fault import Fault

Object = dict[str, Any]
OVERLAY, ICMP = "overlay", "icmp"
"""Packets that are not to a node's own TCP port: between pods inside VXLAN (UDP 8472), and pings of node addresses."""
HEALTH_PORT, HUBBLE_PORT, ETCD_PORT = 4240, 4244, 32379
BIG = 1500
"""Bytes of a packet that fills an Ethernet frame: a certificate, a long answer."""


@dataclass(frozen=True)
class Place:
    """A node of a cluster."""

    cluster: str
    node: str


class Broken:
    """The faults of one moment. They compose: every question looks at all of them."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        self._hold(faults)

    def _hold(self, faults: tuple[Fault, ...]) -> None:
        """Every tick asks for some by name, hundreds of times a second in tests: they are sorted by it once."""
        named: dict[str, tuple[Fault, ...]] = {}
        for fault in faults:
            named[fault.name] = (*named.get(fault.name, ()), fault)
        self._active, self._named = faults, named

    def active(self) -> list[Object]:
        """What is broken, oldest first, as it was asked for."""
        return [f.as_dict() for f in self._active]

    def held(self) -> tuple[Fault, ...]:
        """What is broken, oldest first."""
        return self._active

    def of(self, name: str) -> tuple[Fault, ...]:
        """The faults of this name, oldest first."""
        return self._named.get(name, ())

    def _hits(self, name: str, cluster: str, node: str = "") -> bool:
        return any(f.about(cluster) and (not node or f.hits_node(node)) for f in self.of(name))

    # Packets

    def passes(self, source: Place, destination: Place, what: str | int, size: int = 100) -> bool:
        """Whether packets get from one node to another; `what`: OVERLAY, ICMP or a TCP port of the destination (or,
        for what comes back, of the source); `size` in bytes on the wire.
        """
        if not self._active or source == destination:
            return not self.node_down(source.cluster, source.node)
        if self.node_down(source.cluster, source.node) or self.node_down(destination.cluster, destination.node):
            return False
        return not any(self._stops(f, source.cluster, destination.cluster, what, size) for f in self._active)

    @staticmethod
    def _stops(fault: Fault, source: str, destination: str, what: str | int, size: int) -> bool:
        if fault.name == "one-way-cut":
            return fault.way(source, destination)
        if not fault.between(source, destination):
            return False
        return (
            fault.name == "link-cut"
            or (fault.name == "vxlan-only" and what == OVERLAY)
            or (fault.name == "control-plane-only" and what == ETCD_PORT)
            or (fault.name == "health-port-only" and what in (HEALTH_PORT, ICMP))
            or (fault.name == "mtu" and size > fault.number("bytes", 1300))
        )

    def round_trip(self, one: Place, other: Place, what: str | int, size: int = 100) -> bool:
        """Whether a packet gets there and one of `size` back."""
        return self.passes(one, other, what) and self.passes(other, one, what, size)

    def delay(self, source: str, destination: str) -> float:
        """Extra seconds that packets from one cluster to another take, or within one."""
        slow = sum(f.number("ms", 200) for f in self.of("link-slow") if f.between(source, destination))
        slow += sum(f.number("ms", 200) for f in self.of("slow") if f.way(source, destination))
        same = [f for f in self.of("latency") if f.text("where", "api") in ("data", "all")]
        slow += sum(f.number("ms", 200) for f in same if f.about(source) or f.about(destination))
        return slow / 1000

    def trip(self, one: str, other: str) -> float:
        """Extra seconds there and back."""
        return self.delay(one, other) + self.delay(other, one)

    def loss(self, one: str, other: str) -> float:
        """Probability that a packet between (or within) clusters is lost."""
        kept = 1.0
        for fault in self.of("loss"):
            if fault.about(one) or fault.about(other):
                kept *= 1.0 - fault.number("percent", 50) / 100
        for fault in self.of("lossy"):
            if fault.between(one, other):
                kept *= 1.0 - fault.number("percent", 25) / 100
        return 1.0 - kept

    # Who is there

    def node_down(self, cluster: str, node: str) -> bool:
        """Whether a node is dead."""
        return self._hits("node-down", cluster, node)

    def agent_stopped(self, cluster: str, node: str) -> bool:
        """Whether a node's agent is there and does nothing (SIGSTOP): one that was killed since is not there."""
        gone = self.agent_crashed(cluster, node) or self.node_down(cluster, node)
        return self._hits("agent-stopped", cluster, node) and not gone

    def agent_crashed(self, cluster: str, node: str) -> bool:
        """Whether a node's agent is not there."""
        return self._hits("agent-crashed", cluster, node)

    def agent_down(self, cluster: str, node: str) -> bool:
        """Whether a node's agent does not answer, for whatever reason; but on a dead node its datapath lives on."""
        return self.node_down(cluster, node) or self.agent_stopped(cluster, node) or self.agent_crashed(cluster, node)

    def relay_down(self, cluster: str) -> bool:
        """Whether a cluster's Relay is gone."""
        return self._hits("relay-gone", cluster)

    def kvstoremesh_down(self, cluster: str) -> bool:
        """Whether a cluster's KVStoreMesh is gone: its own, or with the whole clustermesh-apiserver."""
        return self._hits("kvstoremesh-down", cluster) or self.mesh_server_down(cluster)

    def mesh_server_down(self, cluster: str) -> bool:
        """Whether a cluster's clustermesh-apiserver is gone."""
        return self._hits("apiserver-gone", cluster)

    def distrusts(self, cluster: str) -> bool:
        """Whether a cluster's clustermesh-apiserver does not know the others' authority."""
        return self._hits("wrong-ca", cluster)

    def expired(self, cluster: str) -> bool:
        """Whether the certificate a cluster's clustermesh-apiserver shows has expired."""
        return self._hits("certificate-expired", cluster)

    def wrong_address(self, cluster: str, of: str) -> str:
        """The address at which a cluster looks in vain for another; empty when it looks in the right place."""
        found = [f for f in self.of("wrong-address") if f.about(cluster) and f.get("of") in (None, of)]
        return found[-1].text("address", NOBODY) if found else ""

    # What they say

    def api_rule(self, cluster: str, verb: str, resource: str) -> Object | None:
        """What the API server of a cluster does with a request: `{"down": True}`, `{"frozen": True}`,
        `{"delay": seconds}`, `{"status": 403, "message": …}`, combined; None when nothing is wrong.
        """
        rule: Object = {}
        for fault in self._active:
            if not fault.about(cluster):
                continue
            if fault.name == "api-gone":
                rule["down"] = True
            elif fault.name == "api-frozen":
                rule["frozen"] = True
            elif fault.name == "latency" and fault.text("where", "api") in ("api", "all"):
                rule["delay"] = rule.get("delay", 0.0) + fault.number("ms", 200) / 1000
            elif fault.name == "forbid" and fault.covers(verb, resource):
                rule["status"] = 403
                rule["message"] = f'User "meshtui" cannot {verb} resource "{resource}": forbidden by an injected fault'
        return rule or None

    def webhook(self, cluster: str, verb: str, resource: str, *, dry: bool) -> bool:
        """Whether an admission webhook of a cluster denies a request."""
        if verb not in ("create", "update", "patch", "delete"):
            return False
        for fault in self.of("webhook-denies"):
            named = fault.text("resource")
            meant = resource == named if named else resource.endswith("networkpolicies")
            if fault.about(cluster) and meant and not (dry and fault.get("dry")):
                return True
        return False

    def api_down(self, cluster: str) -> bool:
        """Whether a cluster's API server does not answer."""
        return self._hits("api-gone", cluster) or self._hits("api-frozen", cluster)

    def storm(self, cluster: str) -> bool:
        """Whether a cluster's watches keep expiring."""
        return self._hits("watch-expire", cluster)

    def noise(self, cluster: str) -> bool:
        """Whether a cluster's pods solicit IPv6 routers, which Cilium drops."""
        return self._hits("router-solicitations", cluster)

    def skew(self, cluster: str, node: str) -> float:
        """Seconds a node's clock is ahead."""
        return sum(f.number("seconds", 30) for f in self.of("clock-skew") if f.about(cluster) and f.hits_node(node))

    def overrun(self, cluster: str, node: str) -> float:
        """Share of a node's events that its ring loses."""
        found = [f for f in self.of("ring-overrun") if f.about(cluster) and f.hits_node(node)]
        return max((f.number("percent", 50) / 100 for f in found), default=0.0)

    def version(self, cluster: str) -> str:
        """Cilium's version where it was changed, else empty."""
        found = [f.text("version") for f in self.of("cilium-version") if f.about(cluster)]
        return found[-1] if found else ""


NOBODY = "192.0.2.99"
"""An address nobody has (RFC 5737)."""
