"""Which Service a load test's URL means, and how its answers should spread over clusters."""

from __future__ import annotations

from urllib.parse import urlsplit

from msgspec.structs import replace

from meshtui.core.flows.workload import workload_of_pod
from meshtui.core.load.spec import LoadSpec
from meshtui.core.model.objects import Service, ServicePort
from meshtui.core.model.state import Mesh
from meshtui.core.reach import DnsAccess, is_ready, reach
from meshtui.core.routing import Reason


def target_of(url: str) -> tuple[str, int]:
    """Host and port of a URL; without a scheme it is http."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def service_of_url(mesh: Mesh, spec: LoadSpec) -> str:
    """`namespace/name` of the Service the URL names from the client's namespace, or by ClusterIP; empty if none."""
    host, _ = target_of(spec.url)
    cluster = mesh.clusters.get(spec.context)
    if cluster is None or not host:
        return ""
    labels = host.removesuffix(".").removesuffix(".svc.cluster.local").removesuffix(".svc").split(".")
    key = f"{labels[1] if len(labels) == 2 else spec.namespace}/{labels[0]}"
    if len(labels) <= 2 and key in cluster.services:
        return key
    return next((key for key, service in cluster.services.items() if service.spec.cluster_ip == host), "")


def port_to_ask(service: Service) -> tuple[int, str]:
    """The port curl is pointed at (0: none), and why it cannot be asked; empty when it can.

    Ports named or numbered for HTTP come first, then any TCP port that is not known to speak something else.
    """
    ports = service.spec.ports or ()
    if not ports:
        return 0, f"{service.name} has no port"
    tcp = [port for port in ports if (port.protocol or "TCP") == "TCP"]
    if not tcp:
        listed = ", ".join(f"{port.protocol} {port.port}" for port in ports)
        return 0, f"{service.name} listens on {listed} only, which curl cannot ask"
    asked = [port for port in tcp if not _other(port)]
    if not asked:
        return 0, f"{service.name} speaks {_other(tcp[0])} on port {tcp[0].port}, not HTTP"
    best = min(asked, key=lambda port: (not _is_http(port), asked.index(port)))
    return best.port, ""


def _is_http(port: ServicePort) -> bool:
    return (port.name or "").startswith(("http", "web")) or port.port in (80, 8080, 443)


def _other(port: ServicePort) -> str:
    """What a port is known to speak instead of HTTP; empty when that is not known."""
    name = port.name or ""
    if port.port == 53 or name.startswith("dns"):
        return "DNS"
    if port.port in (2379, 2380) or name.startswith("etcd"):
        return "etcd"
    return "gRPC" if name.startswith("grpc") or port.port == 4244 else ""


def prediction(mesh: Mesh, spec: LoadSpec) -> tuple[str, dict[str, float] | None, str]:
    """The Service a run asks, the expected share of all its requests by cluster name, and what policies will refuse.

    No shares (None) where they cannot be told: no Service is asked, a cluster was not read, or it is not known
    whether policies let the client's requests pass.
    """
    service = service_of_url(mesh, spec)
    if not service:
        return "", None, ""
    host, port = target_of(spec.url)
    known = mesh.clusters[spec.context].services[service]
    listed = any(each.port == port for each in known.spec.ports or ())
    found = reach(mesh, spec.context, service, port=port if listed else None, client=_client(mesh, spec))
    if known.spec.cluster_ip == host:
        found = replace(found, names=DnsAccess())
    unsure = found.unknown or found.names.passes is None
    if unsure or any(unused.reason is Reason.UNKNOWN for unused in found.route.unused):
        return service, None, ""
    return service, dict(found.shares), "" if found.open else found.summary


def _client(mesh: Mesh, spec: LoadSpec) -> str:
    """Key of the pod that will ask, or of one of its workload; empty when none is known."""
    kind, slash, name = spec.workload.partition("/")
    if slash and kind == "pod":
        return f"{spec.namespace}/{name}"
    workload = spec.workload.rpartition("/")[2]
    pods = mesh.clusters[spec.context].pods.values()
    mine = [pod for pod in pods if pod.namespace == spec.namespace and workload_of_pod(pod.name) == workload]
    return min(mine, key=lambda pod: (not is_ready(pod), pod.name)).key if mine else ""
