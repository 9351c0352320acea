"""Findings that show in one service's annotations alone: what is written against what it amounts to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from meshtui.core.findings.model import Finding, Fix, Kind
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.routing import annotations as a
from meshtui.core.services.system import harm


class Place(Struct, frozen=True):
    """A service in one cluster, with what its annotations amount to there."""

    cluster: Cluster
    service: o.Service
    effective: a.Effective

    @property
    def context(self) -> str:
        """The cluster's context."""
        return self.cluster.context

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.cluster.name

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return self.service.key

    @property
    def external(self) -> bool:
        """Whether it is an ExternalName: DNS alone, in which Cilium has no part."""
        return self.service.spec.type == "ExternalName"

    def fix(self, what: str, value: str | None) -> Fix:
        """One annotation of this service."""
        return Fix(self.context, self.key, what, value)

    def shown(self, what: str) -> str:
        """`koornacht: service.cilium.io/shared=false`."""
        written = self.effective.written(what)
        return f"{self.name}: {written.key or a.KEYS[what]}={written.value if written.value is not None else 'absent'}"


def places(mesh: Mesh, key: str) -> list[Place]:
    """Where a service exists."""
    found = []
    for cluster in mesh.clusters.values():
        service = cluster.services.get(key)
        if service is not None:
            effective = a.effective(service, cluster.namespaces.get(service.namespace), cluster.config)
            found.append(Place(cluster, service, effective))
    return found


def in_one(place: Place) -> Iterator[Finding]:
    """Findings of one cluster's annotations."""
    yield from _system(place)
    yield from _external(place)
    yield from _misread(place)
    yield from _affinity(place)
    for what in a.KEYS:
        yield from _alias(place, what)
        if place.effective.inactive(what):
            yield Finding(
                Kind.INACTIVE,
                Severity.INFO,
                (place.context,),
                place.key,
                f"{what} is written on {place.name}'s {place.key} but not read, because it is not global there",
                (place.shown("global"), place.shown(what)),
                (place.fix(what, None),),
            )


def _system(place: Place) -> Iterator[Finding]:
    broken = harm(place.key)
    if broken and place.effective.global_:
        yield Finding(
            Kind.SYSTEM_GLOBAL,
            Severity.ERROR,
            (place.context,),
            place.key,
            f"{place.name}'s {place.key} belongs to the system and is global: {broken}",
            (place.shown("global"),),
            (place.fix("global", None),),
        )


def _external(place: Place) -> Iterator[Finding]:
    if not (place.external and place.effective.global_):
        return
    name = place.service.spec.external_name
    yield Finding(
        Kind.INACTIVE,
        Severity.WARNING,
        (place.context,),
        place.key,
        f"global is written on {place.name}'s {place.key} without effect: ExternalName {name} is DNS only, "
        "Cilium has no part in it",
        (place.shown("global"), f"{place.name}: type=ExternalName"),
        (place.fix("global", None),),
    )


def _misread(place: Place) -> Iterator[Finding]:
    """Booleans: only `true` in any case is true; everything else, ` true ` and `yes` too, is false."""
    for what, repaired in (("global", "true"), ("shared", None)):
        value = place.effective.written(what).value
        if value is None or value.lower() in ("true", "false"):
            continue
        yield Finding(
            Kind.VALUE_MISREAD,
            Severity.WARNING,
            (place.context,),
            place.key,
            f"{what}={value!r} on {place.name}'s {place.key} counts as false: only the word true is true",
            (place.shown(what),),
            (place.fix(what, repaired),),
        )


def _affinity(place: Place) -> Iterator[Finding]:
    effective = place.effective
    value = effective.written_affinity.value
    if not value or not effective.global_:
        return
    version = place.cluster.config.version if place.cluster.config else a.UNKNOWN_VERSION
    fixes = (place.fix("affinity", None),)
    where = f"affinity={value!r} on {place.name}'s {place.key}"
    evidence = (place.shown("affinity"), f"{place.name}: Cilium {_version(version)}")
    if effective.affinity is a.Affinity.DROPS_REMOTE:
        text = f"{where} makes Cilium {_version(version)} drop all remote backends; delete the annotation to mean none"
        kind, severity = Kind.AFFINITY_DROPS_REMOTE, Severity.ERROR
    elif not a.affinity_known(value):
        text = f"{where} is not a value Cilium knows, so it counts as none"
        kind, severity = Kind.AFFINITY_UNKNOWN, Severity.WARNING
    elif value.lower() == "none" and version <= (1, 20):
        text = (
            f"{where}: Cilium 1.18, 1.19 and early 1.20 drop all remote backends on it; deleting means none everywhere"
        )
        kind, severity = Kind.AFFINITY_UNKNOWN, Severity.WARNING
    else:
        return
    yield Finding(kind, severity, (place.context,), place.key, text, evidence, fixes)


