"""A text in a person's own editor: the screen is suspended meanwhile."""

from __future__ import annotations

import asyncio
import os
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual.app import App

from meshtui.core.errors import MeshtuiError, UsageError
from meshtui.kube.children import child, exited
from meshtui.tui.terminal import Screen


def as_yaml(document: Mapping[str, Any]) -> str:
    """A policy as it is edited: no line is folded."""
    import yaml

    return str(yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=10_000))


async def edited(app: App[Any], text: str) -> str:
    """What a person made of a text in $VISUAL or $EDITOR. Raises MeshtuiError where no editor can be shown or run."""
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="meshtui-") as folder:
        path = Path(folder) / "policy.yaml"
        await asyncio.to_thread(path.write_text, text, "utf-8")
        async with Screen(app).lend(f"{words[0]} has the terminal"):
            try:
                async with child(*words, str(path), own=False) as process:
                    code = await exited(process)
            except OSError as error:
                raise UsageError(f"{words[0]} cannot be started", cause=str(error), hint="set EDITOR") from error
        if code:
            raise MeshtuiError(f"{words[0]} ended with {code}", hint="nothing was taken over")
        return await asyncio.to_thread(path.read_text, "utf-8")
