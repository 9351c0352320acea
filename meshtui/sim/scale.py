"""More than was recorded: further clusters, nodes and services in the recorded shapes."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from meshtui.sim.options import SimOptions

Object = dict[str, Any]
NodeIp = Callable[[int, int], str]
"""InternalIP by the cluster's number (from 1) and the node's index (from 0)."""
DOCUMENTATION = ("192.0.2", "198.51.100", "203.0.113")
NAMESPACES = 10
WORKLOADS_PER_NAMESPACE = 4
_IDENTITY = re.compile(
    r"\b(6553[6-9]|65[6-9]\d\d|6[6-9]\d{3}|[7-9]\d{4}|1[0-2]\d{4}|130\d{3}|131[0-6]\d\d|1310[0-6]\d)\b"
)
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def adapt(found: list[Object], name: str, number: int, meshed: tuple[str, ...], ip: NodeIp) -> list[Object]:
    """Turn what was recorded of Koornacht into another cluster, give nodes their addresses, and let the mesh secrets
    name all of `meshed`.
    """
    if name not in ("koornacht", "tion"):
        found = [_renamed(obj, name, number) for obj in found]
    if ip is not recorded_ip:
        found = [_readdressed(obj, recorded_ip(number, 0), ip(number, 0)) for obj in found]
    others = [(other, n) for n, other in enumerate(meshed, 1) if other != name]
    for obj in found:
        if obj["kind"] == "Secret" and obj["metadata"]["name"] in ("cilium-clustermesh", "cilium-kvstoremesh"):
            obj["data"] = {other: _endpoints(obj["metadata"]["name"], other, ip(n, 0)) for other, n in others}
    return found


def recorded_ip(number: int, index: int) -> str:
    """InternalIP of a cluster's node in a recorded step; the first nodes continue 172.18.0.2 and .3."""
    return f"172.18.0.{number + 1}" if index == 0 else f"172.18.{number}.{index + 1}"


def nobodys_ip(number: int, index: int) -> str:
    """InternalIP of a cluster's node that is never anybody's: for documentation (RFC 5737) or benchmarks (RFC 2544)."""
    if number <= len(DOCUMENTATION):
        return f"{DOCUMENTATION[number - 1]}.{index + 2}"
    return f"198.18.{number}.{index + 2}"


def _readdressed(obj: Object, old: str, new: str) -> Object:
    text = json.dumps(obj)
    if old not in text:
        return obj
    result: Object = msgspec.json.decode(re.sub(re.escape(old) + r"(?!\d)", new, text))
    return result


def unpublished(found: list[Object]) -> None:
    """Take away the ports at which a Relay and its pages are published on nodes: nobody is to dial those addresses."""
    for obj in found:
        if obj["kind"] == "Service" and obj["metadata"]["name"].startswith("hubble-"):
            spec = obj["spec"]
            if spec.get("type") == "NodePort":
                spec["type"] = "ClusterIP"
                spec.pop("externalTrafficPolicy", None)
                for port in spec["ports"]:
                    port.pop("nodePort", None)


def _endpoints(kind: str, other: str, address: str) -> str:
    local = kind == "cilium-clustermesh"
    host = "clustermesh-apiserver.kube-system.svc:2379" if local else f"{other}.mesh.cilium.io:32379"
    prefix = "local" if local else "common"
    path = f"/var/lib/cilium/clustermesh/{prefix}-etcd-client"
    text = f"endpoints:\n- https://{host}\ntrusted-ca-file: {path}-ca.crt\nkey-file: {path}.key\ncert-file: {path}.crt"
    if not local:
        alias = f"{other}.mesh.cilium.io\n  ips: \n    - {address}"
        text += f"\ncilium-host-aliases:\n- hostname: {alias}"
    return base64.b64encode(text.encode()).decode()


def _renamed(obj: Object, name: str, number: int) -> Object:
    if obj["kind"] == "ConfigMap" and "cluster-id" in obj.get("data", {}):
        obj["data"]["cluster-id"] = str(number)
    text = json.dumps(obj)
    text = text.replace("koornacht", name).replace("Koornacht", name.title()).replace("N'Zoth", f"{name.title()} Prime")
    text = text.replace("10.1.0.", f"10.{number}.0.").replace("172.20.1.", f"172.20.{number}.")
    text = text.replace("172.18.0.2", recorded_ip(number, 0))
    if obj["kind"] in ("CiliumEndpoint", "CiliumIdentity"):
        text = _IDENTITY.sub(lambda m: str(int(m[0]) % 65536 + number * 65536), text)
    renamed = _UID.sub(lambda m: str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}/{m[0]}")), text)
    result: Object = msgspec.json.decode(renamed)
    return result


