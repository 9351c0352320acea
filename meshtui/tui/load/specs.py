"""What a load test asks when nobody says more: ten requests to a service, by a port that speaks HTTP."""

from __future__ import annotations

from meshtui.core.load.service import port_to_ask
from meshtui.core.load.spec import LoadSpec
from meshtui.core.model.state import Mesh


def target_url(key: str, port: int, namespace: str) -> str:
    """What curl is given for a service, as a person in that namespace would write it."""
    service_namespace, _, name = key.partition("/")
    host = name if service_namespace == namespace else f"{name}.{service_namespace}"
    return f"http://{host}" if port in (0, 80) else f"http://{host}:{port}"


def spec_for(mesh: Mesh, context: str, key: str) -> LoadSpec:
    """Ten requests from x-wing of one cluster to one service."""
    service = mesh.clusters[context].services.get(key)
    port, _ = port_to_ask(service) if service else (80, "")
    return LoadSpec(target_url(key, port or 80, "default"), context=context)


def cannot_ask(mesh: Mesh, context: str, key: str) -> str:
    """Why curl cannot ask a service in a cluster; empty when it can, or when the service is not known there."""
    service = mesh.clusters[context].services.get(key) if context in mesh.clusters else None
    return port_to_ask(service)[1] if service else ""
