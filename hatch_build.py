"""Hatchling's hook: the wheel carries the manual page, made from the parser at that moment."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManualPage(BuildHookInterface):  # type: ignore[misc, type-arg]
    """Adds share/man/man1/meshtui.1; an editable install has none."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the page beside the build and name it; the parser needs nothing but Python."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        try:
            from meshtui.cli.man import page
        finally:
            sys.path.remove(self.root)
        self._folder = tempfile.TemporaryDirectory()
        made = Path(self._folder.name) / "meshtui.1"
        made.write_text(page(), encoding="utf-8")
        build_data["shared_data"][str(made)] = "share/man/man1/meshtui.1"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Take the draft away."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()
