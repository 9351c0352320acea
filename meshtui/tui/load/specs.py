"""What a load test asks when nobody says more: ten requests to a service, by a port that speaks HTTP."""

from __future__ import annotations

from meshtui.core.load.service import port_to_ask
from meshtui.core.load.spec import LoadSpec
from meshtui.core.model.state import Mesh
from meshtui.core.settings import Settings


def target_url(key: str, port: int, namespace: str) -> str:
    """What curl is given for a service, as a person in that namespace would write it."""
    service_namespace, _, name = key.partition("/")
    host = name if service_namespace == namespace else f"{name}.{service_namespace}"
    return f"http://{host}" if port in (0, 80) else f"http://{host}:{port}"


def spec_for(mesh: Mesh, context: str, key: str, usual: Settings) -> LoadSpec:
    """Requests of one cluster's client to one service, as many as the settings say: ten from x-wing by default."""
    service = mesh.clusters[context].services.get(key)
    port, _ = port_to_ask(service) if service else (80, "")
    return LoadSpec(
        target_url(key, port or 80, "default"),
        context=context,
        workload=usual.load_client,
        count=usual.load_count,
        concurrency=usual.load_concurrency,
        max_time=usual.load_max_time,
    )


def cannot_ask(mesh: Mesh, context: str, key: str) -> str:
    """Why curl cannot ask a service in a cluster; empty when it can, or when the service is not known there."""
    service = mesh.clusters[context].services.get(key) if context in mesh.clusters else None
    return port_to_ask(service)[1] if service else ""