def grow(found: list[Object], name: str, number: int, options: SimOptions, *, installed: bool, seeded: bool) -> None:
    """Add nodes and `options.services` more in the shapes that are there."""
    _add_nodes(found, name, number, options, installed=installed)
    if seeded and options.services:
        names = [o["metadata"]["name"] for o in found if o["kind"] == "Node"]
        _add_services(found, name, number, names, options.services)


def node_ip(options: SimOptions) -> NodeIp:
    """How nodes are addressed."""
    return recorded_ip if options.recorded else nobodys_ip


def _first(found: list[Object], kind: str, prefix: str = "") -> Object | None:
    for obj in found:
        if obj["kind"] == kind and obj["metadata"]["name"].startswith(prefix):
            return obj
    return None


def _add_nodes(found: list[Object], name: str, number: int, options: SimOptions, *, installed: bool) -> None:
    """The workers: each a Node, and with Cilium installed its CiliumNode and agent pod."""
    nodes, ip = options.nodes_each, node_ip(options)
    agent = _first(found, "Pod", "cilium-") if installed else None
    shapes = [json.dumps(o) for o in (_first(found, "Node"), _first(found, "CiliumNode"), agent) if o is not None]
    for index in range(1, nodes):
        found += [_worker(shape, name, number, index, ip) for shape in shapes]
    daemonset = _first(found, "DaemonSet", "cilium")
    if daemonset is not None and nodes > 1:
        for key in ("currentNumberScheduled", "desiredNumberScheduled", "numberAvailable", "numberReady"):
            daemonset["status"][key] = nodes
        daemonset["status"]["updatedNumberScheduled"] = nodes


