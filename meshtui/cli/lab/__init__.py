"""`meshtui lab …`: build the lab, walk it, check a mesh with it, put it into clusters that are there."""

from __future__ import annotations

from typing import Any


def main(arguments: Any) -> int:
    """Dispatch: building is one thing, walking another."""
    if arguments.what in ("up", "down"):
        from meshtui.cli.lab import build

        return build.up(arguments) if arguments.what == "up" else build.down(arguments)
    from meshtui.cli.lab import walk

    return walk.VERBS[arguments.what](arguments)
