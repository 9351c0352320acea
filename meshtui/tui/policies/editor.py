"""A policy in the person's own editor; what comes back is applied like any other change."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from meshtui.core.changes.manifests import parse
from meshtui.core.errors import MeshtuiError, UsageError


def edited(
    app: App[Any], document: Mapping[str, Any], env: Mapping[str, str] = os.environ
) -> list[dict[str, Any]] | None:
    """What the person made of it; None where it was left as it was. Raises UsageError, MeshtuiError."""
    import yaml

    command = shlex.split(env.get("VISUAL") or env.get("EDITOR") or "vi")
    text = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=10_000)
    with tempfile.TemporaryDirectory(prefix="meshtui-") as directory:
        path = Path(directory) / "policy.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            with app.suspend():
                code = subprocess.run([*command, str(path)], check=False).returncode
        except SuspendNotSupported:
            raise MeshtuiError(
                "this terminal cannot be lent to an editor", hint="use `meshtui policies apply FILE`"
            ) from None
        except OSError as error:
            raise UsageError(f"{command[0]} cannot be started", cause=str(error), hint="set EDITOR") from error
        if code:
            raise UsageError(f"{command[0]} ended with {code}: nothing was changed")
        new = path.read_text(encoding="utf-8", errors="replace")
    return None if new == text else parse(new, "what was edited")
