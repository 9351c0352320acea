"""Faults that are changes of objects: a Deployment scaled to 0, a Secret or ConfigMap rewritten, and undone again."""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Callable
from typing import Any

from meshtui.sim.clock import timestamp
from meshtui.sim.world import SimCluster

Object = dict[str, Any]
DEPLOYMENTS, SECRETS, CONFIGMAPS = ("apps", "deployments"), ("", "secrets"), ("", "configmaps")
SYSTEM = "kube-system"
UNHEARD_PORT = 81
"""A port at which nobody listens: what the readiness probe of `not-ready` asks."""


class Kept:
    """What a cluster's objects were before faults changed them."""

    def __init__(self) -> None:
        self.before: dict[tuple[str, ...], Any] = {}


def _kept(cluster: SimCluster) -> dict[tuple[str, ...], Any]:
    return cluster.part(Kept, Kept).before


def _edit(cluster: SimCluster, gvr: tuple[str, str], namespace: str, name: str, edit: Callable[[Object], None]) -> None:
    found = cluster.store.get(gvr, namespace, name)
    if found is None:
        return
    changed = copy.deepcopy(found)
    edit(changed)
    if gvr == DEPLOYMENTS and changed["spec"] != found["spec"]:
        changed["metadata"]["generation"] = changed["metadata"].get("generation", 1) + 1
    if changed != found:
        cluster.store.update(gvr, changed)


def scale_to_none(cluster: SimCluster, name: str) -> None:
    """Scale a kube-system Deployment to 0 and remember what it was."""

    def edit(deployment: Object) -> None:
        if deployment["spec"].get("replicas", 1):
            _kept(cluster)["scale", name] = deployment["spec"].get("replicas", 1)
        deployment["spec"]["replicas"] = 0

    _edit(cluster, DEPLOYMENTS, SYSTEM, name, edit)


def scale_back(cluster: SimCluster, name: str) -> None:
    """Scale it to what it was."""
    replicas = _kept(cluster).pop(("scale", name), 1)
    _edit(cluster, DEPLOYMENTS, SYSTEM, name, lambda d: d["spec"].update(replicas=replicas))


def restart(cluster: SimCluster, name: str) -> None:
    """`kubectl rollout restart` of a kube-system Deployment."""
    now = timestamp(cluster.world.clock.now())

    def edit(deployment: Object) -> None:
        meta = deployment["spec"]["template"].setdefault("metadata", {})
        meta.setdefault("annotations", {})["kubectl.kubernetes.io/restartedAt"] = now

    _edit(cluster, DEPLOYMENTS, SYSTEM, name, edit)


def misdirect(cluster: SimCluster, of: str | None, address: str) -> None:
    """Let KVStoreMesh's Secret name an address where nobody is, for one cluster or for all."""

    def edit(secret: Object) -> None:
        data = secret.get("data") or {}
        for name in [n for n in data if of in (None, n)]:
            _kept(cluster).setdefault(("peer", name), data[name])
            text = base64.b64decode(data[name]).decode()
            text = re.sub(r"https://[^:\n]+:", f"https://{address}:", text).partition("\ncilium-host-aliases")[0]
            data[name] = base64.b64encode(text.encode()).decode()

    _edit(cluster, SECRETS, SYSTEM, "cilium-kvstoremesh", edit)


def direct(cluster: SimCluster, of: str | None) -> None:
    """Put the right addresses back."""

    def edit(secret: Object) -> None:
        for name in [n for n in secret.get("data") or {} if of in (None, n) and ("peer", n) in _kept(cluster)]:
            secret["data"][name] = _kept(cluster).pop(("peer", name))

    _edit(cluster, SECRETS, SYSTEM, "cilium-kvstoremesh", edit)


def distrust(cluster: SimCluster) -> None:
    """Take the other clusters' authorities out of the bundle, and restart who read it."""

    def edit(bundle: Object) -> None:
        whole = bundle["data"].get("ca.crt", "")
        _kept(cluster)["bundle",] = whole
        first = whole.find("-----END CERTIFICATE-----")
        bundle["data"]["ca.crt"] = whole[: first + 25] + "\n" if first >= 0 else whole

    _edit(cluster, CONFIGMAPS, SYSTEM, "cilium-root-ca.crt", edit)
    restart(cluster, "clustermesh-apiserver")


def trust(cluster: SimCluster) -> None:
    """Put the bundle back, and restart who read it."""
    whole = _kept(cluster).pop(("bundle",), None)
    if whole is not None:
        _edit(cluster, CONFIGMAPS, SYSTEM, "cilium-root-ca.crt", lambda c: c["data"].update({"ca.crt": whole}))
    restart(cluster, "clustermesh-apiserver")


def never_ready(cluster: SimCluster, namespace: str, name: str) -> None:
    """Replace a workload's pods by ones whose readiness probe nobody answers."""

    def edit(deployment: Object) -> None:
        _kept(cluster).setdefault(("spec", namespace, name), copy.deepcopy(deployment["spec"]))
        deployment["spec"]["strategy"] = {"type": "Recreate"}
        probe = {"tcpSocket": {"port": UNHEARD_PORT}, "periodSeconds": 5, "timeoutSeconds": 1}
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            container["readinessProbe"] = probe | {"successThreshold": 1, "failureThreshold": 3}

    _edit(cluster, DEPLOYMENTS, namespace, name, edit)


def ready_again(cluster: SimCluster, namespace: str, name: str) -> None:
    """Put the workload back as it was; what else was changed of it meanwhile is kept."""
    before = _kept(cluster).pop(("spec", namespace, name), None)
    if before is None:
        return

    def edit(deployment: Object) -> None:
        deployment["spec"]["strategy"] = before.get("strategy") or {"type": "RollingUpdate"}
        probes = {c["name"]: c.get("readinessProbe") for c in before["template"]["spec"]["containers"]}
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            container.pop("readinessProbe", None)
            if probes.get(container["name"]):
                container["readinessProbe"] = probes[container["name"]]

    _edit(cluster, DEPLOYMENTS, namespace, name, edit)
