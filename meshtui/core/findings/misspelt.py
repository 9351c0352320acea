"""Annotations that were meant for Cluster Mesh and are read by nobody: misspelt, mixed, or written as labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshtui.core.findings.model import Finding, Fix, Kind
from meshtui.core.findings.written import Place
from meshtui.core.model import objects as o
from meshtui.core.model.severity import Severity
from meshtui.core.routing import annotations as a
from meshtui.core.spelling import nearest

_PREFIXES = ("service.cilium.io/", "io.cilium/", "clustermesh.cilium.io/")
_READ: Mapping[str, str] = {
    **{key: key for key in a.KEYS.values()},
    **{alias: key for key, alias in a.ALIASES.items()},
    a.SYNC_SLICES: a.SYNC_SLICES,
}
"""Each key that is read → the key to write."""
_WORDS: Mapping[str, str] = {key.partition("/")[2]: meant for key, meant in _READ.items()}
_OTHERS = frozenset(
    ("type", "node", "node-selector", "src-ranges-policy", "proxy-delegation", "forwarding-mode", "lb-algorithm")
) | frozenset(("lb-l7", "lb-l7-algorithm", "lb-ipam-ips", "lb-ipam-sharing-key", "lb-ipam-sharing-cross-namespace"))
"""What else Cilium reads of a Service behind these prefixes (cilium pkg/annotation/k8s.go)."""
_NEAR = 0.75
_WHAT = {key: what for what, key in a.KEYS.items()}


def suspicious(service: o.Service) -> bool:
    """Whether a service may carry such a key: cheap, for thousands of services."""
    marks = (*(service.metadata.annotations or ()), *(service.metadata.labels or ()))
    return any(key.startswith(_PREFIXES) for key in marks)


def meant(key: str) -> str:
    """The key that a misspelt one stands for; empty for one that is read, or is like none."""
    word = key.partition("/")[2]
    if key in _READ or not key.startswith(_PREFIXES) or word in _OTHERS:
        return ""
    if word in _WORDS:
        return _WORDS[word]
    return _WORDS.get(nearest(word.lower(), _WORDS, _NEAR), "")


def misspelt(place: Place) -> Iterator[Finding]:
    """One finding for each key of one cluster's service."""
    for key, value in sorted((place.service.metadata.annotations or {}).items()):
        if wanted := meant(key):
            yield _finding(place, f"carries the annotation {key}", key, value, wanted)
    for key, value in sorted((place.service.metadata.labels or {}).items()):
        if wanted := _READ.get(key, "") or meant(key):
            yield _finding(place, f"carries {key} as a label", key, value, wanted)


def _finding(place: Place, carries: str, key: str, value: str, wanted: str) -> Finding:
    what = _WHAT.get(wanted, "")
    there = place.effective.written(what).value if what else None
    return Finding(
        Kind.KEY_MISSPELT,
        Severity.WARNING,
        (place.context,),
        place.key,
        f"{place.name}'s {place.key} {carries}, which Cilium does not read: the annotation {wanted} is meant",
        (f"{place.name}: {key}={value}",),
        (Fix(place.context, place.key, what, value),) if what and there is None else (),
        f"annotate it with {wanted}={value}, and delete {key}",
    )
