"""Routing rule by rule: the truth tables of global services, affinity, ports, links, and what-if."""

from __future__ import annotations

import msgspec
import pytest

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import AgentStatus, CiliumConfig, RemoteCluster
from meshtui.core.model.probes import HealthNode, HealthReport
from meshtui.core.model.reduce import reduce
from meshtui.core.routing import Reason, emptied, route, routes, what_if
from meshtui.core.routing import annotations as a
from tests.core import meshes
from tests.core.meshes import GLOBAL, KEY, endpoint, endpointslice, put, service, web

LOCAL = {**GLOBAL, a.AFFINITY: "local"}
REMOTE = {**GLOBAL, a.AFFINITY: "remote"}
UNSHARED = {**GLOBAL, a.SHARED: "false"}


def two(left=GLOBAL, right=GLOBAL, ready=(2, 2), **kwargs):
    """Clusters a and b with service web; None for annotations leaves the service out."""
    mesh = meshes.mesh(**kwargs)
    for context, marks, count in zip("ab", (left, right), ready, strict=True):
        if marks is not None:
            web(mesh, context, marks, count)
    return mesh


MERGING = [
    # local, remote, endpoints → a's clients get, reason why b gives nothing
    (None, GLOBAL, (0, 2), {}, None),
    ({}, GLOBAL, (2, 2), {"a": 2}, Reason.NOT_GLOBAL_HERE),
    (GLOBAL, {}, (2, 2), {"a": 2}, Reason.NOT_GLOBAL_THERE),
    (GLOBAL, UNSHARED, (2, 2), {"a": 2}, Reason.NOT_SHARED),
    (GLOBAL, None, (2, 0), {"a": 2}, Reason.NO_REMOTE_SERVICE),
    (GLOBAL, GLOBAL, (2, 4), {"a": 2, "b": 4}, None),
    (GLOBAL, GLOBAL, (0, 2), {"b": 2}, None),
    (GLOBAL, GLOBAL, (2, 0), {"a": 2}, Reason.NO_ENDPOINTS),
    (UNSHARED, GLOBAL, (2, 2), {"a": 2, "b": 2}, None),
]


@pytest.mark.parametrize(("left", "right", "ready", "counts", "reason"), MERGING)
def test_merging(left, right, ready, counts, reason):
    found = route(two(left, right, ready), "a", KEY)
    assert found.counts == counts
    why = found.why_not("b")
    assert (why.reason if why else None) is reason


def test_shares_are_backends_over_all():
    found = route(two(ready=(2, 4)), "a", KEY)
    assert found.shares == {"a": 1 / 3, "b": 2 / 3}
    assert found.summary == "A 2, B 4"


def test_no_service_means_no_address():
    found = route(two(None, GLOBAL), "a", KEY)
    assert found.why_not("a").reason is Reason.NO_LOCAL_SERVICE
    assert found.summary == "nobody: no Service here"


def test_namespace_that_is_not_exported():
    mesh = two()
    raw = {"metadata": {"name": "default", "annotations": {a.NAMESPACE_GLOBAL: "false"}}}
    put(mesh, "b", msgspec.convert(raw, o.Namespace))
    assert route(mesh, "a", KEY).why_not("b").reason is Reason.NAMESPACE_NOT_EXPORTED
    assert route(mesh, "b", KEY).counts == {"b": 2, "a": 2}, "the import side does not ask the namespace"


READY, TERMINATING, GONE = {}, {"ready": False, "serving": True, "terminating": True}, {"ready": False}

AFFINITY = [
    # affinity, a's endpoints, b's endpoints → chosen, failover
    (GLOBAL, [READY], [READY], {"a": 1, "b": 1}, False),
    (LOCAL, [READY], [READY, READY], {"a": 1}, False),
    (LOCAL, [READY, GONE], [READY], {"a": 1}, False),
    (LOCAL, [], [READY], {"b": 1}, True),
    (LOCAL, [GONE], [READY], {"b": 1}, True),
    (LOCAL, [TERMINATING], [READY], {"b": 1}, True),
    (LOCAL, [TERMINATING], [], {"a": 1}, False),
    (LOCAL, [], [], {}, False),
    (REMOTE, [READY], [READY], {"b": 1}, False),
    (REMOTE, [READY], [], {"a": 1}, True),
    (REMOTE, [READY], [TERMINATING], {"b": 1}, False),
    (REMOTE, [READY], [GONE], {"a": 1}, True),
    (REMOTE, [], [READY], {"b": 1}, False),
]


@pytest.mark.parametrize(("annotations", "left", "right", "counts", "failover"), AFFINITY)
def test_affinity_and_its_asymmetry(annotations, left, right, counts, failover):
    mesh = two(annotations)
    put(mesh, "a", endpointslice([endpoint(f"10.1.0.{i}", **c) for i, c in enumerate(left)]))
    put(mesh, "b", endpointslice([endpoint(f"10.2.0.{i}", **c) for i, c in enumerate(right)]))
    found = route(mesh, "a", KEY)
    assert (found.counts, found.failover) == (counts, failover)


