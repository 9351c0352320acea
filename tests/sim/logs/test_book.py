"""Container logs: the two loggers' forms, and what an agent tells of as it happens."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

from meshtui.sim.clock import ManualClock
from meshtui.sim.logs import book
from meshtui.sim.logs.lines import logrus, slog, stamp
from meshtui.sim.world import SimCluster, World
from tests.sim import worlds

LATER = 600.0
"""Seconds by which the recorded agents have started."""
CNPS = ("cilium.io", "ciliumnetworkpolicies")
POLICY: dict[str, Any] = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "mine", "namespace": "default", "uid": "u-1"},
    "spec": {"endpointSelector": {}, "ingress": [{}]},
}


def world(state: str, **options: Any) -> World:
    made = worlds.world(state, **options)
    asyncio.run(moved(made, LATER))
    return made


async def moved(made: World, seconds: float) -> None:
    assert isinstance(made.clock, ManualClock)
    await made.clock.advance(seconds)


def agent_log(cluster: SimCluster) -> list[str]:
    pods = cluster.store.list(("", "pods"), "kube-system")
    agent = next(p for p in pods if (p["metadata"].get("labels") or {}).get("k8s-app") == "cilium")
    return [line.text for line in book(cluster).lines(agent, "cilium-agent")]


def test_both_loggers_quote_as_theirs_do() -> None:
    told = slog(1.5, "two words", "agent.x", k8sApiVersion="", name="a=b", count=1)
    assert told.text == (
        'time=1970-01-01T00:00:01.5Z level=info msg="two words" module=agent.x k8sApiVersion="" name="a=b" count=1'
    )
    told = logrus(1.5, "two words", "daemon", "warning", url="https://x:1", empty="")
    assert told.text == (
        'time="1970-01-01T00:00:01.5Z" level=warning msg="two words" empty= subsys=daemon url="https://x:1"'
    )
    assert stamp(1.0) == "1970-01-01T00:00:01Z"


def test_an_agent_tells_of_its_start_its_peers_and_its_endpoints() -> None:
    text = "\n".join(agent_log(world("deployed").clusters["koornacht"]))
    assert 'msg="Daemon initialization completed"' in text
    assert (
        'msg="Connection to remote cluster established" module=agent.controlplane.clustermesh clusterName=tion' in text
    )
    assert 'msg="New endpoint" ciliumEndpointName=default/rebel-base-' in text


def test_policies_are_told_as_they_come_and_go() -> None:
    made = world("deployed")
    cluster = made.clusters["koornacht"]
    before = agent_log(cluster)
    cluster.store.create(CNPS, copy.deepcopy(POLICY))
    asyncio.run(moved(made, 1))
    came = agent_log(cluster)[len(before) :]
    assert [line.split('"')[1] for line in came] == [
        "Imported CiliumNetworkPolicy",
        "Processing policy updates",
        "Upserted policy to repository",
        "Policy repository updates complete, triggering endpoint updates",
    ]
    assert "resource=cnp/default/mine policyRevision=2 deletedRules=0" in came[2]
    cluster.store.delete(CNPS, "default", "mine")
    asyncio.run(moved(made, 1))
    went = agent_log(cluster)[len(before) + len(came) :]
    assert 'msg="Deleted CiliumNetworkPolicy"' in went[0]
    assert "policyRevision=3 deletedRules=1" in went[2]


def test_a_refused_policy_is_a_warning_with_the_reason() -> None:
    cluster = world("deployed").clusters["koornacht"]
    agent_log(cluster)
    bad = copy.deepcopy(POLICY)
    bad["status"] = {"conditions": [{"type": "Valid", "status": "False", "message": "because"}]}
    cluster.store.create(CNPS, bad)
    warned = [line for line in agent_log(cluster) if "level=warn " in line]
    assert len(warned) == 1
    assert "ciliumNetworkPolicyName=mine" in warned[0]
    assert warned[0].endswith("error=because")


def test_an_older_agent_logs_through_logrus_except_its_importer() -> None:
    cluster = world("default-deny", cilium_version="1.17").clusters["koornacht"]
    told = [line for line in agent_log(cluster) if "olicy" in line]
    assert told[0].endswith(
        'msg="Imported CiliumNetworkPolicy" ciliumNetworkPolicyName=default-deny k8sApiVersion= k8sNamespace=default '
        "subsys=policy-k8s-watcher"
    )
    assert told[0].startswith('time="')
    assert told[1].startswith("time=2")


def test_other_programs_say_their_first_words() -> None:
    cluster = world("deployed").clusters["koornacht"]
    told = {}
    for pod in cluster.store.list(("", "pods"), "kube-system"):
        for container in pod["spec"]["containers"]:
            told[container["name"]] = [line.text for line in book(cluster).lines(pod, container["name"])]
    assert any("Leading the operator HA deployment" in line for line in told["cilium-operator"])
    assert any('established" module=kvstoremesh' in line for line in told["kvstoremesh"])
    assert any("peer=tion/tion-control-plane" in line for line in told["hubble-relay"])
    assert told["coredns"] == []
