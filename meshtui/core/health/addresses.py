"""Who is behind an address: the node of a pod, the services of an endpoint. Kept current by each change, not read anew.

An address is looked up in the object it was last seen in, and that object is asked again: what was written down is
never believed, so nothing has to be taken out when an object goes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.resources import Resource
from meshtui.core.model.slices import backed_by
from meshtui.core.model.state import Cluster, Delta, Mesh

_SPARE = 1_000
"""So many changes leave addresses behind that are nobody's any more, however few objects there are."""


class AddressIndex:
    """Addresses of a mesh. A change costs a look at the objects that changed, a question one at each cluster's."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._pods: dict[str, dict[str, str]] = {}
        self._slices: dict[str, dict[str, str | tuple[str, ...]]] = {}
        self._noted: dict[tuple[str, Resource], int] = {}
        """How many changes were written down since all was written down anew."""
        for context in mesh.clusters:
            self._anew(context, r.PODS)
            self._anew(context, r.ENDPOINTSLICES)

    def note(self, delta: Delta) -> None:
        """Something changed."""
        for (context, resource), keys in delta.objects.items():
            if resource in (r.PODS, r.ENDPOINTSLICES) and context in self.mesh.clusters:
                self._note(context, resource, keys)

    @property
    def size(self) -> int:
        """Addresses written down, those of objects that went among them."""
        return sum(len(known) for part in (self._pods, self._slices) for known in part.values())

    def get(self, address: str, default: str = "") -> str:
        """`cluster/node` of the pod that has an address, or `default`; pods of the host's network have none."""
        for context, known in self._pods.items():
            key = known.get(address)
            cluster = self.mesh.clusters.get(context) if key is not None else None
            pod: o.Pod | None = cluster.pods.get(key) if cluster is not None and key is not None else None
            if cluster is not None and pod is not None and _address(pod) == address:
                return f"{cluster.name}/{pod.spec.node_name}"
        return default

    def on(self, nodes: Collection[str]) -> set[str]:
        """Addresses of the pods on some nodes (`cluster/node`)."""
        if not nodes:
            return set()
        return {
            _address(pod)
            for cluster in self.mesh.clusters.values()
            for pod in cluster.pods.values()
            if f"{cluster.name}/{pod.spec.node_name}" in nodes and _address(pod)
        }

    def services(self, address: str, port: int) -> tuple[str, ...]:
        """Keys of the services that stand before an endpoint's address and port."""
        found: dict[str, None] = {}
        for context, known in self._slices.items():
            names = known.get(address)
            cluster = self.mesh.clusters.get(context)
            if names is None or cluster is None:
                continue
            for name in (names,) if isinstance(names, str) else names:
                item: o.EndpointSlice | None = cluster.endpointslices.get(name)
                key = backed_by(item)
                ports = [each.port or 0 for each in item.ports or ()] if item is not None else []
                if key and port in ports and address in _addresses(item):
                    found[key] = None
        return tuple(found)

    def _note(self, context: str, resource: Resource, keys: Collection[str]) -> None:
        cluster = self.mesh.clusters[context]
        self._noted[context, resource] = self._noted.get((context, resource), 0) + len(keys)
        # What went is still written down: begin anew once more was told than there is, twice.
        if self._noted[context, resource] > 2 * len(cluster.of(resource)) + _SPARE:
            self._anew(context, resource)
        else:
            self._write(cluster, resource, keys)

    def _anew(self, context: str, resource: Resource) -> None:
        cluster = self.mesh.clusters[context]
        self._noted[context, resource] = 0
        if resource is r.PODS:
            self._pods[context] = {}
        else:
            self._slices[context] = {}
        self._write(cluster, resource, cluster.of(resource))

    def _write(self, cluster: Cluster, resource: Resource, keys: Iterable[str]) -> None:
        if resource is r.PODS:
            self._pods.setdefault(cluster.context, {}).update(_of_pods(cluster, keys))
        else:
            _of_slices(cluster, keys, self._slices.setdefault(cluster.context, {}))


def _address(pod: o.Pod) -> str:
    return "" if pod.spec.host_network else pod.status.pod_ip


def _of_pods(cluster: Cluster, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    for key in keys:
        pod: o.Pod | None = cluster.pods.get(key)
        if pod is not None and _address(pod):
            yield _address(pod), key


def _of_slices(cluster: Cluster, keys: Iterable[str], into: dict[str, str | tuple[str, ...]]) -> None:
    for key in keys:
        item: o.EndpointSlice | None = cluster.endpointslices.get(key)
        if not backed_by(item):
            continue
        for address in _addresses(item):
            held = into.setdefault(address, key)
            several = (held,) if isinstance(held, str) else held
            if key not in several:
                into[address] = (*several, key)


def _addresses(item: o.EndpointSlice | None) -> Iterator[str]:
    if item is not None:
        for endpoint in item.endpoints or ():
            yield from endpoint.addresses
