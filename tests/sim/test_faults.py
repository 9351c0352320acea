"""Faults: what they break, what goes on as before, that they compose and heal."""

from __future__ import annotations

import asyncio
import base64
import copy
from typing import Any

import pytest

from meshtui.sim import agents, ciliumca, clustermesh
from meshtui.sim.datapath.exports import imports
from meshtui.sim.faults.inject import heal, inject
from meshtui.sim.relay.ring import Lost
from meshtui.sim.world import World
from tests.sim.worlds import answered_by, curl, flows, world


def test_a_cut_link_leaves_every_status_ready() -> None:
    made = world("global")
    inject(made, {"fault": "link-cut"})
    assert answered_by(curl(made, "koornacht", count=24)) == {"Koornacht", "timeout"}
    (remote,) = agents.agent_status(made, made.clusters["koornacht"], "koornacht-control-plane")["cluster-mesh"][
        "clusters"
    ]
    assert remote["ready"]
    assert remote["connected"]
    heal(made, "link-cut")
    assert answered_by(curl(made, "koornacht", count=24)) == {"Koornacht", "Tion"}


def test_what_was_heard_before_the_cut_is_kept_until_it_heals() -> None:
    made = world("global")
    inject(made, {"fault": "link-cut"})
    tion = made.clusters["tion"].store
    service = copy.deepcopy(tion.get(("", "services"), "default", "rebel-base"))
    assert service is not None
    service["metadata"]["annotations"]["service.cilium.io/shared"] = "false"
    tion.update(("", "services"), service)
    key = ("default", "rebel-base")
    assert imports(made).of(made, "koornacht", "tion", key)
    heal(made)
    assert imports(made).of(made, "koornacht", "tion", key) is None


def test_two_faults_on_one_link_both_have_to_heal() -> None:
    made = world("global")
    inject(made, {"fault": "link-cut"})
    inject(made, {"fault": "kvstoremesh-down", "cluster": "koornacht"})
    heal(made, "link-cut")
    assert ("koornacht", "tion") in imports(made).frozen
    assert ("tion", "koornacht") not in imports(made).frozen
    heal(made, "kvstoremesh-down")
    assert not imports(made).frozen


def test_a_cut_packet_is_seen_leaving_and_never_arriving() -> None:
    made = world("affinity-remote")
    inject(made, {"fault": "link-cut"})
    curl(made, "koornacht")
    seen = {(f["node_name"], f["trace_observation_point"]) for f in flows(made) if "TCP" in f["l4"]}
    assert seen == {("koornacht/koornacht-control-plane", "TO_OVERLAY")}


def test_a_slow_link_slows_only_what_crosses_it() -> None:
    made = world("global")
    inject(made, {"fault": "link-slow", "ms": 100})
    results = curl(made, "koornacht", count=24)
    slow = {r.seconds > 0.3 for r in results if b"Tion" in r.body}
    assert slow == {True}
    assert {r.seconds < 0.1 for r in results if b"Koornacht" in r.body} == {True}


def test_a_link_slower_than_the_limit_times_out() -> None:
    made = world("affinity-remote")
    inject(made, {"fault": "link-slow", "ms": 900})
    assert answered_by(curl(made, "koornacht")) == {"timeout"}


def test_lost_syns_are_sent_again_after_one_and_three_seconds() -> None:
    made = world("deployed")
    inject(made, {"fault": "loss", "percent": 30})
    results = curl(made, "koornacht", count=90)
    answered = [r.seconds for r in results if r.kind == "answered"]
    assert any(s < 0.1 for s in answered)
    assert any(1.0 < s < 1.1 for s in answered)
    assert any(r.kind == "timeout" for r in results)


def test_a_stopped_agent_sees_nothing_while_its_datapath_works() -> None:
    made = world("deployed")
    inject(made, {"fault": "agent-down", "cluster": "koornacht"})
    assert answered_by(curl(made, "koornacht")) == {"Koornacht"}
    assert flows(made) == []
    with pytest.raises(agents.NoAnswer, match="Is the agent running"):
        agents.agent_status(made, made.clusters["koornacht"], "koornacht-control-plane")
    (agent,) = agent_pods(made)
    assert ready(agent) == "False"
    heal(made, "agent-down")
    (agent,) = agent_pods(made)
    assert ready(agent) == "True"
    curl(made, "koornacht")
    assert flows(made)


