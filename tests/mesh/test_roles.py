"""The roles in deploy/roles suffice, verb by verb: one to look, one to act, by the embedded mesh's authorizer."""

from __future__ import annotations

from pathlib import Path

import yaml

from meshtui.core.load.spec import LoadEnded, LoadSpec
from meshtui.core.model import objects as o
from meshtui.core.model import state as s
from meshtui.core.model.resources import Resource
from meshtui.mesh.scope import Scope
from tests.mesh.conftest import Lab, NewLab
from tests.mesh.test_onlooker import BINDINGS, GROUP, KEY, ROLES, as_onlooker
from tests.mesh.waiting import until

ROOT = Path(__file__).parents[2]
NAMESPACED = {
    "Role": Resource(GROUP, "v1", "roles", "Role", True, o.ConfigMap),
    "RoleBinding": Resource(GROUP, "v1", "rolebindings", "RoleBinding", True, o.ConfigMap),
}


async def grant(lab: Lab, *files: str) -> None:
    """Create the roles of these files in every cluster and bind them to `onlooker`."""
    subject = {"apiGroup": GROUP, "kind": "User", "name": "onlooker"}
    async with lab.session() as session:
        for context in session.mesh.clusters:
            api = session.api(context)
            for file in files:
                for role in yaml.safe_load_all((ROOT / "deploy" / "roles" / file).read_text()):
                    name, kind = role["metadata"]["name"], role["kind"]
                    binding = {
                        "apiVersion": f"{GROUP}/v1", "kind": f"{kind}Binding", "metadata": dict(role["metadata"]),
                        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": name}, "subjects": [subject],
                    }  # fmt: skip
                    await api.create(ROLES if kind == "ClusterRole" else NAMESPACED["Role"], role)
                    await api.create(BINDINGS if kind == "ClusterRole" else NAMESPACED["RoleBinding"], binding)


async def test_the_role_to_look_shows_everything_and_allows_no_change(new_lab: NewLab, tmp_path: Path) -> None:
    async with new_lab(state="global") as lab:
        await grant(lab, "look.yaml")
        kubeconfig = as_onlooker(lab.running.kubeconfig, tmp_path / "onlooker")
        async with lab.session(kubeconfig=kubeconfig, scope=Scope()) as session:
            clusters = session.mesh.clusters.values()
            await until(session, lambda: all(c.agents and c.kvstoremesh is not None and c.health for c in clusters))
            await until(session, lambda: all(c.relay.link.phase is s.Phase.LIVE for c in clusters))
            for cluster in clusters:
                assert [w for w, link in cluster.watches.items() if link.error] == []
                assert {"annotate", "scale", "apply", "delete"} <= set(cluster.denied)
                assert "portforward" not in cluster.denied
            described = await session.reader.describe("koornacht", _services(), "default", "rebel-base")
            assert described.error is None
            assert described.events_error is None


async def test_with_the_role_to_act_everything_can_be_done(new_lab: NewLab, tmp_path: Path) -> None:
    async with new_lab(state="global") as lab:
        await grant(lab, "look.yaml", "act.yaml")
        kubeconfig = as_onlooker(lab.running.kubeconfig, tmp_path / "onlooker")
        async with lab.session(kubeconfig=kubeconfig) as session:
            clusters = session.mesh.clusters.values()
            await until(session, lambda: all(not c.denied for c in clusters))
            (outcome,) = await session.perform(session.plan_toggle([("koornacht", KEY)], "shared"), confirmed=True)
            assert outcome.error is None
            plan = session.plan_drill("koornacht", KEY)
            assert all(o.error is None for o in await session.perform(plan, confirmed=True))
            ended = [e async for e in session.load(LoadSpec("http://rebel-base", context="tion", count=2))]
            assert isinstance(ended[-1], LoadEnded)
            assert not ended[-1].problem


def _services() -> Resource:
    from meshtui.core.model.resources import SERVICES

    return SERVICES
