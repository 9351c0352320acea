"""Flows of one request, field by field, against one recorded connection of each kind."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

import pytest

from meshtui.sim.datapath.probes import Prober
from tests.sim.worlds import curl, drive, flows, recorded_connections, world

Flow = dict[str, Any]
Kind = tuple[str, str, str]
STEPS = (
    "3-deployed",
    "4-global",
    "10-default-deny",
    "11-egress-allowed",
    "12-ingress-koornacht",
    "14-egress-any-cluster",
)
_PORT = 30000


def role(endpoint: Flow) -> str:
    """Which party an endpoint is, whatever its pod's random name."""
    name = re.sub(r"-[0-9a-f]{9,10}-[a-z0-9]{5}$", "", endpoint.get("pod_name", ""))
    return f"{name}@{endpoint['cluster_name']}" if name else ",".join(endpoint["labels"])


def normal(flow: Flow) -> str:
    """A flow with everything that is random or given out by chance replaced by a mark that it is there."""
    found = json.loads(json.dumps(flow))
    for key in ("time", "uuid"):
        found.pop(key, None)
    source, destination = found["source"], found["destination"]
    found["IP"]["source"], found["IP"]["destination"] = role(source), role(destination)
    for endpoint in (source, destination):
        if "ID" in endpoint:
            endpoint["ID"] = "some"
        endpoint["pod_name"] = role(endpoint)
    for layer in found["l4"].values():
        for key in ("source_port", "destination_port"):
            layer[key] = "ephemeral" if layer[key] > _PORT else layer[key]
    for key in ("ethernet", "proxy_port"):
        if key in found:
            found[key] = "some"
    if "interface" in found:
        found["interface"] = re.sub(r"^lxc.*", "lxc", found["interface"]["name"])
    for key in ("egress_allowed_by", "ingress_allowed_by", "egress_denied_by", "ingress_denied_by"):
        for policy in found.get(key, ()):
            policy["revision"] = "some"
            policy["labels"] = [label for label in policy["labels"] if "policy.uid" not in label]
    return json.dumps(found, sort_keys=True)


def connections(found: list[Flow]) -> dict[Kind, list[list[Flow]]]:
    """Flows by connection, connections by protocol and parties."""
    by_ends: dict[Any, list[Flow]] = defaultdict(list)
    for flow in found:
        (protocol, layer), *_ = flow["l4"].items()
        ends = [(flow["IP"]["source"], layer["source_port"]), (flow["IP"]["destination"], layer["destination_port"])]
        by_ends[protocol, *sorted(ends)].append(flow)
    kinds: dict[Kind, list[list[Flow]]] = defaultdict(list)
    for (protocol, *_), held in by_ends.items():
        first = next((f for f in held if not f.get("is_reply")), held[0])
        kinds[protocol, role(first["source"]), role(first["destination"])].append(held)
    return kinds


@pytest.fixture(scope="module")
def simulated() -> dict[str, dict[Kind, list[list[Flow]]]]:
    """Requests from both clusters and every kubelet probe, at each step."""
    return {step: connections(_traffic(step)) for step in STEPS}


def _traffic(step: str) -> list[Flow]:
    made = world(step)
    for cluster in made.clusters.values():
        curl(made, cluster.name, count=12)
        prober = Prober(made, cluster)
        prober.tick()
        drive(made, made.clock.sleep(11))
        prober.tick()
    return flows(made)


@pytest.mark.parametrize("step", STEPS)
def test_every_recorded_kind_of_connection_leaves_the_same_flows(step: str, simulated: Any) -> None:
    recorded = connections(recorded_connections(step))
    assert len(recorded) >= 6
    for kind, (wanted, *_) in recorded.items():
        assert kind in simulated[step], f"nothing simulated of {kind}"
        for mine in simulated[step][kind]:
            assert sorted(map(normal, mine)) == sorted(map(normal, wanted)), kind


@pytest.mark.parametrize("step", STEPS)
def test_packets_are_seen_in_the_order_they_travel(step: str, simulated: Any) -> None:
    recorded = connections(recorded_connections(step))
    for kind, (wanted, *_) in recorded.items():
        if kind[0] != "TCP":
            continue
        for mine in simulated[step][kind]:
            assert summaries(mine) == summaries(wanted), kind


def summaries(held: list[Flow]) -> dict[str, list[str]]:
    """What each node saw of the client's packets, in order."""
    seen: dict[str, list[str]] = defaultdict(list)
    for flow in held:
        if not flow.get("is_reply"):
            seen[flow["node_name"]].append(flow["Summary"])
    return seen


def test_identities_carry_the_cluster_in_their_high_bits(simulated: Any) -> None:
    numbers = {"koornacht": 1, "tion": 2}
    seen = set()
    for held in simulated["4-global"].values():
        for flow in (f for c in held for f in c):
            for endpoint in (flow["source"], flow["destination"]):
                if "cluster_name" in endpoint:
                    assert endpoint["identity"] >> 16 == numbers[endpoint["cluster_name"]]
                    seen.add(endpoint["cluster_name"])
    assert seen == set(numbers)


def test_a_default_deny_is_reported_twice_for_each_of_two_syns() -> None:
    made = world("default-deny")
    (result,) = curl(made, "koornacht")
    assert result.kind == "timeout"
    assert 2.0 <= result.seconds < 2.01
    dropped = [
        (e.time_ns, e.what.flow)
        for ring in made.clusters["koornacht"].rings.values()
        for e in ring.all()[0]
        if e.what.flow.verdict == 2
    ]
    assert [f.event_type.type for _, f in dropped] == [5, 1, 5, 1]
    assert 1.0 < (dropped[2][0] - dropped[0][0]) / 1e9 < 1.05
    assert not any(f.egress_denied_by for _, f in dropped)


def test_a_proxied_lookup_asks_for_both_families_over_one_socket() -> None:
    made = world("default-deny")
    curl(made, "tion")
    queries = [f["Summary"] for f in flows(made) if f["Type"] == "L7" and f["l7"]["type"] == "REQUEST"]
    assert sorted(queries) == [
        "DNS Query rebel-base.default.svc.cluster.local. A",
        "DNS Query rebel-base.default.svc.cluster.local. AAAA",
    ]
