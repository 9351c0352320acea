"""From a drop to a verified fix on the embedded mesh, by keys that are counted.

Each takes 4 to 10 s: a mesh of its own is started, and ten requests that nobody answers come one after another.
"""

from __future__ import annotations

import pytest

from meshtui.core.errors import UsageError
from meshtui.core.load.spec import Answer
from meshtui.core.model import resources as r
from meshtui.tui.changes.consent import ConsentDialog
from meshtui.tui.policies.mending import MendDialog
from tests.tui.conftest import Board
from tests.tui.test_road import on_embedded_mesh, ten_curls


class Keys:
    """Presses keys and counts them."""

    def __init__(self, board: Board) -> None:
        self.board, self.pressed = board, 0

    async def press(self, *keys: str) -> None:
        self.pressed += len(keys)
        await self.board.press(*keys)

    async def shown(self, kind):
        await self.board.until(lambda: isinstance(self.board.app.screen, kind), kind.__name__)
        return self.board.app.screen


def message(board: Board) -> str:
    return board.text()


@pytest.mark.timeout(180)
async def test_three_keys_from_a_failed_run_to_a_verified_fix_where_a_yes_is_asked():
    async with on_embedded_mesh("default-deny") as board:
        dashboard = board.app.board
        failed = await ten_curls(board)
        assert {q.answer for q in failed} == {Answer.TIMED_OUT}
        for cluster in dashboard.mesh.clusters.values():
            cluster.trusted = False  # as clusters are that are not the embedded mesh's: each change is asked about
        await board.press("4")
        keys = Keys(board)
        await keys.press("M")
        dialog = await keys.shown(MendDialog)
        assert [(p.cluster, p.name) for p in dialog.taken] == [
            ("koornacht", "x-wing-to-rebel-base"),
            ("koornacht", "rebel-base-from-x-wing"),
            ("tion", "rebel-base-from-x-wing"),
        ]
        await keys.press("enter")
        await keys.shown(ConsentDialog)
        assert "allows default/x-wing" in board.text()
        await keys.press("y")
        await board.until(lambda: "mended" in message(board), "the fix is verified")
        assert keys.pressed == 3
        assert "all 10 answered" in message(board)
        assert "FORWARDED" in message(board)
        answered = dashboard.load_pane.runs[-1].requests
        assert {q.cluster for q in answered} == {"koornacht", "tion"}
        theirs = dashboard.session.mesh
        dashboard.load_pane.begin(dashboard.session, "tion", "default/rebel-base")
        await board.until(lambda: not dashboard.load_pane.running, "tion's run ends")
        assert {q.answer for q in dashboard.load_pane.runs[-1].requests} == {Answer.TIMED_OUT}, "none of Tion's"
        await board.press("2", "u")
        await keys.shown(ConsentDialog)
        await board.press("y")
        gone = {"default/x-wing-to-rebel-base", "default/rebel-base-from-x-wing"}
        await board.until(
            lambda: not any(gone & set(c.of(r.CNPS)) for c in theirs.clusters.values()), "undone in one go"
        )


@pytest.mark.timeout(180)
async def test_two_keys_from_a_drop_to_a_verified_fix_where_nothing_needs_a_yes():
    async with on_embedded_mesh("ingress-tion") as board:
        dashboard = board.app.board
        await ten_curls(board)
        await board.press("3")
        await board.until(lambda: dashboard.flows.row is not None, "a drop is seen")
        keys = Keys(board)
        await keys.press("M")
        dialog = await keys.shown(MendDialog)
        [change] = dialog.taken
        assert change.name == "x-wing-to-rebel-base"
        assert "koornacht" in change.title
        assert "tion" in change.title
        await board.press("space")
        assert dialog.taken[0].name == "x-wing-to-rebel-base-2"
        for _ in dialog.remedy.choices[0][1:]:
            await board.press("space")
        assert dialog.taken == [change]
        await keys.press("enter")
        await board.until(lambda: "mended" in message(board), "the fix is verified")
        assert keys.pressed == 2
        mended = dashboard.mesh.clusters["koornacht"].of(r.CNPS)["default/x-wing-to-rebel-base"]
        [selector] = mended.spec["egress"][0]["toEndpoints"]
        assert selector["matchExpressions"][0]["values"] == ["koornacht", "tion"]
        assert {q.cluster for q in dashboard.load_pane.runs[-1].requests} == {"koornacht", "tion"}


@pytest.mark.timeout(120)
async def test_editing_refuses_what_clusters_would_and_leaving_out_applies_nothing():
    async with on_embedded_mesh("default-deny") as board:
        await board.until(lambda: board.app.board.services.cell)
        await board.press("2", "M")
        if not isinstance(board.app.screen, MendDialog):
            await board.until(lambda: isinstance(board.app.screen, MendDialog))
        dialog = board.app.screen
        with pytest.raises(UsageError):
            dialog.take_text(0, "a: [")
        with pytest.raises(UsageError):
            dialog.take_text(0, "kind: Pod")
        text = "kind: CiliumNetworkPolicy\nmetadata: {name: x, namespace: default}\nspec: {endpointSelector: {}, %s}"
        with pytest.raises(UsageError, match="would refuse"):
            dialog.take_text(0, text % "ingress: [{fromEntities: [nobody]}]")
        dialog.take_text(0, text % "ingress: [{fromEntities: [all]}]")
        assert dialog.taken[0].name == "x"
        dialog.left_out = set(range(len(dialog.picked)))
        await board.press("enter")
        await board.until(lambda: "every proposal is left out" in message(board))
