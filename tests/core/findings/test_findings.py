"""Every finding: found where it is, silent where it is not, with a fix that mends it."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from meshtui.core.changes import toggles
from meshtui.core.findings import Findings, Kind, Severity, findings, findings_for
from meshtui.core.health.judge import Judge
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import AgentStatus, CiliumConfig, State
from meshtui.core.model.probes import HealthNode, HealthReport
from meshtui.core.model.reduce import reduce
from meshtui.core.routing import annotations as a
from tests.core import meshes, recorded
from tests.core.meshes import GLOBAL, KEY, put, web


def kinds(mesh, key=KEY):
    return [f.kind for f in findings_for(mesh, key)]


def both(version=(1, 21), left=GLOBAL, right=GLOBAL, ready=(2, 2), **spec):
    mesh = meshes.mesh(version=version)
    web(mesh, "a", left, ready[0], **spec)
    web(mesh, "b", right, ready[1], **spec)
    return mesh


def apply(mesh, finding):
    """Carry out a finding's fixes as the session would."""
    assert finding.fixes
    for fix in finding.fixes:
        old = mesh.clusters[fix.context].services[fix.service_key]
        after = {fix.annotation: fix.value} if fix.annotation else toggles.change(old, fix.what, fix.value).after
        put(mesh, fix.context, a.changed(old, after))


def test_a_healthy_mesh_has_none():
    assert findings(both()) == []
    assert findings(meshes.mesh()) == []


CASES = [
    (Kind.AFFINITY_DROPS_REMOTE, {"version": (1, 18), "left": {**GLOBAL, a.AFFINITY: "none"}}),
    (Kind.AFFINITY_DROPS_REMOTE, {"version": (1, 19), "left": {**GLOBAL, a.AFFINITY: "locl"}}),
    (Kind.AFFINITY_UNKNOWN, {"version": (1, 20), "left": {**GLOBAL, a.AFFINITY: "none"}}),
    (Kind.AFFINITY_UNKNOWN, {"left": {**GLOBAL, a.AFFINITY: "locl"}}),
    (Kind.GLOBAL_ALONE, {"right": {}}),
    (Kind.SHARED_NOWHERE, {"left": {**GLOBAL, a.SHARED: "false"}, "right": {**GLOBAL, a.SHARED: "false"}}),
    (Kind.VALUE_MISREAD, {"left": {a.GLOBAL: "yes"}}),
    (Kind.VALUE_MISREAD, {"left": {**GLOBAL, a.SHARED: " true"}}),
    (Kind.INACTIVE, {"left": {a.AFFINITY: "local"}, "right": {}}),
]


@pytest.mark.parametrize(("kind", "world"), CASES)
def test_each_trap_is_found_and_its_fix_mends_it(kind, world):
    mesh = both(**world)
    found = findings_for(mesh, KEY)
    finding = next(f for f in found if f.kind is kind)
    assert finding.evidence
    apply(mesh, finding)
    assert kind not in kinds(mesh)


def test_an_alias_that_is_not_read_is_deleted():
    mesh = both(left={a.GLOBAL: "true", a.ALIASES[a.GLOBAL]: "false"})
    finding = findings_for(mesh, KEY)[0]
    assert (finding.kind, finding.severity) == (Kind.ALIAS_IGNORED, Severity.WARNING)
    apply(mesh, finding)
    assert findings_for(mesh, KEY) == [], "the alias is gone, what was read stays"


def test_none_is_no_finding_where_cilium_reads_it():
    assert kinds(both(left={**GLOBAL, a.AFFINITY: "none"})) == []


def test_one_of_two_shared_is_meant():
    assert kinds(both(left={**GLOBAL, a.SHARED: "false"})) == []


def test_namespace_not_exported():
    mesh = both()
    space = {"metadata": {"name": "default", "annotations": {a.NAMESPACE_GLOBAL: "no"}}}
    put(mesh, "a", msgspec.convert(space, o.Namespace))
    found = findings_for(mesh, KEY)
    assert [f.kind for f in found] == [Kind.NAMESPACE_NOT_EXPORTED]
    assert "annotate namespace default in a" in found[0].advice


def test_failing_over_now():
    mesh = both(left={**GLOBAL, a.AFFINITY: "local"}, ready=(0, 2))
    found = findings_for(mesh, KEY)
    assert [f.kind for f in found] == [Kind.FAILOVER]
    assert "get B 2 (failover)" in found[0].sentence


