"""The machine the lab is built on: tools, kernel limits, memory and ports."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Machine:
    """What is asked of this machine; a test's has a /proc and a PATH of its own."""

    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    proc: Path = Path("/proc")

    def providing(self, provider: str) -> Machine:
        """As commands see it: kind learns of its provider from the environment."""
        return self.with_env(KIND_EXPERIMENTAL_PROVIDER="podman") if provider == "podman" else self

    def with_env(self, **more: str) -> Machine:
        """With more in the environment."""
        return replace(self, env={**self.env, **more})

    def has(self, tool: str) -> bool:
        """Whether a program is in PATH."""
        return shutil.which(tool, path=self.env.get("PATH")) is not None

    def limit(self, name: str) -> int | None:
        """A limit of inotify; None where the kernel has none."""
        try:
            return int((self.proc / "sys/fs/inotify" / name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def memory(self) -> int | None:
        """Bytes that could be used now; None where that is not told."""
        try:
            text = (self.proc / "meminfo").read_text(encoding="ascii")
        except OSError:
            return None
        for line in text.splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return None

    def free(self, port: int) -> bool:
        """Whether a port can be listened on, on every address."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                return False
        return True

    def near(self, port: int, taken: set[int]) -> int:
        """The next free port from `port` on that is not `taken`; 0 when there is none."""
        for candidate in range(port, _MAX_PORT + 1):
            if candidate not in taken and self.free(candidate):
                return candidate
        return 0
