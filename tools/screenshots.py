"""Takes the pictures in docs/images from the dashboard on the embedded mesh, or tells how far they have drifted.

.venv/bin/python tools/screenshots.py [--check] [NAME ...]
"""

from __future__ import annotations

import argparse
import asyncio
import html
import os
import re
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

os.environ.setdefault("COLORTERM", "truecolor")  # else a poor TERM would give the pictures sixteen colours
PATIENCE = 90.0
IMAGES = Path(__file__).parent.parent / "docs/images"
ALIKE = 0.85
"""Share of words, in both directions together, that a picture and the screen have in common when it shows what is."""
FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Rich names fonts of a site elsewhere: a page of ours loads nothing from there."""

# name, state, size, theme, keys pressed before, texts to wait for
PICTURES: tuple[tuple[str, str, tuple[int, int], str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("dashboard", "global", (120, 40), "dark", ("l",), ("done", "FORWARDED", "rebel-base:80")),
    ("dashboard-light", "global", (120, 40), "light", ("l",), ("done", "FORWARDED", "rebel-base:80")),
    ("dashboard-safe-dark", "global", (120, 40), "safe-dark", ("l",), ("done", "FORWARDED", "rebel-base:80")),
    ("dashboard-safe-light", "global", (120, 40), "safe-light", ("l",), ("done", "FORWARDED", "rebel-base:80")),
    ("dashboard-ansi", "global", (120, 40), "ansi", ("l",), ("done", "FORWARDED", "rebel-base:80")),
    ("drops", "default-deny", (120, 40), "dark", ("l",), ("4/10", "Policy denied")),
    ("wide", "ingress-tion", (200, 50), "dark", ("l",), ("done", "FORWARDED", "rebel-base:80")),
    ("link-cut", "link-cut", (120, 40), "dark", ("l",), ("done", "FORWARDED", "rebel-base:80")),
    ("narrow", "global", (80, 24), "dark", (), ("rebel-base", "2/2")),
    ("policies", "egress-any-cluster", (120, 40), "dark", ("p",), ("present for",)),
    ("tour", "deployed", (140, 40), "dark", ("t", *"nnnnnnnn", "enter"), ("koornacht and tion answer; from",)),
    ("tour-broken", "global", (140, 40), "dark", ("t", "x", "enter", "L"), ("its nodes",)),
)


async def picture(
    name: str, state: str, size: tuple[int, int], theme: str, keys: tuple[str, ...], texts: tuple[str, ...]
) -> str:
    """One SVG of the dashboard in `state` after `keys`, once all `texts` stand on the screen."""
    settings = Settings(utc=True, theme=theme)
    async with launch(SimOptions(state=state, seed=7)) as running:
        ours = replace(settings, kubeconfig=running.kubeconfig)
        app = MeshtuiApp(opening(lambda: Session(choose(ours, os.environ), ours)), settings, SystemClock())
        app.control = running.control
        async with app.run_test(size=size) as pilot:
            await until(pilot.pause, lambda: live(app))
            for key in keys:
                await pilot.press(key)
            try:
                await until(pilot.pause, lambda: all(text in shown(app) for text in texts))
            except TimeoutError:
                raise TimeoutError(f"{name}: {texts} were never shown:\n{shown(app)}") from None
            return FONTS.sub("", app.export_screenshot(title="meshtui"))


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


def words(svg: str) -> frozenset[str]:
    """What stands in a picture, but for numbers, names of pods and whatever else every run has anew."""
    text = html.unescape(" ".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg))).replace("\xa0", " ")
    return frozenset(re.findall(r"(?<![\w-])[A-Za-z]{3,}(?![\w-])", text))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """1 when both have the same words, 0 when they have none in common."""
    return len(one & other) / max(1, len(one | other))


def drift(name: str, taken: str) -> str:
    """What a picture says otherwise than the one just taken; empty while both are alike enough."""
    old, new = words((IMAGES / f"{name}.svg").read_text()), words(taken)
    if likeness(old, new) >= ALIKE:
        return ""
    gone, come = sorted(old - new), sorted(new - old)
    return f"{name}: {likeness(old, new):.2f} alike; gone {' '.join(gone)}; new {' '.join(come)}"


def main() -> int:
    """Take them all, or those named; with --check say which have drifted, and exit 1 when any has."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    told = []
    for what in PICTURES:
        if options.names and what[0] not in options.names:
            continue
        svg = asyncio.run(picture(*what))
        if options.check:
            told.append(drift(what[0], svg))
        else:
            (IMAGES / f"{what[0]}.svg").write_text(svg)
        sys.stdout.write(f"{(told and told[-1]) or what[0]}\n")
    return int(any(told))


if __name__ == "__main__":
    sys.exit(main())
