"""Each cluster's components with their pods, looked at again where one of these changed, not all pods every second."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from meshtui.core.health.components import Component, components_of
from meshtui.core.model import resources as r
from meshtui.core.model.state import Cluster, Delta


class ComponentPods:
    """Kept current by `note`: pods of other namespaces than the components' cost nothing, however many come and go."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, frozenset[str], list[Component]]] = {}
        """Context → Cilium's namespace, the namespaces of its components, and these."""

    def note(self, delta: Delta) -> None:
        """Something changed."""
        for (context, resource), keys in delta.objects.items():
            known = self._known.get(context)
            if known is None:
                continue
            if resource in (r.DEPLOYMENTS, r.DAEMONSETS) or (resource is r.PODS and _any_in(known[1], keys)):
                del self._known[context]

    def of(self, cluster: Cluster) -> list[Component]:
        """A cluster's components, each with its pods."""
        known = self._known.get(cluster.context)
        if known is None or known[0] != cluster.home:
            found = components_of(cluster)
            spaces = frozenset(component.workload.namespace for component in found)
            near = [pod for pod in cluster.pods.values() if pod.metadata.namespace in spaces]
            with_pods = [
                replace(component, own=tuple(pod for pod in near if component.selects(pod))) for component in found
            ]
            known = self._known[cluster.context] = cluster.home, spaces, with_pods
        return known[2]


def _any_in(namespaces: frozenset[str], keys: Iterable[str]) -> bool:
    return any(key.partition("/")[0] in namespaces for key in keys)