def _alias(place: Place, what: str) -> Iterator[Finding]:
    written = place.effective.written(what)
    if written.ignored is None:
        return
    alias, value = written.ignored
    agrees = value.lower() == (written.value or "").lower()
    yield Finding(
        Kind.ALIAS_IGNORED,
        Severity.INFO if agrees else Severity.WARNING,
        (place.context,),
        place.key,
        f"{place.name}'s {place.key} carries {alias}={value!r}, which is never read beside {written.key}",
        (place.shown(what), f"{place.name}: {alias}={value}"),
        (Fix(place.context, place.key, what, None, alias),),
        f"once {written.key} is gone, {alias} would come back to life",
    )


def across(clusters: Mapping[str, Cluster], key: str, found: list[Place]) -> Iterator[Finding]:
    """Findings that show when the annotations of one mesh's clusters, by context, are compared."""
    if len(clusters) < 2:
        return
    # An ExternalName is DNS only: whatever is written on it shares nothing (`_external` tells).
    globals_ = [p for p in found if p.effective.global_ and not p.external]
    if not globals_:
        return
    evidence = tuple(p.shown("global") for p in found)
    contexts = tuple(p.context for p in globals_)
    unread = [c for c in clusters.values() if r.SERVICES not in c.objects]
    if unread:
        return  # a cluster that was not read may have all that seems to be missing
    if len(globals_) == 1:
        yield _alone(key, globals_[0], found, evidence)
    elif not any(p.effective.shared for p in globals_):
        text = f"{key} is global in {len(globals_)} clusters but shared by none, so each sees its own backends only"
        fixes = tuple(p.fix("shared", None) for p in globals_)
        yield Finding(
            Kind.SHARED_NOWHERE,
            Severity.WARNING,
            contexts,
            key,
            text,
            tuple(p.shown("shared") for p in globals_),
            fixes,
        )
    for place in globals_:
        yield from _not_exported(place)
    missing = [c for c in clusters.values() if c.services and key not in c.services]
    if missing and len(globals_) > 1:
        names = ", ".join(c.name for c in missing)
        yield Finding(
            Kind.MISSING_SERVICE,
            Severity.INFO,
            tuple(c.context for c in missing),
            key,
            f"{names} has no Service {key}: its clients have neither address nor DNS name for it",
            evidence,
            advice=f"create a Service {key} annotated {a.GLOBAL}=true in {names}; it needs no pods",
        )


def _alone(key: str, one: Place, found: list[Place], evidence: tuple[str, ...]) -> Finding:
    others = [p for p in found if p is not one]
    advice = "" if others else f"create a global Service {key} in another cluster, or delete the annotation"
    return Finding(
        Kind.GLOBAL_ALONE,
        Severity.WARNING,
        (one.context,),
        key,
        f"{key} is global in {one.name} only, so it reaches no other cluster: both sides must say global",
        evidence,
        tuple(p.fix("global", "true") for p in others),
        advice,
    )


def _not_exported(place: Place) -> Iterator[Finding]:
    """See pkg/clustermesh/namespace: the export side alone asks the namespace."""
    if not place.effective.shared or place.effective.namespace_global:
        return
    namespace = place.service.namespace
    object_ = place.cluster.namespaces.get(namespace)
    value = object_.annotations.get(a.NAMESPACE_GLOBAL) if object_ else None
    why = f"{a.NAMESPACE_GLOBAL}={value}" if value is not None else "clustermesh-default-global-namespace=false"
    yield Finding(
        Kind.NAMESPACE_NOT_EXPORTED,
        Severity.WARNING,
        (place.context,),
        place.key,
        f"{place.name} exports nothing of namespace {namespace}, so its backends of {place.key} reach no other cluster",
        (f"{place.name}: {why}",),
        (place.fix("namespace", "true"),),
        f"annotate namespace {namespace} in {place.name} with {a.NAMESPACE_GLOBAL}=true",
    )


def _version(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}" if version != a.UNKNOWN_VERSION else "of unknown version"