@pytest.mark.parametrize(("version", "counts"), [((1, 18), {"a": 2}), ((1, 19), {"a": 2}), ((1, 21), {"a": 2, "b": 2})])
def test_affinity_none_by_version(version, counts):
    found = route(two({**GLOBAL, a.AFFINITY: "none"}, version=version), "a", KEY)
    assert found.counts == counts
    if version < (1, 20):
        assert found.why_not("b").reason is Reason.AFFINITY_UNREADABLE


def test_terminating_backends_serve_only_when_no_other_does():
    mesh = two(right=None)
    put(mesh, "a", endpointslice([endpoint("10.1.0.1"), endpoint("10.1.0.2", **TERMINATING)]))
    found = route(mesh, "a", KEY)
    assert [b.ip for b in found.backends] == ["10.1.0.1"]
    assert Reason.TERMINATING in {u.reason for u in found.unused}
    put(mesh, "a", endpointslice([endpoint("10.1.0.2", **TERMINATING)]))
    assert route(mesh, "a", KEY).counts == {"a": 1}


def test_ports_match_by_name_not_number():
    mesh = two()
    put(mesh, "a", service(GLOBAL, ports=[{"name": "http", "port": 80}, {"name": "admin", "port": 81}]))
    put(mesh, "a", endpointslice([endpoint("10.1.0.1")], ports=[{"name": "http", "port": 8080}]))
    put(mesh, "b", endpointslice([endpoint("10.2.0.1")], ports=[{"name": "http", "port": 9090}]))
    found = route(mesh, "a", KEY)
    assert [(b.cluster, b.port) for b in found.backends] == [("a", 8080), ("b", 9090)]
    admin = route(mesh, "a", KEY, port="admin")
    assert not admin.backends
    assert {u.reason for u in admin.unused} == {Reason.PORT_NAME}
    assert route(mesh, "a", KEY, port=81).port.name == "admin"
    assert route(mesh, "a", KEY, port=99).unused[0].reason is Reason.UNKNOWN_PORT


def test_unnamed_ports_match_every_name_but_only_their_protocol():
    mesh = two()
    put(mesh, "b", endpointslice([endpoint("10.2.0.1")], ports=[{"name": "http", "port": 9090}]))
    assert route(mesh, "a", KEY).counts == {"a": 2, "b": 1}
    put(mesh, "b", endpointslice([endpoint("10.2.0.1")], ports=[{"name": "", "port": 80, "protocol": "UDP"}]))
    assert route(mesh, "a", KEY).why_not("b").reason is Reason.PROTOCOL


def test_another_ip_family_is_no_candidate():
    mesh = two()
    put(mesh, "b", endpointslice([endpoint("fd00::1")], family="IPv6"))
    assert route(mesh, "a", KEY).why_not("b").reason is Reason.FAMILY
    put(mesh, "a", service(GLOBAL, ipFamilies=None, clusterIP="fd00::99"))
    assert route(mesh, "a", KEY).counts == {"b": 1}


def test_internal_traffic_policy_local_keeps_remote_backends():
    mesh = two()
    put(mesh, "a", service(GLOBAL, internalTrafficPolicy="Local"))
    assert route(mesh, "a", KEY, client_node="n").counts == {"a": 2, "b": 2}
    elsewhere = route(mesh, "a", KEY, client_node="other")
    assert elsewhere.counts == {"b": 2}
    assert elsewhere.why_not("a").reason is Reason.OTHER_NODE
    assert any("internalTrafficPolicy" in note for note in elsewhere.notes)


def test_session_affinity_is_noted():
    mesh = two()
    put(mesh, "a", service(GLOBAL, sessionAffinity="ClientIP"))
    assert any("sessionAffinity" in note for note in route(mesh, "a", KEY).notes)


def test_the_same_address_on_both_sides_is_local():
    mesh = two()
    put(mesh, "b", endpointslice([endpoint("10.1.0.1")]))
    found = route(mesh, "a", KEY)
    assert found.counts == {"a": 2}
    assert found.why_not("b").reason is Reason.SAME_ADDRESS


MIRROR = {
    "endpointslice.kubernetes.io/managed-by": "endpointslice-mesh-controller.cilium.io",
    "multicluster.kubernetes.io/source-cluster": "b",
}


def test_mirrored_slices_are_not_counted_twice():
    mesh = two()
    put(mesh, "a", endpointslice([endpoint("10.2.0.1")], name="mirror", labels=MIRROR))
    assert route(mesh, "a", KEY).counts == {"a": 2, "b": 2}


def test_headless_clients_get_what_dns_gives():
    mesh = meshes.mesh(clustermesh_enable_endpoint_sync="true")
    for context in "ab":
        web(mesh, context, GLOBAL, 2, clusterIP="None")
    found = route(mesh, "a", KEY)
    assert (found.counts, found.why_not("b").reason) == ({"a": 2}, Reason.HEADLESS)
    put(mesh, "a", endpointslice([endpoint("10.2.0.1")], name="mirror", labels=MIRROR))
    assert route(mesh, "a", KEY).counts == {"a": 2, "b": 1}


