"""Copying: through the terminal (OSC 52), and through the desktop's own tool where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

from textual.app import App

from meshtui.core.settings import Settings

LIMIT = 74_000
"""Bytes beyond which terminals drop an OSC 52."""
_TOOLS = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
    ("", ("pbcopy",)),
)


def over_ssh(env: Mapping[str, str]) -> bool:
    """Whether the terminal is at the other end of an SSH connection."""
    return bool(env.get("SSH_CONNECTION") or env.get("SSH_TTY"))


def tool(env: Mapping[str, str]) -> tuple[str, ...] | None:
    """The desktop's clipboard command; None over SSH or where there is none."""
    if over_ssh(env):
        return None
    for variable, command in _TOOLS:
        if (not variable or env.get(variable)) and shutil.which(command[0]):
            return command
    return None


def copy(app: App[int] | App[object], text: str) -> str:
    """Copy `text` as the settings say; returns the sentence that says what was copied."""
    way = getattr(app, "settings", Settings()).clipboard
    if way == "off":
        return "not copied: clipboard is off in the settings"
    command = tool(os.environ) if way != "osc52" else None
    if way == "native" and command is None:
        return 'not copied: no clipboard tool of a desktop is here; clipboard = "osc52" copies through the terminal'
    if way != "native" and len(text.encode(errors="replace")) <= LIMIT:
        app.copy_to_clipboard(text)
    elif command is None:
        return f"not copied: over {LIMIT // 1000} kB, which a terminal does not take"
    if command is not None:
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as p:
            try:
                p.communicate(text.encode(errors="replace"), timeout=2)
            except subprocess.TimeoutExpired:
                p.kill()
                return f"not copied: {command[0]} has not answered"
    first = text.splitlines()[0] if text else ""
    return f"copied: {first[:80]}"