def test_nobody_serves():
    assert kinds(both(ready=(0, 0))) == [Kind.NO_BACKENDS, Kind.NO_BACKENDS]
    unknown = both(ready=(0, 0))
    del unknown.clusters["b"].objects[r.SERVICES]
    assert Kind.NO_BACKENDS not in kinds(unknown)


def test_ports_that_differ_by_name():
    mesh = both()
    put(mesh, "a", meshes.service(GLOBAL, ports=[{"name": "http", "port": 80}]))
    put(mesh, "b", meshes.service(GLOBAL, ports=[{"name": "web", "port": 80}]))
    put(mesh, "b", meshes.endpointslice([meshes.endpoint("10.2.0.1")], ports=[{"name": "web", "port": 80}]))
    found = findings_for(mesh, KEY)
    assert [f.kind for f in found] == [Kind.PORT_MISMATCH]
    assert found[0].contexts == ("a",)


def test_headless_needs_synchronised_slices():
    mesh = both(clusterIP="None")
    assert kinds(mesh) == [Kind.HEADLESS_NOT_SYNCED, Kind.HEADLESS_NOT_SYNCED]
    synced = meshes.mesh(clustermesh_enable_endpoint_sync="true")
    web(synced, "a", GLOBAL, 1, clusterIP="None")
    web(synced, "b", GLOBAL, 1, clusterIP="None")
    assert kinds(synced) == []


def test_a_service_missing_in_a_third_cluster():
    mesh = meshes.mesh("a", "b", "c")
    web(mesh, "a", GLOBAL, 1)
    web(mesh, "b", GLOBAL, 1)
    put(mesh, "c", meshes.service(key="default/other"))
    assert [(f.kind, f.contexts) for f in findings_for(mesh, KEY)] == [(Kind.MISSING_SERVICE, ("c",))]


def silent(mesh, seen_by="a", node="b/n"):
    report = HealthReport(f"{seen_by}/n", (HealthNode(f"{seen_by}/n", 1.0, ""), HealthNode(node, None, "timed out")))
    return reduce(mesh, s.HealthRead(seen_by, report))


def test_unreachable_backends_in_rotation():
    mesh = both()
    silent(mesh)
    found = next(f for f in findings(mesh) if f.kind is Kind.STALE_BACKENDS)
    assert "50 % of new connections" in found.sentence
    assert "clustermesh-cache-ttl=0s" in found.evidence[0]
    apply(mesh, found)
    assert Kind.STALE_BACKENDS not in [f.kind for f in findings(mesh)]


def test_the_cut_link_of_the_recording():
    mesh = recorded.mesh_of(15)
    newest = max(node.at for c in mesh.clusters.values() for report in c.health.values() for node in report.nodes)
    found = findings(mesh, Judge(mesh).judge(newest + 1))
    assert [f.kind for f in found if f.severity is Severity.ERROR] == [
        Kind.LINK_CUT,
        Kind.STALE_BACKENDS,
        Kind.STALE_BACKENDS,
    ]
    assert findings(recorded.mesh_of(16)) == []


@pytest.mark.parametrize("step", sorted(set(recorded.STEPS) - {15}))
def test_the_recorded_steps_are_in_no_trap_but_the_failover(step):
    narrowed = [Kind.POLICY_MEANS_ONE_CLUSTER]
    expected = {7: [Kind.FAILOVER], 11: narrowed, 12: [Kind.POLICY_ALONE, *narrowed], 13: narrowed}.get(step, [])
    assert [f.kind for f in findings(recorded.mesh_of(step))] == expected


def configured(mesh, context, **changes):
    config = mesh.clusters[context].config
    reduce(mesh, s.ConfigRead(context, replace(config, **changes)))


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Kind.SAME_CLUSTER_ID, {"id": 1}),
        (Kind.MAX_CLUSTERS_DIFFER, {"data": {"max-connected-clusters": "511"}}),
        (Kind.POLICY_SCOPE_DIFFERS, {"data": {"policy-default-local-cluster": "false"}}),
        (Kind.VERSION_SKEW, {"version": (1, 19)}),
        (Kind.NO_MESH, {"id": 0}),
        (Kind.TUNNEL_DIFFERS, {"data": {"tunnel-protocol": "geneve"}}),
        (Kind.TUNNEL_DIFFERS, {"data": {"tunnel-port": "8473"}}),
        (Kind.TUNNEL_DIFFERS, {"data": {"routing-mode": "native"}}),
        (Kind.ENCRYPTION_DIFFERS, {"data": {"enable-wireguard": "true"}}),
        (Kind.NAMESPACE_DEFAULT_DIFFERS, {"data": {"clustermesh-default-global-namespace": "false"}}),
        (Kind.CACHE_TTL_DIFFERS, {"data": {"clustermesh-cache-ttl": "5m"}}),
    ],
)
def test_clusters_that_do_not_fit(kind, changes):
    mesh = both()
    configured(mesh, "b", **changes)
    assert kind in [f.kind for f in findings(mesh)]


