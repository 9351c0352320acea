"""Clusters that cannot be reached, are lost and come back; rights that are missing."""

from __future__ import annotations

import httpx
import yaml

from meshtui.core.errors import ClusterError, Forbidden, Unreachable
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.objects import Object
from meshtui.core.model.resources import Resource
from meshtui.core.routing.annotations import GLOBAL
from meshtui.mesh.session import Session
from tests.mesh.conftest import Lab, NewLab
from tests.mesh.waiting import until
from tests.waiting import GUARD

KEY = "default/rebel-base"
BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", False, Object)


def phases(session: Session) -> dict[str, s.Phase]:
    return {name: cluster.api.phase for name, cluster in session.mesh.clusters.items()}


async def test_one_of_three_is_down_then_recovers_by_itself(new_lab: NewLab) -> None:
    async with new_lab(clusters=3) as lab:
        await lab.fault("api-down", cluster="tion")
        async with lab.session(request_timeout=1.0) as session:
            tion = session.mesh.clusters["tion"]
            assert phases(session) == {"koornacht": s.Phase.LIVE, "tion": s.Phase.FAILED, "naboo": s.Phase.LIVE}
            assert isinstance(tion.api.error, ClusterError)
            assert tion.api.error.cause
            assert session.mesh.clusters["naboo"].services
            (outcome,) = await session.perform(session.plan_toggle([("koornacht", KEY)], "global"))
            assert outcome.error is None
            await lab.heal()
            await until(session, lambda: tion.api.phase is s.Phase.LIVE and KEY in tion.services and tion.config)
            assert tion.api.error is None


async def test_a_cluster_lost_midway_goes_stale_keeps_its_data_and_catches_up(lab: Lab) -> None:
    async with lab.session(request_timeout=1.0) as session:
        tion = session.mesh.clusters["tion"]
        await lab.fault("api-down", cluster="tion")
        await until(session, lambda: tion.api.phase is s.Phase.STALE)
        assert KEY in tion.services
        assert phases(session)["koornacht"] is s.Phase.LIVE
        (outcome,) = await session.perform(session.plan_toggle([("tion", KEY)], "global"))
        assert isinstance(outcome.error, ClusterError)
        assert not session.pending
        await lab.heal()
        await until(session, lambda: all(link.phase is s.Phase.LIVE for link in tion.watches.values()))
        (outcome,) = await session.perform(session.plan_toggle([("tion", KEY)], "global"))
        assert outcome.error is None
        await until(session, lambda: GLOBAL in tion.services[KEY].annotations)


async def test_watches_that_expire_list_again(lab: Lab) -> None:
    async with lab.session() as session:
        await lab.fault("watch-expire")
        await lab.heal()
        await session.perform(session.plan_toggle([("tion", KEY)], "global"))
        tion = session.mesh.clusters["tion"]
        await until(session, lambda: GLOBAL in tion.services[KEY].annotations)


async def test_a_resource_that_is_forbidden_is_a_fact_of_that_resource_alone(lab: Lab) -> None:
    await lab.fault("forbid", cluster="tion", resource="pods")
    async with lab.session() as session:
        tion = session.mesh.clusters["tion"]
        assert tion.api.phase is s.Phase.LIVE
        assert isinstance(tion.watches[r.PODS].error, Forbidden)
        assert tion.watches[r.SERVICES].phase is s.Phase.LIVE
        assert KEY in tion.services


async def test_a_server_that_is_not_there(lab: Lab) -> None:
    document = yaml.safe_load(lab.running.kubeconfig.read_text())
    document["clusters"][1]["cluster"]["server"] = "https://127.0.0.1:1"
    lab.running.kubeconfig.write_text(yaml.safe_dump(document))
    async with lab.session() as session:
        tion = session.mesh.clusters["tion"]
        assert tion.api.phase is s.Phase.FAILED
        assert isinstance(tion.api.error, Unreachable)
        assert "refused" in tion.api.error.cause
        assert phases(session)["koornacht"] is s.Phase.LIVE


async def as_reader(lab: Lab) -> None:
    """Make the kubeconfig that of a user who may only look."""
    async with httpx.AsyncClient(timeout=GUARD) as http:
        answer = await http.post(f"{lab.running.control}/users", json={"name": "leia", "groups": ["readers"]})
    tokens = answer.json()["tokens"]
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "readers"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "readers"},
        "subjects": [{"kind": "Group", "name": "readers", "apiGroup": "rbac.authorization.k8s.io"}],
    }
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "readers"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}],
    }
    roles = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", False, Object)
    async with lab.session() as admin:
        for context in admin.mesh.clusters:
            await admin.api(context).create(roles, role)
            await admin.api(context).create(BINDINGS, binding)
    document = yaml.safe_load(lab.running.kubeconfig.read_text())
    for entry in document["contexts"]:
        user = f"leia-{entry['name']}"
        document["users"].append({"name": user, "user": {"token": tokens[entry["name"]]}})
        entry["context"]["user"] = user
    lab.running.kubeconfig.write_text(yaml.safe_dump(document))


async def test_a_user_who_may_only_look_sees_everything_and_changes_nothing(lab: Lab) -> None:
    await as_reader(lab)
    async with lab.session() as session:
        for cluster in session.mesh.clusters.values():
            assert {link.phase for link in cluster.watches.values()} == {s.Phase.LIVE}
            assert KEY in cluster.services
            assert set(cluster.denied) == {"annotate", "scale", "exec", "portforward", "apply", "delete"}
            assert all(isinstance(error, Forbidden) for error in cluster.agent_errors.values())
        plan = session.plan_toggle([("tion", KEY)], "global")
        assert isinstance(plan.refusal, Forbidden)
        # Even asked behind the review's back, the API server's own answer is an outcome, not a crash.
        session.mesh.clusters["tion"].denied.clear()
        (outcome,) = await session.perform(session.plan_toggle([("tion", KEY)], "global"))
        assert isinstance(outcome.error, Forbidden)
        assert not session.pending
