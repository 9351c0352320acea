"""The application's state as a value, and what must be done to get from one to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from meshtui.lab import manifests

_NONE: Mapping[str, str] = MappingProxyType({})
REPLICAS = 2
_PARTS = ("namespace", *manifests.APPLICATION)


@dataclass(frozen=True, slots=True)
class Side:
    """One cluster's share of the application."""

    parts: frozenset[str] = frozenset(_PARTS)
    """Manifests that are there whole."""
    annotations: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """`global`, `shared`, `affinity` of the Service rebel-base; what is not named is not written."""
    replicas: int = REPLICAS
    """Of rebel-base."""
    policies: frozenset[str] = frozenset()
    """Names of manifests whose policy is in force; `other NAME` for an object of that name that says something else."""


NOTHING = Side(frozenset({"namespace"}))
"""No application."""


@dataclass(frozen=True, slots=True)
class State:
    """Both clusters."""

    first: Side
    second: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        """In the order of the lab."""
        return self.first, self.second


@dataclass(frozen=True, slots=True)
class Annotate:
    """Write or (None) delete annotations of rebel-base in one cluster: 0 the first, 1 the second."""

    cluster: int
    values: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """Scale rebel-base."""

    cluster: int
    replicas: int


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply a manifest of this package."""

    cluster: int
    manifest: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete the policy of that name."""

    cluster: int
    policy: str


Action = Annotate | Scale | Apply | Remove


def policy_name(manifest: str) -> str:
    """The name of the object a policy's manifest makes."""
    return manifest.removeprefix("other ").removesuffix("-any-cluster")


def between(now: State, wanted: State) -> tuple[Action, ...]:
    """What brings `now` to `wanted`, in an order that works; empty when they are the same."""
    found: list[Action] = []
    for index, (is_, want) in enumerate(zip(now.sides, wanted.sides, strict=True)):
        found += [Apply(index, part) for part in _PARTS if part in want.parts - is_.parts]
    for index, (is_, want) in enumerate(zip(now.sides, wanted.sides, strict=True)):
        found += _side(index, is_, want)
    return tuple(found)


def _side(index: int, now: Side, want: Side) -> list[Action]:
    found: list[Action] = []
    if now.replicas != want.replicas and "deployment" in want.parts:
        found.append(Scale(index, want.replicas))
    changes = tuple(
        (what, want.annotations.get(what))
        for what in ("global", "shared", "affinity")
        if now.annotations.get(what) != want.annotations.get(what)
    )
    if changes:
        found.append(Annotate(index, changes))
    kept = {policy_name(name) for name in want.policies}
    gone = {policy_name(name) for name in now.policies} - kept
    found += [Remove(index, name) for name in sorted(gone)]
    found += [Apply(index, name) for name in manifests.POLICIES if name in want.policies - now.policies]
    return found
