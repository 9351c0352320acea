"""Where the two rule books once disagreed: each case with the answer that Cilium gives."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.core.policy import Decision, PodRef, Rulebook, verdict
from meshtui.core.policy.model import (
    MATCH_ALL,
    MATCH_L3,
    MATCH_L3_L4,
    MATCH_L3_PROTO,
    MATCH_L4,
    MATCH_NONE,
)
from meshtui.core.routing import route
from meshtui.sim.datapath.routing import active, selected
from meshtui.sim.datapath.view import view
from tests.agreement import policies
from tests.agreement.books import PlainCluster, Tally, to_core, to_sim
from tests.agreement.services import NAME, NAMESPACE
from tests.agreement.test_policy import same, sides, with_the_world

KEY = f"{NAMESPACE}/{NAME}"
READY = {"ready": True, "serving": True, "terminating": False}
LEAVING = {"ready": False, "serving": True, "terminating": True}
TCP80 = {"port": 80, "name": "", "protocol": "TCP"}
ANY_CLUSTER = {"matchExpressions": [{"key": policies.CLUSTER, "operator": "Exists"}]}
HTTP = {"http": [{"method": "GET"}]}
Endpoint = tuple[str, dict[str, bool]]


def cluster(*pieces: list[Endpoint], affinity: str = "", ports: list[dict[str, Any]] | None = None, **spec: Any) -> Any:
    """A cluster with the global service and one EndpointSlice per list of endpoints."""
    marks = {"service.cilium.io/global": "true", **({"service.cilium.io/affinity": affinity} if affinity else {})}
    meta = {"name": NAME, "namespace": NAMESPACE}
    service = {
        "metadata": {**meta, "annotations": marks},
        "spec": {"clusterIP": "172.20.0.1", "ports": [{"port": 80}], "ipFamilies": ["IPv4"], **spec},
    }
    slices = [
        {
            "metadata": {**meta, "name": f"{NAME}-{n}", "labels": {"kubernetes.io/service-name": NAME}},
            "addressType": "IPv6" if ends and ":" in ends[0][0] else "IPv4",
            "endpoints": [{"addresses": [ip], "conditions": state, "nodeName": "node-1"} for ip, state in ends],
            "ports": ports or [TCP80],
        }
        for n, ends in enumerate(pieces)
    ]
    return PlainCluster({"services": [service], "endpointslices": slices, "namespaces": []})


def both(clusters: list[PlainCluster], node: str = "") -> list[str]:
    """The first cluster's backends, in both books."""
    mesh, world = to_core(clusters), to_sim(clusters)
    ours = [f"{b.ip}:{b.port}" for b in route(mesh, "koornacht", KEY, client_node=node).backends]
    service = clusters[0].objects["services"][0]
    theirs = selected(world, view(world.clusters["koornacht"]), service, service["spec"]["ports"][0], node)
    assert sorted(ours) == sorted(f"{b.ip}:{b.port}" for b in active(theirs))
    return sorted(ours)


def test_a_terminating_endpoint_is_active_to_the_other_clusters() -> None:
    """The exported record says no state (clustermesh-apiserver/clustermesh/service_sync.go)."""
    clusters = [cluster([("10.0.0.1", READY)]), cluster([("10.1.0.1", LEAVING)])]
    assert both(clusters) == ["10.0.0.1:80", "10.1.0.1:80"]


def test_ready_wins_over_terminating() -> None:
    """publishNotReadyAddresses keeps an endpoint ready while it ends: it stays active (pkg/k8s/endpoints.go)."""
    odd = {"ready": True, "serving": True, "terminating": True}
    assert both([cluster([("10.0.0.1", READY), ("10.0.0.2", odd)]), cluster()]) == ["10.0.0.1:80", "10.0.0.2:80"]


def test_the_other_address_family_is_no_backend() -> None:
    clusters = [cluster([("10.0.0.1", READY)], [("fd00::1", READY)]), cluster([("fd00::2", READY)])]
    assert both(clusters) == ["10.0.0.1:80"]


def test_a_port_without_name_takes_every_port() -> None:
    """Unnamed matches everything, at home and elsewhere (pkg/loadbalancer/writer/writer.go)."""
    two = [{"port": 8080, "name": "http", "protocol": "TCP"}, {"port": 9000, "name": "admin", "protocol": "TCP"}]
    clusters = [cluster([("10.0.0.1", READY)]), cluster([("10.1.0.1", READY)], ports=two)]
    assert both(clusters) == ["10.0.0.1:80", "10.1.0.1:8080", "10.1.0.1:9000"]


