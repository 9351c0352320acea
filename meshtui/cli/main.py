"""Runs one command line: parse, dispatch, and turn every failure into words and an exit code."""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from types import SimpleNamespace

from meshtui.cli import words
from meshtui.core.errors import Exit, MeshtuiError, UsageError

PIPE_CLOSED = 141
"""What a shell reports of a program that SIGPIPE ended."""
_MODULES = {
    "demo": "dashboard",
    "simulate": "simulate",
    "status": "status",
    "nodes": "nodes",
    "services": "services",
    "flows": "flows",
    "policies": "policies",
    "annotate": "annotate",
    "findings": "findings",
    "drill": "drill",
    "undo": "undo",
    "serve": "web",
    "schema": "schemas",
    "complete": "complete",
    "load": "load",
    "lab": "lab",
    "info": "info",
    "completion": "completion",
    None: "dashboard",
}


def run(argv: Sequence[str]) -> int:
    """Run a command line (without the program's name); returns the exit code and never raises."""
    if list(argv) == ["--version"]:
        return _version()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that is not UTF-8 shows `?` for what it has no letter for, rather than nothing at all.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = _run(list(argv))
        sys.stdout.flush()
        return int(code)
    except KeyboardInterrupt:
        words.end_progress()
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Python flushes standard output once more at exit: give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except MeshtuiError as error:
        words.end_progress()
        words.complain(error)
        return error.exit_code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.OK
    except Exception as error:  # noqa: BLE001 - the last line of defence: words instead of a traceback
        from meshtui.cli import crash

        words.end_progress()
        crash.told(error, argv)
        return Exit.DEGRADED


def _run(argv: list[str]) -> int:
    from meshtui.cli.parser import build

    arguments = build().parse_args(argv, SimpleNamespace())
    if arguments.version:
        return _version()
    verb = arguments.verb
    if verb in (None, "demo"):
        _need_a_screen()
    from meshtui.cli.crash import debugged

    debugged(arguments)
    signal.signal(signal.SIGTERM, _interrupted)
    module = importlib.import_module(f"meshtui.cli.{_MODULES[verb]}")
    code: int = module.main(arguments)
    return code


def _need_a_screen() -> None:
    """Raise UsageError where the dashboard cannot be painted: words instead of escape codes."""
    if os.environ.get("TEXTUAL_DRIVER", "").endswith("WebDriver"):
        return  # a browser is at the other end of the pipe
    hint = "`meshtui status`, `services`, `flows` … print; `meshtui -h` lists them"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the dashboard needs a terminal", hint=hint)
    if os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        cause = f"TERM is {os.environ.get('TERM') or 'not set'}"
        raise UsageError("the dashboard needs a terminal that can move its cursor", cause=cause, hint=hint)


def _interrupted(*_: object) -> None:
    """SIGTERM ends like ctrl+c: everything is closed on the way out."""
    raise KeyboardInterrupt


def _version() -> int:
    from meshtui import __version__

    sys.stdout.write(f"meshtui {__version__}\n")
    return Exit.OK
