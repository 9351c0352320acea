"""What is to be mended: the connections behind what is under the cursor, and the load test that shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from meshtui.core.flows.flow import FlowRow
from meshtui.core.load.run import Run
from meshtui.core.load.spec import LoadSpec
from meshtui.core.model.state import Mesh
from meshtui.core.policy import Party, PodRef
from meshtui.core.policy.mend import Wanted, wanted_of_rows, wanted_of_service
from meshtui.core.settings import Settings
from meshtui.tui.load.specs import spec_for


@dataclass(frozen=True, slots=True)
class MendRequest:
    """Connections that are to pass, and how to see whether they do."""

    wanted: tuple[Wanted, ...]
    specs: tuple[LoadSpec, ...] = ()
    """Load tests to run again; empty where none is known that makes such connections."""


def of_rows(mesh: Mesh, rows: Iterable[FlowRow], settings: Settings) -> MendRequest:
    """What policies dropped among flows, and a load test of the same client and service."""
    wanted = wanted_of_rows(mesh, rows)
    specs: dict[tuple[str, str], LoadSpec] = {}
    for each in wanted:
        key = _service_of(mesh, each)
        workload = _workload(each.source)
        if key and workload and each.source.context:
            found = spec_for(mesh, each.source.context, key, settings)
            namespace = each.source.labels.namespace
            if (namespace, workload) == (found.namespace, found.workload):
                specs[each.source.context, key] = found
    return MendRequest(wanted, tuple(specs.values()))


def of_service(mesh: Mesh, context: str, key: str, settings: Settings) -> MendRequest:
    """What the load test's client in a cluster needs for a service."""
    return of_specs(mesh, [(spec_for(mesh, context, key, settings), "", key)])


def of_load(mesh: Mesh, front: Iterable[Run]) -> MendRequest:
    """What the clients of the runs in front need."""
    runs = [run for run in front if run.client in mesh.clusters and run.service]
    return of_specs(mesh, [(run.spec, run.pod, run.service) for run in runs])


def of_specs(mesh: Mesh, found: Sequence[tuple[LoadSpec, str, str]]) -> MendRequest:
    """(test, its pod's name if known, service key)s."""
    wanted: list[Wanted] = []
    for spec, pod, key in found:
        client = _client(mesh, spec, pod)
        if client is not None:
            wanted += wanted_of_service(mesh, client, key)
    return MendRequest(tuple(wanted), tuple(spec for spec, _, _ in found))


def _client(mesh: Mesh, spec: LoadSpec, name: str) -> PodRef | None:
    """The pod that runs a test."""
    pods = mesh.clusters[spec.context].pods
    if name and f"{spec.namespace}/{name}" in pods:
        return PodRef(spec.context, spec.namespace, name)
    for pod in pods.values():
        if pod.namespace == spec.namespace and (pod.name == spec.workload or pod.name.startswith(f"{spec.workload}-")):
            return PodRef(spec.context, pod.namespace, pod.name)
    return None


def _workload(party: Party) -> str:
    """The name in front of what a Deployment's rollout adds to a pod's."""
    name = party.name.partition("/")[2]
    return name.rsplit("-", 2)[0] if name.count("-") > 1 else name


def _service_of(mesh: Mesh, wanted: Wanted) -> str:
    """A Service of the client's cluster that selects the destination, or its like in another cluster."""
    cluster = mesh.clusters.get(wanted.source.context)
    labels = wanted.destination.labels
    if cluster is None:
        return ""
    for key, service in sorted(cluster.services.items()):
        selector = service.spec.selector or {}
        fits = selector and all(labels.get("k8s", name) == value for name, value in selector.items())
        if fits and service.namespace == labels.namespace:
            return key
    return ""
