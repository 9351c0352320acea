"""A session made of a file: flows that `hubble observe -o jsonpb` or meshtui wrote, seen through the very same view."""

from __future__ import annotations

import asyncio
import gzip
import re
import threading
from pathlib import Path
from typing import IO

from meshtui.core.clock import Clock
from meshtui.core.errors import UsageError
from meshtui.core.flows.flow import FlowRow
from meshtui.core.model import state as s
from meshtui.core.model.tags import tags
from meshtui.core.settings import Settings
from meshtui.hubble.jsonlines import JsonLines
from meshtui.hubble.rows import Lost, NodeStatus, Undecodable
from meshtui.hubble.status import Losses, Nodes
from meshtui.mesh.session import Session

_CHUNK = 1 << 18
_WAIT = 0.02
_CLUSTER = re.compile(
    rb'"?(?:node_?[nN]ame"?\s*:\s*"?([^"/\s]{1,253})/|cluster_?[nN]ame"?\s*:\s*"?([^"\s]{1,253})"?'
    rb'|io\.cilium\.k8s\.policy\.cluster=([^"\s]{1,253})"?)'
)
"""Of JSON in either spelling, and of YAML; before 1.18 the identity's label alone tells a pod's cluster."""
_NOBODYS = "default"
"""What Cilium calls a cluster that nobody named: a file that names none is of one such."""
_MOST_CLUSTERS = 64


def opened(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked when it is gzip. Raises UsageError."""
    where = path.expanduser()
    try:
        with where.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        return gzip.open(where) if packed else where.open("rb")  # type: ignore[return-value]
    except OSError as error:
        raise UsageError(f"cannot read {path}", cause=error.strerror or str(error), hint="") from error


def clusters_in(path: Path) -> list[str]:
    """Names of the clusters whose nodes or pods a file tells of, in order. Raises UsageError."""
    names: dict[str, None] = {}
    with opened(path) as file:
        rest = b""
        while data := _piece(file, path):
            for match in _CLUSTER.finditer(rest + data):
                names.setdefault((match[1] or match[2] or match[3]).decode("utf-8", "replace"))
            rest = data[-600:]
            if len(names) >= _MOST_CLUSTERS:
                break
    return list(names)[:_MOST_CLUSTERS]


def _piece(file: IO[bytes], path: Path) -> bytes:
    try:
        return file.read(_CHUNK)
    except (OSError, EOFError) as error:
        raise UsageError(f"cannot read {path}", cause=str(error), hint="is it complete?") from error


class Replay(Session):
    """Flows come from the file as fast as they can be taken; nothing can be changed, there is no cluster."""

    def __init__(self, path: Path, settings: Settings, *, clock: Clock | None = None) -> None:
        """Raises UsageError when the file cannot be read."""
        super().__init__((), settings, clock=clock)
        self.path = path
        self._stopping = threading.Event()
        self._reader: threading.Thread | None = None
        self.ended = asyncio.Event()
        """Set when the whole file was read."""
        names = sorted(clusters_in(path)) or [_NOBODYS]
        for index, (name, tag) in enumerate(zip(names, tags(names), strict=True)):
            self.mesh.clusters[name] = s.Cluster(name, tag, index, read_only=True, api=s.Link(s.Phase.ABSENT))
            self.mesh.clusters[name].relay.source = s.FlowSource.REPLAY

    async def start(self) -> None:
        """Begin to read."""
        await super().start()
        loop = asyncio.get_running_loop()
        self._reader = threading.Thread(target=self._read, args=(loop,), name="replay", daemon=True)
        self._reader.start()

    async def stop(self) -> None:
        """End reading."""
        self._stopping.set()
        if self._reader is not None:
            await asyncio.to_thread(self._reader.join, 5.0)
        await super().stop()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread of its own: JSON takes several times as long as what a Relay sends."""
        reader, losses, nodes, bad, told = JsonLines("file"), Losses(), Nodes(), 0, 0
        problem: UsageError | None = None
        try:
            with opened(self.path) as file:
                while not self._stopping.is_set():
                    data = _piece(file, self.path)
                    items = reader.feed(data) if data else reader.finish()
                    self.mesh_flows.inbox.put([item for item in items if isinstance(item, FlowRow)])
                    told += len(items)
                    for item in items:
                        if isinstance(item, Lost):
                            losses.note(item)
                        elif isinstance(item, NodeStatus):
                            nodes.note(item)
                        bad += isinstance(item, Undecodable)
                    if not data:
                        break
                    while not self.mesh_flows.inbox.room() and not self._stopping.wait(_WAIT):
                        pass
        except UsageError as error:
            problem = error
        if not problem and bad:
            problem = UsageError(
                f"{bad} of {told} in {self.path} are no flows", hint="the others are shown" * (bad < told)
            )
        elif not problem and not told:
            problem = UsageError(f"{self.path} holds no flows")
        loop.call_soon_threadsafe(self._done, losses, nodes, problem)

    def _done(self, losses: Losses, nodes: Nodes, problem: UsageError | None) -> None:
        for at, context in enumerate(self.mesh.clusters):
            first = at == 0
            self.emit(
                s.RelayChanged(
                    context,
                    self.clock.now(),
                    phase=s.Phase.LIVE,
                    source=s.FlowSource.REPLAY,
                    address=str(self.path),
                    error=problem if first else None,
                    nodes_unavailable=tuple(n for n in sorted(nodes.unavailable) if n.startswith(f"{context}/")),
                    lost=losses.new if first else 0,
                    lost_where=tuple(sorted(losses.where.items())) if first else (),
                )
            )
        self.ended.set()
