"""Takes the pictures in docs/images from the running dashboard on the embedded mesh.

.venv/bin/python tools/screenshots.py [FOLDER]
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from meshtui.core.model.state import Phase
from meshtui.core.settings import Settings
from meshtui.kube.clock import SystemClock
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose
from meshtui.sim import SimOptions, launch
from meshtui.tui.app import MeshtuiApp
from meshtui.tui.start import opening

PATIENCE = 90.0

# name, state, size, theme, keys pressed before, text to wait for
PICTURES: tuple[tuple[str, str, tuple[int, int], str, tuple[str, ...], str], ...] = (
    ("dashboard", "global", (120, 40), "dark", ("l",), "done"),
    ("dashboard-light", "global", (120, 40), "light", ("l",), "done"),
    ("drops", "default-deny", (120, 40), "dark", ("l",), "4/10"),
    ("wide", "ingress-tion", (200, 50), "dark", ("l",), "done"),
    ("link-cut", "link-cut", (120, 40), "dark", ("l",), "done"),
    ("narrow", "global", (80, 24), "dark", (), "rebel-base"),
    ("policies", "egress-any-cluster", (120, 40), "dark", ("p",), "Can be applied"),
    ("tour", "deployed", (140, 40), "dark", ("t", *"nnnnnnnn", "enter"), "koornacht and tion answer; from"),
    ("tour-broken", "global", (140, 40), "dark", ("t", "x", "enter", "L"), "its nodes"),
)


async def picture(name: str, state: str, size: tuple[int, int], theme: str, keys: tuple[str, ...], text: str) -> str:
    """One SVG of the dashboard in `state` after `keys`, once `text` stands on the screen."""
    settings = Settings(utc=True, theme=theme)
    async with launch(SimOptions(state=state, seed=7)) as running:
        ours = replace(settings, kubeconfig=running.kubeconfig)
        app = MeshtuiApp(opening(lambda: Session(choose(ours, os.environ), ours)), settings, SystemClock())
        app.control = running.control
        async with app.run_test(size=size) as pilot:
            await until(pilot.pause, lambda: live(app))
            for key in keys:
                await pilot.press(key)
            await until(pilot.pause, lambda: text in shown(app))
            return app.export_screenshot(title="meshtui")


def shown(app: MeshtuiApp) -> str:
    """The screen as text."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())  # noqa: SLF001


def live(app: MeshtuiApp) -> bool:
    """Every cluster answers and its flows arrive."""
    mesh = app.board.mesh
    if mesh is None or not mesh.clusters:
        return False
    return all(c.relay.link.phase is Phase.LIVE and c.agents and c.services for c in mesh.clusters.values())


async def until(pause: Callable[[float], object], condition: Callable[[], bool]) -> None:
    """Wait for a condition, at most PATIENCE seconds."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError
        await pause(0.05)  # type: ignore[misc]


def main() -> None:
    """Take them all."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    folder.mkdir(parents=True, exist_ok=True)
    for what in PICTURES:
        svg = asyncio.run(picture(*what))
        (folder / f"{what[0]}.svg").write_text(svg)
        sys.stdout.write(f"{what[0]}\n")


if __name__ == "__main__":
    main()
