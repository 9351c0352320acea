"""Which pods stand for "the clients of a cluster", and how that is said."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum

from msgspec import Struct

from meshtui.core.flows.workload import workload_of_pod
from meshtui.core.model import resources as r
from meshtui.core.model.objects import Pod
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.services.row import rank

USUAL = "x-wing"
"""The lab's client, which load tests start from."""
MOST = 12
"""Workloads that are judged one by one where none is the usual client."""


class Basis(Enum):
    """Why these pods stand for the clients."""

    CHOSEN = "chosen"
    USUAL = "the load test's client"
    SEEN = "seen in flows"
    WORKLOADS = "the namespace's workloads"
    ANYBODY = "any pod: no policy decides"
    NOBODY = "no pods known"


class Clients(Struct, frozen=True):
    """Pods of one cluster, one for each workload."""

    basis: Basis
    pods: tuple[Pod, ...] = ()
    left_out: int = 0
    """Workloads beyond `MOST`, which were not looked at."""

    @property
    def words(self) -> str:
        """`default/x-wing, the load test's client`. Names are as the cluster sent them."""
        if not self.pods:
            return self.basis.value
        names = [f"{pod.namespace}/{workload_of_pod(pod.name)}" for pod in self.pods]
        listed = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        more = f", {self.left_out} not looked at" if self.left_out else ""
        return f"{listed}, {self.basis.value}{more}"


def is_ready(pod: Pod) -> bool:
    """Running, Ready, and not being deleted."""
    conditions = pod.status.conditions or ()
    ready = any(c.type == "Ready" and c.status == "True" for c in conditions)
    return ready and pod.status.phase == "Running" and pod.metadata.deletion_timestamp is None


class Workloads:
    """One pod for each workload of a cluster that may be a client, by namespace; a list of its own moment."""

    def __init__(self, cluster: Cluster) -> None:
        self.listed = r.PODS in cluster.objects
        self._by_namespace: dict[str, dict[str, Pod]] = {}
        for pod in cluster.pods.values():
            if pod.spec.host_network or rank(pod.key) > 0:
                continue
            known = self._by_namespace.setdefault(pod.namespace, {})
            name = workload_of_pod(pod.name)
            held = known.get(name)
            if held is None or (is_ready(pod), held.name) > (is_ready(held), pod.name):
                known[name] = pod

    def usual(self, namespace: str) -> Pod | None:
        """The load test's client: of the service's namespace, else of the first that has one."""
        spaces = (namespace, *sorted(self._by_namespace))
        return next((pod for space in spaces if (pod := self._by_namespace.get(space, {}).get(USUAL))), None)

    def everybody(self) -> list[Pod]:
        """All of them, of every namespace."""
        return [pod for pods in self._by_namespace.values() for pod in pods.values()]

    def of(self, namespace: str) -> list[Pod]:
        """Those of a namespace, by name; of all namespaces where it has none."""
        own = self._by_namespace.get(namespace)
        found = own or {
            f"{space}/{name}": pod for space, pods in self._by_namespace.items() for name, pod in pods.items()
        }
        return [pod for _, pod in sorted(found.items())]


def choose(
    mesh: Mesh, context: str, workloads: Workloads, namespace: str, behind: Collection[str], seen: Iterable[str] = ()
) -> Clients:
    """The clients of a service of `namespace`: the usual one, else those `seen`, else the namespace's workloads.

    `behind`: keys of the service's own pods, whose workloads are its servers and not its clients where others are
    there. `seen`: keys of pods that flows showed as clients.
    """
    usual = workloads.usual(namespace)
    if usual is not None:
        return Clients(Basis.USUAL, (usual,))
    cluster = mesh.clusters[context]
    asked = [pod for key in sorted(set(seen)) if (pod := cluster.pods.get(key)) is not None]
    if asked:
        return _some(Basis.SEEN, list({(p.namespace, workload_of_pod(p.name)): p for p in asked}.values()))
    servers = {(key.partition("/")[0], workload_of_pod(key.partition("/")[2])) for key in behind}
    found = workloads.of(namespace)
    others = [pod for pod in found if (pod.namespace, workload_of_pod(pod.name)) not in servers]
    return _some(Basis.WORKLOADS, others or found)


def _some(basis: Basis, pods: list[Pod]) -> Clients:
    return Clients(basis if pods else Basis.NOBODY, tuple(pods[:MOST]), max(0, len(pods) - MOST))
