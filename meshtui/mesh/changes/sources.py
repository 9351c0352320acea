"""Where policies to apply are read from: files and directories."""

from __future__ import annotations

from pathlib import Path

from meshtui.core.changes.manifests import Written, parse
from meshtui.core.errors import UsageError
from meshtui.core.text import clean

LARGEST = 16 << 20
"""Bytes of one file that are read."""
_ENDINGS = (".yaml", ".yml", ".json")


def read(path: Path) -> Written:
    """What a file, or a directory's files by name, hold. Raises UsageError; then nothing of it counts."""
    name = clean(str(path), 200)
    try:
        if not path.is_dir():
            if path.stat().st_size > LARGEST:
                raise UsageError(f"{name} is larger than {LARGEST >> 20} MiB", hint="give the policies alone")
            return parse(path.read_text(encoding="utf-8"), name)
        files = sorted(each for each in path.iterdir() if each.suffix in _ENDINGS and each.is_file())
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"{name} cannot be read", cause=str(error), hint="give a YAML file or a directory") from error
    if not files:
        raise UsageError(f"{name} holds no YAML file", hint=f"files that end in {', '.join(_ENDINGS)} are read")
    found = [read(file) for file in files]
    return Written(
        [policy for each in found for policy in each.policies], tuple(o for each in found for o in each.others)
    )
