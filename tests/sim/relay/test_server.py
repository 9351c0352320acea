"""The Relay over real gRPC: what a Hubble client gets from it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from meshtui.hubble.pb import flow_pb2, observer_pb2, relay_pb2
from meshtui.sim.clock import RealClock
from meshtui.sim.faults.inject import heal, inject
from meshtui.sim.relay import serving
from meshtui.sim.world import World
from tests.sim.worlds import curl, world
from tests.waiting import GUARD

K, T = "koornacht/koornacht-control-plane", "tion/tion-control-plane"


class Client:
    """A Hubble client of one Relay."""

    def __init__(self, port: int) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")

    def flows(self, request: observer_pb2.GetFlowsRequest) -> Any:
        """A GetFlows call."""
        return self.channel.unary_stream(
            "/observer.Observer/GetFlows",
            request_serializer=observer_pb2.GetFlowsRequest.SerializeToString,
            response_deserializer=observer_pb2.GetFlowsResponse.FromString,
        )(request, timeout=GUARD)

    def unary(self, method: str, *, wait: bool = False, timeout: float = GUARD) -> Any:
        """A call with an empty request."""
        answer = getattr(observer_pb2, f"{method}Response")
        return self.channel.unary_unary(f"/observer.Observer/{method}", response_deserializer=answer.FromString)(
            b"", timeout=timeout, wait_for_ready=wait
        )

    def health(self, service: str) -> Any:
        """A health check."""
        return self.channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )(health_pb2.HealthCheckRequest(service=service), timeout=GUARD)


@pytest.fixture
def made() -> Iterator[World]:
    """A mesh under default deny whose Relays are served, without background."""
    made = world("default-deny")
    found = made

    async def begin() -> None:
        for cluster in found.clusters.values():
            serving.start(found, cluster)

    asyncio.run(begin())
    yield made
    for cluster in made.clusters.values():
        serving.stop(cluster)


@pytest.fixture
def client(made: World) -> Iterator[Client]:
    """A client of koornacht's Relay."""
    client = Client(made.clusters["koornacht"].relay_port)
    yield client
    client.channel.close()


def request(**fields: Any) -> observer_pb2.GetFlowsRequest:
    """A GetFlowsRequest."""
    return observer_pb2.GetFlowsRequest(**fields)


def only_flows(answers: Any) -> list[flow_pb2.Flow]:
    """The flows among answers."""
    return [a.flow for a in answers if a.HasField("flow")]


def test_it_says_first_which_nodes_it_reaches(made: World, client: Client) -> None:
    inject(made, {"fault": "one-way-cut", "from": "koornacht"}, ago=60)
    connected, unavailable = list(client.flows(request(number=1)))
    assert connected.node_status.state_change == relay_pb2.NODE_CONNECTED
    assert list(connected.node_status.node_names) == [K]
    assert unavailable.node_status.state_change == relay_pb2.NODE_UNAVAILABLE
    assert list(unavailable.node_status.node_names) == [T]
    assert connected.node_name.startswith("hubble-relay-")


def test_a_silent_agent_counts_as_connected_and_holds_up_what_waits_for_all(made: World, client: Client) -> None:
    curl(made, "koornacht")
    inject(made, {"fault": "link-cut"})
    stream = client.flows(request(first=True, number=50))
    connected = next(stream)
    assert connected.node_status.state_change == relay_pb2.NODE_CONNECTED
    assert list(connected.node_status.node_names) == [K, T]
    with pytest.raises(grpc.RpcError) as late:
        client.unary("ServerStatus", timeout=0.5)
    assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert client.health("").status == health_pb2.HealthCheckResponse.SERVING
    heal(made)
    asyncio.run(made.clock.advance(3))  # type: ignore[attr-defined]
    assert {f.node_name for f in only_flows(stream)} == {K}
    assert client.unary("ServerStatus").num_connected_nodes.value == 2


def test_one_relay_gives_the_flows_of_both_clusters(made: World, client: Client) -> None:
    curl(made, "koornacht")
    curl(made, "tion")
    found = only_flows(client.flows(request(first=True)))
    assert {f.node_name for f in found} == {K, T}
    times = [f.time.ToNanoseconds() for f in found]
    assert times == sorted(times)
    assert len({f.uuid for f in found}) == len(found)
    assert all(f.uuid[14] == "4" for f in found)


