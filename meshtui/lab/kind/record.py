"""What was built, kept in a file: which clusters are ours, which commands are done, and which was under way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from meshtui.core.errors import MeshtuiError, UsageError
from meshtui.lab.facts import Port, Site
from meshtui.lab.kind.design import Design

NAME = "lab.json"


class Record(msgspec.Struct):
    """One lab's file."""

    id: str
    clusters: list[str]
    nodes: int
    cilium: str = ""
    provider: str = "docker"
    ports: dict[str, int] = {}
    """Node port → port of this machine, where it is another."""
    inherit: bool = False
    """Whether the cilium CLI took the CA over itself."""
    absent: list[str] = []
    """Clusters that were not there when their creation began: what has their name since is ours."""
    done: list[str] = []
    begun: str = ""
    """The command under way; empty when none was interrupted."""
    started: float = 0.0


class Records:
    """All labs of this user, a folder each. Raises MeshtuiError when the folder cannot be written."""

    def __init__(self, state: Path | None) -> None:
        if state is None:
            raise MeshtuiError("there is no place to write the lab's state down", hint="set state_directory")
        self._root = state / "labs"

    def directory(self, name: str) -> Path:
        """A lab's folder; kind's configurations are there, too."""
        return self._root / name

    def names(self) -> list[str]:
        """Labs there are."""
        return sorted(path.parent.name for path in self._root.glob(f"*/{NAME}"))

    def read(self, name: str) -> Record | None:
        """One lab's record. Raises MeshtuiError when it cannot be read."""
        path = self.directory(name) / NAME
        try:
            return msgspec.json.decode(path.read_bytes(), type=Record)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
            raise MeshtuiError("the lab's state cannot be read", cause=f"{path}: {error}") from error

    def one(self, names: Sequence[str] = ()) -> Record:
        """The lab of those clusters, or the only one there is. Raises UsageError."""
        there = self.names()
        wanted = ["+".join(names)] if names else there
        if len(wanted) > 1:
            raise UsageError("there are several labs", hint=f"choose one with --clusters: {', '.join(there)}")
        found = self.read(wanted[0]) if wanted else None
        if found is None:
            raise UsageError("meshtui has built no such lab", hint=f"labs: {', '.join(there) or 'none'}")
        return found

    def write(self, record: Record) -> None:
        """Keep it, whole or not at all."""
        directory = self.directory("+".join(record.clusters))
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = directory / f"{NAME}.new"
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(record)) + b"\n")
            draft.replace(directory / NAME)
        except OSError as error:
            raise MeshtuiError("the lab's state could not be kept", cause=str(error)) from error

    def forget(self, record: Record) -> None:
        """The lab is gone."""
        shutil.rmtree(self.directory("+".join(record.clusters)), ignore_errors=True)


def new(lab: Design, started: float) -> Record:
    """The record of a lab that is about to be built."""
    ports = {str(port.node): port.host for site in lab.sites for port in site.ports if port.node != port.host}
    names = [site.name for site in lab.sites]
    return Record(lab.id, names, lab.sites[0].nodes, lab.cilium, lab.provider, ports, started=started)


def design_of(record: Record) -> Design:
    """The lab a record is of."""
    from meshtui.lab.kind.design import design

    made = design(record.id, tuple(record.clusters), nodes=record.nodes, cilium=record.cilium, provider=record.provider)
    return made.with_ports({int(node): host for node, host in record.ports.items()})


def published(lab: Design, node: int) -> tuple[Site, Port] | None:
    """Which cluster publishes a node's port, and where."""
    return next(((site, port) for site in lab.sites for port in site.ports if port.node == node), None)
