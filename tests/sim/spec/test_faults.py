"""The recorded faults as a specification: at the same seconds the embedded mesh says what the real one said."""

from __future__ import annotations

from statistics import median

import pytest

from meshtui.sim import agents
from meshtui.sim.relay.peers import peers
from tests.sim.spec.situation import K, Situation, T

SYSTEM = ("Deployment kube-system/clustermesh-apiserver", "Deployment kube-system/coredns")
BIG = {"X-Padding": "x" * 6000}


async def test_a_cut_link() -> None:
    async with Situation("01-link-cut").running() as it:
        it.break_("link-cut")
        await it.requests(0, 180)
        for seconds in (60, 150):
            await it.at(seconds)
            it.links(seconds)
            it.troubleshoot(seconds)
            it.health(seconds)
            it.relays(seconds)
        it.objects(150, *SYSTEM)
        it.mend()
        await it.at(150 + 60)
        remote = agents.kvstoremesh_status(it.world, it.world.clusters[K])[0]
        assert (remote["ready"], remote["num-failures"]) == (True, 1)
        assert not any(p.held or not p.available for p in peers(it.world.clusters[K]))
        assert set(await it.ask(K)) == {"Koornacht", "Tion"}


async def test_a_cut_of_one_direction() -> None:
    async with Situation("02-one-way-cut").running() as it:
        it.break_("one-way-cut", from_=K)
        await it.requests(0, 85)
        await it.at(60)
        it.links(60)
        it.troubleshoot(60)
        it.health(60)
        it.relays(60)


async def test_the_overlay_alone() -> None:
    async with Situation("03-vxlan-only").running() as it:
        it.break_("vxlan-only")
        await it.requests(0, 140)
        for seconds in (60, 132):
            await it.at(seconds)
            it.links(seconds)
            it.troubleshoot(seconds)
            it.health(seconds)
            it.relays(seconds)


async def test_the_control_plane_alone() -> None:
    async with Situation("04-control-plane-only").running() as it:
        it.break_("control-plane-only")
        await it.requests(0, 125)
        for seconds in (60, 110):
            await it.at(seconds)
            it.links(seconds)
            it.troubleshoot(seconds)
            it.health(seconds)
            it.relays(seconds)


async def test_the_health_port_alone() -> None:
    async with Situation("05-health-port-only").running() as it:
        it.break_("health-port-only")
        await it.requests(0, 140)
        for seconds in (60, 132):
            await it.at(seconds)
            it.links(seconds)
            it.troubleshoot(seconds)
            it.health(seconds)
            it.relays(seconds)


async def test_large_packets() -> None:
    async with Situation("06-mtu").running() as it:
        it.break_("mtu")
        await it.requests(0, 85)
        await it.requests(0, 85, "big", headers=BIG, max_time=3.0)
        await it.at(60)
        it.links(60)
        it.troubleshoot(60)
        it.health(60)
        it.relays(60)


async def test_slow_packets() -> None:
    async with Situation("07-slow").running() as it:
        it.break_("slow", from_=K, ms=200)
        await it.requests(0, 80)
        for cluster, other in ((K, "Tion"), (T, "Koornacht")):
            wanted, mine = median(it.recorded_seconds(cluster, other)), await it.seconds(cluster, other)
            assert all(abs(seconds - wanted) < 0.05 for seconds in mine)
            assert max(await it.seconds(cluster, cluster.title())) < 0.05
        await it.at(55)
        it.links(55)
        it.troubleshoot(55)
        it.relays(55)
        await it.at(300)
        report = agents.health(it.world, it.world.clusters[K], "koornacht-worker")
        for node in report["nodes"]:
            probes = node["host"]["primary-address"]
            far = node["name"].startswith(T)
            assert (probes["icmp"]["latency"] > 200e6, probes["http"]["latency"] > 400e6) == (far, far)


async def test_lost_packets() -> None:
    async with Situation("08-lossy").running() as it:
        it.break_("lossy", percent=25)
        await it.requests(0, 80)
        await it.at(55)
        it.links(55)
        it.relays(55)


async def test_no_clustermesh_apiserver() -> None:
    async with Situation("09-apiserver-gone").running() as it:
        it.break_("apiserver-gone", cluster=T)
        await it.requests(0, 110)
        for seconds in (60, 90):
            await it.at(seconds)
            it.links(seconds)
            it.troubleshoot(seconds)
            it.health(seconds)
            it.relays(seconds)
            it.objects(seconds, *SYSTEM, "EndpointSlice kube-system/clustermesh-apiserver")
        await it.at(125)
        agent = agents.agent_status(it.world, it.world.clusters[T], "tion-worker")["cluster-mesh"]["clusters"][0]
        remote = agents.kvstoremesh_status(it.world, it.world.clusters[K])[0]
        for told in (agent, remote):
            assert told["status"] == "Waiting for initial connection to be established"
            assert "ready" not in told


