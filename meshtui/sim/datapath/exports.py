"""What a cluster tells the others: exported services, and what the others last heard when it cannot be reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshtui.sim.datapath.view import SERVICES, View, view
from meshtui.sim.world import SimCluster, World

Object = dict[str, Any]
Key = tuple[str, str]
ALIASES = {
    "global": "io.cilium/global-service",
    "shared": "io.cilium/shared-service",
    "affinity": "io.cilium/service-affinity",
}


@dataclass(frozen=True, slots=True)
class Backend:
    """One endpoint behind a service port."""

    cluster: str
    ip: str
    port: int
    port_name: str
    protocol: str
    node: str
    """Empty for a backend of another cluster, as the agents have it."""
    terminating: bool = False


def annotation(service: Object, what: str) -> str | None:
    """Value of a `service.cilium.io/` annotation; the older alias counts only where the new key is absent."""
    held = service["metadata"].get("annotations") or {}
    new = f"service.cilium.io/{what}"
    if new in held:
        return str(held[new])
    old = ALIASES.get(what)
    return str(held[old]) if old and old in held else None


def is_global(service: Object) -> bool:
    """Whether remote backends are merged in: exactly `true`, in any case."""
    return (annotation(service, "global") or "").lower() == "true"


def is_shared(service: Object) -> bool:
    """Whether a global service's backends are exported."""
    written = annotation(service, "shared")
    return is_global(service) and (written is None or written.lower() == "true")


def affinity(service: Object, version: tuple[int, int]) -> str:
    """`none`, `local` or `remote`; `broken` where 1.18 and 1.19 take an unknown value for neither (GitHub #46623)."""
    written = (annotation(service, "affinity") or "").lower()
    if written in ("local", "remote"):
        return written
    if written and version in ((1, 18), (1, 19)):
        return "broken"
    return "none"


def namespace_is_global(known: View, name: str) -> bool:
    """The namespace gate of 1.19 and later, for identities and endpoints; for Services see `exports_services`."""
    if known.version < (1, 19):
        return True
    found = known.namespace(name)
    held = ((found or {}).get("metadata", {}).get("annotations")) or {}
    written = held.get("clustermesh.cilium.io/global")
    if written is None:
        written = known.config().get("clustermesh-default-global-namespace", "true")
    return str(written).lower() == "true"


def exports_services(known: View, namespace: str) -> bool:
    """Whether Services of a namespace leave the cluster. 1.19 lets them out although it keeps identities in (a build
    of Jan 2026, measured); the recorded 1.21 does not.
    """
    return known.version < (1, 20) or namespace_is_global(known, namespace)


def local_backends(known: View, namespace: str, name: str) -> list[Backend]:
    """Ready and serving endpoints of a Service, from its EndpointSlices."""
    found = []
    for piece in known.service_slices(namespace, name):
        ports = piece.get("ports") or ()
        for endpoint in piece.get("endpoints") or ():
            conditions = endpoint.get("conditions") or {}
            ready = conditions.get("ready") is not False
            serving = conditions.get("serving", ready) is not False
            if not ready and not (conditions.get("terminating") and serving):
                continue
            for port in ports:
                found += [
                    Backend(
                        known.name, address, port["port"], port.get("name") or "", port.get("protocol", "TCP"),
                        endpoint.get("nodeName", ""), not ready,
                    )
                    for address in endpoint["addresses"]
                ]  # fmt: skip
    return found


def exported(known: View) -> set[Key]:
    """Services this cluster shares."""
    shared = {(s["metadata"]["namespace"], s["metadata"]["name"]) for s in known.services() if is_shared(s)}
    inside = {namespace for namespace, _ in shared if exports_services(known, namespace)}
    return {key for key in shared if key[0] in inside}


def export(known: View, namespace: str, name: str) -> list[Backend] | None:
    """What this cluster exports of one Service; None when it exports nothing of that name.

    The record says neither node nor state: whoever imports it takes every backend as active.
    """
    service = known.cluster.store.get(SERVICES, namespace, name)
    if service is None or not is_shared(service) or not exports_services(known, namespace):
        return None
    return [
        Backend(b.cluster, b.ip, b.port, b.port_name, b.protocol, "") for b in local_backends(known, namespace, name)
    ]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one cluster had told another when the connection between their etcds broke."""

    services: dict[Key, list[Backend]]
    endpoints: int
    identities: int
    nodes: int


@dataclass(frozen=True, slots=True)
class Told:
    """How many objects of each kind a cluster tells the others."""

    services: int
    endpoints: int
    identities: int
    nodes: int


class Imports:
    """What each cluster has of each other: live, or frozen while the way between them is broken."""

    def __init__(self) -> None:
        self.frozen: dict[tuple[str, str], Snapshot] = {}

    def freeze(self, world: World, reader: str, source: str, taken: dict[str, Snapshot]) -> None:
        """Keep for `reader` what `source` exports now (clustermesh-cache-ttl is 0: for ever); `taken` holds, by source,
        what readers that are cut off at the same moment share.
        """
        if (reader, source) not in self.frozen:
            if source not in taken:
                taken[source] = snapshot(view(world.clusters[source]))
            self.frozen[(reader, source)] = taken[source]

    def thaw(self, reader: str, source: str) -> None:
        """Let changes through again."""
        self.frozen.pop((reader, source), None)

    def of(self, world: World, reader: str, source: str, key: Key) -> list[Backend] | None:
        """Backends `reader` has from `source` for one service; None when it has no such service."""
        kept = self.frozen.get((reader, source))
        if kept is not None:
            return kept.services.get(key)
        return export(view(world.clusters[source]), *key)

    def counts(self, world: World, reader: str, source: str) -> Told:
        """How much it is, for status reports."""
        kept = self.frozen.get((reader, source))
        if kept is not None:
            return Told(len(kept.services), kept.endpoints, kept.identities, kept.nodes)
        return told(view(world.clusters[source]))


def snapshot(known: View) -> Snapshot:
    """What a cluster's clustermesh-apiserver has in its etcd right now."""
    count = told(known)
    services = {key: export(known, *key) or [] for key in exported(known)}
    return Snapshot(services, count.endpoints, count.identities, count.nodes)


class _Counted:
    """How many services a cluster exports, as of one version of them."""

    version = -1
    services = 0


def told(known: View) -> Told:
    """The same in numbers. Every status report of every other cluster asks for them: services are counted once."""
    store = known.cluster.store
    counted = known.cluster.part(_Counted, _Counted)
    if counted.version != known.service_version:
        counted.version, counted.services = known.service_version, len(exported(known))
    gate: dict[str, bool] = {}

    def inside(namespace: str) -> bool:
        if namespace not in gate:
            gate[namespace] = namespace_is_global(known, namespace)
        return gate[namespace]

    endpoints = store.list(("cilium.io", "ciliumendpoints"))
    identities = store.list(("cilium.io", "ciliumidentities"))
    spaces = [i.get("security-labels", {}).get("k8s:io.kubernetes.pod.namespace", "") for i in identities]
    return Told(
        counted.services,
        sum(inside(e["metadata"]["namespace"]) for e in endpoints),
        sum(inside(space) for space in spaces),
        len(store.list(("cilium.io", "ciliumnodes"))),
    )


def imports(world: World) -> Imports:
    """The world's one `Imports`, kept on its first cluster."""
    first: SimCluster = next(iter(world.clusters.values()))
    return first.part(Imports, Imports)
