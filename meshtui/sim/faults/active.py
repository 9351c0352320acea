"""What is broken right now, as plain data, and how each part of the simulator asks about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """One active fault."""

    name: str
    values: tuple[tuple[str, Any], ...] = ()

    def get(self, key: str, default: Any = None) -> Any:
        """A parameter."""
        return dict(self.values).get(key, default)

    def text(self, key: str, default: str) -> str:
        """A parameter as text."""
        return str(self.get(key, default))

    def as_dict(self) -> Object:
        """As `Faults.apply` takes it."""
        return {"fault": self.name, **{k: list(v) if isinstance(v, tuple) else v for k, v in self.values}}

    def about(self, cluster: str) -> bool:
        """Whether it concerns a cluster; without `cluster` it concerns all."""
        return self.get("cluster") in (None, cluster)

    def hits_node(self, node: str) -> bool:
        """Whether it concerns a node; without `node` it concerns all of the cluster."""
        return self.get("node") in (None, node)

    def between(self, one: str, other: str) -> bool:
        """Whether it concerns the link between two clusters; without `between`, every link."""
        pair = self.get("between")
        return pair is None or {one, other} == set(pair)

    def covers(self, verb: str, resource: str) -> bool:
        """Whether a request is meant; without verb or resource, every one."""
        return self.get("verb") in (None, "*", verb) and self.get("resource") in (None, "*", resource)

    @property
    def seconds(self) -> float:
        """`ms` in seconds."""
        return float(self.get("ms", 200)) / 1000

    @property
    def signed(self) -> float:
        """`seconds`, which may be negative."""
        return float(self.get("seconds", 30))

    @property
    def share(self) -> float:
        """`percent` as a share of one."""
        return float(self.get("percent", 50)) / 100


class Faults:
    """The active faults of one world. They compose: every question looks at all of them."""

    def __init__(self) -> None:
        self._active: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """One more is broken; the same fault again replaces itself."""
        self._active = [*(f for f in self._active if f != fault), fault]

    def remove(self, name: str | None) -> list[Fault]:
        """Forget every fault, or those of one name; returns them, oldest first."""
        gone = self._of(name) if name is not None else self._active
        self._active = [f for f in self._active if f not in gone]
        return gone

    def active(self) -> list[Object]:
        """What is broken, oldest first, as it was asked for."""
        return [f.as_dict() for f in self._active]

    def held(self) -> tuple[Fault, ...]:
        """What is broken, oldest first."""
        return tuple(self._active)

    def _of(self, *names: str) -> list[Fault]:
        return [f for f in self._active if f.name in names]

    def api_rule(self, cluster: str, verb: str, resource: str) -> Object | None:
        """What the API server of a cluster does with a request: `{"down": True}`, `{"delay": seconds}`,
        `{"status": 403, "message": …}`, combined; None when nothing is wrong.
        """
        rule: Object = {}
        for fault in self._active:
            if not fault.about(cluster):
                continue
            if fault.name == "api-down":
                rule["down"] = True
            elif fault.name == "latency" and fault.text("where", "api") in ("api", "all"):
                rule["delay"] = rule.get("delay", 0.0) + fault.seconds
            elif fault.name == "forbid" and fault.covers(verb, resource):
                rule["status"] = 403
                rule["message"] = f'User "meshtui" cannot {verb} resource "{resource}": forbidden by an injected fault'
        return rule or None

    def cut(self, one: str, other: str) -> bool:
        """Whether no packet gets from one cluster to the other."""
        return one != other and any(f.between(one, other) for f in self._of("link-cut"))

    def delay(self, one: str, other: str) -> float:
        """Extra seconds one way between two clusters, or within one."""
        slow = sum(f.seconds for f in self._of("link-slow") if one != other and f.between(one, other))
        same = [f for f in self._of("latency") if f.text("where", "api") in ("data", "all")]
        return slow + sum(f.seconds for f in same if f.about(one) or f.about(other))

    def loss(self, one: str, other: str) -> float:
        """Probability that a packet between (or within) clusters is lost."""
        kept = 1.0
        for fault in self._of("loss"):
            if fault.about(one) or fault.about(other):
                kept *= 1.0 - fault.share
        return 1.0 - kept

    def node_down(self, cluster: str, node: str) -> bool:
        """Whether a node is dead."""
        return any(f.about(cluster) and f.hits_node(node) for f in self._of("node-down"))

    def agent_down(self, cluster: str, node: str) -> bool:
        """Whether a node's agent does not answer; its datapath lives on."""
        return self.node_down(cluster, node) or any(
            f.about(cluster) and f.hits_node(node) for f in self._of("agent-down")
        )

    def relay_down(self, cluster: str) -> bool:
        """Whether a cluster's Relay is gone."""
        return any(f.about(cluster) for f in self._of("relay-down"))

    def kvstoremesh_down(self, cluster: str) -> bool:
        """Whether a cluster's KVStoreMesh is gone."""
        return any(f.about(cluster) for f in self._of("kvstoremesh-down"))

    def api_down(self, cluster: str) -> bool:
        """Whether a cluster's API server does not answer."""
        return any(f.about(cluster) for f in self._of("api-down"))

    def storm(self, cluster: str) -> bool:
        """Whether a cluster's watches keep expiring."""
        return any(f.about(cluster) for f in self._of("watch-expire"))

    def skew(self, cluster: str, node: str) -> float:
        """Seconds a node's clock is ahead."""
        return sum(f.signed for f in self._of("clock-skew") if f.about(cluster) and f.hits_node(node))

    def overrun(self, cluster: str, node: str) -> float:
        """Share of a node's events that its ring loses."""
        shares = [f.share for f in self._of("ring-overrun") if f.about(cluster) and f.hits_node(node)]
        return max(shares, default=0.0)

    def version(self, cluster: str) -> str:
        """Cilium's version where it was changed, else empty."""
        found = [f.text("version", "") for f in self._of("cilium-version") if f.about(cluster)]
        return found[-1] if found else ""