def test_number_counts_per_node(made: World, client: Client) -> None:
    curl(made, "koornacht")
    curl(made, "tion")
    found = only_flows(client.flows(request(number=3)))
    assert sorted(f.node_name for f in found) == [K] * 3 + [T] * 3
    first = only_flows(client.flows(request(number=2, first=True)))
    assert len(first) == 4
    assert first[0].event_type.type == 5


def test_filters_are_the_servers_work(made: World, client: Client) -> None:
    curl(made, "koornacht")
    dropped = flow_pb2.FlowFilter(verdict=[flow_pb2.DROPPED])
    found = only_flows(client.flows(request(first=True, whitelist=[dropped])))
    assert [f.event_type.type for f in found] == [5, 1, 5, 1]
    others = only_flows(client.flows(request(first=True, blacklist=[dropped])))
    assert others
    assert not any(f.verdict == flow_pb2.DROPPED for f in others)


def test_since_and_until_bound_what_is_given(made: World, client: Client) -> None:
    curl(made, "koornacht")
    every = only_flows(client.flows(request(first=True)))
    middle = Timestamp()
    middle.FromNanoseconds(every[len(every) // 2].time.ToNanoseconds())
    later = only_flows(client.flows(request(since=middle)))
    earlier = only_flows(client.flows(request(first=True, until=middle)))
    assert 0 < len(later) < len(every)
    assert {f.uuid for f in later} | {f.uuid for f in earlier} == {f.uuid for f in every}


def test_a_field_mask_leaves_only_what_was_asked_for(made: World, client: Client) -> None:
    curl(made, "koornacht")
    asked = request(first=True)
    asked.field_mask.paths.extend(["time", "source.pod_name", "Summary"])
    for flow in only_flows(client.flows(asked)):
        assert {f.name for f, _ in flow.ListFields()} <= {"time", "source", "Summary"}
        assert {f.name for f, _ in flow.source.ListFields()} == {"pod_name"}
        assert flow.time.seconds


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (request(first=True, follow=True), "first cannot be specified with follow"),
        (request(whitelist=[flow_pb2.FlowFilter(protocol=["carrier-pigeon"])]), "unknown protocol"),
        (request(whitelist=[flow_pb2.FlowFilter(source_ip=["10.0.0.0/99"])]), "invalid IP address or CIDR"),
    ],
)
def test_what_agents_refuse_comes_back_as_a_node_error(
    client: Client, asked: observer_pb2.GetFlowsRequest, text: str
) -> None:
    *_, last = list(client.flows(asked))
    assert last.node_status.state_change == relay_pb2.NODE_ERROR
    assert list(last.node_status.node_names) == [K, T]
    assert text in last.node_status.message


def test_an_unknown_mask_path_is_refused(client: Client) -> None:
    asked = request(number=1)
    asked.field_mask.paths.append("source.shoe_size")
    *_, last = list(client.flows(asked))
    assert last.node_status.message == "invalid fieldmask"


def test_a_follow_gives_what_comes_after_it_began(made: World, client: Client) -> None:
    made.clock = RealClock()  # the sort buffer waits for real
    for cluster in made.clusters.values():
        cluster.rings.clear()
    dropped = flow_pb2.FlowFilter(verdict=[flow_pb2.DROPPED])
    call = client.flows(request(follow=True, number=1, whitelist=[dropped]))
    status = next(call)
    assert status.HasField("node_status")
    began = time.time()
    asyncio.run(_curl_now(made))
    got = [next(call).flow for _ in range(4)]
    call.cancel()
    assert [f.event_type.type for f in got] == [5, 1, 5, 1]
    assert all(f.time.ToNanoseconds() / 1e9 >= began for f in got)


async def _curl_now(made: World) -> None:
    from meshtui.sim.datapath import request as ask
    from tests.sim.worlds import pod

    cluster = made.clusters["koornacht"]
    await ask(made, cluster, pod(cluster), "rebel-base", 80, max_time=1.2)


def test_status_adds_up_the_nodes(made: World, client: Client) -> None:
    curl(made, "koornacht")
    answer = client.unary("ServerStatus")
    assert answer.num_flows == answer.seen_flows == 12
    assert answer.max_flows == 2 * 4095
    assert (answer.num_connected_nodes.value, answer.num_unavailable_nodes.value) == (2, 0)
    assert answer.version == "hubble-relay v1.21.0-dev+g17766dc3e6"
    inject(made, {"fault": "agent-down", "cluster": "tion"})
    answer = client.unary("ServerStatus")
    assert (answer.num_connected_nodes.value, list(answer.unavailable_nodes)) == (1, [T])