def test_an_address_is_one_backend_however_often_it_is_told() -> None:
    clusters = [
        cluster([("10.0.0.1", READY)], [("10.0.0.1", READY)]),
        cluster([("10.9.0.1", READY)]),
        cluster([("10.9.0.1", READY)]),
    ]
    assert both(clusters) == ["10.0.0.1:80", "10.9.0.1:80"]


def test_internal_traffic_policy_local_keeps_remote_backends() -> None:
    """Backends of other clusters have no node name, so `Local` does not drop them."""
    clusters = [cluster([("10.0.0.1", READY)], internalTrafficPolicy="Local"), cluster([("10.1.0.1", READY)])]
    assert both(clusters, "node-1") == ["10.0.0.1:80", "10.1.0.1:80"]
    assert both(clusters, "node-2") == ["10.1.0.1:80"]


WEB = {"port": "80", "protocol": "TCP"}


def from_web(**more: Any) -> dict[str, Any]:
    return {"fromEndpoints": [{"matchLabels": {"app": "web"}}], **more}


def ports(*listed: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"toPorts": [{"ports": list(listed), **more}]}


CASES: list[tuple[str, dict[str, Any], Decision, int]] = [
    (
        "every port of one protocol is a match on the protocol",
        {"ingress": [from_web(**ports({"port": "0", "protocol": "TCP"}))]},
        Decision.ALLOWED,
        MATCH_L3_PROTO,
    ),
    ("a list without ports is about nothing", {"ingress": [ports()]}, Decision.DEFAULT_DENY, MATCH_NONE),
    (
        "the port that matches counts, not the widest in the list",
        {"ingress": [from_web(**ports({"port": "80"}, {"port": "0"}))]},
        Decision.ALLOWED,
        MATCH_L3_L4,
    ),
    (
        "one port of anybody beats a range for a specific peer: the longer prefix",
        {"ingress": [from_web(**ports({"port": "64", "endPort": 127})), ports({"port": "80"})]},
        Decision.ALLOWED,
        MATCH_L4,
    ),
    (
        "a range that ends at the port has it as a block of one",
        {"ingress": [from_web(**ports({"port": "1", "endPort": 80})), ports({"port": "80"})]},
        Decision.ALLOWED,
        MATCH_L3_L4,
    ),
    (
        "a specific peer beats everybody",
        {"ingress": [{"fromEntities": ["all"]}, from_web()]},
        Decision.ALLOWED,
        MATCH_L3,
    ),
    (
        "a deny within a wider one is no key of its own: the wider one is reported",
        {"ingressDeny": [{"fromEntities": ["all"]}, from_web(**ports({"port": "80"}))]},
        Decision.DENIED,
        MATCH_ALL,
    ),
    (
        "one L7 rule takes the traffic through the proxy although a plain rule lets all of it pass",
        {"ingress": [from_web(**ports(WEB, rules=HTTP)), ports(WEB)]},
        Decision.REDIRECTED,
        MATCH_L3_L4,
    ),
]


def judged(spec: dict[str, Any], source: int = 0, destination: int = 1, **changes: Any) -> tuple[Decision, int]:
    """Ingress of one pod of koornacht from another (by number: web, api, web of shop, agent), in both books."""
    body = {"endpointSelector": {}, **spec}
    policy = {
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "p", "namespace": "default", "uid": "u"},
        "spec": body,
    }
    return between(policy, ("koornacht", source), ("koornacht", destination), **changes)[1]


def between(
    policy: dict[str, Any], source: tuple[str, int], destination: tuple[str, int], **changes: Any
) -> list[tuple[Decision, int]]:
    """(decision, match type) of egress and ingress; the policy is applied in koornacht and tion."""
    exported = changes.pop("exported", "true")
    marks = {"clustermesh.cilium.io/global": exported}
    spaces = [{"metadata": {"name": s, "labels": {}, "annotations": marks}} for s in policies.SPACES]
    listed = {"ciliumnetworkpolicies": [policy], "namespaces": spaces}
    clusters = [PlainCluster({**policies.inventory(n), **listed}, **changes) for n in range(2)]
    book, world = Rulebook(to_core(clusters)), to_sim(clusters)
    found = {name: [p for n, p in policies.pods_of(clusters) if n == name] for name in ("koornacht", "tion")}
    ends = [(name, found[name][number]) for name, number in (source, destination)]
    refs = [PodRef(n, p["metadata"]["namespace"], p["metadata"]["name"]) for n, p in ends]
    ours = verdict(book.mesh, *refs, "TCP", 80, book=book)
    for mine, theirs in zip((ours.egress, ours.ingress), sides(world, *ends, "TCP", 80), strict=True):
        same(mine, theirs, (policy, refs), Tally())
    return [(way.decision, way.match_type) for way in (ours.egress, ours.ingress)]


