"""One recorded cluster served again: its lists, the answers of commands in its pods, its rights, its Relay."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import grpc
from aiohttp import web
from google.protobuf import json_format

from meshtui.core.model import resources as r
from meshtui.hubble.pb import flow_pb2, observer_pb2
from tests.hubble.fake_relay import FakeRelay
from tests.kube.fake import FakeApi, failure

RECORDINGS = Path(__file__).parent.parent / "recordings"
REPLAY = RECORDINGS / "replay"
SYSTEM = "kube-system"
_CHUNK = 4096


@cache
def recorded(step: str) -> dict[str, dict[str, Any]]:
    """The raw answers of one step: cluster → file → content."""
    with gzip.open(REPLAY / f"{step}.json.gz") as stream:
        return json.load(stream)


@cache
def recorded_flows(step: str) -> tuple[observer_pb2.GetFlowsResponse, ...]:
    """What the Relay sent in one step, oldest first."""
    with gzip.open(RECORDINGS / step / "flows.jsonl.gz", "rt") as lines:
        found = [json_format.Parse(line, observer_pb2.GetFlowsResponse()) for line in lines]
    return tuple(sorted(found, key=lambda response: response.time.ToNanoseconds()))


@dataclass
class RecordedApi(FakeApi):
    """The API server of one cluster as it was after one step."""

    files: dict[str, Any] = field(default_factory=dict)
    _news: dict[str, asyncio.Queue[tuple[dict[str, Any], ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        empty = {"metadata": {"resourceVersion": "1"}, "items": []}
        for resource in r.WATCHED:
            found = self.files.get(resource.plural)
            if found is None and resource.optional and "cilium-config" not in self.files:
                continue  # no Cilium: the API server does not know the kind
            self.lists[resource.path()] = found or empty
        self.objects["/version"] = self.files["version"]
        self.objects["/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"] = {"status": {"allowed": True}}
        for resource in (r.SERVICES, r.DEPLOYMENTS, r.PODS):
            for item in self.files[resource.plural]["items"]:
                meta = item["metadata"]
                self.objects[resource.path(meta["namespace"], meta["name"])] = item
        for item in self.files["nodes"]["items"]:
            self.objects[f"{r.NODES.path()}/{item['metadata']['name']}"] = item
        if "cilium-config" in self.files:
            self.objects[r.CONFIGMAPS.path(SYSTEM, "cilium-config")] = self.files["cilium-config"]
        for pod in self.files["pods"]["items"]:
            meta = pod["metadata"]
            self.sockets[r.PODS.path(meta["namespace"], meta["name"], "exec")] = self._command

    def _answer(self, request: web.Request) -> web.Response:
        if request.path == r.PODS.path(SYSTEM):
            wanted = request.query.get("labelSelector", "").partition("=")[::2]
            items = [
                pod
                for pod in self.files["pods"]["items"]
                if pod["metadata"]["namespace"] == SYSTEM and wanted in pod["metadata"].get("labels", {}).items()
            ]
            return web.json_response({**self.files["pods"], "items": items})
        return super()._answer(request)

    def send(self, path: str, *events: dict[str, Any]) -> None:
        """Tell the watch of `path`."""
        self._news.setdefault(path, asyncio.Queue()).put_nowait(events)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        news = self._news.setdefault(request.path, asyncio.Queue())
        closed = asyncio.create_task(self.closing.wait())
        with contextlib.suppress(ConnectionError):
            while not closed.done():
                told = asyncio.create_task(news.get())
                await asyncio.wait({told, closed}, return_when=asyncio.FIRST_COMPLETED)
                if told.done():
                    await response.write(b"".join(json.dumps(event).encode() + b"\n" for event in told.result()))
                told.cancel()
            await response.write_eof()
        return response

    async def _command(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        """v5: what the command wrote when it was recorded, in frames, then its success; else what a shell would say."""
        words = request.query.getall("command")
        name = "kvstoremesh-status" if "kvstoremesh-dbg" in words else "agent-status"
        name = "cilium-health" if words[0] == "cilium-health" else name
        if name not in self.files:
            await socket.send_bytes(b"\x02connection refused\n")
            causes = {"causes": [{"reason": "ExitCode", "message": "1"}]}
            status = {**failure(500, "NonZeroExitCode", "exit code 1"), "details": causes}
            await socket.send_bytes(b"\x03" + json.dumps(status).encode())
            return
        body = json.dumps(self.files[name]).encode()
        for start in range(0, len(body), _CHUNK):
            await socket.send_bytes(b"\x01" + body[start : start + _CHUNK])
        await socket.send_bytes(b'\x03{"metadata":{},"status":"Success"}')


class RecordedRelay(FakeRelay):
    """A Relay that heeds the filters a session sends: verdict, observing node."""

    def flows(
        self, request: observer_pb2.GetFlowsRequest, context: grpc.ServicerContext
    ) -> Iterator[observer_pb2.GetFlowsResponse]:
        for response in super().flows(request, context):
            if not response.HasField("flow") or _wanted(request, response.flow):
                yield response


def _wanted(request: observer_pb2.GetFlowsRequest, flow: flow_pb2.Flow) -> bool:
    allowed = not request.whitelist or any(_matches(f, flow) for f in request.whitelist)
    return allowed and not any(_matches(f, flow) for f in request.blacklist)


def _matches(wanted: flow_pb2.FlowFilter, flow: flow_pb2.Flow) -> bool:
    ports = {"source_port": "source_port", "destination_port": "destination_port"}
    known = {"verdict", "node_name", "source_pod", "destination_pod", *ports}
    unknown = {f.name for f, _ in wanted.ListFields()} - known
    assert not unknown, f"this Relay knows no filter {unknown}"
    verdict = not wanted.verdict or flow.verdict in wanted.verdict
    node = not wanted.node_name or any(flow.node_name.startswith(name) for name in wanted.node_name)
    source = not wanted.source_pod or any(_is_pod(flow.source, name) for name in wanted.source_pod)
    destination = not wanted.destination_pod or any(_is_pod(flow.destination, name) for name in wanted.destination_pod)
    from_port = not wanted.source_port or str(flow.l4.TCP.source_port) in wanted.source_port
    to_port = not wanted.destination_port or str(flow.l4.TCP.destination_port) in wanted.destination_port
    return verdict and node and source and destination and from_port and to_port


def _is_pod(end: flow_pb2.Endpoint, name: str) -> bool:
    """`namespace/prefix`, or `/prefix` in any namespace, as Hubble reads it."""
    namespace, slash, prefix = name.rpartition("/")
    if not slash:
        return bool(end.pod_name) and end.namespace == "default" and end.pod_name.startswith(name)
    return bool(end.pod_name) and end.pod_name.startswith(prefix) and namespace in ("", end.namespace)
