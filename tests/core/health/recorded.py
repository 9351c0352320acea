"""The recorded faults as meshes: every document of both clusters, at the time it was recorded."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from meshtui.core.errors import ExecFailed, MeshtuiError, TimedOut
from meshtui.core.flows.flow import FlowRow
from meshtui.core.health.judge import Judge
from meshtui.core.health.model import Judgement
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import AgentStatus, CiliumConfig, RemoteCluster
from meshtui.core.model.objects import Meta, Service, ServiceSpec
from meshtui.core.model.probes import parse_health
from meshtui.core.model.reduce import reduce
from meshtui.core.model.troubleshoot import parse
from meshtui.hubble.jsonlines import JsonLines

RECORDINGS = Path(__file__).parent.parent.parent / "recordings" / "faults"
CLUSTERS = ("koornacht", "tion")
KINDS = {"Node": r.NODES, "Pod": r.PODS, "Deployment": r.DEPLOYMENTS, "DaemonSet": r.DAEMONSETS}
KINDS["EndpointSlice"] = r.ENDPOINTSLICES
SPEC = ServiceSpec(selector={"name": "rebel-base"})
ANNOTATIONS = {"service.cilium.io/global": "true"}


@cache
def recording(fault: str) -> dict[str, Any]:
    """One packed fault."""
    return json.loads(gzip.decompress((RECORDINGS / f"{fault}.json.gz").read_bytes()))


def time_of_day(text: str) -> float:
    """Seconds since the epoch of a time of that day."""
    return datetime.fromisoformat(f"2026-11-28T{text}+00:00").replace(tzinfo=UTC).timestamp()


def new_mesh() -> s.Mesh:
    """Both clusters, their configuration read, nothing else."""
    mesh = s.Mesh({name: s.Cluster(name, name[0].upper(), number) for number, name in enumerate(CLUSTERS)})
    for number, name in enumerate(CLUSTERS):
        data = {"cluster-name": name, "cluster-id": str(number + 1), "tunnel-protocol": "vxlan"}
        reduce(mesh, s.ConfigRead(name, CiliumConfig(name, number + 1, data, (1, 20))))
        reduce(mesh, s.ApiChanged(name, s.Phase.LIVE, 4e9, "1.36.2"))
        meta = Meta(name="rebel-base", namespace="default", annotations=ANNOTATIONS, resource_version="1")
        reduce(mesh, s.Listed(name, r.SERVICES, {"default/rebel-base": Service(metadata=meta, spec=SPEC)}, 1.0))
    return mesh


def tell(mesh: s.Mesh, documents: dict[str, Any], now: float) -> None:
    """All documents of one moment."""
    for name, found in documents.items():
        if "objects" in found:
            _objects(mesh, name, found["objects"], now)
        for node, status in found["agents"].items():
            reduce(mesh, s.AgentRead(name, node, msgspec.convert(status, AgentStatus), at=now))
        for node, report in found["health"].items():
            reduce(mesh, s.HealthRead(name, parse_health(report), at=now, node=node))
        if "kvstoremesh" in found:
            remotes = msgspec.convert(found["kvstoremesh"] or [], tuple[RemoteCluster, ...])
            reduce(mesh, s.KvstoremeshRead(name, remotes, at=now))
        if "troubleshoot" in found:
            reduce(mesh, s.TroubleshotRead(name, parse(found["troubleshoot"], now), at=now))


def _objects(mesh: s.Mesh, name: str, items: list[Any], now: float) -> None:
    for kind, resource in KINDS.items():
        listed = [msgspec.convert(item, resource.struct) for item in items if item["kind"] == kind]
        if listed:
            reduce(mesh, s.Listed(name, resource, {item.key: item for item in listed}, now))


def mute(mesh: s.Mesh, name: str, node: str, error: MeshtuiError, at: float) -> None:
    """An agent that did not answer."""
    reduce(mesh, s.AgentRead(name, node, None, error, at))


def hung(name: str, node: str) -> MeshtuiError:
    """What an exec says that gets no answer."""
    return TimedOut(
        f"the agent on {node} did not answer within 10 s", context=name, verb="create", resource="pods/exec"
    )


def no_kubelet(name: str, node: str) -> MeshtuiError:
    """What the API server says of an exec whose kubelet is gone."""
    cause = "dial tcp 172.18.0.5:10250: connect: no route to host"
    return ExecFailed(f"cannot run a command on {node}", context=name, cause=cause)


def rows(documents: dict[str, Any]) -> list[FlowRow]:
    """The flows of both clusters in order of time, each once."""
    found: dict[str, FlowRow] = {}
    for name, each in documents.items():
        lines = JsonLines(name)
        text = "".join(
            json.dumps({"flow": flow, "time": flow["time"], "node_name": flow["node_name"]}) + "\n"
            for flow in each["flows"]
        )
        for item in [*lines.feed(text.encode()), *lines.finish()]:
            assert isinstance(item, FlowRow), item
            found.setdefault(item.uuid, item)
    return sorted(found.values(), key=lambda row: row.time_ns)


def feed(judge: Judge, flows: list[FlowRow], until: float) -> None:
    """Hand flows over as they happened, a quarter of a second at a time."""
    index, batch, due = judge.addresses.services, list[FlowRow](), 0.0
    for row in flows:
        at = row.time_ns / 1e9
        if at > until:
            break
        if at >= due and batch:
            judge.traffic.take(batch, index)
            judge.traffic.settle(at)
            batch, due = [], at + 0.25
        batch.append(row)
    judge.traffic.take(batch, index)
    judge.traffic.settle(until)


def moments(fault: str) -> list[str]:
    """`+60`, `+150`, … as recorded."""
    return sorted(recording(fault)["documents"], key=lambda text: int(text.strip("+") if text != "base" else 0))


def at_of(fault: str, moment: str) -> float:
    """The wall time of a moment."""
    if moment == "base":
        return time_of_day("16:39:33")
    return time_of_day(recording(fault)["times"]["applied"]) + int(moment)


def seen_calm() -> Judge:
    """A judge that has seen the mesh in its usual state."""
    judge = Judge(new_mesh())
    documents = recording("00-baseline")["documents"]["base"]
    now = at_of("00-baseline", "base")
    tell(judge.mesh, documents, now)
    feed(judge, rows(documents), now)
    judge.judge(now)
    return judge


def judged(fault: str, moment: str, *, flows: bool = True, judge: Judge | None = None) -> Judgement:
    """What is judged of a recorded moment."""
    documents, now = recording(fault)["documents"][moment], at_of(fault, moment)
    # Answers took seconds on that busy machine: what was recorded for a moment is known some seconds later.
    if judge is None:
        judge = Judge(new_mesh()) if now < at_of("00-baseline", "base") else seen_calm()
    tell(judge.mesh, documents, now)
    if flows:
        found = rows(documents)
        now = max(now, found[-1].time_ns / 1e9 if found else now)
        feed(judge, found, now)
    if fault == "12-api-frozen":
        error = TimedOut("tion did not answer within 10 s", context="tion")
        reduce(judge.mesh, s.ApiChanged("tion", s.Phase.STALE, at_of(fault, "16"), error=error))
    for name in CLUSTERS:
        for node in judge.mesh.clusters[name].nodes:
            if node not in documents[name]["agents"]:
                error = no_kubelet(name, node) if fault == "11-node-down" else hung(name, node)
                mute(judge.mesh, name, node, error, now - 12)
    return judge.judge(now)
