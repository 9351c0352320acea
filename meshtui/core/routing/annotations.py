"""What a Service's mesh annotations say, and what Cilium makes of them in each version."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import lru_cache

import msgspec
from msgspec import Struct

from meshtui.core.model import objects as o
from meshtui.core.model.ciliumstatus import CiliumConfig

GLOBAL = "service.cilium.io/global"
SHARED = "service.cilium.io/shared"
AFFINITY = "service.cilium.io/affinity"
SYNC_SLICES = "service.cilium.io/global-sync-endpoint-slices"
NAMESPACE_GLOBAL = "clustermesh.cilium.io/global"

ALIASES: Mapping[str, str] = {
    GLOBAL: "io.cilium/global-service",
    SHARED: "io.cilium/shared-service",
    AFFINITY: "io.cilium/service-affinity",
}
"""Older spelling of each key, still read (cilium pkg/annotation/k8s.go)."""

KEYS: Mapping[str, str] = {"global": GLOBAL, "shared": SHARED, "affinity": AFFINITY}
"""What the toggles are called → the annotation they write."""

UNKNOWN_VERSION = (0, 0)
_AFFINITY_BUG = ((1, 18), (1, 19))
_SERVICES_GATED = (1, 20)
"""From here on a namespace that is kept out keeps its Services in, too; 1.19 (a build of Jan 2026, measured) held back
identities and endpoints alone."""


class Affinity(Enum):
    """Which side a cluster's clients prefer."""

    NONE = "none"
    LOCAL = "local"
    REMOTE = "remote"
    DROPS_REMOTE = "drops remote"
    """A value that Cilium 1.18 and 1.19 misread: no remote backend is ever used."""


class Written(Struct, frozen=True):
    """One annotation as it stands on the object. `value` None: neither key is there."""

    value: str | None = None
    key: str = ""
    """The key that is read."""
    ignored: tuple[str, str] | None = None
    """The alias and its value, when it is there too and therefore never read."""


class Effective(Struct, frozen=True):
    """What the annotations of one cluster's Service amount to there."""

    global_: bool
    shared: bool
    """Takes the word of `shared` alone; False whenever the service is not global."""
    affinity: Affinity
    namespace_global: bool
    headless: bool
    synced_slices: bool
    """The operator mirrors remote endpoints into EndpointSlices here (DNS of headless services)."""
    written_global: Written
    written_shared: Written
    written_affinity: Written

    @property
    def exported(self) -> bool:
        """Whether the other clusters get this cluster's backends.

        Source: clustermesh-apiserver/clustermesh/service_sync.go and pkg/clustermesh/namespace.
        """
        return self.shared and self.namespace_global

    def written(self, what: str) -> Written:
        """The annotation behind `global`, `shared` or `affinity`."""
        if what == "global":
            return self.written_global
        return self.written_shared if what == "shared" else self.written_affinity

    @property
    def meant(self) -> bool:
        """Whether it is global, or any of the annotations is written."""
        written = self.written_global, self.written_shared, self.written_affinity
        return self.global_ or any(each.value is not None for each in written)

    def inactive(self, what: str) -> bool:
        """Whether `shared` or `affinity` is written but not read, because the service is not global."""
        return what != "global" and not self.global_ and self.written(what).value is not None


_ABSENT = Written()


def read(annotations: Mapping[str, str], key: str) -> Written:
    """The annotation `key` or its alias: a key that exists wins, even when empty.

    Source: cilium pkg/annotation/clustermesh.go, `annotation.Get`.
    """
    alias = ALIASES.get(key, "")
    value = annotations.get(key)
    if value is not None:
        old = annotations.get(alias) if alias else None
        return Written(value, key, None if old is None else (alias, old))
    if alias and (value := annotations.get(alias)) is not None:
        return Written(value, alias)
    return _ABSENT


def is_true(value: str | None) -> bool:
    """Only `true` in any case is true: no trimming, no `1`, no `yes` (pkg/annotation/clustermesh.go)."""
    return value is not None and value.lower() == "true"


def affinity_of(value: str | None, version: tuple[int, int]) -> Affinity:
    """The meaning of an affinity value; an unknown word means none, but see the bug.

    Cilium 1.18 and 1.19 treat the literal `none`, like every unknown word, as neither local nor remote and
    drop all remote backends; repaired by cilium commit ef17c6897c (GitHub #46623). An unknown version counts
    as repaired. Source: pkg/clustermesh/loadbalancer/selectbackends.go.
    """
    word = (value or "").lower()
    if word == "local":
        return Affinity.LOCAL
    if word == "remote":
        return Affinity.REMOTE
    return Affinity.DROPS_REMOTE if word and version in _AFFINITY_BUG else Affinity.NONE


