"""A lab that meshtui made is built on from inside a walk, forward only."""

from __future__ import annotations

import pytest

from meshtui.core.errors import CheckFailed
from meshtui.kube.clock import SystemClock
from meshtui.lab.kind.meshbuilder import KindMesh, kind_mesh
from meshtui.lab.steps import STEPS, step_named
from tests.lab.kind.conftest import Site
from tests.lab.kind.test_up import LAB, plain


def of(site: Site, *contexts: str) -> KindMesh | None:
    return kind_mesh(contexts, lambda: site.records, site.machine, site.watcher, SystemClock())


async def test_its_contexts_tell_it(site: Site):
    await site.up(until="clusters")
    assert of(site, "kind-koornacht", "kind-tion", "prod") is not None
    assert of(site, "kind-koornacht") is None
    assert of(site, "koornacht", "tion") is None


async def test_steps_are_built_in_order_and_only_what_is_missing(site: Site):
    await site.up(until="no-cni")
    lab = of(site, "kind-koornacht", "kind-tion")
    assert lab is not None
    assert lab.why_not(step_named("no-cni")) == ""
    for name, count in (("cilium", 7), ("hubble", 9), ("mesh-enabled", 13), ("connected", 16), ("hubble", 16)):
        await lab.to(step_named(name))
        assert plain(site.acts) == LAB[:count]
    assert "does not take it out again" in lab.why_not(step_named("no-cni"))
    with pytest.raises(CheckFailed):
        await lab.to(step_named("no-cni"))


async def test_every_command_belongs_to_a_step_and_is_shown_there(site: Site):
    await site.up()
    lab = of(site, "kind-koornacht", "kind-tion")
    assert lab is not None
    shown = [command for step in STEPS[:6] for command in lab.commands(step)]
    assert len(shown) == len(LAB)
    assert lab.commands(step_named("connected"))[0] == LAB[13]
