"""`cilium-dbg endpoint list`: a node's endpoints as its agent's API models them."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import Any

from meshtui.sim.datapath.identity import HOST, Party, host, of_pod
from meshtui.sim.datapath.policy import decide
from meshtui.sim.datapath.policybook import book_of, port_list
from meshtui.sim.datapath.view import ENDPOINTS, IDENTITIES, View, view
from meshtui.sim.rulebook.rules import EGRESS, INGRESS
from meshtui.sim.world import SimCluster

Object = dict[str, Any]
HEALTH = 4
ANY_PORT = 1
"""A port that nobody names: what passes to it passes by its peer alone."""
REGENERATION = 0.3
"""Seconds from a policy's import until the endpoints' programs have it."""
OPTIONS = {
    "ConntrackAccounting": "Disabled", "Debug": "Disabled", "DebugLB": "Disabled", "DebugPolicy": "Disabled",
    "DropNotification": "Enabled", "MonitorAggregationLevel": "Medium", "PolicyAccounting": "Enabled",
    "PolicyAuditMode": "Disabled", "PolicyVerdictNotification": "Enabled", "SourceIPVerification": "Enabled",
    "TraceNotification": "Enabled",
}  # fmt: skip
_RESERVED = {1: "host", 2: "world", 4: "health", 6: "remote-node"}


def endpoints(cluster: SimCluster, node: str) -> list[Object]:
    """All of them, in order of their ids: the node itself, its health endpoint, its pods."""
    known = view(cluster)
    held = [_host(known, node), _health(known, node)]
    held += [_of_pod(known, pod) for pod in known.pod_by_ip.values() if pod["spec"].get("nodeName") == node]
    return sorted(held, key=lambda e: int(e["id"]))


def _host(known: View, node: str) -> Object:
    labels = (known.node(node) or {}).get("metadata", {}).get("labels") or {}
    own = [f"k8s:{k}={v}" if v else f"k8s:{k}" for k, v in labels.items() if k.startswith("node-role.kubernetes.io/")]
    party = host(known, node)
    number = zlib.crc32(f"{known.name}/{node}/host".encode()) % 4095 + 1
    return _endpoint(known, number, HOST, [*own, *party.labels], {}, {"pod-name": "/"}, [], party)


def _health(known: View, node: str) -> Object:
    number = zlib.crc32(f"{known.name}/{node}/health".encode()) % 4095 + 1
    address = known.health_ip(node)
    party = Party(address, HEALTH, ("reserved:health",), known.name, node)
    external = {"container-name": "cilium-health", "pod-name": "/"}
    return _endpoint(known, number, HEALTH, ["reserved:health"], _addressing(address, number), external, [], party)


def _of_pod(known: View, pod: Object) -> Object:
    party, meta = of_pod(known, pod), pod["metadata"]
    bearer = known.cluster.store.get(ENDPOINTS, meta["namespace"], meta["name"]) or {}
    external = dict((bearer.get("status") or {}).get("external-identifiers") or {})
    if "cni-attachment-id" in external:
        external["container-id"] = str(external["cni-attachment-id"]).partition(":")[0]
    external |= {
        "k8s-namespace": meta["namespace"],
        "k8s-pod-name": meta["name"],
        "pod-name": f"{meta['namespace']}/{meta['name']}",
    }
    ports = [{"name": n, "port": p, "protocol": protocol} for n, protocol, p in port_list(pod)]
    found = _endpoint(
        known, party.endpoint_id, party.identity, list(party.labels), _addressing(party.ip, party.endpoint_id),
        external, ports, party,
    )  # fmt: skip
    template = (meta.get("labels") or {}).get("pod-template-hash")
    if template:
        found["status"]["labels"]["derived"] = [f"k8s:pod-template-hash={template}"]
    return found


def _addressing(address: str, number: int) -> Object:
    tag = zlib.crc32(f"{address}/{number}".encode())
    mac = ":".join(f"{(tag >> shift) & 0xFF:02x}" for shift in (0, 8, 16, 24))
    return {
        "addressing": [{"ipv4": address, "ipv4-pool-name": "default"}] if address else [],
        "container-interface-name": "eth0",
        "host-mac": f"52:b7:{mac}",
        "interface-index": tag % 500 + 10,
        "interface-name": f"lxc{tag:08x}{number:04x}",
        "mac": f"86:28:{mac}",
    }


def _endpoint(
    known: View, number: int, identity: int, labels: list[str], networking: Object, external: Object,
    ports: list[Object], party: Party,
) -> Object:  # fmt: skip
    policy = _policy(known, identity, party)
    at = datetime.fromtimestamp(known.cluster.world.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    message = "Successfully regenerated endpoint program (Reason: updated security labels)"
    status: Object = {
        "external-identifiers": external,
        "health": {"bpf": "OK", "connected": True, "overallHealth": "OK", "policy": "OK"},
        "identity": {"id": identity, "labels": sorted(labels)},
        "labels": {"realized": {}, "security-relevant": sorted(labels)},
        "log": [{"code": "OK", "message": message, "state": "ready", "timestamp": at}],
        "networking": networking,
        "policy": policy,
        "realized": {"label-configuration": {}, "options": dict(OPTIONS)},
        "state": "ready",
    }
    if ports:
        status["namedPorts"] = ports
    return {"id": number, "spec": {"label-configuration": {}, "options": dict(OPTIONS)}, "status": status}


def _policy(known: View, identity: int, party: Party) -> Object:
    """The policy an endpoint holds: which directions are enforced, whom it lets in and out by identity, and by port."""
    book = book_of(known)
    rules = {way: book.selecting(party.labels, way) if party.pod else () for way in (INGRESS, EGRESS)}
    others = _parties(known)
    enforced: list[str] = []
    allowed: dict[str, list[int]] = {}
    denied: dict[str, list[int] | None] = {}
    ports: dict[str, list[Object]] = {}
    for way in (INGRESS, EGRESS):
        probe = decide(known, way, party, others[0], "TCP", ANY_PORT) if party.pod else None
        if probe is None or not probe.enforced:
            allowed[way], denied[way] = ([0, HOST] if way == INGRESS else [0]), None
        else:
            enforced.append(way)
            judged = {p.identity: decide(known, way, party, p, "TCP", ANY_PORT) for p in others}
            allowed[way] = sorted(number for number, decision in judged.items() if decision.allowed)
            refused = sorted(n for n, d in judged.items() if not d.allowed and d.reason != 133)
            denied[way] = refused or None
        ports[way] = [_l4(e, p) for r in rules[way] for e in r.entries for p in e.ports or ()]
    realized = {
        "allowed-egress-identities": allowed[EGRESS],
        "allowed-ingress-identities": allowed[INGRESS],
        "build": known.revision,
        "denied-egress-identities": denied[EGRESS],
        "denied-ingress-identities": denied[INGRESS],
        "id": identity,
        "l4": {"egress": ports[EGRESS], "ingress": ports[INGRESS]},
        "policy-enabled": "both" if len(enforced) == 2 else (enforced or ["none"])[0],
        "policy-revision": known.revision,
    }
    wanted = dict(realized)
    if known.cluster.world.clock.now() < known.revised_at + REGENERATION:
        realized |= {"policy-revision": known.revision - 1, "build": known.revision - 1}
    return {
        "proxy-policy-revision": realized["policy-revision"],
        "proxy-statistics": [],
        "realized": realized,
        "spec": wanted,
    }


def _l4(entry: Any, port: Any) -> Object:
    rule = f'{{"port":{port.low},"protocol":"{port.protocol or "ANY"}","l7-rules":{"[{}]" if entry.l7 else "null"}}}'
    return {"derived-from-rules": [list(entry.source.labels)], "rule": rule}


def _parties(known: View) -> list[Party]:
    """Whom an agent knows by identity: the reserved ones, its own cluster's, and the others'."""
    found = [Party("", number, (f"reserved:{name}",), known.name) for number, name in _RESERVED.items()]
    for name in (known.name, *known.remotes()):
        for held in known.cluster.world.clusters[name].store.list(IDENTITIES):
            labels = held.get("security-labels") or {}
            texts = tuple(f"{k}={v}" for k, v in sorted(labels.items()))
            namespace = labels.get("k8s:io.kubernetes.pod.namespace", "")
            found.append(Party("", int(held["metadata"]["name"]), texts, name, namespace=namespace))
    return found
