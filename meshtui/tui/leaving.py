"""Ways out: signals that end the dashboard give the terminal back, and ctrl+c leaves at its second press."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable

SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""Whoever sends these wants the program gone: it leaves as by q, so that the terminal is found as it was."""
GRACE_SECONDS = 5.0
"""How long an orderly end may take after a signal."""
AGAIN_SECONDS = 3.0
"""How long the first ctrl+c counts."""


def exit_code(number: int) -> int:
    """What a shell expects of a program that a signal ended."""
    return 128 + number


class Signals:
    """Calls `leave` with the exit code when a signal asks the program to end."""

    def __init__(self, leave: Callable[[int], None]) -> None:
        self._leave = leave

    def listen(self) -> None:
        """From now on; does nothing where the event loop takes no signals (other threads, other systems)."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self._end, exit_code(number))

    def _end(self, code: int) -> None:
        """Leave in order; and in any case, since a terminal that is gone can hold up whoever still writes to it."""
        last = threading.Timer(GRACE_SECONDS, os._exit, (code,))
        last.daemon = True
        last.start()
        self._leave(code)

    def ignore(self) -> None:
        """No longer."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.remove_signal_handler(number)


class Twice:
    """Whether a key was pressed a second time soon enough; `now` in monotonic seconds."""

    def __init__(self) -> None:
        self._first: float | None = None

    def pressed(self, now: float) -> bool:
        """True at the second press within AGAIN_SECONDS of the first."""
        again = self._first is not None and now - self._first <= AGAIN_SECONDS
        self._first = None if again else now
        return again
