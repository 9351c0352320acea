"""Every recorded step, started in directly: who answers, and what the agents say, against the recording."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from meshtui.sim import agents, seed
from meshtui.sim.options import SimOptions
from meshtui.sim.states import STATES
from tests.sim.worlds import STEPS, answered_by, curl, recorded_status, world

RECORDED = recorded_status()


def recorded_answers(text: str) -> set[str]:
    """Who answered a recorded run of curls; exit code 28 is a timeout."""
    found = set(re.findall(r'"Cluster": "(\w+)"', text))
    return found | ({"timeout"} if "#28" in text else set())


@pytest.mark.parametrize("cluster", ["koornacht", "tion"])
@pytest.mark.parametrize("step", STEPS)
def test_the_same_clusters_answer(step: str, cluster: str) -> None:
    made = world(step)
    results = curl(made, cluster, count=24)
    assert answered_by(results) == recorded_answers(RECORDED[step][cluster]["curl"])


@pytest.mark.parametrize("cluster", ["koornacht", "tion"])
@pytest.mark.parametrize("step", STEPS)
def test_agents_know_as_much_of_the_other_cluster(step: str, cluster: str) -> None:
    made = world(step)
    status = agents.agent_status(made, made.clusters[cluster], f"{cluster}-control-plane")
    recorded = RECORDED[step][cluster]
    assert [comparable(c) for c in status["cluster-mesh"]["clusters"]] == [
        comparable(c) for c in recorded["cluster-mesh"]
    ]
    assert sorted(status) == recorded["keys"]
    assert len(status["ipam"]["ipv4"]) == recorded["ipam"]
    assert len(status["proxy"]["redirects"] or []) == len(recorded["redirects"])


def comparable(remote: dict[str, Any]) -> dict[str, Any]:
    """A RemoteCluster without what differs from one run to the next: etcd's id and when it last failed."""
    return {
        **remote,
        "status": remote["status"].partition(", ID:")[0],
        "last-failure": bool(remote["last-failure"]),
    }


@pytest.mark.parametrize("cluster", ["koornacht", "tion"])
@pytest.mark.parametrize("step", STEPS)
def test_kvstoremesh_reports_the_same(step: str, cluster: str) -> None:
    made = world(step)
    mine = agents.kvstoremesh_status(made, made.clusters[cluster])
    assert [comparable(c) for c in mine] == [comparable(c) for c in RECORDED[step][cluster]["kvstoremesh"]]


@pytest.mark.parametrize("cluster", ["koornacht", "tion"])
@pytest.mark.parametrize("step", [s for s in STEPS if "services" in RECORDED[s]["koornacht"]])
def test_service_tables_are_the_same(step: str, cluster: str) -> None:
    made = world(step)
    mine = agents.service_list(made, made.clusters[cluster], f"{cluster}-control-plane")
    recorded = RECORDED[step][cluster]["services"]
    replaced = ("rebel-base",) if cluster_has_new_pods(step) else ()
    assert [frontend(s["spec"], replaced) for s in mine] == [frontend(s, replaced) for s in recorded]
    assert all(s["spec"] == s["status"]["realized"] for s in mine)


def cluster_has_new_pods(step: str) -> bool:
    """From step 8 on koornacht's rebel-base pods are others, with other addresses."""
    return STEPS.index(step) > STEPS.index("7-failover-local-0")


def frontend(spec: dict[str, Any], replaced: tuple[str, ...]) -> dict[str, Any]:
    """A frontend; where pods were replaced, addresses are cut down to their network."""
    if spec["flags"]["name"] not in replaced:
        return spec
    shown = [{**b, "ip": b["ip"].rpartition(".")[0]} for b in spec["backend-addresses"]]
    return {**spec, "backend-addresses": shown}


def test_cilium_health_alone_tells_of_the_dead_link() -> None:
    made = world("link-cut")
    recorded = RECORDED["15-link-cut"]["koornacht"]["health"]
    mine = agents.health(made, made.clusters["koornacht"], "koornacht-control-plane")
    assert shape(mine) == shape(recorded)
    healthy = agents.health(world("global"), made.clusters["koornacht"], "koornacht-control-plane")
    assert "status" not in json.dumps(healthy["nodes"][0])


def shape(report: dict[str, Any]) -> str:
    """A report without times and latencies."""
    text = json.dumps(report, sort_keys=True)
    text = re.sub(r'"latency": \d+', '"latency": 0', text)
    return re.sub(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"', '"then"', text)


@pytest.mark.parametrize(("state", "nodes_ready"), [("no-cni", False), ("cilium", True), ("mesh-enabled", True)])
def test_states_before_the_mesh(state: str, nodes_ready: bool) -> None:
    found = seed.objects(SimOptions(state=state), "koornacht", 1)
    node = seed.find(found, "Node", "", "koornacht-control-plane")
    assert node is not None
    ready = {c["type"]: c["status"] for c in node["status"]["conditions"]}["Ready"]
    assert (ready == "True") is nodes_ready
    assert (seed.find(found, "Deployment", "kube-system", "hubble-relay") is not None) is (state == "mesh-enabled")


@pytest.mark.parametrize("state", sorted(STATES))
def test_states_go_by_number_or_name(state: str) -> None:
    number = list(STATES).index(state)
    assert seed.canonical(f"{number}-{state}") == state
    assert seed.canonical(state) == state


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown state 'tatooine'; known: no-cni"):
        seed.canonical("tatooine")
