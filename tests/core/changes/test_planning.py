"""Plans on the recorded meshes: steps, effects, commands, consent and refusals."""

from __future__ import annotations

import json
import shlex

import msgspec
import pytest

from meshtui.core.changes import planning
from meshtui.core.changes.guards import require
from meshtui.core.changes.plan import Consent, Outcome, Plan, Verb
from meshtui.core.errors import Conflict, Forbidden, NotFound, Protected, ReadOnly, Unconfirmed, Unreachable, UsageError
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.objects import Deployment, Meta, WorkloadSpec
from meshtui.core.model.reduce import reduce
from meshtui.core.routing.annotations import AFFINITY, GLOBAL, SHARED
from tests.core import meshes
from tests.core.recorded import INGRESS, KEY, mesh_of

BOTH = [("koornacht", KEY), ("tion", KEY)]


def trusted(step: int) -> s.Mesh:
    mesh = mesh_of(step)
    for cluster in mesh.clusters.values():
        cluster.trusted = True
    return mesh


def accepted(plan: Plan) -> tuple[Outcome, ...]:
    return tuple(Outcome(step) for step in plan.steps)


def test_toggling_global_in_both_clusters_foresees_the_recorded_step() -> None:
    plan = planning.toggle(trusted(3), BOTH, "global")
    assert [(step.context, step.before, step.after) for step in plan.steps] == [
        ("koornacht", {GLOBAL: None}, {GLOBAL: "true"}),
        ("tion", {GLOBAL: None}, {GLOBAL: "true"}),
    ]
    assert plan.effects == ("koornacht's clients: K 2 → K 2, T 2", "tion's clients: T 2 → T 2, K 2")
    assert plan.consent is Consent.NONE
    assert plan.refusal is None
    assert all(step.resource_version for step in plan.steps)


def test_toggling_global_in_one_cluster_alone_moves_nobody() -> None:
    plan = planning.toggle(trusted(3), BOTH[:1], "global")
    assert plan.effects == ("koornacht's clients: K 2, unchanged", "tion's clients: T 2, unchanged")


def test_affinity_local_keeps_koornachts_clients_at_home() -> None:
    plan = planning.toggle(trusted(4), BOTH[:1], "affinity")
    assert plan.steps[0].after == {AFFINITY: "local"}
    assert plan.effects[0] == "koornacht's clients: K 2, T 2 → K 2"


def test_clearing_affinity_deletes_and_never_writes_none() -> None:
    plan = planning.toggle(trusted(8), BOTH[:1], "affinity")
    assert plan.steps[0].after == {AFFINITY: None}
    assert plan.commands[0].endswith(f"annotate --overwrite service rebel-base {AFFINITY}-")


def test_unsharing_writes_false() -> None:
    plan = planning.toggle(trusted(4), BOTH[1:], "shared")
    assert plan.steps[0].after == {SHARED: "false"}
    assert plan.effects[0] == "koornacht's clients: K 2, T 2 → K 2"


def test_commands_survive_a_shell() -> None:
    mesh = trusted(3)
    mesh.clusters["it's $HOME"] = mesh.clusters.pop("tion")
    mesh.clusters["it's $HOME"].context = "it's $HOME"
    mesh.slices_of["it's $HOME"] = mesh.slices_of.pop("tion")
    plan = planning.toggle(mesh, [("it's $HOME", KEY)], "global")
    words = shlex.split(plan.commands[0])
    assert words[:3] == ["kubectl", "--context", "it's $HOME"]
    assert words[-1] == f"{GLOBAL}=true"


def test_a_service_missing_in_one_cluster_is_a_warning_in_all_a_refusal() -> None:
    mesh = trusted(3)
    reduce(mesh, s.Changed("tion", r.SERVICES, {KEY: None}, 0.0))
    some = planning.toggle(mesh, BOTH, "global")
    assert [step.context for step in some.steps] == ["koornacht"]
    assert some.warnings == (f"tion has no service {KEY}",)
    none = planning.toggle(mesh, BOTH[1:], "global")
    assert not none.steps
    assert isinstance(none.refusal, UsageError)


