"""Plans that mend, that repeat after a conflict, and that drill a failover."""

from __future__ import annotations

import msgspec

from meshtui.core.changes import planning, remedies
from meshtui.core.changes.plan import History, Outcome, Verb
from meshtui.core.errors import Conflict, NotFound, UsageError
from meshtui.core.findings import Kind, findings_for
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.core.routing import annotations as a
from tests.core import meshes
from tests.core.meshes import GLOBAL, KEY, put, web

CONFLICT = Conflict("changed", context="a")


def two(left=GLOBAL, right=GLOBAL):
    mesh = meshes.mesh()
    web(mesh, "a", left, 2, selector={"app": "web"})
    web(mesh, "b", right, 2, selector={"app": "web"})
    return mesh


def deploy(mesh, context, replicas, name="web", labels=None):
    raw = {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": labels or {"app": "web"}}}},
    }
    item = msgspec.convert(raw, o.Deployment)
    reduce(mesh, s.Changed(context, r.DEPLOYMENTS, {item.key: item}, 0.0))


def finding_of(mesh, kind):
    return next(f for f in findings_for(mesh, KEY) if f.kind is kind)


def test_a_finding_is_mended_by_one_plan_over_clusters():
    mesh = two({**GLOBAL, a.SHARED: "false"}, {**GLOBAL, a.SHARED: "false"})
    plan = remedies.fix(mesh, finding_of(mesh, Kind.SHARED_NOWHERE))
    assert plan.refusal is None
    assert [(step.context, step.after) for step in plan.steps] == [("a", {a.SHARED: None}), ("b", {a.SHARED: None})]
    assert plan.effects == ("a's clients: A 2 → A 2, B 2", "b's clients: B 2 → B 2, A 2")


def test_a_namespace_is_mended_by_its_own_annotation_and_its_effect_foreseen():
    mesh = two()
    namespace = msgspec.convert(
        {"metadata": {"name": "default", "annotations": {a.NAMESPACE_GLOBAL: "false"}}}, o.Namespace
    )
    put(mesh, "b", namespace)
    plan = remedies.fix(mesh, finding_of(mesh, Kind.NAMESPACE_NOT_EXPORTED))
    (step,) = plan.steps
    assert (step.resource, step.key, step.before, step.after) == (
        r.NAMESPACES, "default", {a.NAMESPACE_GLOBAL: "false"}, {a.NAMESPACE_GLOBAL: "true"},
    )  # fmt: skip
    assert "a's clients: A 2 → A 2, B 2" in plan.effects
    assert plan.commands[0].endswith("annotate --overwrite namespace default clustermesh.cilium.io/global=true")


def test_an_alias_alone_is_deleted():
    mesh = two({**GLOBAL, a.ALIASES[a.GLOBAL]: "true"})
    plan = remedies.fix(mesh, finding_of(mesh, Kind.ALIAS_IGNORED))
    assert [step.after for step in plan.steps] == [{a.ALIASES[a.GLOBAL]: None}]


def test_what_is_mended_already_or_cannot_be_is_refused_with_words():
    mesh = two(GLOBAL, {})
    finding = finding_of(mesh, Kind.GLOBAL_ALONE)
    put(mesh, "b", meshes.service(GLOBAL))
    plan = remedies.fix(mesh, finding)
    assert isinstance(plan.refusal, UsageError)
    assert plan.refusal.title == "it is mended already"


def test_after_a_conflict_the_plan_starts_from_what_is_there_now():
    mesh = two()
    plan = planning.annotation(mesh, [("a", KEY), ("b", KEY)], "affinity", "local")
    put(mesh, "a", meshes.service({**GLOBAL, a.AFFINITY: "remote"}))
    outcomes = [Outcome(plan.steps[0], CONFLICT), Outcome(plan.steps[1])]
    new = remedies.again(mesh, plan, outcomes)
    assert [(step.context, step.before, step.after) for step in new.steps] == [
        ("a", {a.AFFINITY: "remote"}, {a.AFFINITY: "local"})
    ]
    assert new.title == f"{plan.title} (changed meanwhile)"
    assert any("was changed by someone" in text for text in new.warnings)
    assert remedies.again(mesh, new, [Outcome(new.steps[0], CONFLICT)]).title == new.title


def test_nothing_is_repeated_when_someone_did_the_same_or_nothing_met_a_conflict():
    mesh = two()
    plan = planning.annotation(mesh, [("a", KEY)], "affinity", "local")
    assert remedies.again(mesh, plan, [Outcome(plan.steps[0])]) is None
    put(mesh, "a", meshes.service({**GLOBAL, a.AFFINITY: "local"}))
    assert remedies.again(mesh, plan, [Outcome(plan.steps[0], CONFLICT)]) is None


def test_the_drill_goes_to_zero_and_back_to_what_it_was():
    mesh, history = two(), History()
    deploy(mesh, "a", 2)
    deploy(mesh, "a", 1, "web-canary", {"app": "web", "track": "canary"})
    deploy(mesh, "a", 4, "other", {"app": "other"})
    down = remedies.drill(mesh, history, "a", KEY)
    assert [(s.verb, s.key, s.after) for s in down.steps] == [
        (Verb.SCALE, "default/web", {"replicas": 0}), (Verb.SCALE, "default/web-canary", {"replicas": 0}),
    ]  # fmt: skip
    assert down.effects == ("a's clients: A 2, B 2 → B 2", "b's clients: B 2, A 2 → B 2")
    history.done.append((down, tuple(Outcome(step) for step in down.steps)))
    deploy(mesh, "a", 0)
    deploy(mesh, "a", 0, "web-canary", {"app": "web", "track": "canary"})
    back = remedies.drill(mesh, history, "a", KEY)
    assert {s.key: s.after["replicas"] for s in back.steps} == {"default/web": 2, "default/web-canary": 1}
    assert back.warnings == ()


def test_a_drill_begun_elsewhere_comes_back_as_the_other_cluster_or_as_one():
    mesh = two()
    deploy(mesh, "a", 0)
    plan = remedies.drill(mesh, History(), "a", KEY)
    assert plan.steps[0].after == {"replicas": 1}
    assert "the least" in plan.warnings[0]
    deploy(mesh, "b", 3)
    plan = remedies.drill(mesh, History(), "a", KEY)
    assert plan.steps[0].after == {"replicas": 3}
    assert "as in b" in plan.warnings[0]


def test_without_a_workload_the_drill_says_so():
    mesh = two()
    plan = remedies.drill(mesh, History(), "a", KEY)
    assert isinstance(plan.refusal, NotFound)
    assert "selector" in plan.refusal.cause
