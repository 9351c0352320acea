"""What a crash leaves: one file in the state directory with what is needed to understand it, and no credential."""

from __future__ import annotations

import os
import platform
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from meshtui import __version__
from meshtui.core.text import HIDDEN
from meshtui.kube.secrets import postable

LIBRARIES = ("textual", "rich", "kubernetes", "grpcio", "protobuf", "httpx", "msgspec", "websockets", "aiohttp")
_TERMINAL = ("TERM", "COLORTERM", "LANG", "LC_ALL", "TMUX", "SSH_TTY", "COLUMNS", "LINES", "TERM_PROGRAM")
_SENT = frozenset(("-H", "--header", "-d", "--data", "--as-user-extra"))
_LONGEST = 200_000


def report(error: BaseException, argv: Sequence[str], env: Mapping[str, str], lines: Iterable[str] = ()) -> str:
    """The file's text: versions, the command line, the terminal, where it happened, the debug log's last lines.

    No value of a local variable is in it; everything passes `postable`.
    """
    versions = ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    trace = traceback.TracebackException.from_exception(error, capture_locals=False, limit=200)
    parts = [
        f"meshtui {__version__}, python {platform.python_version()}, {platform.platform()}",
        versions,
        f"command: meshtui {' '.join(_spoken(argv))}",
        f"terminal: {', '.join(f'{name}={env[name]}' for name in _TERMINAL if name in env)}",
        "",
        "".join(trace.format()).rstrip(),
        *(["", "before it:", *lines] if (lines := list(lines)) else []),
    ]
    return postable("\n".join(parts)[:_LONGEST]) + "\n"


def _spoken(argv: Sequence[str]) -> Iterable[str]:
    """A command line without what a person sends by it: headers, bodies, attributes of an impersonation."""
    before = ""
    for word in argv:
        name, equals, _ = word.partition("=")
        short = next((flag for flag in ("-H", "-d") if word.startswith(flag) and not word.startswith("--")), "")
        if before in _SENT:
            yield HIDDEN
        elif short and word != short:
            yield f"{short} {HIDDEN}"
        else:
            yield f"{name}={HIDDEN}" if equals and name in _SENT else word
        before = word


def keep(text: str, directory: Path | None, now: float) -> Path | None:
    """Write a crash's file, readable by its owner alone; None without a directory or when it cannot be written."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    if directory is None:
        return None
    path = directory / f"crash-{stamp}-{os.getpid()}.txt"
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError:
        return None
    return path


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"
