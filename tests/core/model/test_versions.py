"""Which Cilium runs: what runs says it, then the Relay, then the image."""

from __future__ import annotations

import pytest

from meshtui.core.findings import findings
from meshtui.core.findings.model import Kind
from meshtui.core.model import state as s
from meshtui.core.model import versions as v
from meshtui.core.model.ciliumstatus import AgentStatus, CiliumConfig, State
from meshtui.core.model.reduce import reduce


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.20.0-dev (v1.20.0-dev-26d721f0fe)", (1, 20)),
        ("1.17.0-dev (v1.17.0-dev-b095517e62)", (1, 17)),
        ("cilium v1.18.4+gabc", (1, 18)),
        ("hubble-relay v1.21.0", (1, 21)),
        ("", v.UNKNOWN),
        ("lab/fat:1", v.UNKNOWN),
    ],
)
def test_versions_as_agents_and_relays_write_them(text, version):
    assert v.parse(text) == version


def test_agents_come_before_the_relay_and_both_before_the_image():
    assert v.decide(["1.20.0", "1.19.1", "1.20.1"], ["1.17.0"], (1, 16)) == (1, 20)
    assert v.decide(["1.20.0", "1.19.1"], [], (1, 16)) == (1, 19)
    assert v.decide([""], ["1.17.0"], (1, 16)) == (1, 17)
    assert v.decide([], [], (1, 16)) == (1, 16)


def test_the_nearest_known_rules():
    assert [v.nearest(x) for x in (v.UNKNOWN, (1, 15), (1, 19), (1, 30))] == [(1, 21), (1, 17), (1, 19), (1, 21)]


def mesh_of(*contexts: str) -> s.Mesh:
    mesh = s.Mesh()
    for at, context in enumerate(contexts):
        mesh.clusters[context] = s.Cluster(context, context[0].upper(), at)
    return mesh


def agent(text: str) -> AgentStatus:
    return AgentStatus(cilium=State("Ok", text))


def test_what_an_agent_says_replaces_what_the_image_says_and_stays():
    mesh = mesh_of("k")
    declared = CiliumConfig("koornacht", 1, {})
    reduce(mesh, s.ConfigRead("k", declared))
    (finding,) = [f for f in findings(mesh) if f.kind is Kind.VERSION_UNKNOWN]
    assert finding.sentence == "koornacht runs an unknown Cilium: the rules of 1.21 are taken"
    reduce(mesh, s.AgentRead("k", "n1", agent("1.17.0-dev (v1.17.0-dev-b0)")))
    reduce(mesh, s.ConfigRead("k", declared))
    assert mesh.clusters["k"].config.version == (1, 17)
    assert mesh.clusters["k"].config.policy_default_local_cluster is False
    assert not [f for f in findings(mesh) if f.kind is Kind.VERSION_UNKNOWN]


def test_a_relay_tells_of_its_own_clusters_nodes_where_no_agent_does():
    mesh = mesh_of("k")
    reduce(mesh, s.ConfigRead("k", CiliumConfig("koornacht", 1, {})))
    reduce(mesh, s.RelayChanged("k", 0.0, versions=(("tion/a", "1.17.1"), ("koornacht/a", "1.20.0"))))
    assert mesh.clusters["k"].config.version == (1, 20)


def test_identities_of_an_old_cluster_id_are_found():
    mesh = mesh_of("k")
    reduce(mesh, s.ConfigRead("k", CiliumConfig("koornacht", 7, {}, (1, 20), identity_ids=(1,))))
    (finding,) = [f for f in findings(mesh) if f.kind is Kind.OLD_IDENTITIES]
    assert "has cluster id 7, but identities of its pods carry 1" in finding.sentence
    reduce(mesh, s.ConfigRead("k", CiliumConfig("koornacht", 7, {}, (1, 20), identity_ids=(7,))))
    assert not [f for f in findings(mesh) if f.kind is Kind.OLD_IDENTITIES]
