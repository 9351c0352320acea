"""docs/road.md is the road as it is now; `tools/record_road.py` walks it anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

from msgspec.structs import replace

from meshtui.core.settings import Settings
from meshtui.kube.clock import SystemClock
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose
from meshtui.sim import SimOptions, launch
from meshtui.tui.app import MeshtuiApp
from meshtui.tui.start import opening
from tools.record_road import ROAD
from tools.screenshots import ALIKE, likeness, shown, until, words

PAGE = (Path(__file__).parent.parent / "docs/road.md").read_text()
SCREENS = dict(re.findall(r"^## (.+?)\n\n```text\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL))
WALKED = 6
"""Steps walked by the test: those in which nobody waits for a time-out."""
RETAKE = "python tools/record_road.py"


def test_each_step_of_the_road_is_on_the_page_with_the_screen_that_it_waits_for() -> None:
    assert list(SCREENS) == [step.say for step in ROAD], RETAKE
    for step in ROAD:
        assert re.search(step.wait, SCREENS[step.say]), f"{step.say}: {RETAKE}"


async def test_the_page_shows_what_the_first_steps_show_now() -> None:
    settings = Settings(utc=True)

    def on(running: object) -> Session:
        ours = replace(settings, kubeconfig=running.kubeconfig, contexts=tuple(running.contexts))  # type: ignore[attr-defined]
        return Session(choose(ours, os.environ), ours)

    def began(running: object) -> None:
        app.control = running.control  # type: ignore[attr-defined]

    app = MeshtuiApp(opening(on, lambda: launch(SimOptions(seed=5)), began), settings, SystemClock())
    async with app.run_test(size=(120, 40)) as pilot:
        for step in ROAD[:WALKED]:
            await pilot.press(*(key.lower() if len(key) > 1 else key for key in step.keys))

            def told(step: str = step.say, wait: str = step.wait) -> bool:
                return bool(re.search(wait, shown(app))) and likeness(said(shown(app)), said(SCREENS[step])) >= ALIKE

            try:
                await until(pilot.pause, told)
            except TimeoutError:
                now, then = said(shown(app)), said(SCREENS[step.say])
                alike = f"{likeness(now, then):.2f} alike; gone {then - now}; new {now - then}"
                raise AssertionError(f"{step.say}: {alike}: {RETAKE}\n{shown(app)}") from None


def said(screen: str) -> frozenset[str]:
    """The words of a screen, as a picture's are taken."""
    return words("".join(f"<text>{line.replace('<', ' ')}</text>" for line in screen.splitlines()))
