"""What the programs in Cilium's containers answer the real CLIs: endpoints, features, encryption, versions, words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshtui.sim import agents
from meshtui.sim.clock import ManualClock
from meshtui.sim.dbg.output import BadOutput, output_of, printed, table, words_of
from meshtui.sim.faults.inject import inject
from meshtui.sim.shell import run
from meshtui.sim.world import World
from tests.sim.worlds import world


async def agent(made: World, *argv: str, label: str = "k8s-app=cilium", container: str = "cilium-agent") -> Any:
    """(exit code, stdout, stderr) of a program in the first container of a cluster's pod with a label."""
    cluster = made.clusters["koornacht"]
    key, value = label.split("=")
    pods = cluster.store.list(("", "pods"), "kube-system")
    pod = next(p for p in pods if (p["metadata"].get("labels") or {}).get(key) == value)
    out, err = bytearray(), bytearray()

    async def stdout(data: bytes) -> None:
        out.extend(data)

    async def stderr(data: bytes) -> None:
        err.extend(data)

    code = await run(made, cluster, pod, container, argv, None, stdout, stderr)
    return code, out.decode(), err.decode()


@pytest.mark.parametrize("program", ["cilium", "cilium-dbg"])
async def test_endpoints_go_by_both_names_of_the_program(program: str) -> None:
    made = world("default-deny")
    code, out, _ = await agent(made, program, "endpoint", "list", "-o", "json")
    assert code == 0
    held = json.loads(out)
    assert [e["id"] for e in held] == sorted(e["id"] for e in held)
    cluster = made.clusters["koornacht"]
    known = {e["metadata"]["name"]: e for e in cluster.store.list(("cilium.io", "ciliumendpoints"))}
    pods = {e["status"]["external-identifiers"].get("k8s-pod-name"): e for e in held}
    assert pods.keys() - {None} == known.keys()
    for name, bearer in known.items():
        assert pods[name]["id"] == bearer["status"]["id"]
        assert pods[name]["status"]["identity"] == bearer["status"]["identity"]
    assert {e["status"]["identity"]["id"] for e in held} >= {1, 4}


async def test_an_endpoint_tells_which_directions_are_enforced_and_whom_it_lets_in() -> None:
    made = world("egress-any-cluster")
    _, out, _ = await agent(made, "cilium", "endpoint", "list", "-o", "json")
    policies = {}
    for endpoint in json.loads(out):
        name = endpoint["status"]["external-identifiers"].get("k8s-pod-name", "")
        policies[name.rpartition("-")[0].rpartition("-")[0]] = endpoint["status"]["policy"]["realized"]
    assert policies["coredns"]["policy-enabled"] == "none"
    assert policies["coredns"]["allowed-ingress-identities"] == [0, 1]
    wing, base = policies["x-wing"], policies["rebel-base"]
    assert (wing["policy-enabled"], base["policy-enabled"]) == ("both", "both")
    identities = made.clusters["koornacht"].store.list(("cilium.io", "ciliumidentities"))
    own = next(int(i["metadata"]["name"]) for i in identities if i["security-labels"].get("k8s:name") == "x-wing")
    assert own in base["allowed-ingress-identities"]
    assert own not in wing["allowed-ingress-identities"]
    remote = made.clusters["tion"].store.list(("cilium.io", "ciliumidentities"))
    far = next(int(i["metadata"]["name"]) for i in remote if i["security-labels"].get("k8s:name") == "rebel-base")
    assert far in wing["allowed-egress-identities"]


async def test_one_endpoint_by_id_or_pod() -> None:
    made = world("deployed")
    _, out, _ = await agent(made, "cilium-dbg", "endpoint", "list", "-o", "json")
    wanted = json.loads(out)[-1]
    _, out, _ = await agent(made, "cilium-dbg", "endpoint", "get", str(wanted["id"]))
    assert json.loads(out) == [wanted]
    code, _, err = await agent(made, "cilium-dbg", "endpoint", "get", "99999")
    assert (code, "getEndpointIdNotFound" in err) == (1, True)
    _, out, _ = await agent(made, "cilium-dbg", "endpoint", "list")
    head = out.splitlines()[0]
    names = "ENDPOINT POLICY (ingress) POLICY (egress) IDENTITY LABELS (source:key[=value]) IPv6 IPv4 STATUS"
    assert " ".join(head.split()) == names


async def test_encryption_is_off() -> None:
    made = world("deployed")
    _, out, _ = await agent(made, "cilium", "encrypt", "status", "-o", "json")
    assert json.loads(out) == {"mode": "Disabled"}
    _, out, _ = await agent(made, "cilium", "encrypt", "status")
    assert out.split() == ["Encryption:", "Disabled"]


async def test_features_are_those_of_the_configuration_and_the_policies() -> None:
    made = world("default-deny")
    code, out, _ = await agent(made, "cilium", "metrics", "list", "-p", "cilium_.*feature", "-o", "json")
    assert code == 0
    held = {m["name"]: m for m in json.loads(out)}
    assert held["cilium_feature_datapath_network"] == {
        "name": "cilium_feature_datapath_network", "labels": {"mode": "overlay-vxlan"}, "value": 1,
    }  # fmt: skip
    assert held["cilium_feature_adv_connect_and_lb_clustermesh_enabled"]["labels"]["mode"] == "kvstoremesh"
    assert held["cilium_feature_network_policies_cilium_network_policies_total"]["value"] == 1
    _, out, _ = await agent(made, "cilium", "metrics", "list", "-p", "host_firewall", "-o", "json")
    assert [m["value"] for m in json.loads(out)] == [0]
    code, _, err = await agent(made, "cilium", "metrics", "list", "-p", "(", "-o", "json")
    assert (code, "regex" in err) == (1, True)
    where = {"label": "name=cilium-operator", "container": "cilium-operator"}
    argv = ("cilium-operator-generic", "metrics", "list", "-p", "cilium_.*feature", "-o", "json")
    _, out, _ = await agent(made, *argv, **where)
    assert all(m["name"].startswith("cilium_operator_feature_") for m in json.loads(out))
    assert json.loads(out)


