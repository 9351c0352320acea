"""One mesh as plain JSON objects, given to both rule books: core's decoded structs and the simulator's stores."""

from __future__ import annotations

import base64
import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from meshtui.cilium.config import CiliumConfig
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import AgentStatus
from meshtui.core.model.reduce import reduce
from meshtui.sim.clock import ManualClock
from meshtui.sim.options import CLUSTER_NAMES, SimOptions
from meshtui.sim.rulebook import refusals
from meshtui.sim.world import World

Object = dict[str, Any]
GVR = {resource.plural: (resource.group, resource.plural) for resource in r.BY_PLURAL.values()}


@dataclass(frozen=True)
class PlainCluster:
    """What one API server holds, and the cluster's settings."""

    objects: Mapping[str, Sequence[Object]]
    """Plural → objects."""
    version: tuple[int, int] = (1, 21)
    config: Mapping[str, str] | None = None
    connected: frozenset[int] | None = None
    """Indices of the clusters it is connected to; None: to all."""

    def remotes(self, number: int, names: Sequence[str]) -> list[str]:
        """Names of the clusters that number `number` is connected to."""
        return [name for i, name in enumerate(names) if i != number and (self.connected is None or i in self.connected)]


def names_of(clusters: Sequence[PlainCluster]) -> tuple[str, ...]:
    """The clusters' names, in order of their ids."""
    return CLUSTER_NAMES[: len(clusters)]


def config_of(number: int, name: str, cluster: PlainCluster) -> dict[str, str]:
    return {"cluster-name": name, "cluster-id": str(number + 1), **(cluster.config or {})}


def to_core(clusters: Sequence[PlainCluster]) -> s.Mesh:
    """Through the reducer, as a session would; a policy carries the status that the operator would have written."""
    names = names_of(clusters)
    mesh = s.Mesh({name: s.Cluster(name, name[0].upper(), i) for i, name in enumerate(names)})
    for number, (name, plain) in enumerate(zip(names, clusters, strict=True)):
        config = CiliumConfig(name, number + 1, config_of(number, name, plain), plain.version)
        reduce(mesh, s.ConfigRead(name, config))
        reduce(mesh, s.AgentRead(name, "node-1", _agent(plain.remotes(number, names))))
        for resource in r.WATCHED:
            decoded = [
                msgspec.convert(_judged(raw, plain), resource.struct) for raw in plain.objects.get(resource.plural, ())
            ]
            reduce(mesh, s.Listed(name, resource, {item.key: item for item in decoded}, 0.0))
    return mesh


def _agent(remotes: Sequence[str]) -> AgentStatus:
    clusters = [{"name": name, "connected": True, "ready": True} for name in remotes]
    return msgspec.convert({"cluster-mesh": {"clusters": clusters}}, AgentStatus)


def _judged(raw: Object, plain: PlainCluster) -> Object:
    if not raw.get("kind", "").startswith("Cilium"):
        return raw
    reason = refusals.operator(raw, plain.version, plain.config or {})
    valid = {"type": "Valid", "status": "False" if reason else "True", "message": reason}
    return {**raw, "status": {"conditions": [valid]}}


class _Versions:
    """Stands where a world's faults stand: which version each cluster runs."""

    def __init__(self, versions: Mapping[str, str]) -> None:
        self.version = versions.__getitem__


def to_sim(clusters: Sequence[PlainCluster]) -> World:
    """Straight into the simulated stores: no servers, no controllers."""
    world = World(SimOptions(clusters=len(clusters)), clock=ManualClock())
    names = names_of(clusters)
    versions = {name: f"{c.version[0]}.{c.version[1]}" for name, c in zip(names, clusters, strict=True)}
    world.faults = _Versions(versions)  # type: ignore[assignment]
    for number, (name, plain) in enumerate(zip(names, clusters, strict=True)):
        store = world.clusters[name].store
        for plural, objects in plain.objects.items():
            store.load(GVR[plural], copy.deepcopy(list(objects)))
        data = {remote: base64.b64encode(b"endpoints: []").decode() for remote in plain.remotes(number, names)}
        system = {"namespace": "kube-system"}
        config = {"metadata": {"name": "cilium-config", **system}, "data": config_of(number, name, plain)}
        store.load(("", "configmaps"), [config])
        store.load(("", "secrets"), [{"metadata": {"name": "cilium-clustermesh", **system}, "data": data}])
    return world


class Tally:
    """How many decisions were compared, and of what kinds: a comparison that compared nothing must show."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.examples = 0

    def line(self, title: str) -> str:
        """`routing: 400 meshes, 2,312 routes (…)`."""
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(self.kinds.items()))
        return f"{title}: {self.examples:,} generated meshes, {sum(self.kinds.values()):,} decisions ({kinds})"
