"""What an agent says over exec: the recorded answers, the older binary, and everything that is no answer."""

from __future__ import annotations

import json

import msgspec
import pytest

from meshtui.cilium.agents import read_agent, read_health, read_services
from meshtui.cilium.kvstoremesh import read_kvstoremesh
from meshtui.core.errors import ExecFailed, NotFound
from meshtui.core.model.objects import Pod
from tests.cilium.conftest import answers

STATUS = "cilium-dbg status -o json"
KVSTOREMESH = "/usr/bin/clustermesh-apiserver kvstoremesh-dbg status -o json"


@pytest.fixture
def mesh_pod(pods):
    return next(pod for pod in pods if pod.labels.get("k8s-app") == "clustermesh-apiserver")


async def test_recorded_status(fake, api, agent, koornacht):
    answers(fake, agent, {STATUS: (koornacht / "agent-status.json").read_bytes()})
    status = await read_agent(api, agent)
    assert status.cilium.state == "Ok"
    assert [(remote.name, remote.connected, remote.ready) for remote in status.remotes] == [("tion", True, True)]
    assert status.remotes[0].config.cluster_id == 2
    assert fake.requests[-1].query["container"] == "cilium-agent"


async def test_an_agent_that_only_knows_cilium(fake, api, agent, koornacht):
    answers(fake, agent, {"cilium status -o json": (koornacht / "agent-status.json").read_bytes()})
    status = await read_agent(api, agent)
    assert status.remotes[0].name == "tion"
    assert len(fake.requests) == 2


async def test_a_failing_agent_is_told_in_its_own_words_cleaned(fake, api, agent):
    answers(fake, agent, {STATUS: 1})
    with pytest.raises(ExecFailed) as caught:
        await read_agent(api, agent)
    assert "Get healthz: connection" in caught.value.cause
    assert caught.value.cause.isprintable()
    assert f"logs {agent.name}" in caught.value.hint


@pytest.mark.parametrize("answer", [b"", b"not json", b"[]", b'{"cilium": 7}'])
async def test_an_answer_that_cannot_be_read(fake, api, agent, answer):
    answers(fake, agent, {STATUS: answer})
    with pytest.raises(ExecFailed, match="cannot be read"):
        await read_agent(api, agent)


async def test_a_pod_that_is_gone(api, agent):
    with pytest.raises(NotFound):
        await read_agent(api, agent)


async def test_recorded_health_of_the_cut_link(fake, api, agent, recordings):
    recorded = (recordings / "15-link-cut/koornacht/cilium-health.json").read_bytes()
    answers(fake, agent, {"cilium-health status -o json": recorded})
    report = await read_health(api, agent)
    assert report.local == "koornacht/koornacht-control-plane"
    near, far = report.nodes
    assert (near.name, near.error, round(near.latency_ms, 3)) == (report.local, "", 0.705)
    assert (far.name, far.latency_ms) == ("tion/tion-control-plane", None)
    assert "context deadline exceeded" in far.error


async def test_recorded_services(fake, api, agent, koornacht):
    recorded = json.loads((koornacht / "agent-services.json").read_text())
    answers(fake, agent, {"cilium-dbg service list -o json": json.dumps(recorded).encode()})
    services = await read_services(api, agent)
    assert len(services) == len(recorded)
    rebel = [s for s in services if s.name == "rebel-base"]
    assert [(s.namespace, s.port, s.protocol) for s in rebel] == [("default", 80, "TCP")]
    backends = rebel[0].backends
    assert len(backends) == 2
    assert {b.port for b in backends} == {80}
    assert all(b.ip.startswith("10.1.") and b.state == "active" for b in backends)


async def test_no_services(fake, api, agent):
    answers(fake, agent, {"cilium-dbg service list -o json": b"null"})
    assert await read_services(api, agent) == []


async def test_recorded_kvstoremesh(fake, api, pods, mesh_pod, koornacht):
    answers(fake, mesh_pod, {KVSTOREMESH: (koornacht / "kvstoremesh-status.json").read_bytes()})
    (remote,) = await read_kvstoremesh(api, pods)
    assert (remote.name, remote.ready, remote.num_endpoints, remote.config.cluster_id) == ("tion", True, 7, 2)
    assert fake.requests[-1].query["container"] == "kvstoremesh"


async def test_kvstoremesh_that_is_not_deployed_is_none(fake, api, pods, mesh_pod):
    assert await read_kvstoremesh(api, [pod for pod in pods if pod is not mesh_pod]) is None
    bare = msgspec.structs.replace(mesh_pod, spec=msgspec.structs.replace(mesh_pod.spec, containers=[]))
    assert await read_kvstoremesh(api, [bare]) is None
    assert not fake.requests


async def test_another_replica_answers_for_the_one_that_cannot(fake, api, mesh_pod, koornacht):
    gone: Pod = msgspec.structs.replace(mesh_pod, metadata=msgspec.structs.replace(mesh_pod.metadata, name="a-gone"))
    answers(fake, mesh_pod, {KVSTOREMESH: (koornacht / "kvstoremesh-status.json").read_bytes()})
    assert await read_kvstoremesh(api, [gone, mesh_pod]) is not None
    assert len(fake.requests) == 2


async def test_kvstoremesh_that_fails_everywhere(fake, api, mesh_pod):
    answers(fake, mesh_pod, {KVSTOREMESH: 1})
    with pytest.raises(ExecFailed, match="no KVStoreMesh status"):
        await read_kvstoremesh(api, [mesh_pod])


async def test_kvstoremesh_without_remotes(fake, api, mesh_pod):
    answers(fake, mesh_pod, {KVSTOREMESH: b"null"})
    assert await read_kvstoremesh(api, [mesh_pod]) == ()
