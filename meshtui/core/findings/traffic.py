"""Findings that show in where requests go: nobody serves, failing over, unreachable backends, ports that differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshtui.core.findings.model import Finding, Fix, Kind
from meshtui.core.findings.written import Place
from meshtui.core.model import resources as r
from meshtui.core.model.meshes import groups
from meshtui.core.model.probes import merged
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Mesh
from meshtui.core.routing import Reason, Route, Surroundings, ready_counts, route
from meshtui.core.routing import annotations as a

Around = Mapping[str, Surroundings]
"""Context → what its cluster knows of the others."""

_PORT_REASONS = (Reason.PORT_NAME, Reason.PROTOCOL, Reason.FAMILY)


def surroundings(mesh: Mesh) -> dict[str, Surroundings]:
    """Everybody's links, read once for many services."""
    meshes = groups(mesh)
    return {context: Surroundings.of(mesh, cluster, meshes) for context, cluster in mesh.clusters.items()}


def in_traffic(mesh: Mesh, key: str, found: list[Place], around: Around) -> Iterator[Finding]:
    """Findings of a service's routes. Routes are worked out only where something hints at one of them."""
    globals_ = [p for p in found if p.effective.global_]
    ports = [{(q.name, q.protocol) for q in p.service.spec.ports or ()} for p in globals_]
    ports_differ = any(p != ports[0] for p in ports[1:])
    for place in globals_:
        if place.effective.headless:
            yield from _headless(place, globals_)
            continue
        links = around[place.context]
        known = r.ENDPOINTSLICES in place.cluster.objects
        empty = known and ready_counts(mesh, place.cluster, key)[0] == 0
        if not (empty or links.dead_nodes or ports_differ):
            continue
        found_route = route(mesh, place.context, key, around=links)
        if empty:
            yield from _empty(place, found_route)
        yield from _stale(mesh, place, found_route)
        if ports_differ:
            yield from _ports(mesh, place, links)


def _empty(place: Place, found: Route) -> Iterator[Finding]:
    others = tuple(u.text for u in found.unused if u.backend is None)
    if not found.backends:
        if any(u.reason in (Reason.UNKNOWN, Reason.EXTERNAL_NAME) for u in found.unused):
            return
        yield Finding(
            Kind.NO_BACKENDS,
            Severity.ERROR,
            (place.context,),
            place.key,
            f"{place.name}'s clients of {place.key} have no backend in any cluster: connections are refused at once",
            (f"{place.name}: no ready endpoint", *others),
            advice="scale the workload up, or share another cluster's",
        )
    elif place.effective.affinity is a.Affinity.LOCAL and found.failover:
        yield Finding(
            Kind.FAILOVER,
            Severity.WARNING,
            (place.context,),
            place.key,
            f"{place.name}'s clients of {place.key} prefer local backends, have none, and get {found.summary}",
            (place.shown("affinity"), f"{place.name}: no ready endpoint"),
            advice=f"scale the workload up in {place.name}",
        )


def _stale(mesh: Mesh, place: Place, found: Route) -> Iterator[Finding]:
    """With `clustermesh-cache-ttl` 0 the last known backends stay for ever (facts cluster-mesh §2.7)."""
    remote = sorted(found.silent - {place.name})
    if not remote:
        return
    names = ", ".join(remote)
    config = place.cluster.config
    ttl = config.data.get("clustermesh-cache-ttl", "0s") if config else "0s"
    stale = [b for b in found.backends if b.stale]
    healthy_here = any(not b.remote and not b.stale for b in found.backends)
    share = round(100 * len(stale) / len(found.backends))
    reached = merged(place.cluster.health.values())
    errors = [f"{name}: {node.endpoint.http.error}" for name, node in sorted(reached.items()) if node.silent]
    yield Finding(
        Kind.STALE_BACKENDS,
        Severity.ERROR,
        (place.context,),
        place.key,
        f"{share} % of new connections of {place.name}'s clients of {place.key} go to {names}, "
        "whose nodes do not answer: they time out",
        (
            f"{place.name}: clustermesh-cache-ttl={ttl}",
            *(f"{place.name}'s cilium-health: {error}" for error in errors),
        ),
        (Fix(place.context, place.key, "affinity", "local"),) if healthy_here else (),
        "" if healthy_here else f"mend the network between {place.name} and {names}",
    )


def _ports(mesh: Mesh, place: Place, links: Surroundings) -> Iterator[Finding]:
    for port in place.service.spec.ports or ():
        found = route(mesh, place.context, place.key, port=port.port, around=links)
        wrong = [u for u in found.unused if u.reason in _PORT_REASONS and u.context != place.context]
        for name in sorted({u.cluster for u in wrong}):
            texts = [u.text for u in wrong if u.cluster == name]
            shown = f"{port.name or port.port}/{port.protocol}"
            yield Finding(
                Kind.PORT_MISMATCH,
                Severity.WARNING,
                (place.context,),
                place.key,
                f"{name}'s backends do not serve port {shown} of {place.name}'s {place.key}: "
                "ports match by name, protocol and IP family",
                tuple(texts[:3]),
                advice="give the port the same name and protocol in every cluster",
            )


def _headless(place: Place, globals_: list[Place]) -> Iterator[Finding]:
    if place.effective.synced_slices or len(globals_) < 2:
        return
    yield Finding(
        Kind.HEADLESS_NOT_SYNCED,
        Severity.WARNING,
        (place.context,),
        place.key,
        f"{place.key} is headless and global, but {place.name} does not mirror endpoints: DNS gives its own pods only",
        (f"{place.name}: {a.SYNC_SLICES} or clustermesh-enable-endpoint-sync is off",),
        advice="set clustermesh.enableEndpointSliceSynchronization=true in the Helm values",
    )
