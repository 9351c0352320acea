"""The parts of a cluster are looked at again when a pod or a workload of theirs changed, and are then as they are."""

from __future__ import annotations

from meshtui.core.health.componentpods import ComponentPods
from meshtui.core.health.components import components_of, pods_of
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from tests.core.health.recorded import new_mesh, recording, tell


def calm() -> s.Mesh:
    mesh = new_mesh()
    tell(mesh, recording("00-baseline")["documents"]["base"], 4e9)
    return mesh


def names(cluster: s.Cluster, crews: ComponentPods) -> dict[str, list[str]]:
    return {part.name: sorted(pod.name for pod in pods_of(cluster, part)) for part in crews.of(cluster)}


def afresh(cluster: s.Cluster) -> dict[str, list[str]]:
    return {part.name: sorted(pod.name for pod in pods_of(cluster, part)) for part in components_of(cluster)}


def test_parts_follow_their_pods_and_workloads() -> None:
    mesh = calm()
    cluster = next(iter(mesh.clusters.values()))
    crews = ComponentPods()
    whole = names(cluster, crews)
    assert whole == afresh(cluster)
    assert whole["cilium"]
    gone = f"{cluster.home}/{whole['cilium'][0]}"
    crews.note(reduce(mesh, s.Changed(cluster.context, r.PODS, {gone: None}, 1.0)))
    assert names(cluster, crews) == afresh(cluster) != whole
    daemonset = f"{cluster.home}/cilium"
    crews.note(reduce(mesh, s.Changed(cluster.context, r.DAEMONSETS, {daemonset: None}, 2.0)))
    assert "cilium" not in names(cluster, crews)
    assert names(cluster, crews) == afresh(cluster)


def test_pods_of_others_leave_them_alone() -> None:
    mesh = calm()
    cluster = next(iter(mesh.clusters.values()))
    crews = ComponentPods()
    found = crews.of(cluster)
    pod = next(pod for pod in cluster.pods.values() if pod.namespace == cluster.home)
    crews.note(s.Delta(objects={(cluster.context, r.PODS): {"default/somebody"}}))
    assert crews.of(cluster) is found
    crews.note(s.Delta(objects={(cluster.context, r.PODS): {pod.key}}))
    assert crews.of(cluster) is not found
