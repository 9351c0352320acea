"""What becomes of requests to a service: each backend's fate, what stops them, and who answers with which share."""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct

from meshtui.core.flows.flow import PolicyRef
from meshtui.core.policy import TrafficDirection
from meshtui.core.reach.clients import Clients
from meshtui.core.routing import Backend, Route


class Stop(Struct, frozen=True):
    """What refuses, or may refuse, a connection: in which cluster, which direction, and which policies.

    Text holds names as the clusters sent them: clean it before it reaches a screen.
    """

    cluster: str
    """The one whose policies decide; empty where that is not known."""
    direction: TrafficDirection
    policies: tuple[PolicyRef, ...]
    text: str
    """The whole sentence, as `explain_verdict` says it."""
    fix: str = ""

    @property
    def short(self) -> str:
        """`denied at tion (default-deny)`."""
        listed = ", ".join(dict.fromkeys(ref.name for ref in self.policies))
        return f"denied at {self.cluster}" + (f" ({listed})" if listed else "")


class Hop(Struct, frozen=True):
    """One backend in rotation and whether the clients' connections get to it."""

    backend: Backend
    passes: bool | None
    """None: not known, or it depends on which of the clients asks."""
    stop: Stop | None = None
    """Why not, or why that is not known."""


class DnsAccess(Struct, frozen=True):
    """Whether the clients reach a DNS server, without which a name leads nowhere."""

    passes: bool | None = True
    stop: Stop | None = None


class Reach(Struct, frozen=True, dict=True):
    """Where requests of one cluster's clients to one service's port go, and which of them are answered."""

    route: Route
    clients: Clients
    hops: tuple[Hop, ...]
    names: DnsAccess = DnsAccess()

    @property
    def port(self) -> str:
        """The service's port and the pods' own: `80/TCP → 8080`; empty when there is none."""
        if self.route.port is None:
            return ""
        own = sorted({hop.backend.port for hop in self.hops})
        return f"{self.route.port.port}/{self.route.port.protocol}" + (f" → {', '.join(map(str, own))}" if own else "")

    @cached_property
    def answering(self) -> frozenset[str]:
        """Names of the clusters that will answer requests by name: let through, on nodes that answer."""
        if self.names.passes is False:
            return frozenset()
        return frozenset(hop.backend.cluster for hop in self.hops if hop.passes and not hop.backend.stale)

    @cached_property
    def shares(self) -> dict[str, float]:
        """Expected share of ALL requests by name that a cluster answers; what is missing to 1 is refused.

        What is not known counts as answered: nothing says that it is not. Cluster name → share, without zeros.
        """
        if self.names.passes is False:
            return {}
        counts: dict[str, int] = {}
        for hop in self.hops:
            if hop.passes is not False:
                counts[hop.backend.cluster] = counts.get(hop.backend.cluster, 0) + 1
        return {name: count / len(self.hops) for name, count in counts.items()}

    @property
    def refused_share(self) -> float:
        """Part of all requests that policies refuse for certain."""
        if not self.hops:
            return 0.0
        if self.names.passes is False:
            return 1.0
        return sum(hop.passes is False for hop in self.hops) / len(self.hops)

    @cached_property
    def refused(self) -> dict[str, tuple[Stop, ...]]:
        """Cluster name that is not reached → what refuses it. Everybody's when names are not resolved."""
        if self.names.passes is False and self.names.stop is not None:
            return dict.fromkeys(self.route.counts, (self.names.stop,))
        return self._stops(None_=False)

    @cached_property
    def unknown(self) -> dict[str, tuple[Stop, ...]]:
        """Cluster name → why it is not known whether it is reached."""
        return {} if self.names.passes is False else self._stops(None_=True)

    def _stops(self, *, None_: bool) -> dict[str, tuple[Stop, ...]]:  # noqa: N803 - after the value it selects
        found: dict[str, dict[tuple[object, ...], Stop]] = {}
        for hop in self.hops:
            if hop.stop is not None and hop.passes is (None if None_ else False):
                stop = hop.stop
                found.setdefault(hop.backend.cluster, {}).setdefault(
                    (stop.cluster, stop.direction, stop.policies), stop
                )
        return {name: tuple(stops.values()) for name, stops in found.items()}

    @property
    def open(self) -> bool:
        """Whether policies refuse nothing and leave nothing unknown: the route is the whole answer."""
        return self.names.passes is not False and all(hop.passes for hop in self.hops)

    @property
    def shut(self) -> bool:
        """Whether there are backends and policies refuse every one of them."""
        return bool(self.hops) and self.refused_share == 1.0

    @property
    def summary(self) -> str:
        """`K 2, T 2`; `K 2, T 2 denied at tion (default-deny)`; `denied at koornacht (default-deny)`; `no DNS: …`."""
        if self.open:
            return self.route.summary
        tags, parts = self.route.tags, []
        if self.names.passes is False and self.names.stop is not None:
            return f"no DNS: {self.names.stop.short}"
        if self.shut and len({stop.short for stops in self.refused.values() for stop in stops}) == 1:
            return next(iter(self.refused.values()))[0].short
        for name, count in self.route.counts.items():
            mine = [hop for hop in self.hops if hop.backend.cluster == name]
            parts.append(f"{tags.get(name, name)} {count}{self._fate(name, mine)}")
        return ", ".join(parts) + (" (failover)" if self.route.failover else "")

    def _fate(self, name: str, mine: list[Hop]) -> str:
        denied = sum(hop.passes is False for hop in mine)
        unsure = sum(hop.passes is None for hop in mine)
        silent = sum(hop.backend.stale for hop in mine if hop.passes is not False)
        some = "" if denied == len(mine) else f"{denied} "
        told = f" {some}{self.refused[name][0].short}" if denied else ""
        told += " not known whether policies let it pass" if unsure else ""
        return told + (f" ({silent} silent)" if silent else "")
