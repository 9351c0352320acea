"""The secrets of a cluster's Hubble Relay, by the names that its Deployment mounts them under.

Helm values may name others than Cilium's own (`hubble.relay.tls.server.existingSecret` and its sisters); whatever the
chart's version calls them, the pod mounts them at fixed paths (cilium templates/hubble-relay/deployment.yaml and
templates/hubble-ui/deployment.yaml). No private key but a client's is ever asked for.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from meshtui.cilium.place import namespace_of
from meshtui.core.errors import ClusterError
from meshtui.kube.api import Api

SERVER_CERTS = "hubble-relay-server-certs"
CLIENT_CERTS = ("hubble-ui-client-certs", "hubble-relay-client-certs")
"""Signed by the authority that a Relay with mTLS asks for (cilium templates/hubble/tls-helm)."""
_DEPLOYMENTS = ("hubble-ui", "hubble-relay")
_RELAY_CONFIG = "hubble-relay-config"
_MUTUAL = "tls-relay-client-ca-files"
"""In the Relay's configuration: it wants client certificates (cilium templates/_extensions.tpl)."""
_SERVER, _CLIENT, _CLIENT_KEY, _RELAY_CA = "server.crt", "client.crt", "client.key", "hubble-relay-ca.crt"
_AUTHORITY = "ca.crt"


class Mounted(Struct, frozen=True):
    """One Secret or ConfigMap in a pod's volume."""

    name: str
    keys: Mapping[str, str]
    """Path in the pod → key in the object."""
    kind: str = "secrets"


async def authority(api: Api) -> bytes | None:
    """The CA of the Relay's certificate; None where we may not read it."""
    mounted = await _mounted(api)
    servers = [each.name for each in mounted if _SERVER in each.keys]
    for name in dict.fromkeys([*servers, SERVER_CERTS]):
        if found := (await _data(api, "secrets", name)).get(_AUTHORITY):
            return found
    for each in mounted:
        if (key := each.keys.get(_RELAY_CA)) and (found := (await _data(api, each.kind, each.name)).get(key)):
            return found
    return None


async def client_pair(api: Api) -> tuple[bytes, bytes] | None:
    """A client certificate and its key, read only where the Relay says that it wants one."""
    try:
        path = f"/api/v1/namespaces/{await namespace_of(api)}/configmaps/{_RELAY_CONFIG}"
        document = await api.get_raw(path)
        wanted = _MUTUAL in str((document.get("data") or {}).get("config.yaml", ""))
    except (ClusterError, AttributeError):
        return None
    if not wanted:
        return None
    usual = {name: {_CLIENT: "tls.crt", _CLIENT_KEY: "tls.key"} for name in CLIENT_CERTS}
    named = {each.name: each.keys for each in await _mounted(api) if {_CLIENT, _CLIENT_KEY} <= each.keys.keys()}
    for name, keys in {**named, **{name: usual[name] for name in usual if name not in named}}.items():
        found = await _data(api, "secrets", name)
        certificate, key = found.get(keys[_CLIENT]), found.get(keys[_CLIENT_KEY])
        if certificate and key:
            return certificate, key
    return None


async def _mounted(api: Api) -> list[Mounted]:
    """What the pods of Hubble's UI and Relay mount; nothing where their Deployments may not be read."""
    found: list[Mounted] = []
    namespace = await namespace_of(api)
    for name in _DEPLOYMENTS:
        try:
            document = await api.get_raw(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
            found += _of_volumes(document["spec"]["template"]["spec"].get("volumes") or [])
        except (ClusterError, KeyError, TypeError, AttributeError):
            continue
    return found


def _of_volumes(volumes: list[Any]) -> Iterator[Mounted]:
    for volume in volumes:
        plain = volume.get("secret")
        if plain:
            yield Mounted(str(plain["secretName"]), _keys(plain))
        for source in (volume.get("projected") or {}).get("sources") or []:
            for what, kind in (("secret", "secrets"), ("configMap", "configmaps")):
                if source.get(what):
                    yield Mounted(str(source[what]["name"]), _keys(source[what]), kind)


def _keys(source: Mapping[str, Any]) -> dict[str, str]:
    return {str(item["path"]): str(item["key"]) for item in source.get("items") or []}


async def _data(api: Api, kind: str, name: str) -> Mapping[str, bytes]:
    """The content of a Secret or a ConfigMap; empty where it is not to be had."""
    try:
        document = await api.get_raw(f"/api/v1/namespaces/{await namespace_of(api)}/{kind}/{name}")
        data = document.get("data") or {}
        if kind == "configmaps":
            return {key: str(value).encode() for key, value in data.items()}
        return {key: base64.b64decode(value) for key, value in data.items()}
    except (ClusterError, ValueError, AttributeError, TypeError):
        return {}