@pytest.mark.parametrize(("version", "full"), [("1.17", "1.17.0"), ("1.20", "1.20.0"), ("1.21", "1.21.0-dev")])
async def test_versions(version: str, full: str) -> None:
    made = world("deployed", cilium_version=version)
    _, out, _ = await agent(made, "cilium", "version", "-o", "jsonpath={$.Daemon.Version}")
    assert out == full
    _, out, _ = await agent(made, "cilium", "version")
    assert out.startswith(f"Client: {full} ")
    _, out, _ = await agent(made, "cilium", "status", "-o", "json")
    assert json.loads(out)["cilium"]["msg"].startswith(f"{full} (v{full}-")


def test_status_is_shaped_as_the_recorded_agents_of_each_version() -> None:
    from tests.conftest import RECORDINGS

    recorded = json.loads((RECORDINGS / "status-shapes.json").read_text())
    for version, want in recorded.items():
        made = world("deployed", cilium_version=version)
        status = agents.agent_status(made, made.clusters["koornacht"], "koornacht-control-plane")
        assert sorted(status) == want["keys"], version
        for key, inner in want["inner"].items():
            assert sorted(status[key]) == inner, (version, key)
        assert sorted(status["kube-proxy-replacement"]["features"]) == want["features"]
        assert [m["name"] for m in status["bpf-maps"]["maps"]] == want["maps"]


async def test_status_in_words_tells_of_every_remote_cluster() -> None:
    made = world("global")
    _, out, _ = await agent(made, "cilium", "status", "--all-clusters")
    assert "ClusterMesh:             1/1 remote clusters ready, 1 global-services\n" in out
    assert "   tion: ready, 1 nodes, " in out
    assert "remote configuration: expected=true, retrieved=true, cluster-id=2, kvstoremesh=true" in out
    _, out, _ = await agent(made, "cilium", "status")
    assert "tion: ready" not in out
    _, out, _ = await agent(made, "cilium", "service", "list")
    assert out.splitlines()[0].split() == ["ID", "Frontend", "Service", "Type", "Backend"]


async def test_an_agent_that_is_gone_answers_nothing() -> None:
    made = world("deployed")
    inject(made, {"fault": "agent-down", "cluster": "koornacht"})
    for argv in (("status", "-o", "json"), ("endpoint", "list", "-o", "json"), ("encrypt", "status")):
        code, out, err = await agent(made, "cilium", *argv)
        assert (code, out) == (1, "")
        assert "connect: no such file or directory" in err


def test_output_formats() -> None:
    for argv in (["-o", "json"], ["-ojson"], ["-o=json"], ["--output=json"], ["--output", "json"]):
        assert output_of(["status", *argv]) == "json"
        assert words_of(["status", *argv]) == ["status"]
    assert printed({"a": [{"b": 1}]}, "jsonpath={.a[0].b}") == "1"
    with pytest.raises(BadOutput):
        printed({}, "yaml")
    with pytest.raises(BadOutput):
        printed({}, "jsonpath={.a}")
    assert table([["a", "b"], ["long", "c"]]) == "a      b    \nlong   c    \n"


async def test_policy_get_tells_the_revision_and_whose_each_rule_is() -> None:
    made = world("egress-any-cluster")
    code, out, _ = await agent(made, "cilium-dbg", "policy", "get", "-o", "json")
    assert code == 0
    found = json.loads(out)
    rules = json.loads(found["policy"])
    names = {label["value"] for rule in rules for label in rule["labels"] if label["key"].endswith("policy.name")}
    assert names == {"default-deny", "x-wing-to-rebel-base", "rebel-base-from-x-wing"}
    assert all(r["endpointSelector"]["matchLabels"]["k8s:io.kubernetes.pod.namespace"] == "default" for r in rules)
    _, words, _ = await agent(made, "cilium-dbg", "policy", "get")
    assert words.endswith(f"\nRevision: {found['revision']}\n")
    _, number, _ = await agent(made, "cilium-dbg", "policy", "get", "-o", "jsonpath={.revision}")
    assert number == str(found["revision"])


async def test_endpoints_are_at_the_revision_only_once_their_programs_are_made_anew() -> None:
    made = world("default-deny")
    store = made.clusters["koornacht"].store
    key = ("cilium.io", "ciliumnetworkpolicies")
    [policy] = store.list(key)

    async def revisions() -> tuple[int, set[int], set[int]]:
        _, out, _ = await agent(made, "cilium-dbg", "endpoint", "list", "-o", "json")
        each = [e["status"]["policy"] for e in json.loads(out)]
        _, number, _ = await agent(made, "cilium-dbg", "policy", "get", "-o", "jsonpath={.revision}")
        return (
            int(number),
            {p["spec"]["policy-revision"] for p in each},
            {p["realized"]["policy-revision"] for p in each},
        )

    before, _, realised = await revisions()
    assert realised == {before}
    store.delete(key, policy["metadata"]["namespace"], policy["metadata"]["name"])
    assert await revisions() == (before + 1, {before + 1}, {before})
    assert isinstance(made.clock, ManualClock)
    await made.clock.advance(1.0)
    assert await revisions() == (before + 1, {before + 1}, {before + 1})
