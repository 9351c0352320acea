"""Names as a pod's resolver tries them and CoreDNS answers them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from meshtui.sim.datapath.exports import local_backends
from meshtui.sim.datapath.view import MCS_IMPORTS, View

ZONE = "cluster.local"
CLUSTERSET = "clusterset.local"
"""Zone of the MCS-API, answered by CoreDNS' multicluster plugin: an import's name stands for its derived Service."""
DERIVED = "multicluster.kubernetes.io/derived-service"


@dataclass(frozen=True)
class Lookup:
    """One question: the full name with its final dot, and the A records; None is NXDOMAIN."""

    query: str
    ips: tuple[str, ...] | None


def is_address(host: str) -> bool:
    """Whether no lookup is needed."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def candidates(host: str, namespace: str) -> list[str]:
    """Names tried in order: the search list first while the name has fewer than five dots (ndots:5)."""
    if host.endswith("."):
        return [host]
    searched = [f"{host}.{suffix}." for suffix in (f"{namespace}.svc.{ZONE}", f"svc.{ZONE}", ZONE)]
    return [f"{host}.", *searched] if host.count(".") >= 5 else [*searched, f"{host}."]


def lookups(known: View, host: str, namespace: str) -> list[Lookup]:
    """The questions a resolver asks until one is answered, with CoreDNS' answers."""
    found = []
    for query in candidates(host, namespace):
        answer = _answer(known, query)
        found.append(Lookup(query, answer))
        if answer is not None:
            break
    return found


def _answer(known: View, query: str) -> tuple[str, ...] | None:
    """A records: a Service's ClusterIP, or the ready endpoints of a headless one, or one of its hostnames."""
    name = query.rstrip(".").lower()
    zone = next((z for z in (ZONE, CLUSTERSET) if name.endswith(f".svc.{z}")), None)
    if zone is None:
        return None
    parts = name.removesuffix(f".svc.{zone}").split(".")
    if len(parts) not in (2, 3):
        return None
    namespace, service_name = parts[-1], parts[-2]
    if zone == CLUSTERSET:
        imported = known.cluster.store.get(MCS_IMPORTS, namespace, service_name) or {"metadata": {}}
        service_name = (imported["metadata"].get("annotations") or {}).get(DERIVED, "")
    service = known.service(namespace, service_name)
    if service is None:
        return None
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return None
    if spec.get("clusterIP") not in ("None", "", None):
        return (spec["clusterIP"],) if len(parts) == 2 else None
    if len(parts) == 3:
        return _hostname(known, namespace, service_name, parts[0])
    addresses = (*_own(known, namespace, service_name), *_mirrored(known, namespace, service_name))
    return tuple(dict.fromkeys(addresses)) or None


def _own(known: View, namespace: str, service: str) -> list[str]:
    return [b.ip for b in local_backends(known, namespace, service)]


def _mirrored(known: View, namespace: str, service: str) -> list[str]:
    """Addresses in slices that were mirrored from other clusters."""
    pieces = known.mirrored(namespace, service)
    return [a for p in pieces for e in p.get("endpoints") or () for a in e["addresses"]]


def _hostname(known: View, namespace: str, service: str, hostname: str) -> tuple[str, ...] | None:
    for piece in known.service_slices(namespace, service):
        for endpoint in piece.get("endpoints") or ():
            if endpoint.get("hostname") == hostname:
                return tuple(endpoint["addresses"])
    return None