def _worker(text: str, name: str, number: int, index: int, ip: NodeIp) -> Object:
    """An object of the first node as the worker with that index has it."""
    owners = msgspec.json.decode(text)["metadata"].get("ownerReferences") or []
    worker = f"{name}-worker{index if index > 1 else ''}"
    text = text.replace(f"10.{number}.0.", f"10.{number}.{index}.").replace(f"{name}-control-plane", worker)
    text = re.sub(re.escape(ip(number, 0)) + r"(?!\d)", ip(number, index), text)
    text = _UID.sub(lambda m: str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{worker}/{m[0]}")), text)
    made: Object = msgspec.json.decode(text)
    if made["kind"] == "Pod":
        # Its DaemonSet is that of every node.
        made["metadata"]["ownerReferences"] = owners
        made["metadata"]["name"] = f"cilium-{uuid.uuid5(uuid.NAMESPACE_DNS, worker).hex[:5]}"
    made["metadata"].pop("resourceVersion", None)
    return made


def _address(number: int, node: int, slot: int) -> str:
    return f"10.{number}.{node}.{200 + slot}"


def _add_services(found: list[Object], name: str, number: int, nodes: list[str], count: int) -> None:
    """`count` Services over ten namespaces; several share the pods of one workload, every fourth is global."""
    template = _first(found, "Pod", "rebel-base")
    if template is None:
        return
    workloads = []
    for space in range(NAMESPACES):
        namespace = f"team-{space:02d}"
        found.append(_namespace(namespace, name))
        for group in range(WORKLOADS_PER_NAMESPACE):
            slot = space * WORKLOADS_PER_NAMESPACE + group
            workloads.append(_workload(found, template, (name, number), namespace, f"app-{group}", slot, nodes))
    for index in range(count):
        namespace, app, endpoints = workloads[index % len(workloads)]
        service = f"svc-{index:04d}"
        annotations = {"service.cilium.io/global": "true"} if index % 4 == 0 else {}
        address = f"172.{24 + number % 8}.{index // 250}.{index % 250 + 1}"
        uid = _uid(name, namespace, service)
        found.append(_service(namespace, service, uid, app, annotations, address))
        found.append(_slice(namespace, service, uid, endpoints))


def _uid(*parts: str) -> str:
    h = hashlib.blake2b("/".join(parts).encode(), digest_size=16).hexdigest()
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-8{h[17:20]}-{h[20:]}"


def _namespace(namespace: str, cluster: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": namespace,
            "uid": _uid(cluster, namespace),
            "labels": {"kubernetes.io/metadata.name": namespace},
        },
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def _workload(
    found: list[Object],
    template: Object,
    cluster: tuple[str, int],
    namespace: str,
    app: str,
    slot: int,
    nodes: list[str],
) -> tuple[str, str, list[Object]]:
    """A bare two-pod workload with its CiliumEndpoints and identity; returns its endpoints for slices."""
    name, number = cluster
    identity = number * 65536 + 20000 + slot
    labels = {
        "k8s:app": app,
        "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name": namespace,
        "k8s:io.cilium.k8s.policy.cluster": name,
        "k8s:io.cilium.k8s.policy.serviceaccount": "default",
        "k8s:io.kubernetes.pod.namespace": namespace,
    }
    found.append(
        {
            "apiVersion": "cilium.io/v2",
            "kind": "CiliumIdentity",
            "metadata": {"name": str(identity), "labels": {"io.kubernetes.pod.namespace": namespace}},
            "security-labels": labels,
        }
    )
    endpoints = []
    for index in range(2):
        # The control plane takes no workloads where there are workers.
        node = 1 + (slot + index) % (len(nodes) - 1) if len(nodes) > 1 else 0
        address = _address(number, node, slot)
        if index and len(nodes) < 3:
            address = f"10.{number}.{node}.{150 + slot}"
        pod = _pod(template, name, namespace, f"{app}-{index}", app, address, nodes[node])
        found.append(pod)
        found.append(_endpoint(pod, identity, labels, 4000 + slot * 2 + index))
        target = {"kind": "Pod", "namespace": namespace, "name": pod["metadata"]["name"]}
        endpoints.append(
            {
                "addresses": [address],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": nodes[node],
                "targetRef": {**target, "uid": pod["metadata"]["uid"]},
            }
        )
    return namespace, app, endpoints


def _pod(template: Object, cluster: str, namespace: str, name: str, app: str, address: str, node: str) -> Object:
    pod = copy.deepcopy(template)
    meta = pod["metadata"]
    for key in ("ownerReferences", "generateName", "resourceVersion"):
        meta.pop(key, None)
    meta.update(name=name, namespace=namespace, uid=_uid(cluster, namespace, name), labels={"app": app})
    spec = pod["spec"]
    spec["nodeName"] = node
    spec["volumes"] = []
    for container in spec["containers"]:
        container.update(name=app, volumeMounts=[], ports=[{"containerPort": 80, "protocol": "TCP"}])
        container.pop("livenessProbe", None)
        container.pop("readinessProbe", None)
    pod["status"].update(podIP=address, podIPs=[{"ip": address}])
    for status in pod["status"].get("containerStatuses", []):
        status.update(name=app, volumeMounts=[])
    return pod


def _endpoint(pod: Object, identity: int, labels: dict[str, str], number: int) -> Object:
    meta = pod["metadata"]
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumEndpoint",
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "labels": meta["labels"],
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}],
        },
        "status": {
            "encryption": {},
            "id": number,
            "identity": {"id": identity, "labels": [f"{k}={v}" for k, v in labels.items()]},
            "networking": {"addressing": [{"ipv4": pod["status"]["podIP"]}], "node": pod["status"]["hostIP"]},
            "service-account": "default",
            "state": "ready",
        },
    }


def _service(namespace: str, name: str, uid: str, app: str, annotations: dict[str, str], address: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            **({"annotations": annotations} if annotations else {}),
        },
        "spec": {
            "ports": [{"protocol": "TCP", "port": 80, "targetPort": 80}],
            "selector": {"app": app},
            "clusterIP": address,
            "clusterIPs": [address],
            "type": "ClusterIP",
            "sessionAffinity": "None",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
        },
        "status": {"loadBalancer": {}},
    }


def _slice(namespace: str, service: str, uid: str, endpoints: list[Object]) -> Object:
    owner = {"apiVersion": "v1", "kind": "Service", "name": service, "uid": uid}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service}-{uid[:5]}",
            "generateName": f"{service}-",
            "namespace": namespace,
            "labels": {
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                "kubernetes.io/service-name": service,
            },
            "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "", "protocol": "TCP", "port": 80}],
    }
