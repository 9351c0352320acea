"""The whole tour under Pilot: each step's check fails while its action is skipped, and holds once it is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtui.lab.steps import STEPS
from tests.lab.test_walk import ALREADY, RECORDED
from tests.tui.lab.conftest import touring

pytestmark = pytest.mark.timeout(300)  # two busy cores


async def test_the_whole_tour_by_its_keys(tmp_path: Path):
    """Twenty steps by hand. It takes half a minute: each is checked before and after, by real requests and their drops,
    and what Cilium takes seconds for (agents that start, drops that come) takes them here, too.
    """
    async with touring(tmp_path, state="no-cni") as walker:
        for step in STEPS:
            guide = walker.guide
            assert guide.stop.name == step.name
            guide.tour.walk.since += 5.0  # nothing that was dropped before counts
            await walker.act("c")
            assert guide.found[step.name].ok == (step.name in ALREADY), f"{step.name} skipped\n{walker.pane}"
            if step.name not in ALREADY:
                assert "✗" in walker.pane
                assert "→" in walker.pane, "a hint"
            await walker.act("enter")
            assert guide.failure is None, walker.pane
            found = guide.found[step.name]
            assert found.ok, f"{step.name}: {found.sentence}\n{walker.pane}"
            if step.name in RECORDED:
                assert found.outcomes == RECORDED[step.name], step.name
            assert step.name in guide.passed
            assert f"{step.number}/20" in walker.text()
            await walker.press("n")
        assert len(walker.guide.passed) == 20


async def test_steps_done_by_hand_count_and_answers_are_shown_when_asked(tmp_path: Path):
    async with touring(tmp_path, state="deployed") as walker:
        for _ in range(8):
            await walker.press("n")
        assert walker.guide.stop.name == "global"
        assert "→ Press L." not in walker.pane
        await walker.press("a")
        assert "→ Press L. Above the answers" in walker.pane
        await walker.press("2", "G")  # by hand: the services pane's own key
        await walker.until(
            lambda: all(
                c.services["default/rebel-base"].annotations.get("service.cilium.io/global")
                for c in walker.app.board.mesh.clusters.values()
            ),
            "both are global",
        )
        await walker.press("t")
        await walker.act("c")
        assert walker.guide.found["global"].ok, walker.pane
        assert "From koornacht koornacht and tion answer" in walker.pane


async def test_a_step_can_be_undone_and_jumped_to(tmp_path: Path):
    async with touring(tmp_path, state="egress-any-cluster") as walker:
        walker.guide.go(10)
        await walker.act("enter")
        assert walker.guide.found["affinity-local"].ok, walker.pane
        await walker.act("r")
        assert "affinity-local" not in walker.guide.passed
        await walker.act("c")
        assert not walker.guide.found["affinity-local"].ok
        walker.guide.go(9)
        await walker.act("c")
        assert walker.guide.found["tion-shared-false"].ok, walker.pane


async def test_progress_is_kept_across_restarts(tmp_path: Path):
    async with touring(tmp_path, state="deployed") as walker:
        walker.guide.go(7)
        await walker.act("c")
        assert "local" in walker.guide.passed
    async with touring(tmp_path, state="deployed") as walker:
        assert walker.guide.stop.name == "local"
        assert walker.guide.passed == {"local"}
        await walker.press("R")
        assert walker.guide.stop.name == "clusters"
        assert walker.guide.passed == set()


async def test_in_clusters_of_others_the_foundation_is_not_ours(tmp_path: Path):
    async with touring(tmp_path, control=False, state="deployed") as walker:
        walker.guide.go(2)
        await walker.press("enter")
        assert "Meshtui did not make these clusters" in walker.text()
        await walker.act("c")
        assert walker.guide.found["cilium"].ok
        await walker.press("x")
        assert "Breaking is offered on the embedded mesh only" in walker.pane
        await walker.press("enter")
        assert walker.guide.found == {}


async def test_read_only_refuses_and_says_so(tmp_path: Path):
    async with touring(tmp_path, state="deployed", settings={"read_only": True}) as walker:
        walker.guide.go(8)
        await walker.act("enter")
        assert "is read-only here" in walker.pane


async def test_the_commands_are_copied_whole(tmp_path: Path):
    async with touring(tmp_path, state="deployed") as walker:
        walker.guide.go(14)
        text = walker.app.board.tour.row_text()
        assert text.startswith("kubectl --context koornacht -n default apply -f - <<'EOF'\n")
        assert text.count("kind: CiliumNetworkPolicy") == 2
        assert "$ kubectl --context koornacht -n default apply -f" in walker.pane
        assert "default-deny.yaml" in walker.pane


@pytest.mark.parametrize(("size", "beside"), [((180, 50), True), ((120, 40), True), ((80, 24), False)])
async def test_it_stands_beside_the_panes_where_there_is_room(tmp_path: Path, size: tuple[int, int], beside: bool):
    async with touring(tmp_path, state="deployed", size=size) as walker:
        board = walker.app.board
        assert board.tour.region.width > 0
        assert (board.services.region.width > 0) == beside
        assert "Two clusters" in walker.text()
        await walker.press("4")
        assert board.load_pane.region.width > 0
        assert (board.tour.region.width > 0) == beside
        await walker.press("t", "t")
        assert board.tour.region.width == 0
        assert board.current == "services"
