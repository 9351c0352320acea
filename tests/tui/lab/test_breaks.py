"""Six faults under Pilot: each shows in the dashboard, is told from a mesh that is whole, and is mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtui.lab.breaks import BREAKS
from meshtui.lab.checks.requests import FIRST, SECOND, SILENCE
from meshtui.sim import Trouble
from tests.tui.lab.conftest import touring

K, T, X = FIRST, SECOND, SILENCE
OUTCOMES = {
    "link-cut": ({K, X}, {T, X}),
    "vxlan-only": ({K, X}, {T, X}),
    "agent-stopped": ({K, T}, {K, T}),
    "control-plane-only": ({K, T}, {K, T}),
    "wrong-ca": ({K, T}, {K, T}),
    "mtu": ({K, X}, {T, X}),
}
"""How requests end while it lasts (facts/faults.md); of `mtu` the long ones."""


@pytest.mark.timeout(400)
@pytest.mark.parametrize("index", range(len(BREAKS)), ids=[b.name for b in BREAKS])
async def test_a_fault_is_broken_found_and_mended(tmp_path: Path, index: int):
    """Broken, seen, mended. Each takes 10 to 25 s: KVStoreMesh notices after 14, as the real one, and agents' probes
    are read until all of them agree.
    """
    async with touring(tmp_path, state="global") as walker:
        await walker.press("x")
        guide = walker.guide
        guide.go(index)
        name = guide.stop.name
        await walker.act("c")
        assert not guide.found[name].ok, f"{name} shows in a mesh that is whole"
        await walker.press("enter")
        await walker.idle(300)
        assert guide.failure is None, walker.pane
        assert guide.found[name].ok, walker.pane
        assert guide.found[name].outcomes == OUTCOMES[name]
        assert [fault["fault"] for fault in await Trouble(walker.running.control).active()] == [name]
        await walker.press("r")
        await walker.idle(300)
        assert guide.failure is None, walker.pane
        assert await Trouble(walker.running.control).active() == ()
        await walker.act("c")
        assert not guide.found[name].ok