@pytest.mark.parametrize(("spec", "decision", "match"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_policy_cases(spec: dict[str, Any], decision: Decision, match: int) -> None:
    assert judged(spec) == (decision, match)


def test_default_deny_cannot_be_switched_off_where_the_option_forbids_it() -> None:
    spec = {"ingress": [{"fromEntities": ["none"]}], "enableDefaultDeny": {"ingress": False}}
    assert judged(spec) == (Decision.ALLOWED, MATCH_ALL)
    forbidden = {"enable-non-default-deny-policies": "false"}
    assert judged(spec, config=forbidden) == (Decision.DEFAULT_DENY, MATCH_NONE)


def test_the_entity_cluster_mesh_exists_since_1_20() -> None:
    """An older agent refuses the whole policy."""
    spec = {"ingress": [{"fromEntities": ["cluster-mesh"]}]}
    assert judged(spec, version=(1, 20)) == (Decision.ALLOWED, MATCH_L3)
    assert judged(spec, version=(1, 19)) == (Decision.NOT_ENFORCED, MATCH_NONE)


def test_pods_of_a_namespace_that_is_not_exported_are_the_world_to_other_clusters() -> None:
    """pkg/clustermesh/namespace: neither their identities nor their endpoints are told."""
    policy = {
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "p", "namespace": "default", "uid": "u"},
        "spec": {"endpointSelector": {}, "ingress": [{"fromEndpoints": [ANY_CLUSTER]}]},
    }
    ends = (("tion", 0), ("koornacht", 1))
    assert between(policy, *ends)[1] == (Decision.ALLOWED, MATCH_L3)
    assert between(policy, *ends, exported="false")[1] == (Decision.DEFAULT_DENY, MATCH_NONE)
    policy["spec"]["ingress"] = [{"fromEntities": ["world"]}]
    assert between(policy, *ends)[1] == (Decision.DEFAULT_DENY, MATCH_NONE)
    assert between(policy, *ends, exported="false")[1] == (Decision.ALLOWED, MATCH_L3)


def test_a_pods_own_node_is_its_host_and_not_a_remote_node() -> None:
    policy = {
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "p", "namespace": "default", "uid": "u"},
        "spec": {"endpointSelector": {}, "egress": [{"toEntities": ["host"]}]},
    }
    assert between(policy, ("koornacht", 0), ("koornacht", 3))[0] == (Decision.ALLOWED, MATCH_L3)
    assert between(policy, ("koornacht", 1), ("koornacht", 3))[0] == (Decision.DEFAULT_DENY, MATCH_NONE)


NAMED_PORT = {
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "p", "namespace": "default", "uid": "u"},
    "spec": {"endpointSelector": {}, "egress": [ports({"port": "http"})]},
}


def test_named_ports_of_host_network_pods_are_unknown() -> None:
    assert between(NAMED_PORT, ("koornacht", 0), ("koornacht", 1))[0] == (Decision.ALLOWED, MATCH_L3_L4)
    assert between(NAMED_PORT, ("koornacht", 0), ("koornacht", 3))[0] == (Decision.DEFAULT_DENY, MATCH_NONE)


@pytest.mark.parametrize("destination", [1, 3])
def test_up_to_1_19_a_ports_name_in_egress_is_the_one_number_it_has_in_the_cluster(destination: int) -> None:
    found = between(NAMED_PORT, ("koornacht", 0), ("koornacht", destination), version=(1, 19))
    assert found[0] == (Decision.ALLOWED, MATCH_L4)


@pytest.mark.parametrize(("entity", "kind"), [("world", "allowed L3-Only"), ("world-ipv4", "default deny")])
def test_world_ipv4_is_a_label_of_dual_stack_clusters_only(entity: str, kind: str) -> None:
    """pkg/labels: a single-stack cluster's world has the label reserved:world and no other."""
    policy = {
        "kind": "CiliumClusterwideNetworkPolicy",
        "metadata": {"name": "p", "uid": "u"},
        "spec": {"endpointSelector": {}, "egress": [{"toEntities": [entity]}]},
    }
    spaces = [{"metadata": {"name": s, "labels": {}}} for s in policies.SPACES]
    objects = {**policies.inventory(0), "ciliumclusterwidenetworkpolicies": [policy], "namespaces": spaces}
    clusters = [PlainCluster(objects)]
    tally = Tally()
    with_the_world(clusters, to_sim(clusters), Rulebook(to_core(clusters)), tally)
    assert tally.kinds[kind] == 3
