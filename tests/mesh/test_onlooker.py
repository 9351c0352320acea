"""A user with only get, list and watch sees everything, can change nothing, and is told so before a key is pressed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from meshtui.core.errors import Forbidden
from meshtui.core.model import objects as o
from meshtui.core.model.resources import SERVICES, Resource
from meshtui.core.routing import route
from tests.mesh.conftest import Lab, NewLab

KEY = "default/rebel-base"
GROUP = "rbac.authorization.k8s.io"
ROLES = Resource(GROUP, "v1", "clusterroles", "ClusterRole", False, o.ConfigMap)
BINDINGS = Resource(GROUP, "v1", "clusterrolebindings", "ClusterRoleBinding", False, o.ConfigMap)


async def allow_looking(lab: Lab) -> None:
    rules = [{"verbs": ["get", "list", "watch"], "apiGroups": ["*"], "resources": ["*"]}]
    ref = {"apiGroup": GROUP, "kind": "ClusterRole", "name": "onlooker"}
    subject = {"apiGroup": GROUP, "kind": "User", "name": "onlooker"}
    role = {"apiVersion": f"{GROUP}/v1", "kind": "ClusterRole", "metadata": {"name": "onlooker"}, "rules": rules}
    binding = {
        "apiVersion": f"{GROUP}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "onlooker"},
        "roleRef": ref, "subjects": [subject],
    }  # fmt: skip
    async with lab.session() as session:
        for context in session.mesh.clusters:
            await session.api(context).create(ROLES, role)
            await session.api(context).create(BINDINGS, binding)


def as_onlooker(kubeconfig: Path, path: Path) -> Path:
    document = yaml.safe_load(kubeconfig.read_text())
    for user in document["users"]:
        user["user"]["as"] = "onlooker"
    path.write_text(yaml.safe_dump(document))
    return path


async def test_an_onlooker_sees_everything_and_changes_nothing(new_lab: NewLab, tmp_path: Path) -> None:
    async with new_lab(state="global") as lab:
        await allow_looking(lab)
        kubeconfig = as_onlooker(lab.running.kubeconfig, tmp_path / "onlooker")
        async with lab.session(kubeconfig=kubeconfig) as session:
            for cluster in session.mesh.clusters.values():
                assert {"annotate", "scale", "exec", "apply", "delete"} <= set(cluster.denied)
                assert cluster.services
                assert cluster.nodes
            assert route(session.mesh, "koornacht", KEY).shares == {"koornacht": 0.5, "tion": 0.5}
            for plan in (
                session.plan_toggle([("koornacht", KEY)], "global"),
                session.plan_drill("tion", KEY),
            ):
                assert isinstance(plan.refusal, Forbidden)
                with pytest.raises(Forbidden):
                    await session.perform(plan, confirmed=True)
            session.mesh.clusters["koornacht"].denied = {}
            (outcome,) = await session.perform(session.plan_toggle([("koornacht", KEY)], "global"), confirmed=True)
            assert isinstance(outcome.error, Forbidden), "the API server has the last word"
            assert not session.history.done
            told = await session.realised("koornacht")
            assert isinstance(told.error, Forbidden)
            fresh = await session.api("koornacht").get(SERVICES, "rebel-base", "default")
            assert fresh.annotations["service.cilium.io/global"] == "true"
