"""Which addresses a cluster's EndpointSlices offer for one port of a service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from meshtui.core.model import objects as o
from meshtui.core.model.slices import is_mirror, service_of
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.routing.model import Backend, Reason, Unused

SOURCE_CLUSTER = "multicluster.kubernetes.io/source-cluster"


class Offer(Struct):
    """What one cluster offers: usable backends, and endpoints left out with the reason."""

    backends: list[Backend] = field(default_factory=list)
    left_out: list[Unused] = field(default_factory=list)


def slices(mesh: Mesh, cluster: Cluster, key: str) -> Iterator[o.EndpointSlice]:
    """The EndpointSlices of a service in one cluster, in key order."""
    known = cluster.endpointslices
    keys = mesh.slices_of.get(cluster.context, {}).get(key, ())
    for slice_key in sorted(keys) if len(keys) > 1 else keys:
        found = known.get(slice_key)
        if found is not None:
            yield found


def ready_counts(mesh: Mesh, cluster: Cluster, key: str) -> tuple[int, int]:
    """(ready, total) endpoints a cluster has of its own for a service, each pod counted once."""
    names = mesh.slices_of.get(cluster.context, {}).get(key)
    if not names:
        return 0, 0
    known = cluster.endpointslices
    return count_ready([known[name] for name in names if name in known])


def count_ready(found: Iterable[o.EndpointSlice]) -> tuple[int, int]:
    """(ready, total) endpoints of a service's slices, each pod counted once; mirrored slices do not count."""
    ready: set[tuple[str, str]] = set()
    total: set[tuple[str, str]] = set()
    for item in found:
        if is_mirror(item):
            continue
        for endpoint in item.endpoints or ():
            ref = endpoint.target_ref
            if ref is not None and ref.kind == "Pod":
                who = ref.namespace, ref.name
            else:
                who = "", endpoint.addresses[0] if endpoint.addresses else ""
            total.add(who)
            if endpoint.conditions.ready is not False:
                ready.add(who)
    return len(ready), len(total)


def family_of(service: o.Service) -> str:
    """`IPv4` or `IPv6`: the family of the service's first address."""
    families = service.spec.ip_families
    if families:
        return families[0]
    return "IPv6" if ":" in service.spec.cluster_ip else "IPv4"


def pod_key(endpoint: o.Endpoint) -> str:
    """`namespace/name` of the pod behind an endpoint, or nothing."""
    ref = endpoint.target_ref
    return f"{ref.namespace}/{ref.name}" if ref and ref.kind == "Pod" else ""


def match_ports(
    frontend: o.ServicePort, found: o.EndpointSlice, family: str
) -> tuple[tuple[o.EndpointPort, ...], Reason]:
    """The slice's ports that serve a frontend; where there is none, the reason says why.

    Same protocol, same family, and the port NAME where both sides have one; numbers may differ between
    clusters, and a frontend without a name takes every port. Source: pkg/loadbalancer/writer/writer.go.
    """
    if found.address_type != family:
        return (), Reason.FAMILY
    reason = Reason.NO_ENDPOINTS
    fitting = []
    for port in found.ports or ():
        if port.port is None:
            continue
        if port.protocol != frontend.protocol:
            reason = Reason.PROTOCOL
        elif frontend.name and port.name and port.name != frontend.name:
            reason = Reason.PORT_NAME
        else:
            fitting.append(port)
    return tuple(fitting), reason


def offer(mesh: Mesh, cluster: Cluster, key: str, frontend: o.ServicePort, family: str, *, remote: bool) -> Offer:
    """What `cluster`'s own endpoints of a service offer to a frontend port of the clients' cluster.

    An endpoint that is in two slices, as while it moves from one to the other, is one backend.
    """
    result = Offer()
    for found in slices(mesh, cluster, key):
        if not is_mirror(found):
            _offer_slice(result, cluster, found, frontend, family, remote)
    result.backends = list({(b.ip, b.port): b for b in result.backends}.values())
    return result


def mirrored(mesh: Mesh, cluster: Cluster, key: str, frontend: o.ServicePort) -> list[Backend]:
    """Remote endpoints that the operator mirrored into `cluster`: what DNS adds to a headless service."""
    result: list[Backend] = []
    for _, found in sorted(cluster.endpointslices.items()):
        if not is_mirror(found) or service_of(found) != key:
            continue
        name = found.labels.get(SOURCE_CLUSTER, "")
        source = mesh.by_name(name)
        part = Offer()
        _offer_slice(part, source or cluster, found, frontend, found.address_type, remote=True)
        result += part.backends
    return result


def _offer_slice(
    result: Offer,
    cluster: Cluster,
    found: o.EndpointSlice,
    frontend: o.ServicePort,
    family: str,
    remote: bool,
) -> None:
    if not found.endpoints:
        return
    ports, reason = match_ports(frontend, found, family)
    numbers = tuple(dict.fromkeys(port.port or 0 for port in ports)) or (0,)
    for endpoint in found.endpoints:
        terminating = endpoint.conditions.ready is False
        pod, node = pod_key(endpoint), endpoint.node_name or ""
        for address in endpoint.addresses:
            for number in numbers:
                backend = Backend(
                    cluster.context,
                    cluster.name,
                    address,
                    number,
                    frontend.protocol,
                    pod,
                    node,
                    remote,
                    # A remote backend is exported when ready or serving, and imported as active either way.
                    remote or not terminating,
                )
                if not ports:
                    result.left_out.append(_left_out(backend, reason, frontend))
                elif terminating and not (endpoint.conditions.serving and endpoint.conditions.terminating):
                    result.left_out.append(_left_out(backend, Reason.NOT_READY, frontend))
                else:
                    result.backends.append(backend)


def _left_out(backend: Backend, reason: Reason, frontend: o.ServicePort) -> Unused:
    who = f"{backend.cluster}'s {backend.pod or backend.ip}"
    text = {
        Reason.PORT_NAME: f"{who} has no port named {frontend.name}; ports match by name, not by number",
        Reason.PROTOCOL: f"{who} does not offer {frontend.protocol}",
        Reason.FAMILY: f"{who} has an address of the other IP family",
        Reason.NOT_READY: f"{who} is not ready",
    }.get(reason, f"{who} offers no port")
    return Unused(backend.context, backend.cluster, reason, text, backend)
