"""What rules refer to and a cluster's lists tell: the Services of toServices, the numbers of named ports."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.policy.labels import Labels
from meshtui.core.policy.model import Network, ServiceQuery
from meshtui.core.policy.reading import Reading
from meshtui.core.policy.rules import parse_network
from meshtui.core.policy.selectors import Selector, service_selector
from meshtui.core.routing.candidates import slices


class Services(Struct, frozen=True):
    """Whom a toServices member stands for."""

    selectors: tuple[Selector, ...] = ()
    networks: tuple[Network, ...] = ()
    """Addresses behind Services without a selector."""


class Lookups:
    """Answers from a mesh's lists, kept until its next event."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._generation = mesh.generation
        self._services: dict[tuple[str, Reading, ServiceQuery], Services | None] = {}
        self._ports: dict[str, dict[tuple[str, str], set[int]] | None] = {}

    def services(self, context: str, reading: Reading, query: ServiceQuery) -> Services | None:
        """The Services of a cluster that a query means; None where they are not known."""
        self._refresh()
        key = context, reading, query
        if key not in self._services:
            cluster = self._mesh.clusters.get(context)
            known = cluster is not None and r.SERVICES in cluster.objects and r.ENDPOINTSLICES in cluster.objects
            self._services[key] = self._resolve(cluster, reading, query) if cluster is not None and known else None
        return self._services[key]

    def named_port(self, context: str, name: str, protocol: str) -> int | None:
        """The one number that a port's name has among a cluster's pods; 0 where it has none or several, None unknown.

        Source: pkg/policy/types/portmap.go, up to 1.19.
        """
        self._refresh()
        if context not in self._ports:
            cluster = self._mesh.clusters.get(context)
            pods = cluster.pods.values() if cluster is not None and r.PODS in cluster.objects else None
            self._ports[context] = None if pods is None else _numbers(pods)
        known = self._ports[context]
        if known is None:
            return None
        numbers = known.get((name, protocol), set())
        return next(iter(numbers)) if len(numbers) == 1 else 0

    def _refresh(self) -> None:
        if self._generation != self._mesh.generation:
            self._generation = self._mesh.generation
            self._services.clear()
            self._ports.clear()

    def _resolve(self, cluster: Cluster, reading: Reading, query: ServiceQuery) -> Services:
        selectors: list[Selector] = []
        networks: list[Network] = []
        for service in _meant(cluster, query):
            labels = service.spec.selector
            if not labels:
                networks += self._addresses(cluster, service.key)
            elif reading.does.services_with_selector:
                dotted = reading.does.dotted_service_selectors
                selectors.append(service_selector(labels, service.namespace, reading.local, dotted=dotted))
        return Services(tuple(selectors), tuple(networks))

    def _addresses(self, cluster: Cluster, key: str) -> list[Network]:
        found = (
            parse_network(address)
            for each in slices(self._mesh, cluster, key)
            for endpoint in each.endpoints or ()
            for address in endpoint.addresses
        )
        return [network for network in found if network is not None]


def named_ports(pod: o.Pod) -> tuple[tuple[str, str, int], ...]:
    """(name, protocol, number) of a pod's ports; names know no case, and a host-network pod's are not known to policy.

    Source: pkg/k8s/watchers/pod.go.
    """
    if pod.spec.host_network:
        return ()
    return tuple(
        (port.name.lower(), port.protocol, port.container_port)
        for container in pod.spec.containers or ()
        for port in container.ports or ()
        if port.name
    )


def _numbers(pods: Iterable[o.Pod]) -> dict[tuple[str, str], set[int]]:
    found: dict[tuple[str, str], set[int]] = {}
    for pod in pods:
        for name, protocol, number in named_ports(pod):
            found.setdefault((name, protocol), set()).add(number)
    return found


def _meant(cluster: Cluster, query: ServiceQuery) -> Iterable[o.Service]:
    """A Service by name, in any namespace where none is named, or all whose labels fit (pkg/policy/k8s/service.go)."""
    if query.labels is None and query.namespace:
        found = cluster.services.get(f"{query.namespace}/{query.name}")
        return () if found is None else (found,)
    return [service for _, service in sorted(cluster.services.items()) if _fits(service, query)]


def _fits(service: o.Service, query: ServiceQuery) -> bool:
    if query.namespace and service.namespace != query.namespace:
        return False
    if query.labels is None:
        return service.name == query.name
    labels = Labels.of({f"k8s:{key}": value for key, value in service.labels.items()})
    return all(requirement.holds(labels) for requirement in query.labels)
