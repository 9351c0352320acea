"""What the simulator's own objects make of policies: addresses, nodes, names, groups, Services, by version."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from meshtui.sim.datapath.identity import Party, as_seen, of_pod, resolve
from meshtui.sim.datapath.policy import AUTH_REQUIRED, Decision, decide
from meshtui.sim.datapath.view import SERVICES, SLICES, View, view
from meshtui.sim.world import World
from tests.sim.worlds import curl, flows, pod, world

OUTSIDE = "203.0.113.7"
NAMED = "partner.default.svc.cluster.local"
DNS = {
    "toEndpoints": [{"matchLabels": {"k8s:io.kubernetes.pod.namespace": "kube-system"}}],
    "toPorts": [{"ports": [{"port": "53", "protocol": "ANY"}], "rules": {"dns": [{"matchPattern": "*"}]}}],
}


def apply(made: World, spec: dict[str, Any], cluster: str = "koornacht", name: str = "test") -> None:
    body = {"endpointSelector": {}, **spec}
    meta = {"name": name, "namespace": "default"}
    made.clusters[cluster].store.create(
        ("cilium.io", "ciliumnetworkpolicies"),
        {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": meta, "spec": body},
    )


def known(made: World) -> View:
    return view(made.clusters["koornacht"])


def asked(made: World, peer: Party, way: str = "egress", port: int = 80, protocol: str = "TCP") -> Decision:
    here = known(made)
    subject = of_pod(here, pod(made.clusters["koornacht"]))
    return decide(here, way, subject, as_seen(peer, here, subject.node), protocol, port)


def to(made: World, ip: str, **more: Any) -> bool:
    return asked(made, resolve(made, known(made), ip), **more).allowed


def headless(made: World, ip: str) -> None:
    """A Service `partner` without address and selector, whose endpoint is outside."""
    store = made.clusters["koornacht"].store
    meta = {"name": "partner", "namespace": "default"}
    store.create(SERVICES, {"metadata": meta, "spec": {"clusterIP": "None", "ports": [{"port": 80}]}})
    labels = {"kubernetes.io/service-name": "partner"}
    endpoints = [{"addresses": [ip], "conditions": {"ready": True}}]
    store.create(SLICES, {"metadata": {**meta, "labels": labels}, "endpoints": endpoints, "ports": [{"port": 80}]})


def test_authentication_that_nobody_gives_drops_the_packets() -> None:
    made = world("global")
    apply(made, {"egress": [DNS, {"toEntities": ["all"], "authentication": {"mode": "required"}}]})
    (result,) = curl(made, "koornacht")
    assert result.kind == "timeout"
    dropped = [f for f in flows(made) if f["verdict"] == "DROPPED"]
    assert {f["drop_reason_desc"] for f in dropped} == {"AUTH_REQUIRED"}
    assert asked(made, resolve(made, known(made), OUTSIDE)).reason == AUTH_REQUIRED


def test_a_name_is_known_once_its_answer_passed_the_dns_proxy() -> None:
    made = world("deployed")
    headless(made, OUTSIDE)
    apply(made, {"egress": [DNS, {"toFQDNs": [{"matchName": NAMED}]}]})
    assert not to(made, OUTSIDE)
    (result,) = curl(made, "koornacht", "partner")
    assert result.kind == "timeout", "nothing answers there"
    assert to(made, OUTSIDE)
    assert not to(made, "203.0.113.8")


def test_a_name_that_no_proxy_saw_stays_unknown() -> None:
    made = world("deployed")
    headless(made, OUTSIDE)
    plain = {**DNS, "toPorts": [{"ports": [{"port": "53"}]}]}
    apply(made, {"egress": [plain, {"toFQDNs": [{"matchPattern": "*.default.svc.cluster.local"}]}]})
    curl(made, "koornacht", "partner")
    assert not to(made, OUTSIDE)


@pytest.mark.parametrize(
    ("item", "passes"),
    [
        ({"cidrGroupRef": "partners"}, True),
        ({"cidrGroupRef": "others"}, False),
        ({"cidrGroupSelector": {"matchLabels": {"role": "partner"}}}, True),
        ({"cidrGroupRef": "partners", "except": [f"{OUTSIDE}/32"]}, False),
    ],
)
def test_groups_of_addresses(item: dict[str, Any], passes: bool) -> None:
    made = world("deployed")
    apply(made, {"egress": [{"toCIDRSet": [item]}]})
    assert not to(made, OUTSIDE)
    meta = {"name": "partners", "labels": {"role": "partner"}}
    group = {"metadata": meta, "spec": {"externalCIDRs": ["203.0.113.0/24"]}}
    made.clusters["koornacht"].store.create(("cilium.io", "ciliumcidrgroups"), group)
    assert to(made, OUTSIDE) is passes


def test_the_node_of_the_api_server_is_more_than_a_remote_node() -> None:
    made = world("deployed", nodes=2)
    apply(made, {"egress": [{"toEntities": ["kube-apiserver"]}]})
    here = known(made)
    own = of_pod(here, pod(made.clusters["koornacht"])).node
    api, *_ = here.nodes()
    peers = {node: resolve(made, here, here.internal_ip(node)) for node in here.nodes()}
    assert peers[api].labels == ("reserved:kube-apiserver", "reserved:remote-node")
    assert {asked(made, peer).allowed for node, peer in peers.items() if node not in (api, own)} <= {False}
    assert asked(made, peers[api]).allowed
    there = view(made.clusters["tion"])
    assert not to(made, there.internal_ip(there.nodes()[0])), "another cluster's API server is a node like any"


def test_nodes_by_label_where_the_option_is_on() -> None:
    made = world("deployed", nodes=2)
    here = known(made)
    spec = {"egress": [{"toNodes": [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "Exists"}]}]}]}
    apply(made, spec)
    there = view(made.clusters["tion"])
    far = there.internal_ip(there.nodes()[0])
    assert not asked(made, resolve(made, here, far)).enforced, "without the option the agents refuse the policy"
    store = made.clusters["koornacht"].store
    config = copy.deepcopy(store.get(("", "configmaps"), "kube-system", "cilium-config"))
    assert config is not None
    config["data"] |= {"enable-node-selector-labels": "true", "policy-default-local-cluster": "false"}
    store.update(("", "configmaps"), config)
    assert to(made, far)
    assert not to(made, OUTSIDE)


def test_to_services_follows_the_service() -> None:
    made = world("deployed")
    apply(made, {"egress": [{"toServices": [{"k8sService": {"serviceName": "rebel-base"}}]}]})
    ip = pod(made.clusters["koornacht"], "rebel-base")["status"]["podIP"]
    assert to(made, ip)
    store = made.clusters["koornacht"].store
    service = copy.deepcopy(store.get(SERVICES, "default", "rebel-base"))
    assert service is not None
    service["spec"]["selector"] = {"name": "nobody"}
    store.update(SERVICES, service)
    assert not to(made, ip)


@pytest.mark.parametrize(("version", "passes"), [("1.19", False), ("1.20", True)])
def test_a_port_name_with_two_numbers_in_the_cluster(version: str, passes: bool) -> None:
    """Up to 1.19 the name is one number for the whole cluster, or none."""
    made = world("deployed", cilium_version=version)
    apply(made, {"egress": [{"toPorts": [{"ports": [{"port": "WEB", "protocol": "TCP"}]}]}]})
    store = made.clusters["koornacht"].store
    for app, number in (("rebel-base", 80), ("x-wing", 8080)):
        changed = copy.deepcopy(pod(made.clusters["koornacht"], app))
        changed["spec"]["containers"][0]["ports"] = [{"name": "web", "containerPort": number}]
        store.update(("", "pods"), changed)
        if app == "rebel-base":
            assert to(made, changed["status"]["podIP"]), "one number so far"
    ip = pod(made.clusters["koornacht"], "rebel-base")["status"]["podIP"]
    far = pod(made.clusters["tion"], "rebel-base")["status"]["podIP"]
    assert to(made, ip) is passes
    assert not to(made, far), "names of other clusters' ports are not told"


def test_pings_are_about_types() -> None:
    made = world("deployed")
    apply(made, {"egress": [{"icmps": [{"fields": [{"type": "EchoRequest", "family": "IPv4"}]}]}]})
    assert to(made, OUTSIDE, protocol="ICMPv4", port=8)
    assert not to(made, OUTSIDE, protocol="ICMPv4", port=0)
    assert not to(made, OUTSIDE)


def test_an_l7_rule_beside_a_plain_one_goes_through_the_proxy_and_lets_everything_pass() -> None:
    made = world("deployed")
    web = {"ports": [{"port": "80", "protocol": "TCP"}]}
    only_put = {**web, "rules": {"http": [{"method": "PUT"}]}}
    apply(made, {"ingress": [{"fromEntities": ["all"], "toPorts": [only_put]}]})
    (result,) = curl(made, "koornacht")
    assert (result.kind, result.status) == ("answered", 403)
    apply(made, {"ingress": [{"fromEntities": ["all"]}]}, name="plain")
    (result,) = curl(made, "koornacht")
    assert (result.kind, result.status) == ("answered", 200)
    assert asked(made, resolve(made, known(made), OUTSIDE), way="ingress").proxied
