"""The parts of each cluster with their pods, looked at again where one of these changed, not all pods every second."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from meshtui.core.health.components import Part, parts
from meshtui.core.model import resources as r
from meshtui.core.model.state import Cluster, Delta


class Crews:
    """Kept current by `note`: pods of other namespaces than the parts' cost nothing, however many come and go."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, frozenset[str], list[Part]]] = {}
        """Context → Cilium's namespace, the namespaces of its parts, and these."""

    def note(self, delta: Delta) -> None:
        """Something changed."""
        for (context, resource), keys in delta.objects.items():
            known = self._known.get(context)
            if known is None:
                continue
            if resource in (r.DEPLOYMENTS, r.DAEMONSETS) or (resource is r.PODS and _any_in(known[1], keys)):
                del self._known[context]

    def of(self, cluster: Cluster) -> list[Part]:
        """A cluster's parts, each with its pods."""
        known = self._known.get(cluster.context)
        if known is None or known[0] != cluster.home:
            found = parts(cluster)
            spaces = frozenset(part.workload.namespace for part in found)
            near = [pod for pod in cluster.pods.values() if pod.metadata.namespace in spaces]
            crewed = [replace(part, own=tuple(pod for pod in near if part.selects(pod))) for part in found]
            known = self._known[cluster.context] = cluster.home, spaces, crewed
        return known[2]


def _any_in(namespaces: frozenset[str], keys: Iterable[str]) -> bool:
    return any(key.partition("/")[0] in namespaces for key in keys)
