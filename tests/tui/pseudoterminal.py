"""A program in a pseudo-terminal: what it wrote to the last byte, how it ended, and the terminal taken away."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from benchmarks import terminal
from tests.waiting import GUARD


class Terminal(terminal.Terminal):
    """Keeps all bytes; every wait has a limit in seconds."""

    raw = b""

    def read(self, seconds: float) -> bool:
        before = self.bytes
        data = super().read(seconds)
        assert self.bytes >= before
        return data

    def feed(self, data: bytes) -> None:
        self.raw += data
        super().feed(data)

    def send(self, keys: str) -> None:
        self.press(keys)

    def until(self, condition: Callable[[str], bool], seconds: float = GUARD) -> float:
        """As the one below, but what holds already needs no new output."""
        return self.elapsed if condition(self.text) else super().until(condition, seconds)

    def wait(self, limit: float = GUARD) -> int:
        """Read until the program ended; its exit code as a shell has it."""
        return self._waited(0, limit)

    def stopped(self, limit: float = GUARD) -> None:
        """Read until the program has stopped itself."""
        self._waited(os.WUNTRACED, limit)

    def hang_up(self) -> None:
        """Take the terminal away, as a closed window does."""
        os.close(self._fd)
        self._fd = -1

    def close(self) -> None:
        """End the program, if it still runs."""
        if self._fd >= 0:
            super().close()

    def _waited(self, options: int, limit: float) -> int:
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if self._fd >= 0:
                self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG | options)
            if pid:
                while self._fd >= 0 and self.read(0.2):  # what it wrote before
                    pass
            if pid and os.WIFSTOPPED(status):
                return 0
            if pid:
                return os.waitstatus_to_exitcode(status)
        raise TimeoutError(self.text)
