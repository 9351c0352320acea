"""Plans of changes from the mesh as it is known: what is written where, from what to what, and what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from meshtui.core.changes import guards, kubectl, toggles
from meshtui.core.changes.foresight import foresee
from meshtui.core.changes.plan import Consent, Outcome, Plan, Step, Verb
from meshtui.core.errors import AlreadySo, MeshtuiError, NotFound, UsageError
from meshtui.core.model import resources as r
from meshtui.core.model.manifest import as_manifest
from meshtui.core.model.objects import Deployment, Service
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.services.system import harm

Ref = tuple[str, str]
"""(context, service key)."""

DEFAULT_NAMESPACE = "default"
"""The namespace of a manifest that names none, where no context says another."""
_NO_NAMESPACES: Mapping[str, str] = MappingProxyType({})


def finish(
    mesh: Mesh,
    title: str,
    steps: Sequence[Step],
    *,
    warnings: Sequence[str] = (),
    nothing: str = "",
    already: str = "",
) -> Plan:
    """A plan with commands, consent and refusal filled in.

    Without steps it is refused: because all is `already` as asked, else because of `nothing`.
    """
    refusal: MeshtuiError | None = guards.refusal(mesh, steps)
    if not steps:
        hint = "; ".join(warnings)
        refusal = (
            AlreadySo(already, hint=hint) if already else UsageError(nothing or "there is nothing to change", hint=hint)
        )
    return Plan(
        title=title,
        steps=tuple(steps),
        effects=foresee(mesh, steps),
        warnings=tuple(dict.fromkeys(warnings)),
        commands=tuple(kubectl.command(step) for step in steps),
        consent=guards.consent(mesh, steps),
        refusal=refusal,
    )


def toggle(mesh: Mesh, refs: Sequence[Ref], what: str) -> Plan:
    """Toggle global or shared, or move affinity on: none → local → remote → none; all refs end up equal."""
    toggles.check(what)
    services = [found for context, key in refs if (found := _service(mesh, context, key))]
    value = toggles.next_value(services, what) if services else None
    plan = annotation(mesh, refs, what, value)
    if any(toggles.without_effect(service, what) for service in services):
        # A key pressed by reflex must not write what means nothing yet.
        return replace(plan, consent=guards.stricter(plan.consent, Consent.CONFIRM))
    return plan


def annotation(mesh: Mesh, refs: Sequence[Ref], what: str, value: str | None) -> Plan:
    """Set an annotation to `value` on every ref, or delete it (None); refs without the Service become warnings."""
    toggles.check(what, value)
    steps: list[Step] = []
    warnings: list[str] = []
    for context, key in refs:
        service = _service(mesh, context, key)
        if service is None:
            warnings.append(f"{_name(mesh, context)} has no service {key}")
            continue
        if what == "global" and value is not None and (broken := harm(key)):
            warnings.append(f"{key} belongs to the system: once global, {broken}")
        warnings += [f"{_name(mesh, context)}: {text}" for text in toggles.warnings(service, what)]
        change = toggles.change(service, what, value)
        if change:
            steps.append(annotate_step(context, service, change.before, change.after))
        else:
            warnings.append(f"{_name(mesh, context)}: {key} has it already")
    keys = ", ".join(dict.fromkeys(key for _, key in refs))
    where = ", ".join(dict.fromkeys(_name(mesh, context) for context, _ in refs))
    title = f"{keys}: delete {what} in {where}" if value is None else f"{keys}: set {what} to {value} in {where}"
    found = any(_service(mesh, context, key) for context, key in refs)
    already = f"{what} is already as asked" if found else ""
    return finish(mesh, title, steps, warnings=warnings, already=already)


def annotate_step(
    context: str, service: Service, before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> Step:
    """One change of a Service's annotations, refused when it has moved on meanwhile."""
    meta = service.metadata
    return Step(context, Verb.ANNOTATE, r.SERVICES, meta.namespace, meta.name, before, after, meta.resource_version)


def scale(mesh: Mesh, context: str, namespace: str, name: str, replicas: int) -> Plan:
    """Scale a Deployment; refused with NotFound when the cluster has none of that name, UsageError when negative."""
    if replicas < 0:
        raise UsageError(f"replicas cannot be {replicas}")
    cluster = _cluster(mesh, context)
    found = cluster.of(r.DEPLOYMENTS).get(f"{namespace}/{name}")
    title = f"scale {namespace}/{name} to {replicas} in {cluster.name}"
    if found is None:
        missing = NotFound(f"{cluster.name} has no deployment {namespace}/{name}", context=context, status=404)
        return replace(finish(mesh, title, []), refusal=missing)
    before = {"replicas": replicas_of(found)}
    after = {"replicas": replicas}
    steps = [] if before == after else [Step(context, Verb.SCALE, r.DEPLOYMENTS, namespace, name, before, after)]
    return finish(mesh, title, steps, already=f"{namespace}/{name} has {replicas} replicas already")


