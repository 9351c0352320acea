"""Plans that mend a finding, that repeat what met a conflict, and that drill a failover."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from meshtui.core.changes import planning, toggles
from meshtui.core.changes.plan import History, Outcome, Plan, Step, Verb
from meshtui.core.errors import Conflict, NotFound
from meshtui.core.findings.model import Finding, Fix
from meshtui.core.model import resources as r
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.routing.annotations import NAMESPACE_GLOBAL


def fix(mesh: Mesh, finding: Finding) -> Plan:
    """Write all annotations that would mend a finding; refused when it has none, or they are there already."""
    steps: dict[tuple[str, str, str], Step] = {}
    warnings: list[str] = []
    for each in finding.fixes:
        step = _fix_step(mesh, each)
        if step is None:
            warnings.append(f"{_name(mesh, each.context)}: {each.service_key} is not there any more")
        elif step.before != step.after:
            where = (step.context, step.resource.plural, step.key)
            steps[where] = _joined(steps[where], step) if where in steps else step
    already, nothing = ("it is mended already", "") if finding.fixes else ("", "no annotation mends this")
    title = f"{finding.object}: mend {finding.kind.value}"
    plan = planning.finish(mesh, title, tuple(steps.values()), warnings=warnings, nothing=nothing, already=already)
    return replace(plan, warnings=(*plan.warnings, *([finding.advice] if finding.advice and not steps else [])))


def _fix_step(mesh: Mesh, each: Fix) -> Step | None:
    cluster = mesh.clusters[each.context]
    service = cluster.services.get(each.service_key)
    if service is None:
        return None
    if each.what == "namespace":
        return _namespace_step(cluster, service.namespace, each.value)
    if each.annotation:
        before = {each.annotation: service.annotations.get(each.annotation)}
        return planning.annotate_step(each.context, service, before, {each.annotation: each.value})
    change = toggles.change(service, each.what, each.value)
    return planning.annotate_step(each.context, service, change.before, change.after)


def _namespace_step(cluster: Cluster, name: str, value: str | None) -> Step | None:
    namespace = cluster.namespaces.get(name)
    if namespace is None:
        return None
    before = {NAMESPACE_GLOBAL: (namespace.metadata.annotations or {}).get(NAMESPACE_GLOBAL)}
    version = namespace.metadata.resource_version
    return Step(cluster.context, Verb.ANNOTATE, r.NAMESPACES, "", name, before, {NAMESPACE_GLOBAL: value}, version)


def _joined(one: Step, other: Step) -> Step:
    return replace(
        one, before={**(one.before or {}), **(other.before or {})}, after={**(one.after or {}), **(other.after or {})}
    )


def write(mesh: Mesh, refs: Sequence[planning.Ref], wanted: Mapping[str, str | None]) -> Plan:
    """Several annotations at once, one request per object: what → value, None deletes. Raises UsageError."""
    plans = [planning.annotation(mesh, refs, what, value) for what, value in wanted.items()]
    if len(plans) == 1:
        return plans[0]
    steps: dict[tuple[str, str], Step] = {}
    for step in (step for plan in plans for step in plan.steps):
        where = (step.context, step.key)
        steps[where] = _joined(steps[where], step) if where in steps else step
    titles = [plan.title.partition(": ")[2] for plan in plans]
    keys = ", ".join(dict.fromkeys(key for _, key in refs))
    warnings = [text for plan in plans for text in plan.warnings]
    title = f"{keys}: {', '.join(titles)}"
    return planning.finish(mesh, title, tuple(steps.values()), warnings=warnings, already="all is already as asked")


def again(mesh: Mesh, plan: Plan, outcomes: Sequence[Outcome]) -> Plan | None:
    """What met a conflict, planned anew from what is there now; None when nothing did, or all is as wished already."""
    steps: list[Step] = []
    warnings: list[str] = []
    for outcome in outcomes:
        if not isinstance(outcome.error, Conflict):
            continue
        step = outcome.step
        item: Any = mesh.clusters[step.context].of(step.resource).get(step.key)
        if step.verb is not Verb.ANNOTATE or item is None:
            continue
        annotations: Mapping[str, str] = item.metadata.annotations or {}
        now = {key: annotations.get(key) for key in step.after or {}}
        name = _name(mesh, step.context)
        if now == step.after:
            warnings.append(f"{name}: {step.key} is by now as you wanted it")
            continue
        warnings.append(f"{name}: {step.key} was changed by someone meanwhile; this is what is there now")
        steps.append(replace(step, before=now, resource_version=item.metadata.resource_version))
    if not steps:
        return None
    return planning.finish(mesh, f"{plan.title.removesuffix(_AGAIN)}{_AGAIN}", steps, warnings=warnings)


_AGAIN = " (changed meanwhile)"


def drill(mesh: Mesh, history: History, context: str, service_key: str) -> Plan:
    """Scale a service's workloads in one cluster to zero, or back to what they were before that.

    Refused with NotFound where no Deployment's pods match the Service's selector.
    """
    cluster = mesh.clusters[context]
    found = workloads(cluster, service_key)
    if not found:
        title = f"failover drill of {service_key} in {cluster.name}"
        cause = (
            "no Deployment's pods match its selector" if service_key in cluster.services else "it has no such Service"
        )
        error = NotFound(
            f"{cluster.name} has no workload behind {service_key}", context=context, cause=cause, status=404
        )
        return replace(planning.finish(mesh, title, []), refusal=error)
    running = {key: count for key, count in found.items() if count}
    warnings: list[str] = []
    if running:
        wanted = dict.fromkeys(running, 0)
    else:
        wanted = {}
        for key in found:
            count, why = _before_drill(mesh, history, context, key)
            wanted[key] = count
            warnings += [f"{cluster.name}: {key} gets {count}, {why}"] if why else []
    steps = [_scale_step(context, key, found[key], count) for key, count in wanted.items()]
    verb = "to zero" if running else "back"
    title = f"failover drill: {', '.join(wanted)} {verb} in {cluster.name}"
    return planning.finish(mesh, title, steps, warnings=warnings)


def workloads(cluster: Cluster, service_key: str) -> dict[str, int]:
    """Keys of the Deployments behind a service → replicas wanted now."""
    service = cluster.services.get(service_key)
    if service is None or not service.spec.selector:
        return {}
    wanted = service.spec.selector.items()
    return {
        key: planning.replicas_of(item)
        for key, item in cluster.of(r.DEPLOYMENTS).items()
        if item.namespace == service.namespace and wanted <= (item.spec.template.metadata.labels or {}).items()
    }


def _scale_step(context: str, key: str, before: int, after: int) -> Step:
    namespace, _, name = key.partition("/")
    return Step(context, Verb.SCALE, r.DEPLOYMENTS, namespace, name, {"replicas": before}, {"replicas": after})


def _before_drill(mesh: Mesh, history: History, context: str, key: str) -> tuple[int, str]:
    """Replicas before the drill, and where the number comes from unless this session took it away."""
    for step in _scalings(history):
        if (step.context, step.key) == (context, key) and (step.before or {}).get("replicas"):
            return int((step.before or {})["replicas"]), ""
    for other in mesh.clusters.values():
        found = other.of(r.DEPLOYMENTS).get(key)
        if other.context != context and found is not None and planning.replicas_of(found):
            return planning.replicas_of(found), f"as in {other.name}: this session did not see how many it had"
    return 1, "the least: this session did not see how many it had"


def _scalings(history: History) -> Iterable[Step]:
    for _, outcomes in reversed(history.done):
        for outcome in outcomes:
            if outcome.error is None and outcome.step.verb is Verb.SCALE:
                yield outcome.step


def _name(mesh: Mesh, context: str) -> str:
    cluster = mesh.clusters.get(context)
    return cluster.name if cluster else context
