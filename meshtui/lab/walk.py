"""Carries out a lab step through the session, in the two clusters a person chose."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from meshtui.core.changes.plan import Plan
from meshtui.core.errors import UsageError
from meshtui.core.model.state import Cluster
from meshtui.lab import manifests
from meshtui.lab.steps import Action, Annotate, LabStep, Scale
from meshtui.mesh.session import Session

NAMESPACE, SERVICE = "default", "rebel-base"


def pair(session: Session) -> tuple[Cluster, Cluster]:
    """The first and the second cluster: koornacht and tion if they are there. Raises UsageError."""
    clusters = list(session.mesh.clusters.values())
    named = [session.mesh.by_name(name) for name in ("koornacht", "tion")]
    if named[0] is not None and named[1] is not None:
        return named[0], named[1]
    if len(clusters) != 2:
        raise UsageError("the lab needs two clusters", hint="choose them: --context FIRST --context SECOND")
    return clusters[0], clusters[1]


async def plans(session: Session, step: LabStep) -> AsyncIterator[Plan]:
    """The step's plans, one after the other: ask for the next when the last has been carried out."""
    for action in step.actions:
        for plan in _plans(session, action, pair(session)):
            if plan.steps or plan.refusal is not None:
                yield plan


def _plans(session: Session, action: Action, both: Sequence[Cluster]) -> list[Plan]:
    chosen = [both[index] for index in action.clusters]
    if isinstance(action, Annotate):
        refs = [(cluster.context, f"{NAMESPACE}/{SERVICE}") for cluster in chosen]
        return [session.plan_annotation(refs, action.what, action.value)]
    if isinstance(action, Scale):
        return [session.plan_scale(cluster.context, NAMESPACE, SERVICE, action.replicas) for cluster in chosen]
    found = []
    for index, cluster in zip(action.clusters, chosen, strict=True):
        values = {
            "first": both[0].name,
            "cluster": cluster.name.capitalize(),
            "planet": manifests.PLANETS[index],
        }
        found.append(session.plan_apply([cluster.context], manifests.load(action.manifest, values)))
    return found
