"""What a run's outcome depends on, written down so that two runs can be compared: annotations, replicas, policies."""

from __future__ import annotations

from meshtui.core.model.resources import DEPLOYMENTS, POLICIES
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.routing.candidates import ready_counts

_PREFIXES = ("service.cilium.io/", "io.cilium/")


def surroundings(mesh: Mesh, service: str) -> dict[str, str]:
    """`koornacht shared` → `false`, `tion ready` → `2/2`, `tion policy default/default-deny` → its revision, …"""
    found: dict[str, str] = {}
    for cluster in mesh.clusters.values():
        name = cluster.name
        found |= {f"{name} {key}": value for key, value in _annotations(cluster, service).items()}
        if service in cluster.services:
            ready, total = ready_counts(mesh, cluster, service)
            found[f"{name} ready"] = f"{ready}/{total}"
        deployment = cluster.of(DEPLOYMENTS).get(service)
        if deployment is not None:
            found[f"{name} replicas"] = str(deployment.spec.replicas)
        for resource in POLICIES:
            for key, policy in cluster.of(resource).items():
                revision = policy.metadata.generation or policy.metadata.resource_version
                found[f"{name} policy {key}"] = f"revision {revision}"
    return found


def _annotations(cluster: Cluster, service: str) -> dict[str, str]:
    held = cluster.services.get(service)
    annotations = held.annotations if held else {}
    return {
        key.removeprefix(prefix): value
        for key, value in sorted(annotations.items())
        for prefix in _PREFIXES
        if key.startswith(prefix)
    }
