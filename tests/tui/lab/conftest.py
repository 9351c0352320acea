"""The dashboard with the tour, on an embedded mesh over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meshtui.core.settings import Settings
from meshtui.lab.guide import Guide
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose
from meshtui.sim import Running, SimOptions, launch
from meshtui.tui.app import MeshtuiApp
from meshtui.tui.lab.pane import TourPane
from meshtui.tui.start import opening
from tests.lab.conftest import QUICK
from tests.mesh.conftest import FAST
from tests.tui.conftest import Board
from tests.waiting import until


class Walker(Board):
    """A person at the tour."""

    running: Running

    @property
    def guide(self) -> Guide:
        found = self.app.board.tour.guide
        assert found is not None, self.text()
        return found

    async def idle(self, seconds: float = 150.0) -> None:
        """Until nothing is under way."""

        async def idle() -> bool:
            await self.pilot.pause(0.05)
            return not self.guide.busy

        await until(idle, what=lambda: f"{self.guide.busy}\n{self.text()}", limit=seconds)

    async def act(self, key: str) -> None:
        """Press a key that starts something, and wait until it has ended."""
        await self.press(key)
        await self.idle()

    @property
    def pane(self) -> str:
        """The tour as it is read, every line of it, its line breaks taken out."""
        pane = self.app.board.tour
        lines = [line for key in pane.items for line in pane.item_lines(key, 56)]
        return " ".join(" ".join("".join(span.text for span in line) for line in lines).split())


@asynccontextmanager
async def touring(
    kept: Path, *, control: bool = True, size: tuple[int, int] = (180, 50), settings: Any = None, **options: Any
) -> AsyncIterator[Walker]:
    """The dashboard with the tour open."""
    async with launch(SimOptions(**{"nodes": 3, **options})) as running:
        ours = Settings(kubeconfig=running.kubeconfig, state_directory=kept, utc=True, **(settings or {}))
        app = MeshtuiApp(opening(lambda: Session(choose(ours, {}), ours, pace=FAST)), ours)
        app.control = running.control if control else ""
        async with app.run_test(size=size) as pilot:
            walker = Walker(app, pilot, None)  # type: ignore[arg-type]
            walker.running = running
            await walker.until(lambda: app.board.session is not None, "the session starts")
            await walker.until(lambda: all(c.nodes for c in app.board.mesh.clusters.values()), "nodes are listed")
            await walker.press("t")
            await walker.until(lambda: app.board.tour.guide is not None, "the tour opens")
            yield walker


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of these tests time out soon."""
    monkeypatch.setattr(TourPane, "max_time", QUICK)
