"""The decision itself: merge the clusters' backends, apply affinity, order by what the datapath would use."""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.structs import replace

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.routing.annotations import Affinity, Effective, effective
from meshtui.core.routing.candidates import Offer, family_of, mirrored, offer
from meshtui.core.routing.model import Backend, Reason, Route, Unused
from meshtui.core.routing.surroundings import Surroundings


class Offers(Struct):
    """What clusters offer of one service, the same to all others: worked out once for many clients' clusters."""

    made: dict[tuple[object, ...], Offer] = field(default_factory=dict)
    """(context, port's number, name and protocol, family) → the offer."""
    gates: dict[str, tuple[Reason, str] | None] = field(default_factory=dict)
    """Context → what stops it from exporting."""


class _Work(Struct):
    """One decision in the making."""

    mesh: Mesh
    client: Cluster
    key: str
    around: Surroundings
    offers: Offers
    local: list[Backend] = field(default_factory=list)
    remote: list[Backend] = field(default_factory=list)
    unused: list[Unused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def bar(self, cluster: Cluster, reason: Reason, text: str) -> None:
        """Leave a whole cluster out."""
        self.unused.append(Unused(cluster.context, cluster.name, reason, text))

    def leave(self, backends: list[Backend], reason: Reason, why: str) -> None:
        """Leave single backends out."""
        for b in backends:
            text = f"{b.cluster}'s {b.pod or b.ip}: {why}"
            self.unused.append(Unused(b.context, b.cluster, reason, text, b))

    def others(self) -> list[Cluster]:
        """All clusters but the clients'."""
        return [c for c in self.mesh.clusters.values() if c is not self.client]


def route(
    mesh: Mesh,
    client_context: str,
    service_key: str,
    *,
    port: int | str | None = None,
    client_node: str = "",
    around: Surroundings | None = None,
    offers: Offers | None = None,
) -> Route:
    """Where new connections from `client_context`'s pods to `service_key` (`namespace/name`) go.

    `port`: number or name of the service's port, by default its first. `client_node`: with
    internalTrafficPolicy Local only this node's own backends count. `around`: from `Surroundings.of`, to route
    many services of one cluster cheaply. `offers`: kept for one service while nothing changes, to route it for many
    clusters cheaply. Raises KeyError for a context that is not in the mesh.
    """
    client = mesh.clusters[client_context]
    work = _Work(mesh, client, service_key, around or Surroundings.of(mesh, client), offers or Offers())
    service = client.services.get(service_key)
    if service is None:
        _no_service(work)
        return _finish(work, None, Affinity.NONE, [], failover=False)
    here = effective(service, client.namespaces.get(service.namespace), client.config)
    frontend = _frontend(service, port)
    if service.spec.type == "ExternalName":
        work.bar(
            client, Reason.EXTERNAL_NAME, f"ExternalName {service.spec.external_name}: DNS only, Cilium has no part"
        )
        return _finish(work, None, Affinity.NONE, [], failover=False)
    if frontend is None:
        reason = Reason.UNKNOWN_PORT if port is not None else Reason.NO_FRONTEND
        work.bar(client, reason, f"{client.name}'s {service_key} has no port {port or ''}".rstrip())
        return _finish(work, None, Affinity.NONE, [], failover=False)
    _gather_local(work, service, frontend, client_node)
    if here.headless:
        _headless(work, here, frontend)
        return _finish(work, frontend, Affinity.NONE, work.local + work.remote, failover=False)
    _gather_remote(work, service, here, frontend)
    chosen, failover = _prefer(work, here)
    _service_notes(work, service)
    return _finish(work, frontend, here.affinity, chosen, failover)


def routes(mesh: Mesh, service_key: str, *, port: int | str | None = None) -> list[Route]:
    """The route of every cluster's clients, in the mesh's order."""
    return [route(mesh, context, service_key, port=port) for context in mesh.clusters]


def _no_service(work: _Work) -> None:
    client = work.client
    if r.SERVICES not in client.objects:
        work.bar(client, Reason.UNKNOWN, f"{client.name}'s services are not known yet")
        return
    work.bar(
        client,
        Reason.NO_LOCAL_SERVICE,
        f"{client.name} has no Service {work.key}: without one its clients have no address and no DNS name for it",
    )


def _frontend(service: o.Service, port: int | str | None) -> o.ServicePort | None:
    ports = service.spec.ports or ()
    if port is None:
        return ports[0] if ports else None
    return next((p for p in ports if port in (p.port, p.name) or str(port) == str(p.port)), None)


def _gather_local(work: _Work, service: o.Service, frontend: o.ServicePort, node: str) -> None:
    """With internalTrafficPolicy Local drop backends of other nodes; remote ones have no node and stay.

    Source: pkg/loadbalancer/writer/writer.go.
    """
    found = offer(work.mesh, work.client, work.key, frontend, family_of(service), remote=False)
    work.unused += found.left_out
    work.local = found.backends
    if service.spec.internal_traffic_policy == "Local" and node:
        elsewhere = [b for b in work.local if b.node and b.node != node]
        work.leave(elsewhere, Reason.OTHER_NODE, f"internalTrafficPolicy Local keeps {node}'s clients on {node}")
        work.local = [b for b in work.local if b not in elsewhere]


def _headless(work: _Work, here: Effective, frontend: o.ServicePort) -> None:
    """A headless service has no frontend: DNS gives local addresses, plus mirrored ones where synced.

    Source: pkg/clustermesh/endpointslicesync.
    """
    work.notes.append("headless: clients choose among the addresses DNS gives them, Cilium does not balance")
    if here.synced_slices:
        work.remote = mirrored(work.mesh, work.client, work.key, frontend)
    served = {b.context for b in work.remote}
    for other in work.others():
        if other.context not in served and work.key in other.services:
            text = f"headless: {other.name}'s endpoints are not mirrored into {work.client.name}'s API"
            work.bar(other, Reason.HEADLESS, text)


def _gather_remote(work: _Work, service: o.Service, here: Effective, frontend: o.ServicePort) -> None:
    """Local and remote services merge by namespace and name (pkg/clustermesh/loadbalancer/service_merger.go)."""
    client = work.client
    family = family_of(service)
    owners = {(b.ip, b.port): client.name for b in work.local}
    for other in work.others():
        blocked = _gate_here(work, here, other) or _stopped_there(work, other)
        if blocked:
            work.bar(other, *blocked)
            continue
        found = _offered(work, other, frontend, family)
        work.unused += found.left_out
        if not found.backends and not found.left_out:
            work.bar(other, Reason.NO_ENDPOINTS, f"{other.name}'s {work.key} has no endpoints")
        if other.context in work.around.notes:
            work.notes.append(work.around.notes[other.context])
        for backend in found.backends:
            owner = owners.setdefault((backend.ip, backend.port), other.name)
            if owner == other.name:
                work.remote.append(backend)
            else:
                why = "has this address itself, which wins" if owner == client.name else "has the same address"
                work.leave([backend], Reason.SAME_ADDRESS, f"{owner} {why}")


def _offered(work: _Work, other: Cluster, frontend: o.ServicePort, family: str) -> Offer:
    """What another cluster offers: the same to every cluster that asks for the same port."""
    asked = other.context, frontend.port, frontend.name, frontend.protocol, family
    found = work.offers.made.get(asked)
    if found is None:
        found = work.offers.made[asked] = offer(work.mesh, other, work.key, frontend, family, remote=True)
    return found


def _stopped_there(work: _Work, other: Cluster) -> tuple[Reason, str] | None:
    """What stops the other cluster from exporting, whoever asks."""
    gates = work.offers.gates
    if other.context not in gates:
        gates[other.context] = _gate_there(work, other)
    return gates[other.context]


def _gate_here(work: _Work, here: Effective, other: Cluster) -> tuple[Reason, str] | None:
    """What stops this cluster from importing. The hook needs a cluster id (pkg/clustermesh/loadbalancer)."""
    client = work.client
    if client.config is not None and client.id == 0:
        return Reason.NOT_MESHED, f"{client.name} has cluster id 0, it is in no mesh"
    if not here.global_:
        return Reason.NOT_GLOBAL_HERE, f"{client.name}'s {work.key} is not global, so it takes nobody else's backends"
    return work.around.barred.get(other.context)


def _gate_there(work: _Work, other: Cluster) -> tuple[Reason, str] | None:
    """What stops the other cluster from exporting (clustermesh-apiserver/clustermesh/service_sync.go)."""
    name, key = other.name, work.key
    service = other.services.get(key)
    if service is None:
        if r.SERVICES not in other.objects:
            return Reason.UNKNOWN, f"{name}'s services are not known yet"
        return Reason.NO_REMOTE_SERVICE, f"{name} has no Service {key}"
    there = effective(service, other.namespaces.get(service.namespace), other.config)
    if not there.global_:
        return Reason.NOT_GLOBAL_THERE, f"{name}'s {key} is not global, so {name} exports nothing"
    if not there.shared:
        value = there.written_shared.value
        return Reason.NOT_SHARED, f"{name}'s {key} is not shared (shared={value!r}), so {name} exports nothing"
    if not there.namespace_global:
        text = f"{name}'s namespace {service.namespace} is not global, so {name} exports nothing of it"
        return Reason.NAMESPACE_NOT_EXPORTED, text
    return None


def _prefer(work: _Work, here: Effective) -> tuple[list[Backend], bool]:
    """Apply affinity: all or nothing, and not symmetric.

    local: remote backends join only when no local one is active (a terminating one does not hold them off).
    remote: local backends join only when no remote one is left, terminating ones included.
    Source: pkg/clustermesh/loadbalancer/selectbackends.go.
    """
    local, remote = work.local, work.remote
    match here.affinity:
        case Affinity.LOCAL:
            active = sum(b.active for b in local)
            if active:
                work.leave(remote, Reason.AFFINITY_LOCAL, f"affinity local, and {active} here are healthy")
                return local, False
            return local + remote, bool(remote)
        case Affinity.REMOTE:
            if remote:
                work.leave(local, Reason.AFFINITY_REMOTE, f"affinity remote, and {len(remote)} elsewhere are healthy")
                return remote, False
            return local, bool(local)
        case Affinity.DROPS_REMOTE:
            value = here.written_affinity.value
            why = f"this Cilium misreads affinity={value!r} and drops every remote backend; delete the annotation"
            work.leave(remote, Reason.AFFINITY_UNREADABLE, why)
            return local, False
        case Affinity.NONE:
            return local + remote, False


def _service_notes(work: _Work, service: o.Service) -> None:
    if service.spec.session_affinity == "ClientIP":
        work.notes.append("sessionAffinity ClientIP: a client stays with its backend, shares hold over many clients")
    if service.spec.internal_traffic_policy == "Local":
        work.notes.append("internalTrafficPolicy Local: of this cluster only backends on the client's node count")


def _finish(
    work: _Work, port: o.ServicePort | None, affinity: Affinity, chosen: list[Backend], failover: bool
) -> Route:
    """New connections use active backends, terminating ones only when there is no other (bpf/lib/lb.h)."""
    active = [b for b in chosen if b.active]
    if active and len(active) < len(chosen):
        work.leave([b for b in chosen if not b.active], Reason.TERMINATING, "terminating, takes no new connections")
    used = active or chosen
    around = work.around
    if around.dead_nodes:
        used = [replace(b, stale=True) if around.stale(b) else b for b in used]
        for name in sorted({b.cluster for b in used if b.stale}):
            silence = f"their nodes do not answer {work.client.name}'s health probes"
            work.notes.append(f"{name}'s backends are still in rotation, but {silence}")
    if not chosen and port is not None and r.ENDPOINTSLICES not in work.client.objects:
        text = f"{work.client.name}'s endpoints are not known yet"
        work.unused.insert(0, Unused(work.client.context, work.client.name, Reason.UNKNOWN, text))
    elif not chosen and not work.unused and port is not None:
        work.bar(work.client, Reason.NO_ENDPOINTS, f"{work.client.name}'s {work.key} has no endpoints")
    return Route(
        context=work.client.context,
        cluster=work.client.name,
        service=work.key,
        port=port,
        backends=tuple(used),
        unused=tuple(work.unused),
        affinity=affinity,
        failover=failover,
        notes=tuple(work.notes),
        tags=around.tags,
    )
