"""Plans that apply or delete policies: what each API server and agent will say, and what becomes of traffic seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from meshtui.core.changes import planning
from meshtui.core.changes.manifests import KINDS, twice
from meshtui.core.changes.plan import Plan, Step, Verb
from meshtui.core.errors import MeshtuiError, NotFound, UsageError
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.store import FlowStore
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Mesh, Phase
from meshtui.core.policy import reading_of, refusal, seen, words
from meshtui.core.policy.overview import rules_of
from meshtui.core.policy.standing import Refuser
from meshtui.core.routing.whatif import what_if

Ref = tuple[str, Resource, str, str]
"""Context, resource, namespace and name of a policy."""


SEEN_NS, MOST = 300_000_000_000, 20_000
"""How far back flows are looked at for the effect of a change, and how many of them."""


def recent(flows: FlowStore) -> list[FlowRow]:
    """The newest flows of the last five minutes before the newest, at most `MOST`."""
    rows = flows.rows(max(0, len(flows) - MOST), len(flows))
    return [row for row in rows if row.time_ns >= rows[-1].time_ns - SEEN_NS]


def applied(
    mesh: Mesh,
    contexts: Sequence[str],
    manifests: Sequence[Mapping[str, Any]],
    namespaces: Mapping[str, str],
    flows: FlowStore,
) -> Plan:
    """Apply any manifests: policies as `apply` does, others as `planning.apply`."""
    if all(each.get("kind") in KINDS for each in manifests):
        for each in manifests:
            planning.identify(each)
        return apply(mesh, contexts, manifests, namespaces, recent(flows))
    return planning.apply(mesh, contexts, manifests, namespaces)


def apply(
    mesh: Mesh,
    contexts: Sequence[str],
    manifests: Sequence[Mapping[str, Any]],
    namespaces: Mapping[str, str],
    rows: Sequence[FlowRow] = (),
) -> Plan:
    """Apply policies in every context. `rows`: flows seen of late. Steps that change nothing are left out.

    Refused with NotFound where a namespace is not there: nothing is sent then. Raises UsageError for no policy.
    """
    for context in contexts:
        if (double := twice(manifests, namespaces.get(context, planning.DEFAULT_NAMESPACE))) != "":
            raise UsageError(f"{double} is written twice", hint="leave one of both out")
        for each in manifests:
            kind, name = KINDS[str(each["kind"])], str(each["metadata"]["name"])
            if not _shaped(mesh, Step(context, Verb.APPLY, kind, "", name, None, each)):
                hint = "see what `kubectl explain` says of its fields; nothing was sent"
                raise UsageError(f"{kind.kind} {name} is not built as a policy", hint=hint)
    plan = planning.apply(mesh, contexts, manifests, namespaces)
    steps = [step for step in plan.steps if not _same(step)]
    warnings = [f"{_name(mesh, step)}: {step.key} is as written already" for step in plan.steps if _same(step)]
    warnings += [text for step in steps for text in _complaints(mesh, step)]
    title = plan.title if steps else "nothing to apply"
    done = planning.finish(mesh, title, steps, warnings=warnings, nothing="all is in place as written")
    return _judged(mesh, done, rows)


def delete(mesh: Mesh, refs: Iterable[Ref], rows: Sequence[FlowRow] = ()) -> Plan:
    """Delete policies; those that are not there are told of."""
    steps: list[Step] = []
    warnings: list[str] = []
    for context, resource, namespace, name in refs:
        plan = planning.delete(mesh, context, resource, namespace, name)
        steps += plan.steps
        if not plan.steps and plan.refusal is not None:
            warnings.append(plan.refusal.title)
    names = ", ".join(dict.fromkeys(f"{step.resource.kind} {step.key}" for step in steps))
    where = ", ".join(dict.fromkeys(_name(mesh, step) for step in steps))
    title = f"delete {names} in {where}" if steps else "nothing to delete"
    done = planning.finish(mesh, title, steps, warnings=warnings, nothing="no cluster has any of them")
    return _judged(mesh, done, rows)


def _judged(mesh: Mesh, plan: Plan, rows: Sequence[FlowRow]) -> Plan:
    """With effects, and refused where it is known that it cannot be done whole."""
    missing = next((error for step in plan.steps if (error := _no_namespace(mesh, step)) is not None), None)
    whole = bool(plan.steps) and missing is None and all(_shaped(mesh, step) for step in plan.steps)
    told = on_flows(mesh, plan.steps, rows, plan.effects) if whole else ()
    return replace(plan, effects=(*plan.effects, *told), refusal=plan.refusal or missing)


def on_flows(mesh: Mesh, steps: Iterable[Step], rows: Sequence[FlowRow], told: Sequence[str]) -> tuple[str, ...]:
    """What steps do to connections that were seen. `told`: what is foreseen of services, which is not told again."""

    def told_already(service: str, client: str) -> bool:
        start = f"{service}: {client.partition(' ')[0]}'s clients: "
        return any(each.startswith(start) for each in told)

    return seen.sentences(mesh, after(mesh, steps), rows, told_already)


def after(mesh: Mesh, steps: Iterable[Step]) -> Mesh:
    """The mesh with the policies as the steps leave them."""
    changes: dict[tuple[str, Resource], dict[str, o.Object | None]] = {}
    for step in steps:
        policy = None
        if step.after is not None:
            policy = msgspec.convert({**step.after, "kind": step.resource.kind}, o.Policy, strict=False)
        changes.setdefault((step.context, step.resource), {})[step.key] = policy
    return what_if(mesh, changes)


def _same(step: Step) -> bool:
    """Whether a policy stands there already as it is written; what the API server adds is not known here."""
    if step.before is None or step.after is None:
        return False
    parts = ("spec", "specs")
    meta, now = step.after["metadata"], step.before["metadata"]
    marks = all((meta.get(k) or {}).items() <= (now.get(k) or {}).items() for k in ("labels", "annotations"))
    return marks and all(step.before.get(part) == step.after.get(part) for part in parts)


def _complaints(mesh: Mesh, step: Step) -> list[str]:
    name = _name(mesh, step)
    if not _shaped(mesh, step):
        return [f"{name}: {step.key} is not built as a policy: what it would do cannot be foretold"]
    found = refusal(step.after or {}, reading_of(mesh.clusters[step.context]))
    if found is None:
        return []
    who = "will be refused by" if found.by is Refuser.API_SERVER else "will be stored, and not imported by"
    return [f"{name}: {step.key} {who} {found.by.value}: {found.words}"]


def _shaped(mesh: Mesh, step: Step) -> bool:
    """Whether lists are where lists are read, and so on: a person may have written anything."""
    if step.after is None:
        return True
    reading = reading_of(mesh.clusters[step.context])
    try:
        policy = msgspec.convert({**step.after, "kind": step.resource.kind}, o.Policy, strict=False)
        refusal(step.after, reading)
        words.sentences(rules_of(step.resource, policy, reading))
    except (AttributeError, TypeError, ValueError, KeyError):
        return False
    return True


def _no_namespace(mesh: Mesh, step: Step) -> MeshtuiError | None:
    cluster = mesh.clusters[step.context]
    link = cluster.watches.get(r.NAMESPACES)
    known = r.NAMESPACES in cluster.objects and link is not None and link.phase is Phase.LIVE
    if step.verb is not Verb.APPLY or not step.namespace or not known or step.namespace in cluster.namespaces:
        return None
    return NotFound(
        f"{cluster.name} has no namespace {step.namespace}",
        context=step.context,
        status=404,
        cause=f"{step.resource.kind} {step.name} is to be there",
        hint="create it first, or name another; nothing was sent",
    )


def _name(mesh: Mesh, step: Step) -> str:
    return mesh.clusters[step.context].name