def test_agents_that_run_another_version_than_their_daemonset_says_are_told_by_node():
    mesh = both()
    for node, text in (("one", "1.21.0 (v1.21.0-abc)"), ("two", "1.20.3 (v1.20.3-def)")):
        reduce(mesh, s.AgentRead("b", node, AgentStatus(cilium=State("Ok", text)), at=1.0))
    (found,) = [f for f in findings(mesh) if f.kind is Kind.VERSION_SKEW]
    assert found.sentence.startswith("1 of 2 agents of b run Cilium 1.21, the others run 1.20")
    container = o.Container(name="cilium-agent", image="quay.io/cilium/cilium:v1.21.0@sha256:0a")
    template = o.PodTemplate(spec=o.PodSpec(containers=[container]))
    item = o.DaemonSet(metadata=o.Meta(name="cilium", namespace="kube-system"), spec=o.WorkloadSpec(template=template))
    reduce(mesh, s.Listed("b", r.DAEMONSETS, {item.key: item}, 1.0))
    (found,) = [f for f in findings(mesh) if f.kind is Kind.VERSION_SKEW]
    assert found.sentence.startswith("1 of 2 agents of b run Cilium 1.20, its DaemonSet says 1.21")
    assert found.evidence == ("two: Cilium 1.20",)
    reduce(mesh, s.AgentRead("b", "two", AgentStatus(cilium=State("Ok", "1.21.0 (v1.21.0-abc)")), at=2.0))
    assert Kind.VERSION_SKEW not in [f.kind for f in findings(mesh)]


def test_one_minor_version_apart_is_fine():
    mesh = both()
    configured(mesh, "b", version=(1, 20))
    assert findings(mesh) == []


def test_agents_that_do_not_know_the_other_cluster():
    mesh = both()
    reduce(mesh, s.ApiChanged("a", s.Phase.LIVE, 0.0))
    reduce(mesh, s.AgentRead("a", "n", msgspec.convert({"cilium": {"state": "Ok"}}, AgentStatus)))
    assert {f.kind for f in findings(mesh)} == {Kind.NOT_CONNECTED}


def test_a_policy_cilium_does_not_accept():
    mesh = both()
    status = {"conditions": [{"type": "Valid", "status": "False", "message": "unknown field"}]}
    put(mesh, "a", meshes.policy({"endpointSelector": {}}, status=status))
    assert [(f.kind, f.evidence) for f in findings(mesh)] == [(Kind.POLICY_INVALID, ("unknown field",))]


def test_kept_findings_equal_fresh_ones_after_every_change():
    mesh = both()
    kept = Findings(mesh)
    deltas = [
        lambda: put(mesh, "a", meshes.service({**GLOBAL, a.AFFINITY: "local"})),
        lambda: put(mesh, "a", meshes.endpointslice([])),
        lambda: silent(mesh),
        lambda: meshes.remove(mesh, "b", r.ENDPOINTSLICES, "default/web-abc"),
        lambda: put(mesh, "b", meshes.endpointslice([meshes.endpoint("10.2.0.9")], name="other")),
        lambda: meshes.remove(mesh, "b", r.ENDPOINTSLICES, "default/other"),
        lambda: reduce(mesh, s.ConfigRead("b", CiliumConfig("b", 2, {}, (1, 18)))),
        lambda: put(mesh, "b", meshes.service({**GLOBAL, a.AFFINITY: "none"})),
        lambda: meshes.remove(mesh, "b", r.SERVICES, KEY),
        lambda: meshes.remove(mesh, "a", r.SERVICES, KEY),
    ]
    seen = set()
    for change in deltas:
        kept.update(change())
        assert kept.all() == findings(mesh)
        assert kept.of(KEY) == findings_for(mesh, KEY)
        seen |= {f.kind for f in kept.all()}
    assert {Kind.FAILOVER, Kind.STALE_BACKENDS, Kind.NO_BACKENDS, Kind.AFFINITY_DROPS_REMOTE} <= seen