def replicas_of(deployment: Deployment) -> int:
    """spec.replicas, which the API server defaults to 1."""
    return 1 if deployment.spec.replicas is None else deployment.spec.replicas


def apply(
    mesh: Mesh,
    contexts: Sequence[str],
    manifests: Sequence[Mapping[str, Any]],
    namespaces: Mapping[str, str] = _NO_NAMESPACES,
) -> Plan:
    """Apply manifests, each in every context; raises UsageError for one that is no object meshtui knows.

    `namespaces`: context → the namespace of a manifest that names none.
    """
    steps: list[Step] = []
    for context in contexts:
        cluster = _cluster(mesh, context)
        for manifest in manifests:
            resource, namespace, name = identify(manifest, namespaces.get(context, DEFAULT_NAMESPACE))
            key = f"{namespace}/{name}" if namespace else name
            before = as_manifest(resource, cluster.of(resource).get(key))
            placed = (
                {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}} if namespace else manifest
            )
            steps.append(Step(context, Verb.APPLY, resource, namespace, name, before, placed))
    names = ", ".join(dict.fromkeys(f"{step.resource.kind} {step.key}" for step in steps))
    where = ", ".join(_name(mesh, context) for context in contexts)
    return finish(mesh, f"apply {names} in {where}", steps)


def identify(manifest: Mapping[str, Any], unnamed: str = DEFAULT_NAMESPACE) -> tuple[Resource, str, str]:
    """Resource, namespace (`unnamed` where one is needed and none is said) and name; raises UsageError."""
    meta = manifest.get("metadata")
    kind = manifest.get("kind")
    resource = r.BY_KIND.get(kind) if isinstance(kind, str) else None
    if resource is None or resource.api_version != manifest.get("apiVersion"):
        hint = f"known kinds: {', '.join(sorted(r.BY_KIND))}"
        raise UsageError(f"cannot apply {kind!r} of {manifest.get('apiVersion')!r}", hint=hint)
    if not isinstance(meta, Mapping) or not isinstance(meta.get("name"), str) or not meta["name"]:
        raise UsageError(f"this {kind} has no metadata.name")
    namespace = str(meta.get("namespace") or unnamed) if resource.namespaced else ""
    return resource, namespace, meta["name"]


def delete(mesh: Mesh, context: str, resource: Resource, namespace: str, name: str) -> Plan:
    """Delete one object; refused with NotFound when the cluster has it not."""
    cluster = _cluster(mesh, context)
    key = f"{namespace}/{name}" if namespace else name
    title = f"delete {resource.kind} {key} in {cluster.name}"
    item = cluster.of(resource).get(key)
    if item is None:
        missing = NotFound(f"{cluster.name} has no {resource.kind} {key}", context=context, status=404)
        return replace(finish(mesh, title, []), refusal=missing)
    before = as_manifest(resource, item)
    return finish(mesh, title, [Step(context, Verb.DELETE, resource, namespace, name, before, None)])


def undo(mesh: Mesh, plan: Plan, outcomes: Sequence[Outcome]) -> Plan:
    """The plan that takes back what was accepted of `plan`: exact values, or absence, last change first."""
    steps: list[Step] = []
    warnings: list[str] = []
    for outcome in reversed(outcomes):
        if outcome.error is None:
            step, warning = _reverse(mesh, outcome.step)
            steps.append(step)
            warnings += [warning] if warning else []
    undone = finish(mesh, f"undo: {plan.title}", steps, warnings=warnings)
    return replace(undone, undoes=next((outcome.change for outcome in outcomes), ""))


def _reverse(mesh: Mesh, step: Step) -> tuple[Step, str]:
    cluster = _cluster(mesh, step.context)
    item = cluster.of(step.resource).get(step.key)
    if step.verb is Verb.ANNOTATE:
        annotations = item.annotations if item else {}
        now = {key: annotations.get(key) for key in step.after or {}}
        changed = "" if now == step.after else f"{cluster.name}: {step.key} was changed by someone since"
        version = item.metadata.resource_version if item else ""
        return replace(step, before=now, after=step.before, resource_version=version), changed
    if step.verb is Verb.SCALE:
        return replace(step, before=step.after, after=step.before), ""
    if step.verb is Verb.APPLY and step.before is None:
        return replace(step, verb=Verb.DELETE, before=step.after, after=None), ""
    return replace(step, verb=Verb.APPLY, before=as_manifest(step.resource, item), after=step.before), ""


def _service(mesh: Mesh, context: str, key: str) -> Service | None:
    cluster = mesh.clusters.get(context)
    return cluster.services.get(key) if cluster else None


def _cluster(mesh: Mesh, context: str) -> Cluster:
    cluster = mesh.clusters.get(context)
    if cluster is None:
        known = ", ".join(mesh.clusters) or "none"
        raise UsageError(f"no context {context!r} in this session", hint=f"contexts here: {known}")
    return cluster


def _name(mesh: Mesh, context: str) -> str:
    cluster = mesh.clusters.get(context)
    return cluster.name if cluster else context
