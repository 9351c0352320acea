"""The one place that writes to standard error: what went wrong, why, and what to do next."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from meshtui.core.errors import LoginAwaited, MeshtuiError
from meshtui.core.text import clean, discreet

LIMIT = 2000
_SECRET = ("token", "password", "client-key", "authorization", "bearer ")


def say(*words: str) -> None:
    """One line of words for a person."""
    try:
        sys.stderr.write(" ".join(words) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return


def complain(error: MeshtuiError) -> None:
    """A failure: its title, its cause, the next step."""
    say(f"meshtui: {clean(error.title, LIMIT)}")
    if error.cause:
        say(f"  cause: {clean(error.cause, LIMIT)}")
    if error.hint:
        say(f"  next:  {clean(error.hint, LIMIT)}")


def login(awaited: LoginAwaited) -> None:
    """A plugin that waits for a person, in its own words, line by line."""
    say(f"meshtui: {clean(awaited.title, LIMIT)}")
    for line in awaited.cause.splitlines():
        say(f"  {clean(line.strip(), LIMIT)}")
    say(f"  next:  {clean(awaited.hint, LIMIT)}")


PROGRESS_SECONDS = 0.1
_progressed = 0.0


def begin_progress() -> None:
    """The next progress line is written at once."""
    global _progressed
    _progressed = 0.0


def progress(text: str) -> None:
    """A line that the next one replaces, at most ten times a second; only on a terminal, never wider than it."""
    global _progressed
    now = time.monotonic()
    if now - _progressed < PROGRESS_SECONDS or not sys.stderr.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return
    _progressed = now
    import shutil  # loads archives, too; most runs show no progress

    width = shutil.get_terminal_size().columns - 1
    sys.stderr.write(f"\r\x1b[2K{clean(text, LIMIT)[:width]}")
    sys.stderr.flush()


def end_progress() -> None:
    """Make room for ordinary lines again, where a progress line stands."""
    global _progressed
    if _progressed:
        _progressed = 0.0
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()


def unexpected(error: BaseException, kept: Path | None = None) -> None:
    """A mistake of meshtui's own: one sentence, and the file that says where it happened."""
    say(f"meshtui crashed: {type(error).__name__}: {clean(discreet(_discreet(str(error))))}")
    if kept is not None:
        say(f"  next:  please report it with {clean(str(kept), LIMIT)}, which holds no credentials")
    else:
        say("  next:  please report it; no file could be written that says where it happened")


def _discreet(text: str) -> str:
    """`text` unless it may hold a credential."""
    return "(not shown: it may hold a credential)" if any(word in text.lower() for word in _SECRET) else text
