"""Where a load test can start: the workloads of all clusters that have a ready pod."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from msgspec import Struct

from meshtui.core.flows.workload import workload_of_pod
from meshtui.core.model.resources import DEPLOYMENTS
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.reach import USUAL, is_ready

_SYSTEM = frozenset({"kube-system", "local-path-storage", "cilium", "kube-public", "kube-node-lease"})


class Origin(Struct, frozen=True):
    """A workload in one cluster or, side by side, in all that have it."""

    contexts: tuple[str, ...]
    namespace: str
    workload: str
    pods: tuple[str, ...]
    """One ready pod for each context."""
    ready: int
    """Ready pods in all."""
    deployed: tuple[bool, ...]
    """For each context whether it is a Deployment; others are addressed by their pod."""

    @property
    def name(self) -> str:
        """`default/x-wing`."""
        return f"{self.namespace}/{self.workload}"

    def starts(self) -> list[tuple[str, str]]:
        """(context, workload as LoadSpec takes it) of each client."""
        each = zip(self.contexts, self.pods, self.deployed, strict=True)
        return [(context, self.workload if deployed else f"pod/{pod}") for context, pod, deployed in each]


def origins(mesh: Mesh) -> list[Origin]:
    """Every workload with a ready pod: those that several clusters have first together, then each alone."""
    single: dict[tuple[str, str], list[Origin]] = {}
    for cluster in mesh.clusters.values():
        for origin in _of(cluster):
            single.setdefault((origin.namespace, origin.workload), []).append(origin)
    found: list[Origin] = []
    system = _SYSTEM | {cluster.config.namespace for cluster in mesh.clusters.values() if cluster.config}
    for _, alone in sorted(single.items(), key=lambda item: _rank(item[0], system)):
        found += ([_together(alone)] if len(alone) > 1 else []) + alone
    return found


def _together(alone: list[Origin]) -> Origin:
    return Origin(
        tuple(origin.contexts[0] for origin in alone),
        alone[0].namespace,
        alone[0].workload,
        tuple(origin.pods[0] for origin in alone),
        sum(origin.ready for origin in alone),
        tuple(origin.deployed[0] for origin in alone),
    )


def _rank(name: tuple[str, str], system: AbstractSet[str]) -> tuple[bool, bool, str, str]:
    namespace, workload = name
    return namespace in system, workload != USUAL, namespace, workload


def _of(cluster: Cluster) -> Iterator[Origin]:
    ready: dict[tuple[str, str], list[str]] = {}
    for pod in cluster.pods.values():
        if is_ready(pod):
            ready.setdefault((pod.namespace, workload_of_pod(pod.name)), []).append(pod.name)
    deployments = cluster.of(DEPLOYMENTS)
    for (namespace, name), pods in ready.items():
        deployed = f"{namespace}/{name}" in deployments
        yield Origin((cluster.context,), namespace, name, (min(pods),), len(pods), (deployed,))
