"""A running mesh moves through the steps of its building, forward and back, and what watches it is told."""

from __future__ import annotations

import json

import pytest

from meshtui.core.errors import MeshtuiError
from meshtui.sim import SimOptions, Trouble, launch
from meshtui.sim.options import SimOptions as Options
from meshtui.sim.seed import objects as seeded
from meshtui.sim.serve import Mesh
from meshtui.sim.stages import stage_of

ORDER = ("no-cni", "cilium", "hubble", "mesh-enabled", "connected", "deployed")


def names(mesh: Mesh, cluster: str, gvr: tuple[str, str]) -> set[str]:
    return {
        f"{obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"
        for obj in mesh.world.clusters[cluster].store.list(gvr)
    }


@pytest.mark.parametrize("path", [ORDER, ORDER[::-1], ("deployed", "no-cni", "deployed")])
async def test_at_every_stage_the_clusters_hold_what_was_recorded_there(path: tuple[str, ...]):
    options = Options(state="deployed", nodes=3)
    async with Mesh(options) as mesh:
        for stage in path:
            await mesh.move(stage)
            state, there = stage_of(stage)
            for cluster in mesh.world.clusters.values():
                wanted = [o for o in seeded(options, cluster.name, cluster.id, state) if there(o)]
                for gvr, kind in (
                    (("", "nodes"), "Node"),
                    (("", "services"), "Service"),
                    (("apps", "deployments"), "Deployment"),
                ):
                    expected = {
                        f"{o['metadata'].get('namespace', '')}/{o['metadata']['name']}"
                        for o in wanted
                        if o["kind"] == kind
                    }
                    assert names(mesh, cluster.name, gvr) == expected, (stage, kind)
                ready = {
                    c["status"] for node in cluster.store.list(("", "nodes")) for c in node["status"]["conditions"]
                    if c["type"] == "Ready"
                }  # fmt: skip
                assert ready == ({"False"} if stage == "no-cni" else {"True"})
                assert (cluster.relay is not None) == (stage not in ("no-cni", "cilium"))


async def test_watches_are_told_of_every_change():
    async with Mesh(Options(state="no-cni")) as mesh:
        store = mesh.world.clusters["koornacht"].store
        nodes, deployments = store.watch(("", "nodes")), store.watch(("apps", "deployments"))
        await mesh.move("cilium")
        assert [event.type for event in nodes.events] == ["MODIFIED"]
        assert [(event.type, event.entry.key[1]) for event in deployments.events] == [("ADDED", "cilium-operator")]


async def test_a_relay_keeps_its_port_when_it_comes_back():
    async with Mesh(Options(state="deployed")) as mesh:
        before = mesh.ready()["relays"]
        await mesh.move("no-cni")
        assert all(cluster.relay is None for cluster in mesh.world.clusters.values())
        await mesh.move("connected")
        assert {name: f"127.0.0.1:{c.relay_port}" for name, c in mesh.world.clusters.items()} == before


async def test_the_control_url_takes_stages_and_refuses_others():
    async with launch(SimOptions(state="no-cni")) as running:
        trouble = Trouble(running.control)
        await trouble.stage("cilium")
        for wrong in ("link-cut", "no-such", ""):
            with pytest.raises(MeshtuiError, match="The embedded mesh refused"):
                await trouble.stage(wrong)
        assert json.dumps(await trouble.active()) == "[]"