def test_setting_what_is_set_is_refused_as_nothing_to_do() -> None:
    plan = planning.annotation(trusted(4), BOTH, "global", "true")
    assert not plan.steps
    assert isinstance(plan.refusal, UsageError)


def test_consent_is_the_strictest_of_all_contexts() -> None:
    mesh = trusted(3)
    mesh.clusters["tion"].trusted = False
    assert planning.toggle(mesh, BOTH, "global").consent is Consent.CONFIRM
    mesh.clusters["koornacht"].protected = True
    assert planning.toggle(mesh, BOTH, "global").consent is Consent.TYPE_NAME


def perform(mesh: s.Mesh, plan: Plan, confirmed: bool = False, typed: str = "", dry_run: bool = False) -> None:
    require(mesh, plan, confirmed=confirmed, typed=typed, dry_run=dry_run)


def test_nothing_goes_ahead_without_the_consent_its_context_asks_for() -> None:
    mesh = mesh_of(3)
    plan = planning.toggle(mesh, BOTH, "global")
    with pytest.raises(Unconfirmed):
        perform(mesh, plan)
    perform(mesh, plan, confirmed=True)
    perform(mesh, plan, dry_run=True)
    mesh.clusters["tion"].protected = True
    for typed in ("", "koornacht", "tio"):
        with pytest.raises(Protected):
            perform(mesh, plan, confirmed=True, typed=typed)
    perform(mesh, plan, typed="tion")


def test_read_only_is_refused_whatever_the_plan_says() -> None:
    mesh = trusted(3)
    made_before = planning.toggle(mesh, BOTH, "global")
    mesh.clusters["tion"].read_only = True
    assert isinstance(planning.toggle(mesh, BOTH, "global").refusal, ReadOnly)
    assert planning.toggle(mesh, BOTH[:1], "global").refusal is None
    for dry_run in (False, True):
        with pytest.raises(ReadOnly):
            perform(mesh, made_before, confirmed=True, dry_run=dry_run)


def test_missing_rights_are_told_before() -> None:
    mesh = trusted(14)
    reduce(mesh, s.AccessRead("tion", {"annotate": "no right", "delete": "no right"}))
    assert isinstance(planning.toggle(mesh, BOTH, "global").refusal, Forbidden)
    assert isinstance(planning.delete(mesh, "tion", r.CNPS, *INGRESS.split("/")).refusal, Forbidden)
    assert planning.delete(mesh, "koornacht", r.CNPS, *INGRESS.split("/")).refusal is None


def test_undo_restores_value_and_absence_of_what_was_accepted_alone() -> None:
    mesh = trusted(8)
    plan = planning.annotation(mesh, BOTH, "affinity", "local")
    outcomes = (Outcome(plan.steps[0]), Outcome(plan.steps[1], Conflict("moved on", context="tion")))
    back = planning.undo(mesh, plan, outcomes)
    assert [(step.context, step.after) for step in back.steps] == [("koornacht", {AFFINITY: "remote"})]
    assert back.warnings == ("koornacht: default/rebel-base was changed by someone since",)
    fresh = planning.annotation(mesh, BOTH[1:], "affinity", "local")
    assert planning.undo(mesh, fresh, accepted(fresh)).steps[0].after == {AFFINITY: None}


MANIFEST = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "deny"},
    "spec": {"endpointSelector": {}, "ingress": [{}]},
}


def test_applying_and_its_undo() -> None:
    mesh = trusted(3)
    plan = planning.apply(mesh, ["koornacht", "tion"], [MANIFEST])
    assert [(step.verb, step.key, step.before) for step in plan.steps] == [(Verb.APPLY, "default/deny", None)] * 2
    head, *body, end = plan.commands[0].split("\n")
    assert head.endswith("<<'EOF'")
    placed = {**MANIFEST, "metadata": {"name": "deny", "namespace": "default"}}
    assert (json.loads("".join(body)), end) == (placed, "EOF")
    back = planning.undo(mesh, plan, accepted(plan))
    assert [(step.context, step.verb) for step in back.steps] == [("tion", Verb.DELETE), ("koornacht", Verb.DELETE)]


