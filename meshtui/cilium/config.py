"""The cilium-config ConfigMap: what the cluster is called in the mesh and how its policies count."""

from __future__ import annotations

from meshtui.cilium import place, version
from meshtui.core.errors import ClusterError, NotFound
from meshtui.core.model.ciliumstatus import CiliumConfig
from meshtui.core.model.objects import ConfigMap
from meshtui.core.model.resources import CILIUMIDENTITIES, CONFIGMAPS, DAEMONSETS
from meshtui.kube.api import Api

DEFAULT_NAME = "default"
"""Cilium's own default for cluster-name; its default id is 0, no mesh (pkg/clustermesh/types/option.go)."""


async def read_config(api: Api) -> CiliumConfig:
    """Name, id, version, namespace and all keys; raises NotFound when there is no Cilium, and the API's errors."""
    namespace = await place.namespace_of(api)
    try:
        found: ConfigMap = await api.get(CONFIGMAPS, place.CONFIG, namespace)
    except NotFound:
        # Uninstalled, or moved: whoever asks next looks for it anew.
        place.forget(api)
        raise place.nowhere(api) from None
    data = found.data or {}
    return CiliumConfig(
        name=data.get("cluster-name") or DEFAULT_NAME,
        id=_number(data.get("cluster-id", "")),
        data=data,
        version=await _version(api, namespace),
        namespace=namespace,
        identity_ids=await _identity_ids(api, CiliumConfig("", 0, data).id_bits),
    )


async def read_name(api: Api) -> str:
    """What Cilium calls the cluster; raises as `read_config` does."""
    found: ConfigMap = await api.get(CONFIGMAPS, place.CONFIG, await place.namespace_of(api))
    return (found.data or {}).get("cluster-name") or DEFAULT_NAME


async def _version(api: Api, namespace: str) -> tuple[int, int]:
    """A right missing on DaemonSets costs the version, not the configuration."""
    try:
        return version.of_daemonset(await api.get(DAEMONSETS, "cilium", namespace))
    except ClusterError:
        return (0, 0)


async def _identity_ids(api: Api, bits: int) -> tuple[int, ...]:
    """The cluster ids in the first page of identities: a right missing on them costs this alone."""
    ids: set[int] = set()
    try:
        async for identities, _ in api.pages(CILIUMIDENTITIES):
            ids.update(int(each.name) >> bits for each in identities if each.name.isdecimal())
            break
    except ClusterError:
        return ()
    return tuple(sorted(ids))


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0
