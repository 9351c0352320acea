"""A drop whose peer is an address of another cluster's pod names the pod, and what is missing (report 24)."""

from __future__ import annotations

import msgspec
import pytest

from meshtui.core.flows.flow import Direction, FlowRow, Peer, Verdict
from meshtui.core.model import objects as o
from meshtui.core.policy.explain import Explanation, case_of
from meshtui.core.policy.lost import told_of_lost
from meshtui.core.policy.rulebook import Rulebook
from tests.core import meshes
from tests.core.flowrows import row as flow_row

ALLOW = {
    "endpointSelector": {"matchLabels": {"name": "rebel-base"}},
    "ingress": [
        {
            "fromEndpoints": [
                {
                    "matchLabels": {"name": "x-wing"},
                    "matchExpressions": [{"key": "io.cilium.k8s.policy.cluster", "operator": "Exists"}],
                }
            ]
        }
    ],
}


def at(pod: o.Pod, ip: str) -> o.Pod:
    return msgspec.structs.replace(pod, status=msgspec.structs.replace(pod.status, pod_ip=ip))


def the_case(reserved: str, number: int, ip: str = "10.2.0.24"):
    mesh = meshes.mesh("koornacht", "tion")
    base = meshes.pod("rb", {"name": "rebel-base"})
    wing = at(meshes.pod("xw", {"name": "x-wing"}), "10.2.0.24")
    meshes.put(mesh, "koornacht", base, meshes.policy(ALLOW, "rb-from-xw"))
    meshes.put(mesh, "tion", wing)
    row = flow_row(
        source=Peer(identity=number, labels=(f"reserved:{reserved}",)),
        source_ip=ip,
        destination=Peer(cluster="koornacht", namespace="default", pod="rb", labels=("k8s:name=rebel-base",)),
        destination_ip="10.0.0.1",
        node="koornacht/n",
        direction=Direction.INGRESS,
        verdict=Verdict.DROPPED,
        drop_reason=133,
        protocol="TCP",
        destination_port=80,
    )
    assert isinstance(row, FlowRow)
    told = Explanation("default-deny, no rule allows it", fix="add a policy")
    return told_of_lost(mesh, case_of(mesh, row), Rulebook(mesh), told)


@pytest.mark.parametrize(("reserved", "number"), [("world", 2), ("remote-node", 6)])
def test_the_pod_behind_the_address_is_named_and_no_policy_is_suggested(reserved, number):
    told = the_case(reserved, number)
    assert told.sentence == (
        f"10.2.0.24 is tion's default/xw, which rb-from-xw would allow, but koornacht saw it as {reserved}: "
        "its identity did not come across"
    )
    assert told.fix == ""
    assert "cilium-dbg bpf ipcache get 10.2.0.24" in told.notes[-1]


def test_an_address_of_nobody_stays_one():
    assert the_case("world", 2, "192.0.2.1").fix == "add a policy"
