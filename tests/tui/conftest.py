"""A dashboard on a session that tests hold in their hands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual import _wait
from textual.pilot import Pilot
from textual.screen import Screen

from meshtui.core.health.model import Judgement
from meshtui.core.model import state as s
from meshtui.core.settings import Settings
from meshtui.tui.app import MeshtuiApp
from meshtui.tui.start import opening
from tests.tui.fakes import NOW, FakeSession, recorded_mesh
from tests.waiting import told, until

IDLE = 0.1
"""Seconds a test waits at most for the process to be at rest; what takes longer is a condition to wait for."""


class StillClock:
    """Time stands where a test puts it."""

    def now(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return 0.0


class Board:
    """The app, its pilot and its session, with what tests ask of them."""

    def __init__(self, app: MeshtuiApp, pilot: Pilot[int], session: FakeSession) -> None:
        self.app = app
        self.pilot = pilot
        self.session = session

    def text(self, of: Any = None) -> str:
        """What the screen, or one pane of it, shows as plain text."""
        if of is None:
            lines = self.app.screen._compositor.render_strips()
        else:
            lines = [of.render_line(y) for y in range(of.scrollable_content_region.height)]
        return "\n".join(strip.text.rstrip() for strip in lines)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, holds: Callable[[], object], what: str = "") -> None:
        """Wait for a condition, in turns of the event loop."""

        async def met() -> bool:
            if holds():
                return True
            await self.pilot.pause()
            return False

        await until(met, what=lambda: f"{what or told(holds)}\n{self.text()}")

    async def shown(self, kind: type[Screen[Any]]) -> Any:
        """The screen in front, once it is of that kind."""
        await self.until(lambda: isinstance(self.app.screen, kind), kind.__name__)
        await self.pilot.pause()
        return self.app.screen


def make_app(session: Any, settings: Settings | None = None) -> MeshtuiApp:
    return MeshtuiApp(opening(session), settings or Settings(utc=True), StillClock())


@asynccontextmanager
async def board_on(
    mesh: s.Mesh | None = None,
    size: tuple[int, int] = (120, 40),
    settings: Settings | None = None,
    judgement: Judgement | None = None,
) -> AsyncIterator[Board]:
    """The dashboard on a FakeSession, once it shows the mesh."""
    session = FakeSession(mesh if mesh is not None else recorded_mesh())
    if judgement is not None:
        session.judgement = judgement
    app = make_app(lambda: session, settings)
    async with app.run_test(size=size) as pilot:
        board = Board(app, pilot, session)
        await board.until(lambda: app.board.session is not None, "the session starts")
        await pilot.pause()
        yield board


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual's pilot waits up to a second after a key for a process at rest, which one with a session never is."""

    async def settled(min_sleep: float = _wait.SLEEP_GRANULARITY, max_sleep: float = IDLE) -> None:
        await _wait.wait_for_idle(min_sleep, min(max_sleep, IDLE))

    monkeypatch.setattr("textual.app.wait_for_idle", settled)
    monkeypatch.setattr("textual.pilot.wait_for_idle", settled)


@pytest.fixture(autouse=True)
def _colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of true colours, whatever the tests run in."""
    monkeypatch.setenv("COLORTERM", "truecolor")


@pytest.fixture
async def board() -> AsyncIterator[Board]:
    async with board_on() as found:
        yield found
