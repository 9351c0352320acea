"""Findings of policies as written: each on the recorded lab with one thing wrong, and none on what is right."""

from __future__ import annotations

import json

import msgspec
import pytest

from meshtui.core.findings import Findings, Kind
from meshtui.core.findings.policies import in_policies
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.core.reach import Reaches
from tests.core import recorded


@pytest.mark.parametrize("step", sorted(set(recorded.STEPS) - {12}))
def test_the_recorded_lab_has_none(step):
    assert in_policies(Reaches(recorded.mesh_of(step))) == []


def test_the_recorded_step_whose_ingress_is_open_in_one_cluster_alone():
    (found,) = in_policies(Reaches(recorded.mesh_of(12)))
    assert (found.kind, found.contexts, found.object) == (Kind.POLICY_ALONE, ("koornacht", "tion"), recorded.INGRESS)
    assert found.sentence == (
        "policy default/rebel-base-from-x-wing is in koornacht and not in tion, where it would select 2 pods, "
        "behind the global service default/rebel-base"
    )
    assert "meshtui policies apply FILE --context tion" in found.advice
    assert "io.cilium.k8s.policy.cluster: koornacht" in found.advice


def changed(key, change, context="koornacht"):
    mesh = recorded.mesh_of(14)
    policy = mesh.clusters[context].of(r.CNPS)[key]
    spec = json.loads(json.dumps(policy.spec))
    change(spec)
    metadata = msgspec.structs.replace(policy.metadata, resource_version=policy.metadata.resource_version + "1")
    new = msgspec.structs.replace(policy, spec=spec, metadata=metadata)
    kept = Findings(mesh)
    kept.update(reduce(mesh, s.Changed(context, r.CNPS, {key: new}, 0.0)))
    return [(f.kind, f.contexts, f.object) for f in kept.all() if f.kind.name.startswith("POLICY_")]


def test_a_selector_that_matches_nobody():
    def change(spec):
        spec["endpointSelector"]["matchLabels"]["name"] = "y-wing"

    assert changed(recorded.EGRESS, change) == [(Kind.POLICY_SELECTS_NOBODY, ("koornacht",), recorded.EGRESS)]


def test_a_rule_that_can_never_apply():
    def change(spec):
        spec["egress"][0]["toEndpoints"][0]["matchLabels"]["name"] = "rebel-bass"

    assert changed(recorded.EGRESS, change) == [(Kind.POLICY_NEVER_APPLIES, ("koornacht",), recorded.EGRESS)]


def test_nobody_reaches_dns():
    def change(spec):
        spec["egress"] = [{}]

    found = changed("default/default-deny", change)
    assert found == [(Kind.POLICY_NO_DNS, ("koornacht",), "default/default-deny")]


def test_a_services_port_where_the_pods_is_meant():
    mesh = recorded.mesh_of(14)
    cluster = mesh.clusters["koornacht"]
    service = cluster.services[recorded.KEY]
    port = msgspec.structs.replace(service.spec.ports[0], target_port=8080)
    spec = msgspec.structs.replace(service.spec, ports=[port])
    cluster.objects[r.SERVICES][recorded.KEY] = msgspec.structs.replace(service, spec=spec)
    for key in mesh.slices_of["koornacht"][recorded.KEY]:
        found = cluster.endpointslices[key]
        ports = [msgspec.structs.replace(each, port=8080) for each in found.ports]
        cluster.objects[r.ENDPOINTSLICES][key] = msgspec.structs.replace(found, ports=ports)
    assert in_policies(Reaches(mesh)) == [], "no port is named"
    policy = cluster.of(r.CNPS)[recorded.EGRESS]
    written = json.loads(json.dumps(policy.spec))
    written["egress"][0]["toPorts"] = [{"ports": [{"port": "80", "protocol": "TCP"}]}]
    cluster.objects[r.CNPS][recorded.EGRESS] = msgspec.structs.replace(policy, spec=written)
    found = in_policies(Reaches(mesh))
    assert [(f.kind, f.evidence) for f in found] == [
        (Kind.POLICY_SERVICE_PORT, ("koornacht: default/rebel-base 80/TCP → 8080",))
    ]
