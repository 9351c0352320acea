"""How Cilium's programs name the build they are of, by version."""

from __future__ import annotations

from dataclasses import dataclass

_COMMITS = {
    (1, 17): "b095517e62",
    (1, 18): "6bb2b53a07",
    (1, 19): "a1c8f3e2d4",
    (1, 20): "26d721f0fe",
    (1, 21): "17766dc3e6",
}
_DATES = {
    (1, 17): "2025-01-31T16:02:11+00:00",
    (1, 18): "2025-07-29T10:14:52+00:00",
    (1, 19): "2026-01-30T12:40:37+00:00",
    (1, 20): "2026-07-28T18:58:54+00:00",
    (1, 21): "2026-08-07T09:31:20+00:00",
}
_GO = {(1, 17): "go1.23.5", (1, 18): "go1.24.5", (1, 19): "go1.25.6", (1, 20): "go1.26.6", (1, 21): "go1.26.6"}
UNRELEASED = (1, 21)


@dataclass(frozen=True, slots=True)
class Build:
    """One build of Cilium."""

    version: str
    """`1.20.0`, or `1.21.0-dev`."""
    commit: str
    date: str
    go: str

    @property
    def status(self) -> str:
        """`cilium.msg` of an agent's status."""
        return f"{self.version} (v{self.version}-{self.commit})"

    @property
    def line(self) -> str:
        """What `cilium-dbg version` says behind `Client:` and `Daemon:`, and an agent's log as its first words."""
        return f"{self.version} {self.commit} {self.date} go version {self.go} linux/amd64"

    def hubble(self, component: str) -> str:
        """The version that a Hubble server of a component (`cilium`, `hubble-relay`) says."""
        return f"{component} v{self.version}+g{self.commit}"


def build(version: tuple[int, int]) -> Build:
    """The build that a cluster of that version runs."""
    known = min(max(version, min(_COMMITS)), max(_COMMITS))
    full = f"{version[0]}.{version[1]}.0" + ("-dev" if version >= UNRELEASED else "")
    return Build(full, _COMMITS[known], _DATES[known], _GO[known])
