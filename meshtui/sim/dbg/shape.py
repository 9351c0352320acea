"""The shape of what agents say by version, as recorded of 1.17 and 1.20 agents of one mesh."""

from __future__ import annotations

from typing import Any

from meshtui.sim.builds import build
from meshtui.sim.datapath.view import View

Object = dict[str, Any]
_VERSIONS_1_17 = [
    "core/v1::Namespace", "cilium/v2::CiliumEndpoint", "core/v1::Pods", "cilium/v2::CiliumNetworkPolicy",
    "cilium/v2alpha1::CiliumCIDRGroup", "EndpointSliceOrEndpoint", "cilium/v2::CiliumNode",
    "networking.k8s.io/v1::NetworkPolicy", "cilium/v2::CiliumClusterwideNetworkPolicy", "core/v1::Service",
]  # fmt: skip


def shaped(status: Object, known: View) -> Object:
    """The status as an agent of the cluster's version gives it; changed in place."""
    status["cilium"] = {"msg": build(known.version).status, "state": status["cilium"]["state"]}
    if known.version < (1, 18):
        _before_1_18(status)
    return status


def shaped_services(listed: list[Object], known: View) -> list[Object]:
    """A service list likewise: 1.17 told neither a protocol nor which backends are preferred; changed in place."""
    if known.version < (1, 18):
        for held in (half for each in listed for half in (each["spec"], each["status"]["realized"])):
            held["frontend-address"].pop("protocol", None)
            for backend in held["backend-addresses"] or ():
                backend.pop("preferred", None)
                backend.pop("protocol", None)
    return listed


def shaped_health(report: Object, known: View) -> Object:
    """cilium-health likewise: 1.17 did not say when it probed; changed in place."""
    if known.version < (1, 18):
        report.pop("probeInterval", None)
        for node in report["nodes"]:
            for address in (node["endpoint"], *(node[k]["primary-address"] for k in ("health-endpoint", "host"))):
                for probe in (address["http"], address["icmp"]):
                    probe.pop("lastProbed", None)
    return report


def _before_1_18(status: Object) -> None:
    status.pop("configured-datapath-mode", None)
    metrics = status.pop("hubble-metrics", None)
    if metrics is not None and "hubble" in status:
        status["hubble"]["metrics"] = metrics
    status["kvstore"] = {"msg": "Disabled", "state": "Ok"}
    if status["kubernetes"].get("state") == "Ok":
        status["kubernetes"]["k8s-api-versions"] = list(_VERSIONS_1_17)
    features = status["kube-proxy-replacement"]["features"]
    features.pop("annotations", None)
    features |= {"gracefulTermination": {"enabled": True}, "sessionAffinity": {}}
    tables = status["bpf-maps"]["maps"]
    tables[:] = [table for table in tables if table["name"] != "Policy stats"]
    for table in tables:
        if table["name"] == "Endpoint policy":
            table["name"] = "Global policy"
        elif table["name"] == "Endpoints":
            table["name"] = "Endpoint policy"
    tables.append({"name": "Tunnel", "size": 65536})
