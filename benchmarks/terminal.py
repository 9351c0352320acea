"""A pseudo-terminal with a screen one can read: what a person at the keyboard would see, and when."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

_WINDOW = 0.15
"""Seconds of output that are gathered before any of it is put on the screen."""


class Terminal:
    """One program in a pseudo-terminal of `columns` × `rows`; times are seconds since its exec."""

    def __init__(
        self, argv: Sequence[str], *, columns: int = 120, rows: int = 40, env: Mapping[str, str] | None = None
    ):
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.started = time.monotonic()
        self.bytes = 0
        self.own = 0.0  # what `key_to_paint` says of it
        size = struct.pack("HHHH", rows, columns, 0, 0)
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)  # here, so that the program never sees another size
            # Readline writes LINES and COLUMNS into C's environment: os.environ has none of it, execvp hands it on.
            ours = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
            os.execvpe(argv[0], list(argv), ours)

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def read(self, seconds: float) -> bool:
        """Feed the screen with what arrives within `seconds`; False when nothing did or the program ended."""
        ready, _, _ = select.select([self._fd], [], [], max(0.0, seconds))
        if not ready:
            return False
        try:
            data = os.read(self._fd, 65536)
        except OSError:
            return False
        self.feed(data)
        return bool(data)

    def feed(self, data: bytes) -> None:
        """Put what the program wrote on the screen."""
        self.bytes += len(data)
        self._stream.feed(data)

    def until(self, condition: Callable[[str], bool], seconds: float = 20.0) -> float:
        """Seconds since exec at which `condition(text)` first held; TimeoutError with the screen otherwise."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.read(min(0.5, deadline - time.monotonic())) and condition(self.text):
                return self.elapsed
        raise TimeoutError(self.text)

    def quiet(self, seconds: float, limit: float = 10.0) -> None:
        """Wait until the program wrote nothing for `seconds`, at most `limit`."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline and self.read(seconds):
            pass

    def press(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def key_to_paint(self, key: str, changed: Callable[[str, str], bool], limit: float = 5.0) -> float:
        """Seconds from pressing `key` to the arrival of the bytes that make `changed(before, after)` hold.

        What arrives is put on the screen afterwards: reading it there takes longer than the program took to write it.
        `own` is the same without what was `waited` meanwhile.
        """
        before = self.text
        pressed, waited = time.monotonic(), self.waited
        self.press(key)
        while time.monotonic() - pressed < limit:
            found: list[float] = []
            for arrived, by_then, data in self._gather(_WINDOW):
                self._stream.feed(data)
                if not found and changed(before, self.text):
                    found.append(arrived - pressed)
                    self.own = max(0.0, found[0] - (by_then - waited))
            if found:
                return found[0]
        raise TimeoutError(self.text)

    @property
    def waited(self) -> float:
        """Seconds for which its main thread was ready to run and did not, so far; 0 where the kernel does not say."""
        try:
            return int(Path(f"/proc/{self.pid}/task/{self.pid}/schedstat").read_text().split()[1]) / 1e9
        except (OSError, IndexError):
            return 0.0

    def _gather(self, seconds: float) -> list[tuple[float, float, bytes]]:
        """What arrives within `seconds`, with its time and what was `waited` by then, unread."""
        chunks = []
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self._fd], [], [], left)[0]:
                data = os.read(self._fd, 65536)
                chunks.append((time.monotonic(), self.waited, data))
                self.bytes += len(data)
        return chunks

    def close(self) -> None:
        for kind in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(self.pid, kind)
            except ProcessLookupError:
                break
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:
                self.read(0.05)
                if os.waitpid(self.pid, os.WNOHANG)[0]:
                    os.close(self._fd)
                    return
