"""The documentation's pictures show what is painted now; `tools/screenshots.py` takes them anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.screenshots import FONTS, IMAGES, PICTURES, drift, likeness, picture, words

ROOT = Path(__file__).parent.parent
RETAKE = "python tools/screenshots.py"
HELD = ("narrow", "policies", "dashboard")
"""Looked at by the tests; `tools/screenshots.py --check` looks at all."""


@pytest.mark.parametrize("name", HELD)
async def test_a_picture_shows_what_is_painted_now(name: str) -> None:
    [what] = [each for each in PICTURES if each[0] == name]
    assert drift(name, await picture(*what)) == "", RETAKE


def test_every_picture_is_taken_by_the_tool_and_loads_nothing_from_elsewhere() -> None:
    assert {path.stem for path in IMAGES.glob("*.svg")} == {name for name, *_ in PICTURES}
    for path in IMAGES.glob("*.svg"):
        text = path.read_text()
        assert FONTS.search(text) is None
        assert "url(http" not in text.replace('"', "")
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = {Path(found).stem for page in pages for found in re.findall(r"\]\(([^)]+\.svg)\)", page.read_text())}
    assert shown <= {name for name, *_ in PICTURES}


def test_another_screen_is_not_alike() -> None:
    one, other = (words((IMAGES / f"{name}.svg").read_text()) for name in ("policies", "tour"))
    assert likeness(one, one) == 1.0
    assert likeness(one, other) < 0.6
