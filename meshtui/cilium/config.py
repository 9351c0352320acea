"""The cilium-config ConfigMap: what the cluster is called in the mesh and how its policies count."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from meshtui.cilium import place, version
from meshtui.core.errors import ClusterError
from meshtui.core.model.ciliumstatus import CiliumConfig
from meshtui.core.model.resources import CILIUMIDENTITIES, DAEMONSETS
from meshtui.kube.api import Api

DEFAULT_NAME = "default"
"""Cilium's own default for cluster-name; its default id is 0, no mesh (pkg/clustermesh/types/option.go)."""


async def read_config(api: Api, *, identities: bool = True) -> CiliumConfig:
    """Name, id, version, namespace and all keys; with `identities` which clusters' are found in it.

    Raises NotFound when there is no Cilium, and the API's errors.
    """
    namespace = await place.namespace_of(api)
    reading: list[Awaitable[Any]] = [_data(api), _version(api, namespace)]
    data, found, numbers = await asyncio.gather(*reading, _identities(api) if identities else _none())
    return CiliumConfig(
        name=data.get("cluster-name") or DEFAULT_NAME,
        id=_number(data.get("cluster-id", "")),
        data=data,
        version=found,
        namespace=namespace,
        identity_ids=tuple(sorted({number >> CiliumConfig("", 0, data).id_bits for number in numbers})),
    )


async def read_name(api: Api) -> str:
    """What Cilium calls the cluster; raises as `read_config` does."""
    return (await _data(api)).get("cluster-name") or DEFAULT_NAME


async def _version(api: Api, namespace: str) -> tuple[int, int]:
    """A right missing on DaemonSets costs the version, not the configuration."""
    try:
        return version.of_daemonset(await api.get(DAEMONSETS, "cilium", namespace))
    except ClusterError:
        return (0, 0)


async def _data(api: Api) -> dict[str, str]:
    return (await place.config_of(api)).data or {}


async def _identities(api: Api) -> tuple[int, ...]:
    """The numbers in the first page of identities: a right missing on them costs this alone."""
    try:
        async for identities, _ in api.pages(CILIUMIDENTITIES):
            return tuple(int(each.name) for each in identities if each.name.isdecimal())
    except ClusterError:
        pass
    return ()


async def _none() -> tuple[int, ...]:
    return ()


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0
