"""The verdict on links, on recorded status and on what the recordings lack."""

from __future__ import annotations

import msgspec
import pytest

from meshtui.core.errors import Forbidden
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import AgentStatus, RemoteCluster, RemoteConfig, Synced
from meshtui.core.model.probes import HealthNode, HealthReport
from meshtui.core.model.links import LinkVerdict, link, links, problem
from tests.core.recorded import mesh_of

GOOD = RemoteCluster(
    name="tion",
    connected=True,
    ready=True,
    config=RemoteConfig(required=True, retrieved=True),
    synced=Synced(nodes=True, endpoints=True, identities=True, services=True),
)


def cluster(*remotes: RemoteCluster | None) -> s.Cluster:
    made = s.Cluster("koornacht", "K", 0)
    for number, remote in enumerate(remotes):
        clusters = [] if remote is None else [msgspec.to_builtins(remote)]
        document = {"cluster-mesh": {"clusters": clusters}}
        made.agents[f"node-{number}"] = msgspec.convert(document, AgentStatus)
    return made


@pytest.mark.parametrize("step", [4, 10, 14])
def test_recorded_links_are_ready(step: int) -> None:
    found = links(mesh_of(step))
    assert [(each.source, each.target) for each in found] == [("koornacht", "tion"), ("tion", "koornacht")]
    assert {each.verdict for each in found} == {LinkVerdict.READY}
    assert all(each.sentence.startswith("ready") and each.sentence.endswith("1 shared") for each in found)


def test_the_recorded_cut_link_is_silent_although_all_say_ready() -> None:
    for each in links(mesh_of(15)):
        assert each.verdict is LinkVerdict.SILENT
        assert each.sentence == "ready, but its nodes don't answer"
        assert each.silent_nodes == (f"{each.target}/{each.target}-control-plane",)
        assert (each.ready, each.agents) == (1, 1)


def test_latency_is_told_of_a_healthy_link() -> None:
    made = cluster(GOOD)
    nodes = (HealthNode("koornacht/a", 9.0, ""), *(HealthNode(f"tion/{n}", n, "") for n in (3.0, 0.4, 0.1)))
    made.health = HealthReport("koornacht/a", nodes)
    found = link(made, "tion")
    assert found.latency_ms == 0.4
    assert found.sentence == "ready · health 0.4 ms · 0 shared"
    made.health = HealthReport("koornacht/a", (*nodes, HealthNode("tion/x", None, "timeout")))
    partly = link(made, "tion")
    assert (partly.verdict, partly.silent_nodes) == (LinkVerdict.PARTLY, ("tion/x",))


def test_nothing_asked_yet_and_not_allowed_to_ask() -> None:
    assert link(cluster(), "tion").verdict is LinkVerdict.UNKNOWN
    refused = cluster()
    refused.agent_errors["n"] = Forbidden("cannot run a command", context="koornacht")
    assert link(refused, "tion").sentence == "cannot run a command"


def test_not_configured_partly_and_down() -> None:
    assert link(cluster(None), "tion").verdict is LinkVerdict.NOT_CONFIGURED
    partly = link(cluster(GOOD, None), "tion")
    assert partly.verdict is LinkVerdict.PARTLY
    assert "1 of 2 nodes" in partly.sentence
    lost = RemoteCluster(name="tion", status="Waiting for initial connection to be established")
    down = link(cluster(lost), "tion")
    assert (down.verdict, down.sentence) == (LinkVerdict.DOWN, lost.status)


def test_kvstoremesh_knows_better_than_the_agents() -> None:
    made = cluster(GOOD)
    made.kvstoremesh = (RemoteCluster(name="tion", status="no route to host"),)
    found = link(made, "tion")
    assert found.verdict is LinkVerdict.DOWN
    assert found.sentence == "KVStoreMesh: no route to host"


def replace(**fields: object) -> RemoteCluster:
    return msgspec.structs.replace(GOOD, ready=False, **fields)


@pytest.mark.parametrize(
    ("remote", "words"),
    [
        (None, "unknown status"),
        (replace(connected=False, status="dial failed"), "dial failed"),
        (replace(config=None), "remote cluster configuration retrieval status unknown"),
        (replace(config=RemoteConfig(required=True)), "remote cluster configuration required but not found"),
        (replace(synced=None), "synchronization status unknown"),
        (
            replace(synced=Synced(endpoints=True, identities=True, services=True, service_exports=False)),
            "synchronization in progress for nodes, service exports",
        ),
        (replace(), "not ready"),
        (GOOD, ""),
    ],
)
def test_problems_are_worded_in_the_order_of_the_cilium_cli(remote: RemoteCluster | None, words: str) -> None:
    assert problem(remote) == words


def test_a_link_that_is_syncing_is_connecting() -> None:
    syncing = replace(synced=Synced(nodes=True))
    assert link(cluster(syncing), "tion").verdict is LinkVerdict.CONNECTING
