"""The demo's palette breaks the embedded mesh and mends it; on any other mesh it offers no such thing."""

from __future__ import annotations

from contextlib import asynccontextmanager

from meshtui.core.settings import Settings
from meshtui.sim import Trouble, launch
from meshtui.tui.app import MeshtuiApp
from meshtui.tui.palette.dialog import CommandLine
from meshtui.tui.palette.trouble import offers
from meshtui.tui.start import opening
from tests.tui.conftest import Board, board_on
from tests.tui.fakes import FakeSession, recorded_mesh


@asynccontextmanager
async def demo():
    """A dashboard in whose background an embedded mesh is served; what it shows is a fake session's."""
    session = FakeSession(recorded_mesh())
    begun = []
    async with launch() as running:

        @asynccontextmanager
        async def already():
            yield running

        app = MeshtuiApp(opening(lambda _: session, already, begun.append), Settings(utc=True))
        async with app.run_test(size=(120, 40)) as pilot:
            board = Board(app, pilot, session)
            await board.until(lambda: app.board.session is not None, "the session starts")
            app.control = begun[0].control
            yield board, Trouble(running.control)


async def choose(board: Board, text: str) -> None:
    """Run what the palette finds first."""
    await board.press("colon")
    await board.press(*text)
    await board.until(lambda: listed(board) and listed(board)[0].startswith(text), f"{text} is found")
    await board.press("enter")


def listed(board: Board) -> list[str]:
    """What the palette shows."""
    screen = board.app.screen
    return [entry.title.lower() for entry in screen.shown] if isinstance(screen, CommandLine) else []


async def test_a_link_is_cut_and_mended_from_the_palette() -> None:
    async with demo() as (board, trouble):
        await choose(board, "break: link-cut")
        await board.until(lambda: "broken: link-cut" in board.text())
        assert await trouble.active() == ({"fault": "link-cut"},)
        await choose(board, "mend link-cut")
        await board.until(lambda: "the embedded mesh is whole again" in board.text())
        assert await trouble.active() == ()


async def test_a_mesh_that_is_not_embedded_is_not_to_be_broken() -> None:
    async with board_on() as board:
        await board.press("colon")
        await board.until(lambda: any("failover drill" in line for line in listed(board)))
        assert not any("break:" in line for line in listed(board))


def test_what_is_broken_already_can_be_mended_but_not_broken_again() -> None:
    from meshtui.sim import FaultKind

    kinds = (FaultKind("link-cut", "About."), FaultKind("api-down", "About.", ("cluster",)))
    found = list(offers(kinds, ("tion",), ({"fault": "link-cut"}, {"fault": "api-down", "cluster": "tion"})))
    assert [(e.title, e.mend, e.narrow) for e in found] == [
        ("Mend everything", True, False),
        ("Mend link-cut", True, False),
        ("Mend api-down", True, False),
        ("Break: api-down", False, False),
        ("Break: api-down cluster tion", False, True),
    ]