def agent_pods(made: World) -> list[dict[str, Any]]:
    """Koornacht's agent pods."""
    pods = made.clusters["koornacht"].store.list(("", "pods"), "kube-system")
    return [p for p in pods if p["metadata"]["labels"].get("k8s-app") == "cilium"]


def ready(pod: dict[str, Any]) -> str:
    """The pod's condition Ready."""
    return next(str(c["status"]) for c in pod["status"]["conditions"] if c["type"] == "Ready")


def test_a_dead_node_answers_nobody() -> None:
    made = world("affinity-remote")
    inject(made, {"fault": "node-down", "cluster": "tion"})
    assert answered_by(curl(made, "koornacht")) == {"timeout"}
    asyncio.run(made.clock.advance(200))  # type: ignore[attr-defined]
    report = agents.health(made, made.clusters["koornacht"], "koornacht-control-plane")
    assert "status" in report["nodes"][1]["host"]["primary-address"]["icmp"]


def test_kvstoremesh_down_is_told_by_itself_alone() -> None:
    made = world("global")
    inject(made, {"fault": "kvstoremesh-down", "cluster": "tion"})
    with pytest.raises(agents.NoAnswer, match="9889"):
        agents.kvstoremesh_status(made, made.clusters["tion"])
    assert agents.kvstoremesh_status(made, made.clusters["koornacht"])[0]["ready"]
    assert answered_by(curl(made, "tion", count=24)) == {"Koornacht", "Tion"}


def test_a_dead_node_takes_its_kvstoremesh_along() -> None:
    made = world("global", nodes=3)
    tion = made.clusters["tion"]
    assert "Etcd connection successfully established" in agents.kvstoremesh_troubleshoot(made, tion, [])
    inject(made, {"fault": "node-down", "cluster": "tion", "node": clustermesh.place_of(tion).node})
    for ask in (agents.kvstoremesh_status, lambda *of: agents.kvstoremesh_troubleshoot(*of, [])):
        with pytest.raises(agents.NoAnswer, match=":10250: connect: no route to host"):
            ask(made, tion)
    assert "i/o timeout" in agents.kvstoremesh_troubleshoot(made, made.clusters["koornacht"], [])


def test_a_killed_agent_no_longer_hangs() -> None:
    made = world("global")
    there = {"cluster": "tion", "node": "tion-worker"}
    inject(made, {"fault": "agent-stopped", **there})
    with pytest.raises(agents.Hangs):
        agents.agent_status(made, made.clusters["tion"], "tion-worker")
    inject(made, {"fault": "agent-crashed", **there})
    with pytest.raises(agents.NoAnswer) as told:
        agents.agent_status(made, made.clusters["tion"], "tion-worker")
    assert not isinstance(told.value, agents.Hangs)


def test_an_overrun_ring_says_how_much_it_lost() -> None:
    made = world("deployed")
    inject(made, {"fault": "ring-overrun", "percent": 80})
    for _ in range(12):
        curl(made, "koornacht", max_time=0.5)
        curl(made, "koornacht", "10.9.9.9", max_time=0.5)
    (ring,) = made.clusters["koornacht"].rings.values()
    gaps = [e.what for e in ring.all()[0] if isinstance(e.what, Lost)]
    assert gaps
    assert all(gap.count > 1 and gap.last_ns - gap.first_ns >= 1e9 for gap in gaps)


def test_a_skewed_clock_shows_in_its_nodes_flows_only() -> None:
    made = world("affinity-remote")
    inject(made, {"fault": "clock-skew", "cluster": "tion", "seconds": 120})
    curl(made, "koornacht")
    times = {name: ring.all()[0][-1].time_ns for c in made.clusters.values() for name, ring in c.rings.items()}
    ahead = (times["tion-control-plane"] - times["koornacht-control-plane"]) / 1e9
    assert 119 < ahead < 121


def test_another_version_changes_what_a_selector_means() -> None:
    made = world("ingress-tion")
    assert answered_by(curl(made, "koornacht", count=24)) == {"Koornacht", "timeout"}
    inject(made, {"fault": "cilium-version", "version": "1.18"})
    assert answered_by(curl(made, "koornacht", count=24)) == {"Koornacht", "Tion"}
    heal(made, "cilium-version")
    assert answered_by(curl(made, "koornacht", count=24)) == {"Koornacht", "timeout"}


