"""Trouble on demand: what is broken right now, and how each part of the simulator asks about it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from meshtui.sim.faultkinds import KINDS, Fault, parse

if TYPE_CHECKING:
    from meshtui.sim.world import World

Object = dict[str, Any]


class Faults:
    """The active faults of one world. They compose: every question looks at all of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._active: list[Fault] = []
        self._lost: dict[str, float] = {}

    def apply(self, spec: Object) -> None:
        """Break something: `{"fault": NAME, …}`. The same fault again replaces itself. Raises ValueError."""
        fault = parse(spec, tuple(self._world.clusters))
        with contextlib.suppress(ValueError):
            self._active.remove(fault)
        self._active.append(fault)
        KINDS[fault.name].begin(self._world, fault)

    def heal(self, name: str | None = None) -> None:
        """Mend every fault, or those of one name. Raises ValueError on an unknown name."""
        if name is not None and name not in KINDS:
            raise ValueError(f"unknown fault {name!r}; known: {', '.join(sorted(KINDS))}")
        mended = [f for f in self._active if name in (None, f.name)]
        self._active = [f for f in self._active if f not in mended]
        for fault in reversed(mended):
            KINDS[fault.name].end(self._world, fault)

    def active(self) -> list[Object]:
        """What is broken, oldest first, as `apply` takes it."""
        return [f.as_dict() for f in self._active]

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