def test_nodes_and_namespaces_are_as_recorded(made: World, client: Client) -> None:
    from tests.sim.worlds import RECORDINGS

    curl(made, "koornacht")
    curl(made, "tion")
    recorded = observer_pb2.GetNodesResponse.FromString((RECORDINGS / "protocol" / "GetNodes.bin").read_bytes())
    mine = client.unary("GetNodes")
    for node in (*mine.nodes, *recorded.nodes):
        node.uptime_ns = node.num_flows = node.seen_flows = 0
    for node in recorded.nodes:
        node.version = "cilium v1.21.0-dev+g17766dc3e6"  # the recorded build was never told its version
    assert mine == recorded
    names = (RECORDINGS / "protocol" / "GetNamespaces.bin").read_bytes()
    assert client.unary("GetNamespaces") == observer_pb2.GetNamespacesResponse.FromString(names)


@pytest.mark.parametrize("service", ["", "hubble.server.Observer"])
def test_health_serves_itself_and_the_observer(client: Client, service: str) -> None:
    assert client.health(service).status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("service", ["observer.Observer", "hubble", "grpc.health.v1.Health"])
def test_health_knows_no_other_name(client: Client, service: str) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        client.health(service)
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    assert refused.value.details() == "unknown service"


@pytest.mark.parametrize(
    ("version", "agents", "relay_says"),
    [
        ("1.17", "cilium v1.17.0+gb095517e62", "hubble-relay v1.17.0+gb095517e62"),
        ("1.20", "cilium v1.20.0+g26d721f0fe", "hubble-relay v1.20.0+g26d721f0fe"),
    ],
)
def test_versions_are_those_of_each_cluster(
    made: World, client: Client, version: str, agents: str, relay_says: str
) -> None:
    inject(made, {"fault": "cilium-version", "cluster": "koornacht", "version": version})
    versions = {node.name: node.version for node in client.unary("GetNodes").nodes}
    assert versions == {K: agents, T: "cilium v1.21.0-dev+g17766dc3e6"}
    assert client.unary("ServerStatus").version == relay_says


def test_an_agent_that_was_never_asked_before_is_not_of_the_future(made: World, client: Client) -> None:
    for cluster in made.clusters.values():
        cluster.rings.clear()
    made.clock = RealClock()  # each look at it gives a later time
    assert all(node.uptime_ns >= 0 for node in client.unary("GetNodes").nodes)
    for cluster in made.clusters.values():
        cluster.rings.clear()
    assert client.unary("ServerStatus").uptime_ns >= 0


def test_health_is_lost_with_the_last_agent(made: World, client: Client) -> None:
    inject(made, {"fault": "agent-down", "cluster": "tion"})
    assert client.health("").status == health_pb2.HealthCheckResponse.SERVING
    inject(made, {"fault": "agent-down"})
    assert client.health("").status == health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.mark.parametrize("method", ["GetAgentEvents", "GetDebugEvents"])
def test_what_only_agents_answer_is_unimplemented(client: Client, method: str) -> None:
    call = client.channel.unary_stream(f"/observer.Observer/{method}")(b"", timeout=GUARD)
    with pytest.raises(grpc.RpcError) as refused:
        list(call)
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", ["/peer.Peer/Notify", "/observer.Observer/NoSuchThing"])
def test_a_relay_has_no_peer_service(client: Client, method: str) -> None:
    call = client.channel.unary_stream(method)(b"", timeout=GUARD)
    with pytest.raises(grpc.RpcError) as refused:
        list(call)
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_reflection_lists_the_services(client: Client) -> None:
    call = client.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    answer = next(call(iter([reflection_pb2.ServerReflectionRequest(list_services="*")]), timeout=GUARD))
    assert "observer.Observer" in {s.name for s in answer.list_services_response.service}


def test_a_relay_that_went_comes_back_on_its_port(made: World, client: Client) -> None:
    port = made.clusters["koornacht"].relay_port
    inject(made, {"fault": "relay-down", "cluster": "koornacht"})
    with pytest.raises(grpc.RpcError) as refused:
        client.unary("ServerStatus")
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    other = Client(made.clusters["tion"].relay_port)
    assert other.unary("ServerStatus").num_connected_nodes.value == 2
    other.channel.close()
    heal(made, "relay-down")
    again = Client(port)
    assert again.unary("ServerStatus", wait=True).num_connected_nodes.value == 2
    again.channel.close()


def test_without_a_relay_deployed_nothing_listens() -> None:
    made = world("cilium")
    assert serving.start(made, made.clusters["koornacht"]) == 0
