"""`cilium-dbg metrics list`: which features an agent and the operator have on, as their metrics tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from meshtui.sim.api.discovery import VERSION
from meshtui.sim.datapath.view import POLICIES, View, view
from meshtui.sim.world import SimCluster

Object = dict[str, Any]
LB, CONTROL = "cilium_feature_adv_connect_and_lb", "cilium_feature_controlplane"
DATAPATH, POLICY = "cilium_feature_datapath", "cilium_feature_network_policies"
OPERATOR = "cilium_operator_feature"


def agent_metrics(cluster: SimCluster, pattern: str) -> list[Object]:
    """An agent's metrics whose names match a pattern. Raises re.error for what is none."""
    return _matching(_agent(view(cluster)), pattern)


def operator_metrics(cluster: SimCluster, pattern: str) -> list[Object]:
    """The operator's metrics whose names match a pattern. Raises re.error for what is none."""
    return _matching(_operator(view(cluster)), pattern)


def _matching(found: Iterator[Object], pattern: str) -> list[Object]:
    wanted = re.compile(pattern)
    return sorted((m for m in found if wanted.search(m["name"])), key=lambda m: str(m["name"]))


def _metric(name: str, value: float, **labels: str) -> Object:
    return {"name": name, **({"labels": labels} if labels else {}), "value": value}


def _agent(known: View) -> Iterator[Object]:
    config = known.config()

    def on(key: str) -> int:
        return int(config.get(key, "false") == "true")

    for name, key in (
        ("bandwidth_manager", "enable-bandwidth-manager"),
        ("bgp", "enable-bgp-control-plane"),
        ("cilium_envoy_config", "enable-envoy-config"),
        ("cilium_node_config", "enable-cilium-node-config"),
        ("egress_gateway", "enable-ipv4-egress-gateway"),
        ("kube_proxy_replacement", "kube-proxy-replacement"),
        ("l2_lb", "enable-l2-announcements"),
        ("l2_pod_announcement", "enable-l2-pod-announcements"),
        ("sctp", "enable-sctp"),
        ("vtep", "enable-vtep"),
    ):
        yield _metric(f"{LB}_{name}_enabled", on(key))
    for name in ("k8s_internal_traffic_policy", "session_affinity"):
        yield _metric(f"{LB}_{name}_enabled", 1)
    if known.remotes():
        most = config.get("max-connected-clusters", "255")
        yield _metric(f"{LB}_clustermesh_enabled", 1, max_connected_clusters=most, mode="kvstoremesh")
    envoy = "standalone" if on("external-envoy-proxy") else "embedded"
    yield _metric(f"{LB}_envoy_proxy_enabled", 1, mode=envoy)
    algorithm, mode = config.get("bpf-lb-algorithm", "random"), config.get("bpf-lb-mode", "snat")
    acceleration = config.get("bpf-lb-acceleration", "disabled")
    yield _metric(f"{LB}_node_port_configuration", 1, acceleration=acceleration, algorithm=algorithm, mode=mode)
    yield _metric(f"{CONTROL}_cilium_endpoint_slices_enabled", on("enable-cilium-endpoint-slice"))
    yield _metric(f"{CONTROL}_identity_allocation", 1, mode=config.get("identity-allocation-mode", "crd"))
    yield _metric(f"{CONTROL}_ipam", 1, mode=config.get("ipam", "kubernetes"))
    yield _metric(f"{DATAPATH}_chaining_enabled", 1, mode=config.get("cni-chaining-mode", "none"))
    yield _metric(f"{DATAPATH}_config", 1, mode=config.get("datapath-mode", "veth"))
    families = {(1, 0): "ipv4-only", (0, 1): "ipv6-only"}
    family = families.get((on("enable-ipv4"), on("enable-ipv6")), "ipv4-ipv6-dual-stack")
    yield _metric(f"{DATAPATH}_internet_protocol", 1, address_family=family)
    routing = config.get("routing-mode", "tunnel")
    network = f"overlay-{config.get('tunnel-protocol', 'vxlan')}" if routing == "tunnel" else "direct"
    yield _metric(f"{DATAPATH}_network", 1, mode=network)
    yield _metric(f"{POLICY}_host_firewall_enabled", on("enable-host-firewall"))
    yield _metric(f"{POLICY}_local_redirect_policy_enabled", on("enable-local-redirect-policy"))
    yield _metric(f"{POLICY}_mutual_auth_enabled", on("mesh-auth-enabled"))
    yield _metric(f"{POLICY}_non_defaultdeny_policies_enabled", on("enable-non-default-deny-policies"))
    yield from _policies(known)


def _policies(known: View) -> Iterator[Object]:
    """How many policies of each sort the agent has taken in."""
    held = [p for gvr in POLICIES[:2] for p in known.cluster.store.list(gvr)]
    specs = [s for p in held for s in (p.get("spec"), *(p.get("specs") or ())) if s]
    text = [str(s) for s in specs]
    counts = {
        "cilium_network_policies": len(known.cluster.store.list(POLICIES[0])),
        "cilium_clusterwide_network_policies": len(known.cluster.store.list(POLICIES[1])),
        "l3_policies": len(specs),
        "deny_policies": sum("Deny'" in t for t in text),
        "dns_policies": sum("'dns':" in t for t in text),
        "fqdn_policies": sum("'toFQDNs':" in t for t in text),
        "http_policies": sum("'http':" in t for t in text),
        "host_network_policies": sum("nodeSelector" in s for s in specs),
    }
    for name, count in counts.items():
        if count:
            yield _metric(f"{POLICY}_{name}_total", count, action="add")


def _operator(known: View) -> Iterator[Object]:
    config = known.config()
    for name, key in (
        ("gateway_api", "enable-gateway-api"),
        ("ingress_controller", "enable-ingress-controller"),
        ("l7_aware_traffic_management", "loadbalancer-l7"),
        ("node_ipam", "enable-node-ipam"),
    ):
        yield _metric(f"{OPERATOR}_adv_connect_and_lb_{name}_enabled", int(config.get(key) in ("true", "envoy")))
    yield _metric(f"{OPERATOR}_adv_connect_and_lb_lb_ipam_enabled", int(config.get("enable-lb-ipam", "true") == "true"))
    if known.version >= (1, 19):
        yield _metric(f"{OPERATOR}_controlplane_kubernetes_version", 1, version=VERSION["gitVersion"].lstrip("v"))
