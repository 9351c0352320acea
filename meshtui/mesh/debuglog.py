"""The log of `--debug`: requests, connections, changes and keys, one line each, safe to show to strangers."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from meshtui import __version__
from meshtui.core.errors import UsageError
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.text import clean
from meshtui.kube.secrets import postable

if TYPE_CHECKING:
    from meshtui.core.anonymous import Pseudonyms

LOUD = ("meshtui", "httpx", "asyncio")
"""Whose words are kept: ours, and each request's line."""
_KINDS = {r.NODES: "node", r.PODS: "pod", r.SERVICES: "service", r.NAMESPACES: "namespace", r.DEPLOYMENTS: "deployment"}
_LAST = 200
_LINE = 2000
_log = logging.getLogger(__name__)


class DebugLog(logging.Handler):
    """Writes lines into a file of its own, readable by its owner alone."""

    def __init__(self, directory: Path, *, anonymous: bool, now: float) -> None:
        """Raises UsageError when the file cannot be made."""
        super().__init__(logging.DEBUG)
        self.names = _pseudonyms() if anonymous else None
        self.last: deque[str] = deque(maxlen=_LAST)
        self.path = directory / f"debug-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}-{os.getpid()}.log"
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            self._file = os.fdopen(os.open(self.path, flags, 0o600), "w", encoding="utf-8", errors="replace")
        except OSError as error:
            cause = f"{self.path}: {error.strerror or error}"
            raise UsageError("the debug log cannot be written", cause=cause, hint="set state_directory") from error

    def emit(self, record: logging.LogRecord) -> None:
        """One line, cleaned of credentials first, then of names where that is wanted, then of control characters."""
        try:
            stamp = time.strftime("%H:%M:%S", time.gmtime(record.created))
            line = f"{stamp}.{int(record.msecs):03d} {record.name} {self.safe(record.getMessage())}"
            self.last.append(line)
            self._file.write(line + "\n")
            self._file.flush()
        except (OSError, ValueError):
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """A full disk ends the log and nothing else."""

    def safe(self, text: str) -> str:
        """`text` as it may be shown."""
        text = postable(text)
        return clean(self.names.replace(text) if self.names is not None else text, _LINE)

    def close(self) -> None:
        """No more lines."""
        self._file.close()
        super().close()


def _pseudonyms() -> Pseudonyms:
    from meshtui.core.anonymous import Pseudonyms

    return Pseudonyms()


def begin(directory: Path, *, anonymous: bool, now: float) -> DebugLog:
    """Log from now on. Raises UsageError when the file cannot be made."""
    import platform

    log = DebugLog(directory, anonymous=anonymous, now=now)
    for name in LOUD:
        logger = logging.getLogger(name)
        logger.addHandler(log)
        logger.setLevel(logging.INFO if name == "httpx" else logging.DEBUG if name == "meshtui" else logging.WARNING)
    _written.append(log)
    _log.debug("meshtui %s, python %s, %s", __version__, platform.python_version(), platform.platform())
    return log


def current() -> DebugLog | None:
    """The log being written; None without `--debug`."""
    return _written[-1] if _written else None


_written: list[DebugLog] = []


def note(event: s.Event) -> None:
    """A line for what changed of a connection; names of what came are learned where they are to be hidden."""
    log = current()
    if log is None:
        return
    if log.names is not None:
        for kind, name in _named(event):
            log.names.learn(kind, name)
    line = _line(event)
    if line:
        _log.debug("%s", line)


def _named(event: s.Event) -> Iterator[tuple[str, str]]:
    yield "context", event.context
    if isinstance(event, s.ConfigRead) and event.config is not None:
        yield "cluster", event.config.name
    if isinstance(event, s.Listed | s.Changed):
        kind = _KINDS.get(event.resource, "object")
        for key in event.items:
            namespace, slash, name = key.rpartition("/")
            yield kind, name
            if slash:
                yield "namespace", namespace


def _line(event: s.Event) -> str:
    problem = getattr(event, "error", None)
    told = f": {problem}" if problem is not None else ""
    if isinstance(event, s.ApiChanged):
        return f"{event.context}: API server {event.phase.value} {event.version}{told}"
    if isinstance(event, s.WatchChanged):
        return f"{event.context}: watch of {event.resource.plural} {event.phase.value}{told}"
    if isinstance(event, s.RelayChanged) and (event.phase is not None or problem is not None):
        phase = event.phase.value if event.phase is not None else ""
        return f"{event.context}: flows {phase} {event.address or ''}{told}"
    if isinstance(event, s.Listed):
        return f"{event.context}: {len(event.items)} {event.resource.plural} listed"
    return f"{event.context}: {type(event).__name__}{told}" if problem is not None else ""
