"""A drop at an address that is another cluster's pod: every verb that explains it names the pod (report 24)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshtui.hubble.pb import observer_pb2, relay_pb2
from tests.cli.conftest import Command
from tests.cli.test_people import clients
from tests.hubble.fake_relay import FakeRelay

NODE = "koornacht/koornacht-control-plane"
POLICY = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "rb-from-xw", "namespace": "default"},
    "spec": {
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
    },
}


def drop(number: int, reserved: str, source: str, pod: str, ip: str) -> observer_pb2.GetFlowsResponse:
    """A SYN to koornacht's rebel-base, refused by its policy, from an address that the node knows nothing of."""
    response = observer_pb2.GetFlowsResponse(node_name=NODE)
    flow = response.flow
    response.time.FromNanoseconds(time.time_ns() - 1_000_000_000)
    flow.time.CopyFrom(response.time)
    flow.uuid, flow.node_name, flow.verdict, flow.drop_reason, flow.drop_reason_desc = f"q{number}", NODE, 2, 133, 133
    flow.event_type.type, flow.event_type.sub_type, flow.traffic_direction, flow.Type = 1, 133, 1, 1
    flow.IP.source, flow.IP.destination, flow.IP.ipVersion = source, ip, 1
    flow.l4.TCP.source_port, flow.l4.TCP.destination_port, flow.l4.TCP.flags.SYN = 40_000 + number, 80, True
    flow.source.identity, flow.Summary = number, "TCP Flags: SYN"
    flow.source.labels.append(f"reserved:{reserved}")
    flow.destination.identity, flow.destination.cluster_name = 85_013, "koornacht"
    flow.destination.namespace, flow.destination.pod_name = "default", pod
    flow.destination.labels.extend(["k8s:name=rebel-base", "k8s:io.cilium.k8s.policy.cluster=koornacht"])
    return response


@pytest.fixture
def relay() -> Iterator[FakeRelay]:
    made = FakeRelay("127.0.0.1:0")
    made.states = {NODE: relay_pb2.NODE_CONNECTED}
    made.start()
    yield made
    made.kill()


def pod_of(client: Any, app: str) -> tuple[str, str]:
    found = client.get("/api/v1/namespaces/default/pods").json()["items"]
    pod = next(each for each in found if each["metadata"]["name"].startswith(app))
    return pod["metadata"]["name"], pod["status"]["podIP"]


async def test_who_is_behind_the_address_and_what_is_missing(
    lab: tuple[Command, Any], relay: FakeRelay, tmp_path: Path
) -> None:
    meshtui, running = lab
    ways = clients(running, tmp_path)
    with ways["koornacht"] as koornacht, ways["tion"] as tion:
        made = koornacht.post("/apis/cilium.io/v2/namespaces/default/ciliumnetworkpolicies", json=POLICY)
        made.raise_for_status()
        name, address = pod_of(tion, "x-wing")
        base, ip = pod_of(koornacht, "rebel-base")
    relay.push(drop(2, "world", address, base, ip), drop(6, "remote-node", address, base, ip))
    asked = ("--relay", f"koornacht={relay.address}")
    wanted = [
        f"{address} is tion's default/{name}, which rb-from-xw would allow, but koornacht saw it as {word}: "
        "its identity did not come across"
        for word in ("world", "remote-node")
    ]
    ran = await meshtui("flows", "--explain", "--last", "20", "verdict:dropped", *asked)
    assert all(sentence in ran.out for sentence in wanted), (ran.out, ran.err)
    assert f"cilium-dbg bpf ipcache get {address}" in ran.out
    assert "add a policy" not in ran.out
    ran = await meshtui("services", "explain", "rebel-base", "-o", "json", *asked)
    assert {each["why"] for each in ran.data["drops"]} == set(wanted), ran.err
    assert any(f"ipcache get {address}" in note for note in ran.data["drops"][0]["notes"])
    ran = await meshtui("services", "explain", "rebel-base", *asked)
    assert "! 1 dropped, last at " in ran.out
    assert wanted[0] in ran.out
