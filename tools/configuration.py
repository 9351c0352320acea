"""Writes docs/configuration.md from the settings.

.venv/bin/python tools/configuration.py
"""

from __future__ import annotations

from pathlib import Path

from meshtui.core.configuration import page

PAGE = Path(__file__).parent.parent / "docs/configuration.md"

if __name__ == "__main__":
    PAGE.write_text(page())
