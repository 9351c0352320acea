"""The recorded steps as meshes: recorded objects, and for steps recorded without objects the one named change."""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from meshtui.core.flows.flow import Direction, FlowRow, Peer, PolicyRef, Verdict
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import AgentStatus, CiliumConfig, RemoteCluster
from meshtui.core.model.probes import parse_health
from meshtui.core.model.reduce import reduce
from meshtui.core.routing import annotations as a

RECORDINGS = Path(__file__).parent.parent / "recordings" / "objects"
STEPS = {int(p.name.split("-")[0]): p.name.removesuffix(".json.gz") for p in RECORDINGS.glob("[0-9]*.json.gz")}
CLUSTERS = ("koornacht", "tion")
KEY = "default/rebel-base"
LISTS = (r.SERVICES, r.ENDPOINTSLICES, r.PODS, r.NAMESPACES, r.CNPS)
EGRESS, INGRESS = "default/x-wing-to-rebel-base", "default/rebel-base-from-x-wing"


@cache
def document(step: int) -> dict[str, dict[str, Any]]:
    """The recorded files of one step: cluster → file name → content."""
    with gzip.open(RECORDINGS / f"{STEPS[step]}.json.gz") as stream:
        return json.load(stream)


def items(step: int, cluster: str, resource: r.Resource) -> dict[str, Any]:
    """One recorded list by key."""
    found = document(step)[cluster][resource.plural]["items"]
    decoded = [msgspec.convert(item, resource.struct) for item in found]
    return {item.key: item for item in decoded}


def _load(objects: dict[str, int], slices: dict[str, int], status: int) -> s.Mesh:
    """A mesh of each cluster's objects and slices as of some step, and the agents' reports of another."""
    mesh = s.Mesh({n: s.Cluster(n, n[0].upper(), i) for i, n in enumerate(CLUSTERS)})
    for name in CLUSTERS:
        data = document(objects[name])[name]["cilium-config"]["data"]
        config = CiliumConfig(data["cluster-name"], int(data["cluster-id"]), data, (1, 21))
        reduce(mesh, s.ConfigRead(name, config))
        for resource in LISTS:
            step = slices[name] if resource in (r.ENDPOINTSLICES, r.PODS) else objects[name]
            reduce(mesh, s.Listed(name, resource, items(step, name, resource), 0.0))
        files = document(status)[name]
        node = f"{name}-control-plane"
        reduce(mesh, s.AgentRead(name, node, msgspec.convert(files["agent-status"], AgentStatus)))
        links = msgspec.convert(files["kvstoremesh-status"], tuple[RemoteCluster, ...])
        reduce(mesh, s.KvstoremeshRead(name, links))
        if "cilium-health" in files:
            reduce(mesh, s.HealthRead(name, parse_health(files["cilium-health"])))
    return mesh


def both(step: int) -> dict[str, int]:
    """The same step for both clusters."""
    return dict.fromkeys(CLUSTERS, step)


def annotate(mesh: s.Mesh, context: str, key: str, value: str | None) -> None:
    """Change one annotation of rebel-base."""
    service = a.changed(mesh.clusters[context].services[KEY], {key: value})
    version = service.metadata.resource_version + "1"
    service = msgspec.structs.replace(
        service, metadata=msgspec.structs.replace(service.metadata, resource_version=version)
    )
    reduce(mesh, s.Changed(context, r.SERVICES, {KEY: service}, 0.0))


def without_cluster(policy: o.Policy) -> o.Policy:
    """The egress policy as it was before step 14 added `io.cilium.k8s.policy.cluster Exists`."""
    spec = json.loads(json.dumps(policy.spec))
    for rule in spec["egress"]:
        for peer in rule["toEndpoints"]:
            del peer["matchExpressions"]
    return msgspec.structs.replace(policy, spec=spec)


def mesh_of(step: int) -> s.Mesh:
    """The mesh in the state of a recorded step, 3 to 16."""
    if step in (3, 4, 7, 10, 14):
        return _load(both(step), both(step), step)
    if step >= 15:
        return _load(both(14), both(14), step)
    if step <= 9:
        mesh = _load(both(4), both(4 if step < 7 else 10), step)
        if step == 5:
            annotate(mesh, "tion", a.SHARED, "false")
        if step in (6, 8):
            annotate(mesh, "koornacht", a.AFFINITY, "local" if step == 6 else "remote")
        return mesh
    mesh = _load(both(10), both(10), step)
    koornacht = items(14, "koornacht", r.CNPS)
    wanted = {EGRESS: without_cluster(koornacht[EGRESS])}
    if step >= 12:
        wanted[INGRESS] = koornacht[INGRESS]
    reduce(mesh, s.Changed("koornacht", r.CNPS, wanted, 0.0))
    if step >= 13:
        tion = items(14, "tion", r.CNPS)
        reduce(mesh, s.Changed("tion", r.CNPS, {INGRESS: tion[INGRESS]}, 0.0))
    return mesh


def answers(step: int, client: str) -> tuple[set[str], int]:
    """Who answered the recorded curls (cluster names), and how many timed out."""
    text = document(step)[client]["curl.txt"]
    names = {name.lower() for name in re.findall(r'"Cluster": "(\w+)"', text)}
    return names, len(re.findall(r"^#28 ", text, re.MULTILINE))


def realised(step: int, client: str) -> set[str] | None:
    """Backend addresses of rebel-base in the agent's own tables, None where not recorded."""
    entries = document(step)[client].get("agent-services")
    if entries is None:
        return None
    return {b["ip"] for e in entries for b in e["spec"].get("backend-addresses") or ()}


def policy_verdicts() -> dict[int, list[FlowRow]]:
    """Every distinct policy-verdict event recorded, by step."""
    with gzip.open(RECORDINGS / "policy-verdicts.json.gz") as stream:
        found = json.load(stream)
    return {int(step): [_row(flow) for flow in flows] for step, flows in found.items()}


def _peer(raw: dict[str, Any]) -> Peer:
    return Peer(
        identity=raw.get("identity", 0),
        cluster=raw.get("cluster_name", ""),
        namespace=raw.get("namespace", ""),
        pod=raw.get("pod_name", ""),
        labels=tuple(raw.get("labels", ())),
    )


def _row(flow: dict[str, Any]) -> FlowRow:
    protocol, ports = next(iter(flow["l4"].items()))
    allowed = [*flow.get("egress_allowed_by", ()), *flow.get("ingress_allowed_by", ())]
    return FlowRow(
        time_ns=0,
        uuid=flow["uuid"],
        node=flow["node_name"],
        verdict=Verdict[flow["verdict"]],
        event_type=flow["event_type"]["type"],
        sub_type=0,
        direction=Direction[flow["traffic_direction"]],
        is_reply=flow.get("is_reply"),
        source=_peer(flow["source"]),
        destination=_peer(flow["destination"]),
        source_ip=flow["IP"]["source"],
        destination_ip=flow["IP"]["destination"],
        protocol=protocol,
        source_port=ports.get("source_port", 0),
        destination_port=ports.get("destination_port", 0),
        flags="",
        summary=flow.get("Summary", ""),
        drop_reason=flow.get("drop_reason", 0),
        match_type=flow.get("policy_match_type", 0),
        allowed_by=tuple(PolicyRef(p.get("name", ""), p.get("namespace", ""), p.get("kind", "")) for p in allowed),
    )
