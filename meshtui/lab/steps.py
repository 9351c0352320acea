"""The lab's steps, named like the recordings: what each changes, in the first cluster, the second, or both."""

from __future__ import annotations

from dataclasses import dataclass

from meshtui.core.errors import UsageError

STATES = (
    "no-cni", "cilium", "mesh-enabled", "deployed", "global", "tion-shared-false", "affinity-local",
    "failover-local-0", "affinity-remote", "no-affinity", "default-deny", "egress-allowed", "ingress-koornacht",
    "ingress-tion", "egress-any-cluster", "link-cut", "link-restored",
)  # fmt: skip
"""All recorded states: what the embedded mesh can start in."""
FIRST, SECOND = 0, 1
BOTH = (FIRST, SECOND)


@dataclass(frozen=True, slots=True)
class Annotate:
    """Set (or with None delete) an annotation of rebel-base: `what` is global, shared or affinity."""

    clusters: tuple[int, ...]
    what: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Scale:
    """Scale rebel-base."""

    clusters: tuple[int, ...]
    replicas: int


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply a manifest of this package."""

    clusters: tuple[int, ...]
    manifest: str


Action = Annotate | Scale | Apply


@dataclass(frozen=True, slots=True)
class LabStep:
    """One step: each builds on those before it."""

    name: str
    text: str
    actions: tuple[Action, ...]


STEPS: tuple[LabStep, ...] = (
    LabStep("deployed", "rebel-base and x-wing in both clusters", (Apply(BOTH, "rebel-base"), Apply(BOTH, "x-wing"))),
    LabStep("global", "rebel-base is global in both clusters", (Annotate(BOTH, "global", "true"),)),
    LabStep(
        "tion-shared-false",
        "the second cluster keeps its backends to itself",
        (Annotate((SECOND,), "shared", "false"),),
    ),
    LabStep(
        "affinity-local",
        "shared again; the first cluster prefers its own backends",
        (Annotate((SECOND,), "shared", None), Annotate((FIRST,), "affinity", "local")),
    ),
    LabStep("failover-local-0", "the first cluster loses its backends", (Scale((FIRST,), 0),)),
    LabStep(
        "affinity-remote",
        "they are back; the first cluster prefers the others'",
        (Scale((FIRST,), 2), Annotate((FIRST,), "affinity", "remote")),
    ),
    LabStep("no-affinity", "no preference any more", (Annotate((FIRST,), "affinity", None),)),
    LabStep("default-deny", "nothing but DNS passes", (Apply(BOTH, "default-deny"),)),
    LabStep("egress-allowed", "the first cluster's x-wing may leave", (Apply((FIRST,), "x-wing-to-rebel-base"),)),
    LabStep(
        "ingress-koornacht",
        "the first cluster's rebel-base may be entered",
        (Apply((FIRST,), "rebel-base-from-x-wing"),),
    ),
    LabStep("ingress-tion", "the second cluster's too", (Apply((SECOND,), "rebel-base-from-x-wing"),)),
    LabStep(
        "egress-any-cluster",
        "the egress rule says that it means every cluster",
        (Apply((FIRST,), "x-wing-to-rebel-base-any-cluster"),),
    ),
)


def step_named(name: str) -> LabStep:
    """The step called `name`, with or without its number. Raises UsageError."""
    bare = name.split("-", 1)[1] if name.split("-", 1)[0].isdigit() and "-" in name else name
    for step in STEPS:
        if step.name == bare:
            return step
    raise UsageError(f"there is no lab step {name!r}", hint=f"steps: {', '.join(step.name for step in STEPS)}")
