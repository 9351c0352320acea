"""What each fault does when it begins and how it is undone; most are only looked up and do nothing here."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from meshtui.sim import clustermesh
from meshtui.sim.crd import definitions
from meshtui.sim.faults import outages, scaling
from meshtui.sim.faults.active import NOBODY
from meshtui.sim.faults.fault import Fault
from meshtui.sim.options import known
from meshtui.sim.relay import serving
from meshtui.sim.seed import set_version
from meshtui.sim.world import SimCluster, World

Object = dict[str, Any]
Act = Callable[[SimCluster, Fault], None]
DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")
POLICIES = ("cilium.io", "ciliumnetworkpolicies")
BAD_POLICY = "meshtui-invalid"


def begin(world: World, fault: Fault) -> None:
    """Do what a fault does beyond being there."""
    _do(world, fault, _BEGIN)


def end(world: World, fault: Fault) -> None:
    """Undo it, but for what another active fault of the kind still holds."""
    _do(world, fault, _END)


def _do(world: World, fault: Fault, acts: dict[str, Act]) -> None:
    act = acts.get(fault.name)
    if act is not None:
        for cluster in world.clusters.values():
            if fault.about(cluster.name):
                act(cluster, fault)
    clustermesh.exchange(world)
    serving.sync(world)


def _scaled(name: str) -> tuple[Act, Act]:
    def down(cluster: SimCluster, fault: Fault) -> None:
        scaling.scale_to_none(cluster, name)

    def up(cluster: SimCluster, fault: Fault) -> None:
        if not any(f.about(cluster.name) for f in cluster.world.faults.of(fault.name)):
            scaling.scale_back(cluster, name)

    return down, up


def _mark(cluster: SimCluster, fault: Fault, *, ready: bool) -> None:
    node = fault.get("node")
    label, container = COMPONENTS[fault.name]
    outages.mark(cluster, label, container, [node] if node else None, ready=ready)


COMPONENTS = {
    "agent-crashed": ("cilium", "cilium-agent"),
    "kvstoremesh-down": ("clustermesh-apiserver", "kvstoremesh"),
}
"""Label `k8s-app` and container of what a fault stops."""


def _crash(cluster: SimCluster, fault: Fault) -> None:
    _mark(cluster, fault, ready=False)


def _recover(cluster: SimCluster, fault: Fault) -> None:
    _mark(cluster, fault, ready=True)


def _restarted(cluster: SimCluster, fault: Fault) -> None:
    """Agents that come back are new ones: what their rings held and counted is gone."""
    for node in [n for n in cluster.rings if fault.hits_node(n)]:
        if not cluster.world.faults.agent_down(cluster.name, node):
            del cluster.rings[node]
    if fault.name == "agent-crashed":
        _mark(cluster, fault, ready=True)
    elif fault.name == "agent-stopped":
        outages.mark(cluster, "cilium", "cilium-agent", [fault.get("node")] if fault.get("node") else None, ready=True)


def _expire(cluster: SimCluster, fault: Fault) -> None:
    cluster.store.compact()


def _misdirect(cluster: SimCluster, fault: Fault) -> None:
    scaling.misdirect(cluster, fault.get("of"), fault.text("address", NOBODY))


def _direct(cluster: SimCluster, fault: Fault) -> None:
    scaling.direct(cluster, fault.get("of"))


def _never_ready(cluster: SimCluster, fault: Fault) -> None:
    scaling.never_ready(cluster, fault.text("namespace", "default"), fault.text("workload", "rebel-base"))


def _ready_again(cluster: SimCluster, fault: Fault) -> None:
    scaling.ready_again(cluster, fault.text("namespace", "default"), fault.text("workload", "rebel-base"))


def _invalid_policy(cluster: SimCluster, fault: Fault) -> None:
    """Put a policy there that passes the API's schema and that the agent then refuses."""
    if cluster.store.get(POLICIES, "default", BAD_POLICY) is None:
        cluster.store.create(
            POLICIES,
            {
                "apiVersion": "cilium.io/v2",
                "kind": "CiliumNetworkPolicy",
                "metadata": {"name": BAD_POLICY, "namespace": "default", "generation": 1},
                "spec": {"endpointSelector": {}, "ingress": [{"fromEndpoints": [{}], "fromEntities": ["cluster"]}]},
            },
        )


def _remove_policy(cluster: SimCluster, fault: Fault) -> None:
    if cluster.store.get(POLICIES, "default", BAD_POLICY) is not None:
        cluster.store.delete(POLICIES, "default", BAD_POLICY)


def _set_version(cluster: SimCluster, fault: Fault) -> None:
    _write_version(cluster, fault.text("version"))


def _reset_version(cluster: SimCluster, fault: Fault) -> None:
    _write_version(cluster, cluster.world.options.version_of(cluster.name))


def _write_version(cluster: SimCluster, version: str) -> None:
    found = cluster.store.get(("", "configmaps"), "kube-system", "cilium-config")
    if found is None:
        return
    changed = copy.deepcopy(found)
    set_version(changed["data"], version)
    cluster.store.update(("", "configmaps"), changed)
    _redefine(cluster, version, found["metadata"]["creationTimestamp"])
    chart = f"cilium-{version if version.count('.') == 2 else version + '.0'}"
    agents = cluster.store.get(("apps", "daemonsets"), "kube-system", "cilium")
    if agents is not None:
        changed = copy.deepcopy(agents)
        changed["metadata"].setdefault("labels", {})["helm.sh/chart"] = chart
        cluster.store.update(("apps", "daemonsets"), changed)


def _redefine(cluster: SimCluster, version: str, created: str) -> None:
    """The operator of another version brings its own definitions; those it does not know stay."""
    for wanted in definitions.objects(known(version), created, cluster.name):
        held = cluster.store.get(DEFINITIONS, "", wanted["metadata"]["name"])
        if held is None:
            cluster.store.create(DEFINITIONS, wanted)
        elif held["spec"] != wanted["spec"]:
            cluster.store.update(DEFINITIONS, {**copy.deepcopy(held), "spec": wanted["spec"]})


_no_mesh, _mesh_back = _scaled("clustermesh-apiserver")
_no_relay, _relay_back = _scaled("hubble-relay")
_no_dns, _dns_back = _scaled("coredns")
_BEGIN: dict[str, Act] = {
    "apiserver-gone": _no_mesh,
    "relay-gone": _no_relay,
    "dns-gone": _no_dns,
    "agent-crashed": _crash,
    "kvstoremesh-down": _crash,
    "wrong-address": _misdirect,
    "wrong-ca": lambda cluster, _: scaling.distrust(cluster),
    "certificate-expired": lambda cluster, _: scaling.restart(cluster, "clustermesh-apiserver"),
    "not-ready": _never_ready,
    "watch-expire": _expire,
    "invalid-policy": _invalid_policy,
    "cilium-version": _set_version,
}
_END: dict[str, Act] = {
    "apiserver-gone": _mesh_back,
    "relay-gone": _relay_back,
    "dns-gone": _dns_back,
    "agent-crashed": _restarted,
    "agent-stopped": _restarted,
    "node-down": _restarted,
    "kvstoremesh-down": _recover,
    "wrong-address": _direct,
    "wrong-ca": lambda cluster, _: scaling.trust(cluster),
    "certificate-expired": lambda cluster, _: scaling.restart(cluster, "clustermesh-apiserver"),
    "not-ready": _ready_again,
    "invalid-policy": _remove_policy,
    "cilium-version": _reset_version,
}
