"""Exec and attach over SPDY/3.1, as client-go speaks it: a stream for each of error, stdin, stdout, stderr, resize."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import msgspec
from aiohttp import web

from meshtui.sim.api.commands import KILLED, Input, Outcome, Work, fate
from meshtui.sim.api.streams import Connection, Stream
from meshtui.sim.api.upgrade import Upgraded, negotiated
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster

PROTOCOLS = ("v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")
"""What a kubelet serves over SPDY, newest first: v5 is WebSocket's alone."""
STREAM_TIMEOUT = 30.0
"""Seconds in which a client must have opened all streams it asked for."""
_TRUE = ("1", "true", "True")


async def serve(request: web.Request, cluster: SimCluster, pod: Object, work: Work) -> tuple[web.StreamResponse, bool]:
    """Run `work` for one SPDY connection; False when the API server went down meanwhile. Raises HTTP refusals."""
    protocol = negotiated(request, PROTOCOLS)
    wanted = _wanted(request.query, protocol)
    connection = await Upgraded.accept(request, protocol)
    return connection.response, await _Session(connection, protocol, wanted).run(cluster, pod, work)


def _wanted(query: Mapping[str, str], protocol: str) -> set[str]:
    """The types of the streams that the client will open."""
    tty = query.get("tty") in _TRUE
    wanted = {"error"} | {name for name in ("stdin", "stdout", "stderr") if query.get(name) in _TRUE}
    if tty:
        wanted.discard("stderr")
        if protocol[:2] in ("v3", "v4"):
            wanted.add("resize")
    return wanted


class _Session:
    """One exec: its streams, and what is written to them."""

    def __init__(self, connection: Upgraded, protocol: str, wanted: set[str]) -> None:
        self._raw = connection
        self._spdy = Connection(connection.send, self._opened)
        self._protocol = protocol
        self._wanted = wanted
        self._tty = "resize" in wanted
        self._streams: dict[str, Stream] = {}
        self._complete = asyncio.Event()

    def _opened(self, stream: Stream) -> None:
        self._streams[stream.headers.get("streamtype", "")] = stream
        if self._wanted <= self._streams.keys():
            self._complete.set()

    async def run(self, cluster: SimCluster, pod: Object, work: Work) -> bool:
        """Run it, cancelled when the client goes away; False when the API server went down meanwhile."""
        serving = asyncio.create_task(self._serve())
        task = asyncio.create_task(self._work(work))
        end = asyncio.create_task(fate(cluster, pod))
        try:
            await asyncio.wait({task, serving, end}, return_when=asyncio.FIRST_COMPLETED)
            if end.done() and not end.result():
                return False
            if not serving.done():
                await self._finish(task.result() if task.done() else Outcome(KILLED))
            return True
        finally:
            for each in (task, serving, end):
                each.cancel()
            await asyncio.gather(task, serving, end, return_exceptions=True)

    async def _serve(self) -> None:
        try:
            await self._spdy.serve(self._raw)
        except ValueError:
            return

    async def _work(self, work: Work) -> Outcome | None:
        """The command, once all its streams are there; None when they do not come."""
        try:
            await asyncio.wait_for(self._complete.wait(), STREAM_TIMEOUT)
        except TimeoutError:
            return None
        return await work(self._stdin(), self._stdout, self._stderr)

    def _stdin(self) -> AsyncIterator[bytes]:
        stream = self._streams.get("stdin")
        if stream is not None:
            return aiter(stream)
        empty = Input()
        empty.end()
        return empty

    async def _stdout(self, data: bytes) -> None:
        await self._write("stdout", data)

    async def _stderr(self, data: bytes) -> None:
        await self._write("stdout" if self._tty else "stderr", data)

    async def _write(self, name: str, data: bytes) -> None:
        stream = self._streams.get(name)
        if stream is not None:
            await stream.write(data.replace(b"\n", b"\r\n") if self._tty else data)

    async def _finish(self, outcome: Outcome | None) -> None:
        """All output first, then how it ended, then the end of the connection."""
        for name in ("stdout", "stderr"):
            if name in self._streams:
                await self._streams[name].close()
        error = self._streams.get("error")
        if error is not None and outcome is not None:
            status = outcome.status()
            if self._protocol.startswith("v4"):
                await error.write(msgspec.json.encode(status))
            elif status["status"] != "Success":
                await error.write(str(status["message"]).encode())
            await error.close()
        await self._spdy.go_away()
