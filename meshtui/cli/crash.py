"""The last line of defence: a crash leaves one file, and says where; `--debug` begins its log."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from meshtui.cli import words
from meshtui.core.errors import MeshtuiError
from meshtui.core.text import clean

DEBUG, ANONYMOUS = "MESHTUI_DEBUG", "MESHTUI_DEBUG_ANONYMOUS"
_OFF = frozenset(("", "0", "false", "no", "off"))


def told(error: BaseException, argv: Sequence[str], env: Mapping[str, str] = os.environ) -> None:
    """Write the file and say where it is. Never raises."""
    from meshtui.mesh import crash, debuglog

    log = debuglog.current()
    text = crash.report(error, argv, env, log.last if log is not None else ())
    if log is not None:
        text = "".join(f"{log.safe(line)}\n" for line in text.splitlines())
    words.unexpected(error, crash.keep(text, state_directory(env), time.time()))


def state_directory(env: Mapping[str, str]) -> Path:
    """Where the settings keep state; the user's own where they cannot be read."""
    from meshtui.cli.config import default_state_directory, settings_of

    try:
        return settings_of({}, env).state_directory or default_state_directory()
    except MeshtuiError:
        return default_state_directory()


def debugged(arguments: Any, env: Mapping[str, str] = os.environ) -> None:
    """Begin the log where `--debug` or the environment asks for it, and say where it is. Raises UsageError."""
    anonymous = getattr(arguments, "debug_anonymous", False) or env.get(ANONYMOUS, "").lower() not in _OFF
    if not (anonymous or getattr(arguments, "debug", False) or env.get(DEBUG, "").lower() not in _OFF):
        return
    from meshtui.mesh import debuglog

    log = debuglog.begin(state_directory(env), anonymous=anonymous, now=time.time())
    kind = "without names" if anonymous else "with names of clusters and objects"
    words.say(f"meshtui: writing {clean(str(log.path), words.LIMIT)}: no credentials, {kind}")