async def test_a_stopped_agent() -> None:
    async with Situation("10-agent-stopped").running() as it:
        it.break_("agent-stopped", cluster=T, node="tion-worker")
        await it.requests(0, 100)
        await it.at(60)
        it.links(60)
        it.troubleshoot(60)
        it.relays(60)
        it.objects(60, "DaemonSet kube-system/cilium", "Node /tion-worker", *SYSTEM)
        with pytest.raises(agents.Hangs):
            agents.agent_status(it.world, it.world.clusters[T], "tion-worker")
        await it.at(200)
        # Recorded by others in the minutes after: the node answers pings, its agent no probe, its endpoint both.
        report = agents.health(it.world, it.world.clusters[K], "koornacht-worker")
        (stopped,) = [n for n in report["nodes"] if n["name"] == "tion/tion-worker"]
        assert "latency" in stopped["host"]["primary-address"]["icmp"]
        assert "Client.Timeout exceeded" in stopped["host"]["primary-address"]["http"]["status"]
        assert "latency" in stopped["endpoint"]["http"]
        it.mend()
        await it.at(205)
        own = agents.health(it.world, it.world.clusters[T], "tion-worker")
        # Right after its start an agent has asked nobody, and says no more than addresses.
        assert sum("http" not in n["host"]["primary-address"] for n in own["nodes"]) >= 4
        assert not any(p.held for p in peers(it.world.clusters[K]))


async def test_a_dead_node() -> None:
    async with Situation("11-node-down").running() as it:
        _dns_on(it, "tion-worker2")
        it.break_("node-down", cluster=T, node="tion-worker2")
        # Ten of the recorded requests went to Tion, too few to compare how often the dead one was met.
        for cluster in (K, T):
            assert set(await it.ask(cluster)) == set(it.recorded_outcomes(cluster, 0, 40))
        names = (
            "Node /tion-control-plane", "DaemonSet kube-system/cilium", *SYSTEM,
            "EndpointSlice kube-system/kube-dns", "EndpointSlice default/rebel-base", "Deployment default/rebel-base",
        )  # fmt: skip
        await it.at(45)
        assert it._object(it.world.clusters[T], "Node", "/tion-worker2")["ready"][0] == "True"
        for seconds in (60, 132):
            await it.at(seconds)
            it.links(seconds)
            it.health(seconds, about="tion/tion-worker", mine="tion/tion-worker2")
            it.relays(seconds)
            it.objects(seconds, *names)
            it.objects(seconds, "Node /tion-worker", mine="Node /tion-worker2")
        assert set(await it.ask(T)) == {"exit6"}
        assert set(await it.ask(K)) == {"Koornacht", "Tion"}


def _dns_on(it: Situation, node: str) -> None:
    """Let a cluster's CoreDNS run where it ran in the recorded lab."""
    store = it.world.clusters[T].store
    for gvr in (("", "pods"), ("discovery.k8s.io", "endpointslices")):
        for obj in store.list(gvr, "kube-system"):
            if gvr[1] == "pods" and obj["metadata"]["name"].startswith("coredns"):
                store.update(gvr, {**obj, "spec": {**obj["spec"], "nodeName": node}})
            elif obj["metadata"].get("labels", {}).get("kubernetes.io/service-name") == "kube-dns":
                store.update(gvr, {**obj, "endpoints": [{**e, "nodeName": node} for e in obj["endpoints"]]})


async def test_a_frozen_api_server() -> None:
    async with Situation("12-api-frozen").running() as it:
        it.break_("api-frozen", cluster=T)
        await it.requests(0, 95)
        for seconds in (50, 75):
            await it.at(seconds)
            it.relays(seconds)
        it.health(75)


async def test_no_relay() -> None:
    async with Situation("13-relay-gone").running() as it:
        it.break_("relay-gone", cluster=K)
        await it.requests(0, 80)
        await it.at(60)
        it.links(60)
        it.troubleshoot(60)
        it.health(60)
        it.relays(60, T)
        it.objects(60, *SYSTEM, "Deployment kube-system/hubble-relay", "EndpointSlice kube-system/hubble-relay")


async def test_a_wrong_address() -> None:
    async with Situation("14-wrong-address").running() as it:
        it.break_("wrong-address", cluster=K)
        await it.requests(0, 130)
        for seconds in (60, 120):
            await it.at(seconds)
            it.links(seconds)
            it.troubleshoot(seconds)
            it.relays(seconds)
            it.objects(seconds, *SYSTEM)


async def test_a_wrong_authority() -> None:
    async with Situation("15-wrong-ca").running() as it:
        it.break_("wrong-ca", cluster=K)
        await it.requests(0, 100)
        for seconds in (60, 90):
            await it.at(seconds)
            it.links(seconds)
            it.troubleshoot(seconds)
            it.health(seconds)
            it.relays(seconds)
            it.objects(seconds, *SYSTEM)


async def test_no_names() -> None:
    async with Situation("17-dns-gone").running() as it:
        it.break_("dns-gone", cluster=K)
        await it.requests(0, 20)
        await it.at(40)
        await it.requests(40, 80)
        await it.at(60)
        it.links(60)
        it.troubleshoot(60)
        it.health(60)
        it.relays(60)
        it.objects(60, *SYSTEM, "EndpointSlice kube-system/kube-dns")


async def test_backends_that_are_not_ready() -> None:
    async with Situation("18-not-ready").running() as it:
        it.break_("not-ready", cluster=T)
        await it.at(10)
        await it.requests(10, 80)
        await it.at(60)
        it.links(60)
        it.troubleshoot(60)
        it.health(60)
        it.relays(60)
        it.objects(60, "Deployment default/rebel-base", "EndpointSlice default/rebel-base", *SYSTEM)
        it.mend()
        await it.at(75)
        assert set(await it.ask(K)) == {"Koornacht", "Tion"}


async def test_a_pair_at_once() -> None:
    async with Situation("20a-link-cut-and-relay").running() as it:
        it.break_("link-cut")
        it.break_("relay-gone", cluster=K)
        await it.requests(0, 60)
        await it.at(45)
        it.links(45)
        it.troubleshoot(45)
        it.health(45)
        it.relays(45, T)
