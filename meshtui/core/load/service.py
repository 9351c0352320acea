"""Which Service a load test's URL means, and how its answers should spread over clusters."""

from __future__ import annotations

from urllib.parse import urlsplit

from meshtui.core.load.spec import LoadSpec
from meshtui.core.model.state import Mesh
from meshtui.core.routing import route


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


def shares_of(mesh: Mesh, context: str, service: str, port: int | None = None) -> dict[str, float] | None:
    """Expected share of answers by cluster name; None when it cannot be told."""
    if context not in mesh.clusters or not service:
        return None
    return dict(route(mesh, context, service, port=port).shares)
