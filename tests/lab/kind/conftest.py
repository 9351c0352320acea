"""A machine with stand-ins for kind, cilium, kubectl and docker on its PATH, and a person who watches."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from meshtui.kube.clock import SystemClock
from meshtui.lab.kind import run
from meshtui.lab.kind.commands import Command
from meshtui.lab.kind.lab import Wish, down, up
from meshtui.lab.kind.machine import Machine
from meshtui.lab.kind.record import Records

TOOLS = ("kind", "cilium", "kubectl", "docker", "podman")
ASKED = (
    "kind version",
    "cilium version",
    "kubectl version",
    "docker info",
    "podman info",
    "--help",
    "get clusters",
    "get nodes",
    "--ignore-not-found",
    "get secret cilium-ca -o yaml",
)
"""What stand-ins are asked that changes nothing."""
GB = 1024 * 1024


@dataclass
class Watcher:
    """What a person would have seen."""

    lines: list[str] = field(default_factory=list)
    begun: list[tuple[str, int, int]] = field(default_factory=list)
    ended: list[tuple[str, bool]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def begin(self, command: Command, number: int, total: int) -> None:
        self.begun.append((command.id, number, total))

    def line(self, text: str) -> None:
        self.lines.append(text)

    def end(self, command: Command, seconds: float, skipped: bool) -> None:
        assert seconds >= 0
        self.ended.append((command.id, skipped))

    def say(self, text: str) -> None:
        self.said.append(text)


@dataclass
class Site:
    """The machine, and what the stand-ins did on it."""

    root: Path
    records: Records
    watcher: Watcher = field(default_factory=Watcher)

    @property
    def machine(self) -> Machine:

        env = {**os.environ, "PATH": f"{self.root / 'bin'}:/usr/bin:/bin", "STANDIN": str(self.root)}
        return Machine(env, self.root / "proc")

    def write(self, name: str, text: str = "") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def mend(self) -> None:
        for name in ("fail", "hang"):
            (self.root / name).unlink(missing_ok=True)

    @property
    def calls(self) -> list[list[str]]:
        """All calls, each as its words."""
        log = self.root / "log"
        return [line.split("\t") for line in log.read_text().splitlines()] if log.exists() else []

    @property
    def acts(self) -> list[list[str]]:
        """Calls that change something."""
        return [call for call in self.calls if not any(words in " ".join(call) for words in ASKED)]

    @property
    def clusters(self) -> set[str]:
        return {path.name for path in (self.root / "clusters").iterdir()}

    async def up(self, patience: float | None = None, **wish: object) -> None:
        await up(Wish(**wish), self.records, self.machine, self.watcher, SystemClock(), patience=patience)  # type: ignore[arg-type]

    async def down(self, *names: str) -> list[str]:
        return await down(self.records, names, self.machine, self.watcher, SystemClock())


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Everything installed, enough of everything, nothing built; what is interrupted has little time."""
    monkeypatch.setattr(run, "GRACE", 0.3)
    root = tmp_path / "machine"
    for folder in ("bin", "clusters", "installed", "ca"):
        (root / folder).mkdir(parents=True)
    for tool in TOOLS:
        shutil.copy(Path(__file__).parent / "standin.sh", root / "bin" / tool)
    found = Site(root, Records(tmp_path / "state"))
    found.write("proc/sys/fs/inotify/max_user_watches", "1048576\n")
    found.write("proc/sys/fs/inotify/max_user_instances", "8192\n")
    found.write("proc/meminfo", f"MemTotal:       {32 * GB} kB\nMemAvailable:   {16 * GB} kB\n")
    return found
