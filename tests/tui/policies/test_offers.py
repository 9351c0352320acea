"""What the dialog offers of a file: the policies in it, the rest by name; a broken one is refused (report 32)."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from meshtui.tui.policies.offers import OffersDialog
from tests.tui.conftest import Board, board_on
from tests.tui.fakes import recorded_mesh

REPORT = Path(__file__).parents[2] / "recordings" / "reports" / "32-list-and-mixed"


async def asked_for(board: Board, path: Path) -> OffersDialog:
    """Open the dialog and give it a file."""
    await board.press("p")
    await board.press("a")
    await board.until(lambda: isinstance(board.app.screen, OffersDialog))
    dialog = board.app.screen
    assert isinstance(dialog, OffersDialog)
    await board.press("f")
    await board.until(lambda: board.app.screen is not dialog)
    board.app.screen.query_one(Input).value = str(path)
    await board.press("enter")
    await board.until(lambda: board.app.screen is dialog)
    return dialog


@pytest.mark.parametrize(("name", "offered"), [("list.yaml", "CiliumNetworkPolicy"), ("mixed.yaml", "NetworkPolicy")])
async def test_the_policies_in_it_are_offered(name: str, offered: str) -> None:
    async with board_on(recorded_mesh(10), size=(160, 50)) as board:
        dialog = await asked_for(board, REPORT / name)
        assert [manifest["kind"] for manifest in dialog.offers[name]] == [offered]
        shown = board.text()
        assert name in shown
        assert ("left out, as no policies:" in shown) == (name == "mixed.yaml")
        assert dialog.left_out.startswith("left out, as no policies: Service s in ") == (name == "mixed.yaml")


async def test_a_version_that_is_wrong_is_named() -> None:
    async with board_on(recorded_mesh(10), size=(160, 50)) as board:
        await asked_for(board, REPORT / "v2alpha1.yaml")
        shown = " ".join(board.text().split())
        assert "its apiVersion is cilium.io/v2alpha1" in shown
        assert "use cilium.io/v2" in shown
