"""A Relay that answers at a cluster's address and is another cluster's is not read, and is told of (report 20)."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.settings import Settings
from meshtui.hubble.query import FlowQuery
from meshtui.kube.api import Api
from meshtui.mesh.flows.past import past_flows
from meshtui.mesh.flows.relays import reach
from meshtui.mesh.flows.relaytls import RelayFlags
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose
from tests.hubble.fake_relay import FakeRelay, flow
from tests.kube.fake import serving
from tests.mesh.conftest import FAST
from tests.mesh.flows.test_relay_tls import forwarder
from tests.mesh.waiting import until
from tests.replay.cluster import RecordedApi, recorded

OWN = "koornacht/koornacht-control-plane"


@pytest.fixture
def stranger() -> Iterator[FakeRelay]:
    """The Relay of another mesh, which has flows."""
    relay = FakeRelay("127.0.0.1:0")
    relay.states = {"other-mesh/n1": 1}
    relay.start()
    relay.push(flow(1))
    yield relay
    relay.kill()


@pytest.fixture
def own() -> Iterator[FakeRelay]:
    relay = FakeRelay("127.0.0.1:0")
    relay.states = {OWN: 1, "tion/tion-worker": 1}
    relay.start()
    relay.push(flow(2))
    yield relay
    relay.kill()


def cluster(published: FakeRelay, behind: FakeRelay | None) -> RecordedApi:
    """The recorded cluster; at its load balancer's address answers `published`, in its pod `behind`."""
    files = copy.deepcopy(recorded("3-deployed")["koornacht"])
    for service in files["services"]["items"]:
        if service["metadata"]["name"] == "hubble-relay":
            (port,) = service["spec"]["ports"]
            port.pop("nodePort", None)
            port["port"] = int(published.address.rpartition(":")[2])
            service["status"] = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}
    api = RecordedApi(files=files)
    for pod in files["pods"]["items"]:
        name = pod["metadata"]["name"]
        if name.startswith("hubble-relay") and behind is not None:
            api.sockets[r.PODS.path("kube-system", name, "portforward")] = forwarder(behind)
    slices = [i for i in files["endpointslices"]["items"] if "hubble-relay" in i["metadata"]["name"]]
    for item in slices:
        for port in item["ports"]:
            port["name"] = ""
    api.lists[r.ENDPOINTSLICES.path("kube-system")] = {**files["endpointslices"], "items": slices}
    return api


@asynccontextmanager
async def connected(fake: RecordedApi, folder: Path) -> AsyncIterator[Api]:
    async with serving(fake), await Api.connect("k", fake.kubeconfig(folder), {}, request_timeout=5) as api:
        yield api


async def test_a_published_address_of_another_cluster_is_passed_over(stranger, own, tmp_path):
    refused: list[str] = []
    async with connected(cluster(stranger, own), tmp_path) as api:
        async with reach(api, RelayFlags(), refused.append) as reached:
            assert reached.source is s.FlowSource.RELAY_FORWARD
        past = await past_flows(api, RelayFlags(), FlowQuery(follow=False, number=5), "auto")
    assert [row.uuid for row in past.rows] == ["u2"]
    assert refused == list(past.refused)
    assert refused[0].startswith(f"k: the Relay of other-mesh at {stranger.address} is not used: none of its nodes")


async def test_its_own_published_address_is_taken(own, tmp_path):
    refused: list[str] = []
    async with (
        connected(cluster(own, None), tmp_path) as api,
        reach(api, RelayFlags(), refused.append) as reached,
    ):
        assert (reached.address, reached.source) == (own.address, s.FlowSource.RELAY_DIRECT)
    assert not refused


async def test_the_right_name_with_nodes_that_nobody_knows_is_no_proof(stranger, own, tmp_path):
    """Two meshes made from one example have the same cluster names."""
    stranger.states = {"koornacht/some-other-node": 1}
    refused: list[str] = []
    async with (
        connected(cluster(stranger, own), tmp_path) as api,
        reach(api, RelayFlags(), refused.append) as reached,
    ):
        assert reached.source is s.FlowSource.RELAY_FORWARD
    assert "the API server knows none of its nodes (koornacht/some-other-node)" in refused[0]


async def test_one_that_does_not_name_its_nodes_is_not_taken(stranger, own, tmp_path):
    stranger.states = {}
    async with connected(cluster(stranger, own), tmp_path) as api, reach(api, RelayFlags()) as reached:
        assert reached.source is s.FlowSource.RELAY_FORWARD


async def test_a_told_relay_of_another_cluster_is_refused_and_the_clusters_own_read(stranger, own, tmp_path):
    fake = cluster(own, None)
    async with serving(fake):
        settings = Settings(
            kubeconfig=fake.kubeconfig(tmp_path), relays={"k": stranger.address}, state_directory=tmp_path / "state"
        )
        async with Session(choose(settings, {}), settings, pace=FAST, scope=Scope(access=False)) as session:
            relay = session.mesh.clusters["k"].relay
            await until(session, lambda: relay.link.phase is s.Phase.LIVE and relay.refused)
            assert relay.address == own.address
            assert "none of its nodes is koornacht's (other-mesh/n1)" in relay.refused[0]
    assert not stranger.requests
