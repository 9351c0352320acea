"""What clusters claim of links, on recorded status and on what the recordings lack."""

from __future__ import annotations

import msgspec
import pytest

from meshtui.core.errors import Forbidden
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import AgentStatus, RemoteCluster, RemoteConfig, Synced
from meshtui.core.model.links import LinkClaim, link, links, problem
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
    assert {each.claim for each in found} == {LinkClaim.READY}
    assert all((each.words, each.shared_services) == ("ready", 1) for each in found)


def test_over_the_recorded_cut_all_went_on_claiming_to_be_ready() -> None:
    for each in links(mesh_of(15)):
        assert (each.claim, each.ready, each.agents) == (LinkClaim.READY, 1, 1)


def test_nothing_asked_yet_and_not_allowed_to_ask() -> None:
    assert link(cluster(), "tion").claim is LinkClaim.UNKNOWN
    refused = cluster()
    refused.agent_errors["n"] = Forbidden("cannot run a command", context="koornacht")
    assert link(refused, "tion").words == "cannot run a command"


def test_not_configured_partly_and_down() -> None:
    assert link(cluster(None), "tion").claim is LinkClaim.NOT_CONFIGURED
    partly = link(cluster(GOOD, None), "tion")
    assert partly.claim is LinkClaim.PARTLY
    assert "1 of 2 nodes" in partly.words
    lost = RemoteCluster(name="tion", status="Waiting for initial connection to be established")
    down = link(cluster(lost), "tion")
    assert (down.claim, down.words) == (LinkClaim.DOWN, lost.status)


def test_kvstoremesh_knows_better_than_the_agents() -> None:
    made = cluster(GOOD)
    made.kvstoremesh = (RemoteCluster(name="tion", status="no route to host"),)
    found = link(made, "tion")
    assert found.claim is LinkClaim.DOWN
    assert found.words == "KVStoreMesh: no route to host"


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
    assert link(cluster(syncing), "tion").claim is LinkClaim.CONNECTING
