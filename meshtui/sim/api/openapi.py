"""OpenAPI v3 per group, enough for `kubectl explain`, for apply's merges and its field validation."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from aiohttp import web

from meshtui.sim.api.errors import NoSuchPath
from meshtui.sim.api.registry import ApiResource, served
from meshtui.sim.api.schema import inner, name_of, types
from meshtui.sim.api.strategic import merge_key
from meshtui.sim.crd import kinds
from meshtui.sim.datapath.view import view
from meshtui.sim.world import SimCluster

_V2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""Answers a request for `…spec.v2@v1.0+protobuf`: a media type may hold no @ (kube-openapi pkg/handler)."""
_PREFIX = "io.k8s."
_SCALARS: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer", "format": "int32"},
    "bool": {"type": "boolean"},
    "float": {"type": "number", "format": "double"},
    "datetime": {"type": "string", "format": "date-time"},
    "int|str": {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
    "bytes|str": {"type": "string", "format": "byte"},
}


def answer(request: web.Request, cluster: SimCluster, path: str) -> web.Response:
    """The answer to `/openapi/v2` and `/openapi/v3…`. Raises NoSuchPath."""
    if path == "/openapi/v2":
        return _v2(request)
    groups: dict[str, list[ApiResource]] = {}
    for resource in served(cluster.store):
        root = "apis/" if resource.group else "api/"
        groups.setdefault(root + resource.group_version, []).append(resource)
    if path == "/openapi/v3":
        return _json({"paths": {name: {"serverRelativeURL": _url(name)} for name in groups}})
    name = path.removeprefix("/openapi/v3/")
    if name not in groups:
        raise NoSuchPath
    return _json(_document(name, groups[name], view(cluster).version))


def _json(body: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")


def _v2(request: web.Request) -> web.Response:
    """Swagger without definitions: clients that ask for version 3 first never look inside."""
    if "protobuf" in request.headers.get("Accept", ""):
        return web.Response(body=b"", headers={"Content-Type": _V2})
    info = {"title": "Kubernetes", "version": "v1.36.2"}
    return _json({"swagger": "2.0", "info": info, "paths": {}, "definitions": {}})


def _url(name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()[:32].upper()
    return f"/openapi/v3/{name}?hash={digest}"


def _document(name: str, resources: list[ApiResource], version: tuple[int, int]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for resource in resources:
        schemas[_schema_name(resource)] = _root(resource, version)
        if not resource.custom:
            _reach(name_of(resource), schemas)
        paths |= _paths(name, resource)
    _reach("ObjectMeta", schemas)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.2"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _schema_name(resource: ApiResource) -> str:
    if resource.custom:
        return f"io.cilium.{resource.version}.{resource.kind}"
    return _PREFIX + (name_of(resource) or resource.kind)


def _gvk(resource: ApiResource) -> dict[str, str]:
    return {"group": resource.group, "kind": resource.kind, "version": resource.version}


def _root(resource: ApiResource, version: tuple[int, int]) -> dict[str, Any]:
    name = name_of(resource)
    if name:
        return {**_definition(name), "x-kubernetes-group-version-kind": [_gvk(resource)]}
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "type": "object",
        "description": f"{resource.kind} is defined by Cilium; docs.cilium.io describes its fields.",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"allOf": [{"$ref": f"#/components/schemas/{_PREFIX}ObjectMeta"}], "default": {}},
            "status": anything,
            **(kinds.schema(resource.gvr, version) or {"properties": {"spec": anything}})["properties"],
        },
        "x-kubernetes-group-version-kind": [_gvk(resource)],
    }


def _reach(name: str, schemas: dict[str, Any]) -> None:
    """Add a definition and all it refers to."""
    fields = types().get(name)
    if fields is None:
        return
    schemas.setdefault(_PREFIX + name, _definition(name))
    for kind, _ in fields.values():
        found = inner(kind)[1]
        if found in types() and _PREFIX + found not in schemas:
            _reach(found, schemas)


def _definition(name: str) -> dict[str, Any]:
    properties = {}
    for field, (kind, told) in types()[name].items():
        properties[field] = _property(kind)
        if told:
            properties[field]["description"] = told
        key = merge_key(field, ("containers",) if name == "Container" else ()) if "list[" in kind else ""
        if key and name not in ("EndpointSlice", "EndpointSubset"):
            properties[field]["x-kubernetes-patch-merge-key"] = key
            properties[field]["x-kubernetes-patch-strategy"] = "merge"
    return {"type": "object", "description": f"{name} of the Kubernetes API.", "properties": properties}


def _property(kind: str) -> dict[str, Any]:
    container, held = inner(kind)
    if container == "list":
        return {"type": "array", "items": _held(held)}
    if container == "dict":
        return {"type": "object", "additionalProperties": _held(held)}
    return _held(held)


def _held(kind: str) -> dict[str, Any]:
    if kind in types():
        return {"allOf": [{"$ref": f"#/components/schemas/{_PREFIX}{kind}"}], "default": {}}
    if kind.startswith(("list[", "dict[")):
        return _property(kind)
    return dict(_SCALARS.get(kind, {"type": "object"}))


def _paths(name: str, resource: ApiResource) -> dict[str, Any]:
    """The object's own path: kubectl looks there whether patch knows fieldValidation."""
    scope = "/namespaces/{namespace}" if resource.namespaced else ""
    names = ("dryRun", "fieldManager", "fieldValidation")
    parameters = [{"name": n, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for n in names]
    ref = {"$ref": f"#/components/schemas/{_schema_name(resource)}"}
    answers = {"200": {"description": "OK", "content": {"application/json": {"schema": ref}}}}
    found: dict[str, Any] = {}
    for method, action in (("get", "get"), ("put", "put"), ("patch", "patch"), ("delete", "delete")):
        found[method] = {
            "responses": answers,
            "parameters": parameters if method in ("put", "patch") else [],
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": _gvk(resource),
        }
    return {f"/{name}{scope}/{resource.plural}/{{name}}": found}
