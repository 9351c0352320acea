"""What clusters say alike of one Service is one object, and what they say differently stays theirs."""

from __future__ import annotations

import tracemalloc

import msgspec
import pytest

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.core.model.slices import SERVICE_NAME
from tests.core import meshes

COUNT = 200
ADDRESS = {"a": "10.1", "b": "10.2"}


def service(number: int, context: str, **labels: str) -> o.Service:
    text = {
        "metadata": {
            "name": f"svc-{number}", "namespace": "default", "uid": f"{context}-{number}",
            "resourceVersion": "8" if labels else "7",
            "labels": {"app.kubernetes.io/name": f"svc-{number}", **labels},
            "annotations": {"service.cilium.io/global": "true"},
        },
        "spec": {
            "clusterIP": f"{ADDRESS[context]}.0.{number}", "selector": {"app": f"svc-{number}"},
            "ports": [{"name": f"http-{number}", "port": 80, "targetPort": 8080}], "ipFamilies": ["IPv4"],
        },
    }  # fmt: skip
    return msgspec.json.decode(msgspec.json.encode(text), type=o.Service)


def endpointslice(number: int, context: str) -> o.EndpointSlice:
    labels = {
        SERVICE_NAME: f"svc-{number}",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    text = {
        "metadata": {"name": f"svc-{number}-{context}", "namespace": "default", "labels": labels},
        "addressType": "IPv4", "ports": [{"name": f"http-{number}", "port": 8080}],
        "endpoints": [{"addresses": [f"{ADDRESS[context]}.1.{number}"], "nodeName": f"{context}-n1"}],
    }  # fmt: skip
    return msgspec.json.decode(msgspec.json.encode(text), type=o.EndpointSlice)


def listed(mesh: s.Mesh, context: str) -> None:
    services = {each.key: each for each in (service(n, context) for n in range(COUNT))}
    slices = {each.key: each for each in (endpointslice(n, context) for n in range(COUNT))}
    reduce(mesh, s.Listed(context, r.SERVICES, services, 0.0))
    reduce(mesh, s.Listed(context, r.ENDPOINTSLICES, slices, 0.0))


@pytest.fixture
def mesh() -> s.Mesh:
    made = meshes.mesh()
    for context in ("a", "b"):
        listed(made, context)
    return made


def test_what_is_equal_is_one_object_and_the_rest_is_as_it_was_told(mesh: s.Mesh) -> None:
    one, other = (mesh.clusters[c].services["default/svc-3"] for c in ("a", "b"))
    assert (one, other) == (service(3, "a"), service(3, "b"))
    assert other.metadata.name is one.metadata.name
    assert other.metadata.labels is one.metadata.labels
    assert other.metadata.annotations is one.metadata.annotations
    assert other.spec.ports is one.spec.ports
    assert other.spec.selector is one.spec.selector
    assert other.spec.ip_families is one.spec.ip_families
    near, far = (mesh.clusters[c].endpointslices[f"default/svc-3-{c}"] for c in ("a", "b"))
    assert (near, far) == (endpointslice(3, "a"), endpointslice(3, "b"))
    assert far.metadata.labels is near.metadata.labels
    assert far.ports is near.ports
    assert {id(key) for key in mesh.slices_of["b"]} == {id(key) for key in mesh.clusters["a"].services}


def test_a_change_in_one_cluster_stays_there(mesh: s.Mesh) -> None:
    changed = service(3, "b", tier="gold")
    reduce(mesh, s.Changed("b", r.SERVICES, {changed.key: changed}, 1.0))
    one, other = (mesh.clusters[c].services["default/svc-3"] for c in ("a", "b"))
    assert (one, other) == (service(3, "a"), service(3, "b", tier="gold"))
    assert other.spec.selector is one.spec.selector
    gone: s.Event = s.Changed("a", r.SERVICES, {changed.key: None}, 2.0)
    reduce(mesh, gone)
    assert mesh.clusters["b"].services["default/svc-3"] == service(3, "b", tier="gold")


def test_a_second_cluster_of_the_same_services_takes_two_thirds_of_the_memory_at_most() -> None:
    mesh, grown = meshes.mesh(), []
    tracemalloc.start()
    try:
        for context in ("a", "b"):
            before = tracemalloc.get_traced_memory()[0]
            listed(mesh, context)
            grown.append(tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()
    assert grown[1] < 0.67 * grown[0], grown


def test_a_pod_and_the_slice_that_names_it_hold_one_name_and_conditions_one_word() -> None:
    text = b"""{"metadata": {"name": "web-7", "namespace": "default"}, "spec": {"nodeName": "a-n1"}, "status":
        {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-23T19:36:28Z"}]}}"""
    ends = b"""{"metadata": {"name": "web-x"}, "endpoints": [{"addresses": ["10.1.1.7"], "nodeName": "a-n1",
        "targetRef": {"kind": "Pod", "namespace": "default", "name": "web-7"}}]}"""
    one, other = (msgspec.json.decode(text, type=o.Pod) for _ in range(2))
    endpoint = (msgspec.json.decode(ends, type=o.EndpointSlice).endpoints or [])[0]
    assert endpoint.target_ref is not None
    assert endpoint.target_ref.name is one.metadata.name
    assert endpoint.node_name is one.spec.node_name
    first, second = (each.status.conditions or [] for each in (one, other))
    assert first == second
    assert first[0].status is second[0].status
    assert first[0].last_transition_time is second[0].last_transition_time
