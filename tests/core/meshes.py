"""Small meshes made by hand, through the same reducer a session uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import CiliumConfig
from meshtui.core.model.reduce import reduce

KEY = "default/web"
GLOBAL = {"service.cilium.io/global": "true"}


def service(
    annotations: Mapping[str, str] | None = None,
    *,
    key: str = KEY,
    ports: Sequence[Mapping[str, Any]] = ({"port": 80},),
    **spec: Any,
) -> o.Service:
    """A Service as the API server would send it."""
    namespace, name = key.split("/")
    return msgspec.convert(
        {
            "metadata": {"name": name, "namespace": namespace, "annotations": dict(annotations or {})},
            "spec": {"clusterIP": "172.20.0.1", "ipFamilies": ["IPv4"], "ports": list(ports), **spec},
        },
        o.Service,
    )


def endpoint(ip: str, pod: str = "", **conditions: Any) -> dict[str, Any]:
    """One endpoint on node `n`."""
    target = {"kind": "Pod", "namespace": "default", "name": pod or f"web-{ip}"}
    return {"addresses": [ip], "conditions": conditions, "targetRef": target, "nodeName": "n"}


def endpointslice(
    endpoints: Sequence[Mapping[str, Any]],
    *,
    key: str = KEY,
    name: str = "",
    ports: Sequence[Mapping[str, Any]] = ({"name": "", "port": 80},),
    labels: Mapping[str, str] | None = None,
    family: str = "IPv4",
) -> o.EndpointSlice:
    """An EndpointSlice of a service."""
    namespace, owner = key.split("/")
    return msgspec.convert(
        {
            "metadata": {
                "name": name or f"{owner}-abc",
                "namespace": namespace,
                "labels": {"kubernetes.io/service-name": owner, **(labels or {})},
            },
            "addressType": family,
            "endpoints": list(endpoints),
            "ports": list(ports),
        },
        o.EndpointSlice,
    )


def pod(name: str, labels: Mapping[str, str], namespace: str = "default", **spec: Any) -> o.Pod:
    """A pod on node `n`."""
    raw = {
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {"nodeName": "n", "serviceAccountName": "default", **spec},
        "status": {"podIP": "10.0.0.1"},
    }
    return msgspec.convert(raw, o.Pod)


def policy(spec: Mapping[str, Any], name: str = "p", namespace: str = "default", **more: Any) -> o.Policy:
    """A CiliumNetworkPolicy, or a clusterwide one where `namespace` is empty."""
    return msgspec.convert({"metadata": {"name": name, "namespace": namespace}, "spec": spec, **more}, o.Policy)


def mesh(*names: str, version: tuple[int, int] = (1, 21), **data: str) -> s.Mesh:
    """Clusters a, b, … (or the names given), with ids from 1, all lists known and empty but namespace default."""
    made = s.Mesh()
    for number, name in enumerate(names or ("a", "b")):
        made.clusters[name] = s.Cluster(name, name.upper(), number)
        config = {k.replace("_", "-"): v for k, v in data.items()}
        reduce(made, s.ConfigRead(name, CiliumConfig(name, number + 1, config, version)))
        for resource in r.WATCHED:
            reduce(made, s.Listed(name, resource, {}, 0.0))
        labels = {"kubernetes.io/metadata.name": "default"}
        put(made, name, msgspec.convert({"metadata": {"name": "default", "labels": labels}}, o.Namespace))
    return made


def put(made: s.Mesh, context: str, *objects: o.Object) -> s.Delta:
    """Add or replace objects."""
    kinds = {
        o.Service: r.SERVICES,
        o.EndpointSlice: r.ENDPOINTSLICES,
        o.Pod: r.PODS,
        o.Policy: r.CNPS,
        o.Namespace: r.NAMESPACES,
    }
    delta = s.Delta()
    for item in objects:
        resource = kinds[type(item)]
        if resource is r.CNPS and not item.namespace:
            resource = r.CCNPS
        if getattr(item, "kind", "") == "NetworkPolicy":
            resource = r.NETWORKPOLICIES
        delta.merge(reduce(made, s.Changed(context, resource, {item.key: item}, 0.0)))
    return delta


def remove(made: s.Mesh, context: str, resource: r.Resource, key: str) -> s.Delta:
    """Delete one object."""
    return reduce(made, s.Changed(context, resource, {key: None}, 0.0))


def web(made: s.Mesh, context: str, annotations: Mapping[str, str] | None, ready: int, **spec: Any) -> None:
    """Service `default/web` with `ready` endpoints, whose addresses begin with the cluster's number."""
    number = list(made.clusters).index(context) + 1
    put(made, context, service(annotations, **spec))
    put(made, context, endpointslice([endpoint(f"10.{number}.0.{i + 1}") for i in range(ready)]))
