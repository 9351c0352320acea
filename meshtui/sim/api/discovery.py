"""What the server can do: API groups and resources, version, health, OpenAPI."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from meshtui.sim.api.errors import NoSuchPath
from meshtui.sim.api.registry import ApiResource, served
from meshtui.sim.world import SimCluster

VERSION: dict[str, str] = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2",
    "gitCommit": "$Format:%H$",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "go1.26.6",
    "compiler": "gc",
    "platform": "linux/amd64",
}
_HEALTH = ("/healthz", "/livez", "/readyz")
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_SUB_KINDS = {
    "exec": "PodExecOptions",
    "attach": "PodAttachOptions",
    "portforward": "PodPortForwardOptions",
    "eviction": "Eviction",
    "binding": "Binding",
    "scale": "Scale",
    "token": "TokenRequest",
}


def answer(request: web.Request, cluster: SimCluster, path: str) -> web.Response:
    """The answer to a path that is no resource's. Raises NoSuchPath."""
    if path == "/version":
        return _json(VERSION)
    if path.startswith(_HEALTH):
        return web.Response(text="ok")
    if path.startswith("/openapi/"):
        from meshtui.sim.api import openapi

        return openapi.answer(request, cluster, path)
    groups = _groups(cluster)
    aggregated = "as=APIGroupDiscoveryList" in request.headers.get("Accept", "")
    match path.strip("/").split("/"):
        case ["api"]:
            return _aggregated({"": groups[""]}) if aggregated else _json(_versions(request))
        case ["apis"]:
            rest = {name: found for name, found in groups.items() if name}
            return _aggregated(rest) if aggregated else _json(_group_list(rest))
        case ["api", "v1"]:
            return _json(_resource_list("v1", groups[""]))
        case ["apis", group] if group in groups:
            return _json({"kind": "APIGroup", "apiVersion": "v1", **_group(groups[group])})
        case ["apis", group, version] if group in groups and groups[group][0].version == version:
            return _json(_resource_list(f"{group}/{version}", groups[group]))
        case [""]:
            return _json({"paths": sorted(_paths(groups))})
        case _:
            raise NoSuchPath


def _json(body: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(body) + b"\n", content_type="application/json")


def _groups(cluster: SimCluster) -> dict[str, list[ApiResource]]:
    groups: dict[str, list[ApiResource]] = {}
    for resource in served(cluster.store):
        groups.setdefault(resource.group, []).append(resource)
    return groups


def _paths(groups: dict[str, list[ApiResource]]) -> list[str]:
    named = [f"/apis/{r[0].group_version}" for group, r in groups.items() if group]
    return ["/api", "/api/v1", "/apis", *named, *_HEALTH, "/openapi/v2", "/openapi/v3", "/version"]


def _versions(request: web.Request) -> dict[str, Any]:
    address = [{"clientCIDR": "0.0.0.0/0", "serverAddress": request.host}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": address}


def _group(resources: list[ApiResource]) -> dict[str, Any]:
    version = {"groupVersion": resources[0].group_version, "version": resources[0].version}
    return {"name": resources[0].group, "versions": [version], "preferredVersion": version}


def _group_list(groups: dict[str, list[ApiResource]]) -> dict[str, Any]:
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(r) for r in groups.values()]}


def _resource_list(group_version: str, resources: list[ApiResource]) -> dict[str, Any]:
    items: list[dict[str, Any]] = []
    for resource in sorted(resources, key=lambda r: r.plural):
        items.append(_item(resource))
        items.extend(_sub_item(resource, sub) for sub in resource.subs)
    return {
        "kind": "APIResourceList",
        **({"apiVersion": "v1"} if group_version != "v1" else {}),
        "groupVersion": group_version,
        "resources": items,
    }


def _item(resource: ApiResource) -> dict[str, Any]:
    item: dict[str, Any] = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short:
        item["shortNames"] = list(resource.short)
    if resource.categories:
        item["categories"] = list(resource.categories)
    return item


def _sub_verbs(sub: str) -> list[str]:
    if sub in ("exec", "attach", "portforward"):
        return ["create", "get"]
    if sub in ("eviction", "binding", "token"):
        return ["create"]
    return ["get"] if sub == "log" else ["get", "patch", "update"]


def _sub_item(resource: ApiResource, sub: str) -> dict[str, Any]:
    item: dict[str, Any] = {
        "name": f"{resource.plural}/{sub}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": _SUB_KINDS.get(sub, resource.kind),
        "verbs": _sub_verbs(sub),
    }
    if sub == "scale":
        item |= {"group": "autoscaling", "version": "v1"}
    return item


def _aggregated(groups: dict[str, list[ApiResource]]) -> web.Response:
    body = {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [_aggregated_group(name, resources) for name, resources in groups.items()],
    }
    data = msgspec.json.encode(body) + b"\n"
    return web.Response(body=data, headers={"Content-Type": _AGGREGATED, "Vary": "Accept"})


def _aggregated_group(name: str, resources: list[ApiResource]) -> dict[str, Any]:
    ordered = sorted(resources, key=lambda r: r.plural)
    version = {
        "version": resources[0].version,
        "resources": [_aggregated_resource(r) for r in ordered],
        "freshness": "Current",
    }
    meta = {"name": name} if name else {}
    return {"metadata": {**meta, "creationTimestamp": None}, "versions": [version]}


def _aggregated_resource(resource: ApiResource) -> dict[str, Any]:
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    found: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": kind,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short:
        found["shortNames"] = list(resource.short)
    if resource.categories:
        found["categories"] = list(resource.categories)
    if resource.subs:
        found["subresources"] = [
            {
                "subresource": sub,
                "responseKind": _sub_kind(resource, sub),
                "verbs": _sub_verbs(sub),
            }
            for sub in resource.subs
        ]
    return found


def _sub_kind(resource: ApiResource, sub: str) -> dict[str, str]:
    if sub == "scale":
        return {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    return {
        "group": resource.group,
        "version": resource.version,
        "kind": _SUB_KINDS.get(sub, resource.kind),
    }