def test_an_external_name_has_no_backends():
    mesh = two({}, None)
    put(mesh, "a", service({}, type="ExternalName", clusterIP="", ports=[]))
    assert route(mesh, "a", KEY).unused[0].reason is Reason.EXTERNAL_NAME


def remote(mesh, context, nodes=("n",), **fields):
    """What agents of `context` say of b."""
    for node in nodes:
        status = {"cluster-mesh": {"clusters": [{"name": "b", **fields}] if fields else []}}
        reduce(mesh, s.AgentRead(context, node, msgspec.convert(status, AgentStatus)))


def test_agents_that_are_not_ready_have_no_remote_backends():
    mesh = two()
    remote(mesh, "a")
    assert route(mesh, "a", KEY).why_not("b").reason is Reason.NOT_CONNECTED
    remote(mesh, "a", status="Waiting for initial connection")
    barred = route(mesh, "a", KEY).why_not("b")
    assert (barred.reason, "Waiting" in barred.text) == (Reason.REMOTE_NOT_READY, True)
    remote(mesh, "a", ready=True)
    assert route(mesh, "a", KEY).counts == {"a": 2, "b": 2}


def test_a_lost_link_leaves_the_last_known_backends():
    mesh = two()
    remote(mesh, "a", ready=False, **{"num-shared-services": 1})
    found = route(mesh, "a", KEY)
    assert found.counts == {"a": 2, "b": 2}
    assert "lost b: its last known backends stay" in found.notes[0]
    remote(mesh, "a", nodes=("m",), ready=True)
    assert "only 1 of 2 agents" in route(mesh, "a", KEY).notes[0]


def test_kvstoremesh_that_lost_the_remote_is_noted():
    mesh = two()
    reduce(mesh, s.KvstoremeshRead("a", (RemoteCluster(name="b"),)))
    assert "KVStoreMesh is not ready with b" in route(mesh, "a", KEY).notes[0]


def test_silence_of_one_node_is_of_its_backends_only():
    mesh = two()
    put(mesh, "b", endpointslice([endpoint("10.2.0.1"), {**endpoint("10.2.0.2"), "nodeName": "m"}]))
    nodes = (HealthNode("b/n", None, "timeout"), HealthNode("b/m", 0.3, ""))
    reduce(mesh, s.HealthRead("a", HealthReport("a/n", nodes)))
    found = route(mesh, "a", KEY)
    assert [(b.ip, b.stale) for b in found.backends if b.remote] == [("10.2.0.1", True), ("10.2.0.2", False)]
    assert found.answering == {"a", "b"}
    assert found.summary == "A 2, B 2 (1 silent)"
    assert found.silent == {"b"}


def test_a_cluster_without_id_imports_nothing():
    mesh = two()
    reduce(mesh, s.ConfigRead("a", CiliumConfig("a", 0, {}, (1, 21))))
    assert route(mesh, "a", KEY).why_not("b").reason is Reason.NOT_MESHED


def test_what_is_not_listed_yet_is_unknown_not_missing():
    mesh = two()
    del mesh.clusters["b"].objects[r.SERVICES]
    assert route(mesh, "a", KEY).why_not("b").reason is Reason.UNKNOWN
    assert route(mesh, "b", KEY).why_not("b").reason is Reason.UNKNOWN


def test_an_unknown_context_is_the_callers_mistake():
    with pytest.raises(KeyError):
        route(two(), "nowhere", KEY)


def test_what_if_leaves_the_mesh_alone():
    mesh = two()
    changed = {("b", r.SERVICES): {KEY: service(UNSHARED)}}
    after = what_if(mesh, changed)
    assert [found.summary for found in routes(after, KEY)] == ["A 2", "B 2, A 2"]
    assert route(mesh, "a", KEY).counts == {"a": 2, "b": 2}
    gone = what_if(mesh, {("a", r.SERVICES): {KEY: None}})
    assert route(gone, "a", KEY).why_not("a").reason is Reason.NO_LOCAL_SERVICE


def test_what_if_scaled_to_zero_or_slices_change():
    mesh = two(LOCAL)
    empty = what_if(mesh, emptied(mesh, "a", KEY))
    assert [route(each, "a", KEY).summary for each in (mesh, empty)] == ["A 2", "B 2 (failover)"]
    more = endpointslice([endpoint("10.1.0.9")], name="more")
    grown = what_if(mesh, {("a", r.ENDPOINTSLICES): {more.key: more}})
    assert route(grown, "a", KEY).counts == {"a": 3}
    assert mesh.slices_of["a"][KEY] == ("default/web-abc",)
    shrunk = what_if(grown, {("a", r.ENDPOINTSLICES): {more.key: None, "default/web-abc": None}})
    assert route(shrunk, "a", KEY).counts == {"b": 2}