def affinity_known(value: str | None) -> bool:
    """Whether Cilium documents this word: `local`, `remote`, `none` or nothing."""
    return (value or "").lower() in ("", "none", "local", "remote")


def namespace_is_global(namespace: o.Namespace | None, config: CiliumConfig | None) -> bool:
    """Whether a namespace takes part in the mesh: its annotation, else the cluster's default.

    Exists since 1.19; a value that is there but not `true` is false. It decides over identities and endpoints; over
    Services from 1.20 on (see `effective`). Source: pkg/clustermesh/namespace.
    """
    version = config.version if config else UNKNOWN_VERSION
    if version != UNKNOWN_VERSION and version < (1, 19):
        return True
    value = (namespace.metadata.annotations or {}).get(NAMESPACE_GLOBAL) if namespace else None
    if value is not None:
        return is_true(value)
    return config.default_global_namespace if config else True


def is_headless(service: o.Service) -> bool:
    """Whether the service has no address of its own and thus no frontend in Cilium's tables."""
    return service.spec.cluster_ip == "None"


def syncs_slices(service: o.Service, config: CiliumConfig | None) -> bool:
    """Whether the operator mirrors remote endpoints into this cluster's API.

    Needs the operator's option; the default is on for headless services only, and the alias of `global` does
    not count here. Source: pkg/clustermesh/endpointslicesync.
    """
    if config is None or not is_true(config.data.get("clustermesh-enable-endpoint-sync")):
        return False
    annotations = service.annotations
    if not is_true(annotations.get(GLOBAL)):
        return False
    value = annotations.get(SYNC_SLICES)
    return is_headless(service) if value is None else is_true(value)


def effective(service: o.Service, namespace: o.Namespace | None, config: CiliumConfig | None) -> Effective:
    """What one cluster's Service does in the mesh, from its own objects and its own cilium-config.

    `shared` defaults to true on a global service and is forced to false on any other; affinity is read only
    when global. Source: pkg/annotation/clustermesh.go (GetAnnotationShared, GetAnnotationServiceAffinity).
    """
    headless = is_headless(service)
    synced = syncs_slices(service, config) if config is not None else False
    version = config.version if config else UNKNOWN_VERSION
    gated = version == UNKNOWN_VERSION or version >= _SERVICES_GATED
    exported = not gated or namespace_is_global(namespace, config)
    annotations = service.metadata.annotations
    if not annotations:
        return _effective(_NOTHING, version, exported, headless, synced)
    return _effective(tuple(map(annotations.get, _READ)), version, exported, headless, synced)


_READ = (*ALIASES.keys(), *ALIASES.values())
_NOTHING: tuple[str | None, ...] = (None,) * len(_READ)


@lru_cache(maxsize=4096)
def _effective(
    values: tuple[str | None, ...], version: tuple[int, int], exported: bool, headless: bool, synced: bool
) -> Effective:
    """Thousands of services say the same few things: one object for all of them.

    Without that a table of 5,000 services in 8 clusters is 160,000 more objects for the collector to walk.
    """
    annotations = {key: value for key, value in zip(_READ, values, strict=True) if value is not None}
    written_global, written_shared, written_affinity = (read(annotations, key) for key in (GLOBAL, SHARED, AFFINITY))
    is_global = is_true(written_global.value)
    return Effective(
        global_=is_global,
        shared=is_global and (written_shared.value is None or is_true(written_shared.value)),
        affinity=affinity_of(written_affinity.value, version) if is_global else Affinity.NONE,
        namespace_global=exported,
        headless=headless,
        synced_slices=is_global and synced,
        written_global=written_global,
        written_shared=written_shared,
        written_affinity=written_affinity,
    )


def changed(service: o.Service, annotations: Mapping[str, str | None]) -> o.Service:
    """A copy of `service` with annotations set, or removed where the value is None."""
    merged = dict(service.annotations)
    for key, value in annotations.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return msgspec.structs.replace(service, metadata=msgspec.structs.replace(service.metadata, annotations=merged))


class Reader:
    """`effective` for the many services of one cluster as it is now: what was worked out once stands for all alike."""

    def __init__(self, namespaces: Mapping[str, o.Namespace], config: CiliumConfig | None) -> None:
        self._namespaces = namespaces
        self._config = config
        self._known: dict[tuple[object, ...], Effective] = {}

    def of(self, service: o.Service) -> Effective:
        """What one Service does in the mesh."""
        annotations = service.metadata.annotations
        namespace = service.metadata.namespace
        values = tuple(map(annotations.get, _DECIDE)) if annotations else None
        sign = namespace, service.spec.cluster_ip == "None", values
        found = self._known.get(sign)
        if found is None:
            found = self._known[sign] = effective(service, self._namespaces.get(namespace), self._config)
        return found


_DECIDE = (*_READ, SYNC_SLICES)
