"""Defaults the API server fills in, and addresses it allocates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.sim.api import custom, schema
from meshtui.sim.api.registry import ApiResource
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster

_SERVICES = ("", "services")


def strict(cluster: SimCluster, resource: ApiResource, obj: Object, query: Mapping[str, str]) -> None:
    """Refuse values of a wrong type and, with `fieldValidation=Strict`, unknown fields. Raises ApiError 400."""
    schema.check_types(resource, obj)
    if query.get("fieldValidation") == "Strict":
        schema.refuse_unknown(resource, obj)
        custom.refuse_unknown(cluster, resource, obj)


def fill(cluster: SimCluster, resource: ApiResource, obj: Object, *, dry: bool = False) -> None:
    """Complete a new object in place."""
    match resource.gvr:
        case ("", "services"):
            _service(cluster, obj)
        case ("", "namespaces"):
            _namespace(obj)
        case ("", "pods"):
            pod_spec(obj.setdefault("spec", {}))
            obj["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
        case ("apps", "deployments"):
            _deployment(obj)
        case ("apps", "daemonsets"):
            pod_spec(obj.setdefault("spec", {}).setdefault("template", {}).setdefault("spec", {}))
            obj["spec"].setdefault("updateStrategy", {"type": "RollingUpdate"})
            obj.setdefault("status", {"numberReady": 0})
        case ("apps", "replicasets" | "statefulsets"):
            obj.setdefault("spec", {}).setdefault("replicas", 1)
            pod_spec(obj["spec"].setdefault("template", {}).setdefault("spec", {}))
            obj.setdefault("status", {"replicas": 0})
        case ("", "secrets"):
            obj.setdefault("type", "Opaque")
        case ("networking.k8s.io", "networkpolicies"):
            _network_policy(obj)
        case _:
            custom.complete(cluster, resource, obj)


def refill(cluster: SimCluster, resource: ApiResource, old: Object, new: Object) -> None:
    """Complete a changed object in place; what was allocated stays."""
    match resource.gvr:
        case ("", "services"):
            for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                if field in old.get("spec", {}):
                    new.setdefault("spec", {}).setdefault(field, old["spec"][field])
            _service(cluster, new)
        case ("apps", "deployments"):
            _deployment(new)
        case ("networking.k8s.io", "networkpolicies"):
            _network_policy(new)
        case _:
            custom.complete(cluster, resource, new)


def _namespace(obj: Object) -> None:
    name = obj["metadata"]["name"]
    obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name
    obj["spec"] = {"finalizers": ["kubernetes"]}
    obj["status"] = {"phase": "Active"}


def _service(cluster: SimCluster, obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
        if spec["type"] in ("NodePort", "LoadBalancer") and not port.get("nodePort"):
            port["nodePort"] = _node_port(cluster)
    if spec["type"] == "ExternalName":
        obj.setdefault("status", {"loadBalancer": {}})
        return
    if not spec.get("clusterIP"):
        spec["clusterIP"] = _cluster_ip(cluster)
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    obj.setdefault("status", {"loadBalancer": {}})


def _cluster_ip(cluster: SimCluster) -> str:
    """A free address in the range the cluster's Services are in."""
    used = {s.get("spec", {}).get("clusterIP") for s in cluster.store.list(_SERVICES)}
    api = cluster.store.get(_SERVICES, "default", "kubernetes")
    first = (api or {}).get("spec", {}).get("clusterIP") or f"10.{95 + cluster.id}.0.1"
    a, b, c, _ = (int(p) for p in first.split("."))
    for _ in range(4096):
        address = f"{a}.{b}.{c + cluster.world.rng.randrange(16)}.{cluster.world.rng.randrange(2, 255)}"
        if address not in used:
            return address
    raise AssertionError("no free service address")


def _node_port(cluster: SimCluster) -> int:
    services = cluster.store.list(_SERVICES)
    used = {p.get("nodePort") for s in services for p in s.get("spec", {}).get("ports") or []}
    return next(p for p in iter(lambda: cluster.world.rng.randrange(30000, 32768), 0) if p not in used)


def _deployment(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    if spec.get("replicas") is None:
        spec["replicas"] = 1
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))


def pod_spec(spec: Object) -> None:
    """Complete a pod's spec in place."""
    known: dict[str, Any] = {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    }
    for field, value in known.items():
        spec.setdefault(field, value)
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        _container(container)


def _container(container: Object) -> None:
    image = str(container.get("image", ""))
    latest = ":" not in image.rpartition("/")[2] or image.endswith(":latest")
    container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    for port in container.get("ports") or []:
        port.setdefault("protocol", "TCP")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            _probe(container[name])


def _probe(probe: Object) -> None:
    known = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    for field, value in known.items():
        probe.setdefault(field, value)
    if "httpGet" in probe:
        probe["httpGet"].setdefault("scheme", "HTTP")


def _network_policy(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("podSelector", {})
    if "policyTypes" not in spec:
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    for rule in [*(spec.get("ingress") or []), *(spec.get("egress") or [])]:
        for port in rule.get("ports") or []:
            port.setdefault("protocol", "TCP")