def test_deleting_a_recorded_policy_and_its_undo_restores_its_spec() -> None:
    mesh = trusted(14)
    plan = planning.delete(mesh, "tion", r.CNPS, *INGRESS.split("/"))
    step = planning.undo(mesh, plan, accepted(plan)).steps[0]
    assert step.verb is Verb.APPLY
    assert step.after is not None
    assert step.after["spec"] == mesh.clusters["tion"].of(r.CNPS)[INGRESS].spec
    assert isinstance(planning.delete(mesh, "tion", r.CNPS, "default", "nope").refusal, NotFound)


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "x"}},
        {**MANIFEST, "apiVersion": "v1"},
        {**MANIFEST, "metadata": {}},
        {**MANIFEST, "metadata": ["name"]},
        {**MANIFEST, "kind": ["x"]},
    ],
)
def test_what_is_no_known_object_is_refused(manifest: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        planning.apply(trusted(3), ["tion"], [manifest])


def deployment(replicas: int | None) -> Deployment:
    template = {"metadata": Meta(labels={"name": "rebel-base"})}
    base = Deployment(metadata=Meta(name="rebel-base", namespace="default"))
    spec = WorkloadSpec(
        replicas=replicas, template=msgspec.structs.replace(base.spec.template, metadata=template["metadata"])
    )
    return msgspec.structs.replace(base, spec=spec)


def test_scaling_to_zero_foresees_the_failover_of_step_seven() -> None:
    mesh = trusted(6)
    reduce(mesh, s.Listed("koornacht", r.DEPLOYMENTS, {KEY: deployment(2)}, 0.0))
    plan = planning.scale(mesh, "koornacht", "default", "rebel-base", 0)
    assert (plan.steps[0].before, plan.steps[0].after) == ({"replicas": 2}, {"replicas": 0})
    assert plan.effects[0] == "koornacht's clients: K 2 → T 2 (failover)"
    assert plan.commands == ("kubectl --context koornacht -n default scale deployment rebel-base --replicas=0",)
    assert planning.undo(mesh, plan, accepted(plan)).steps[0].after == {"replicas": 2}


def test_scaling_refusals() -> None:
    mesh = trusted(6)
    reduce(mesh, s.Listed("koornacht", r.DEPLOYMENTS, {KEY: deployment(None)}, 0.0))
    assert isinstance(planning.scale(mesh, "koornacht", "default", "rebel-base", 1).refusal, UsageError)
    assert isinstance(planning.scale(mesh, "tion", "default", "rebel-base", 1).refusal, NotFound)
    with pytest.raises(UsageError):
        planning.scale(mesh, "koornacht", "default", "rebel-base", -1)
    with pytest.raises(UsageError):
        planning.scale(mesh, "nowhere", "default", "rebel-base", 1)


def test_nothing_is_planned_for_a_cluster_that_never_answered() -> None:
    """Report 39 i: "is new here" was said of it, and Apply offered."""
    mesh = meshes.mesh("a", "b")
    mesh.clusters["b"] = s.Cluster("b", "B", 1)
    reduce(mesh, s.ApiChanged("b", s.Phase.FAILED, 1.0, error=Unreachable("no answer", context="b", cause="refused")))
    manifest = {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "p"}, "spec": {}}
    plan = planning.apply(mesh, ["a", "b"], [manifest])
    assert isinstance(plan.refusal, Unreachable)
    assert plan.refusal.title.startswith("b has not answered: what is there is not known")
    assert "refused" in plan.refusal.cause
    assert planning.apply(mesh, ["a"], [manifest]).refusal is None
