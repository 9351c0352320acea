"""The lab that nobody recorded: three nodes a cluster, pods over the workers, addresses that are nobody's."""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections import defaultdict

import pytest

from meshtui.sim.options import SimOptions
from meshtui.sim.scale import nobodys_ip
from meshtui.sim.world import SimCluster, World
from tests.sim.worlds import curl, flows, world

NOBODYS = [ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15")]
KINDS = (
    ("", "nodes"), ("", "pods"), ("", "services"), ("", "secrets"), ("", "configmaps"), ("cilium.io", "ciliumnodes"),
    ("cilium.io", "ciliumendpoints"), ("discovery.k8s.io", "endpointslices"), ("apps", "daemonsets"),
)  # fmt: skip
PODS, SLICES = ("", "pods"), ("discovery.k8s.io", "endpointslices")


def lab() -> World:
    """A mesh as it is without any option."""
    return world("")


def words(cluster: SimCluster) -> str:
    """Everything a cluster's objects say, Secrets decoded."""
    found = []
    for gvr in KINDS:
        for obj in cluster.store.list(gvr):
            found.append(json.dumps(obj))
            for value in (obj.get("data") or {}).values() if gvr[1] == "secrets" else ():
                found.append(base64.b64decode(value).decode(errors="replace"))
    return "\n".join(found)


def test_three_nodes_each_and_recorded_steps_as_recorded() -> None:
    assert SimOptions().nodes_each == 3
    assert SimOptions(state="global").nodes_each == 1
    assert SimOptions(state="global", nodes=2).nodes_each == 2
    names = [n["metadata"]["name"] for n in lab().clusters["tion"].store.list(("", "nodes"))]
    assert names == ["tion-control-plane", "tion-worker", "tion-worker2"]


def test_no_address_of_it_is_anybodys() -> None:
    inside = [
        ipaddress.ip_network(n) for n in ("10.1.0.0/16", "10.2.0.0/16", "172.20.0.0/14", "0.0.0.0/8", "127.0.0.0/8")
    ]
    for cluster in lab().clusters.values():
        addresses = {ipaddress.ip_address(a) for a in re.findall(r"\b\d{1,3}(?:\.\d{1,3}){3}\b(?!\.)", words(cluster))}
        assert not {a for a in addresses if not any(a in n for n in NOBODYS + inside)}
        assert any(a in n for a in addresses for n in NOBODYS)


@pytest.mark.parametrize(("cluster", "node"), [(1, 0), (3, 249), (4, 0), (16, 249)])
def test_every_node_has_an_address_of_its_own_that_is_nobodys(cluster: int, node: int) -> None:
    found = ipaddress.ip_address(nobodys_ip(cluster, node))
    assert any(found in network for network in NOBODYS)
    assert len({nobodys_ip(c, n) for c in range(1, 17) for n in range(250)}) == 16 * 250


def test_no_relay_is_published_on_a_node() -> None:
    for cluster in lab().clusters.values():
        published = {
            s["metadata"]["name"]
            for s in cluster.store.list(("", "services"))
            if any("nodePort" in p for p in s["spec"]["ports"])
        }
        # KVStoreMesh of the other clusters goes there, inside the mesh.
        assert published == {"clustermesh-apiserver"}


def test_pods_are_over_the_workers_and_everything_says_so() -> None:
    for cluster in lab().clusters.values():
        pods = {p["metadata"]["name"]: p for p in cluster.store.list(PODS)}
        nodes = {n["metadata"]["name"]: n for n in cluster.store.list(("", "nodes"))}
        of_workload = defaultdict(set)
        for name, pod in pods.items():
            node = nodes[pod["spec"]["nodeName"]]
            inside = ipaddress.ip_network(node["spec"]["podCIDR"])
            assert pod["spec"].get("hostNetwork") or ipaddress.ip_address(pod["status"]["podIP"]) in inside
            assert pod["status"]["hostIP"] in json.dumps(node["status"]["addresses"])
            of_workload[name.rpartition("-")[0]].add(pod["spec"]["nodeName"])
        spread = [where for name, where in of_workload.items() if name.startswith(("rebel-base", "x-wing"))]
        assert spread == [{f"{cluster.name}-worker", f"{cluster.name}-worker2"}] * 2
        ends = [e for s in cluster.store.list(SLICES) for e in s.get("endpoints") or () if "targetRef" in e]
        for end in ends:
            pod = pods[end["targetRef"]["name"]]
            assert (end["addresses"], end["nodeName"]) == ([pod["status"]["podIP"]], pod["spec"]["nodeName"])
        for bearer in cluster.store.list(("cilium.io", "ciliumendpoints")):
            pod, net = pods[bearer["metadata"]["name"]], bearer["status"]["networking"]
            assert (net["addressing"][0]["ipv4"], net["node"]) == (pod["status"]["podIP"], pod["status"]["hostIP"])


def test_flows_are_seen_on_the_node_they_happen_on() -> None:
    made = lab()
    curl(made, "koornacht", count=20)
    seen = {f["node_name"] for f in flows(made) if f.get("l4", {}).get("TCP")}
    assert seen <= {"koornacht/koornacht-worker", "koornacht/koornacht-worker2"}
    for flow in flows(made):
        for end in (flow["source"], flow["destination"]):
            if "ID" in end:
                pod = made.clusters["koornacht"].store.get(PODS, end["namespace"], end["pod_name"])
                assert pod is not None
                assert flow["node_name"] == f"koornacht/{pod['spec']['nodeName']}"