def test_an_invalid_policy_comes_and_goes_and_decides_nothing() -> None:
    made = world("deployed")
    inject(made, {"fault": "invalid-policy"})
    store = made.clusters["koornacht"].store
    assert store.get(("cilium.io", "ciliumnetworkpolicies"), "default", "meshtui-invalid")
    assert answered_by(curl(made, "koornacht")) == {"Koornacht"}
    heal(made, "invalid-policy")
    assert not store.list(("cilium.io", "ciliumnetworkpolicies"))


def test_rules_for_the_api_server_combine() -> None:
    made = world("deployed")
    assert made.faults.api_rule("tion", "list", "pods") is None
    inject(made, {"fault": "forbid", "verb": "list", "resource": "pods", "cluster": "tion"})
    inject(made, {"fault": "latency", "ms": 250})
    rule = made.faults.api_rule("tion", "list", "pods")
    assert rule is not None
    assert (rule["status"], rule["delay"]) == (403, 0.25)
    assert made.faults.api_rule("tion", "get", "pods") == {"delay": 0.25}
    assert made.faults.api_rule("koornacht", "list", "pods") == {"delay": 0.25}
    inject(made, {"fault": "api-down", "cluster": "tion"})
    down = made.faults.api_rule("tion", "get", "nodes")
    assert down is not None
    assert down["down"] is True


def test_expired_watches_have_no_history() -> None:
    made = world("deployed")
    store = made.clusters["koornacht"].store
    watcher = store.watch(("", "pods"))
    inject(made, {"fault": "watch-expire"})
    assert watcher.expired


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"fault": "gremlins"}, "unknown fault 'gremlins'; known: agent-crashed"),
        ({"fault": "link-cut", "node": "x"}, "link-cut takes between, at; not node"),
        ({"fault": "api-down", "cluster": "hoth"}, "unknown cluster 'hoth'; known: koornacht, tion"),
        ({"fault": "loss", "percent": 130}, "percent must be between 0 and 100"),
        ({"fault": "latency", "ms": "soon"}, "ms must be a number, not 'soon'"),
        ({"fault": "cilium-version"}, "needs a version like 1.19"),
        ({"fault": "link-slow", "between": ["tion"]}, "between takes two clusters"),
    ],
)
def test_nonsense_is_refused_with_a_reason(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        inject(world("deployed"), spec)


def test_the_same_seed_draws_the_same_losses() -> None:
    runs = []
    for _ in range(2):
        made = world("global", seed=7)
        inject(made, {"fault": "loss", "percent": 30})
        runs.append([(r.kind, r.body, r.local_port, round(r.seconds, 9)) for r in curl(made, "tion", count=20)])
    assert runs[0] == runs[1]
    assert len({r[0] for r in runs[0]}) > 1 or any(r[3] > 1 for r in runs[0])


def test_a_wrong_authority_is_taken_out_of_the_bundle_and_put_back() -> None:
    made = world("global")
    for cluster in made.clusters.values():
        ciliumca.furnish(cluster)
    ciliumca.bundle(made)

    def trusted(name: str) -> int:
        held = made.clusters[name].store.get(("", "configmaps"), "kube-system", "cilium-root-ca.crt")
        return str((held or {})["data"]["ca.crt"]).count("BEGIN CERTIFICATE")

    inject(made, {"fault": "wrong-ca", "cluster": "koornacht"})
    assert (trusted("koornacht"), trusted("tion")) == (1, 2)
    heal(made)
    assert (trusted("koornacht"), trusted("tion")) == (2, 2)


def test_a_wrong_address_is_in_the_secret_and_put_back() -> None:
    made = world("global")

    def endpoint() -> str:
        held = made.clusters["koornacht"].store.get(("", "secrets"), "kube-system", "cilium-kvstoremesh") or {}
        return base64.b64decode(held["data"]["tion"]).decode()

    before = endpoint()
    inject(made, {"fault": "wrong-address", "cluster": "koornacht", "of": "tion", "address": "203.0.113.99"})
    assert "https://203.0.113.99:32379" in endpoint()
    assert "mesh.cilium.io" not in endpoint()
    heal(made)
    assert endpoint() == before
