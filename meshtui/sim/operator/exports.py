"""The MCS-API's arithmetic: what clusters export under one name, merged; the oldest export wins where they differ.

Source: pkg/clustermesh/mcsapi/serviceimport_controller.go.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Object = dict[str, Any]
NO_CONFLICTS = "NoConflicts"


@dataclass(frozen=True)
class Export:
    """A Service that one cluster exports."""

    cluster: str
    created: str
    """When its ServiceExport was made, RFC 3339."""
    type: str
    """`ClusterSetIP` or `Headless`."""
    ports: tuple[Object, ...]
    """name, protocol, appProtocol (where there is one) and port of each."""
    affinity: str = "None"
    affinity_config: Object = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    internal: str = "Cluster"
    """internalTrafficPolicy."""


def derived_name(namespace: str, name: str) -> str:
    """Name of the Service that stands for an import: `derived-` and ten letters of a hash."""
    digest = base64.b32hexencode(hashlib.sha256(f"{namespace}/{name}".encode()).digest()).decode().lower()
    return f"derived-{digest[:10]}"


def export_of(cluster: str, service: Object, wanted: Object) -> Export:
    """What a cluster exports of a Service, by its ServiceExport."""
    spec, meant = service["spec"], wanted.get("spec") or {}
    ports = tuple(
        {k: v for k, v in (
            ("name", p.get("name", "")), ("protocol", p.get("protocol", "TCP")),
            ("appProtocol", p.get("appProtocol")), ("port", p["port"]),
        ) if v is not None}
        for p in spec.get("ports") or ()
    )  # fmt: skip
    return Export(
        cluster,
        wanted["metadata"].get("creationTimestamp", ""),
        "Headless" if spec.get("clusterIP") == "None" else "ClusterSetIP",
        ports,
        spec.get("sessionAffinity", "None"),
        spec.get("sessionAffinityConfig") or {},
        dict(meant.get("exportedAnnotations") or {}),
        dict(meant.get("exportedLabels") or {}),
        spec.get("internalTrafficPolicy") or "Cluster",
    )


def oldest_first(exports: Sequence[Export]) -> list[Export]:
    """In order of precedence."""
    return sorted(exports, key=lambda e: (e.created, e.cluster))


def merged(ordered: Sequence[Export]) -> tuple[list[Object], str, str]:
    """The ports of all, the reason of the first conflict and its words; empty words where there is none."""
    ports, message = _ports(ordered)
    if message:
        return ports, "PortConflict", message
    reason, message = _fields(ordered)
    return ports, reason, message


def _ports(ordered: Sequence[Export]) -> tuple[list[Object], str]:
    message = ""
    kept: list[tuple[Object, Export]] = []
    for export in ordered:
        for port in export.ports:
            named = next((k for k in kept if k[0]["name"] == port["name"]), None)
            if named is not None and not _similar(named[0], port):
                message = message or (
                    f'Duplicated port name "{port["name"]}". Using port definition "{_go(*named)}" from oldest '
                    f'service export in cluster "{named[1].cluster}".'
                )
                continue
            same = next((k for k in kept if _similar(k[0], port)), None)
            if same is None:
                kept.append((port, export))
            else:
                message = message or _port_conflict(port, export, *same)
    ports = [port for port, _ in kept]
    if not message:
        odd = next((e for e in ordered if list(e.ports) != ports), None)
        if odd is not None:
            message = (
                f'Ports from cluster "{odd.cluster}" does not match ports of oldest service export in cluster '
                f'"{ordered[0].cluster}".'
            )
    return ports, message


def _port_conflict(port: Object, export: Export, older: Object, owner: Export) -> str:
    using = f'from oldest service export in cluster "{owner.cluster}".'
    if port["name"] != older["name"]:
        return f'Conflicting port name on "{_go(port, export)}". Using the port name "{older["name"]}" {using}'
    if port.get("appProtocol", "") != older.get("appProtocol", ""):
        protocol = older.get("appProtocol", "")
        return f'Conflicting appProtocol on "{_go(port, export)}". Using the appProtocol "{protocol}" {using}'
    return ""


def _similar(a: Object, b: Object) -> bool:
    return (a["port"], a["protocol"]) == (b["port"], b["protocol"])


def _go(port: Object, export: Export) -> str:
    """A port as Go prints the operator's own structure of it."""
    at = datetime.fromisoformat(export.created).strftime("%Y-%m-%d %H:%M:%S +0000 UTC") if export.created else "<nil>"
    return f"{{{{{port['name']} {port['protocol']} <nil> {port['port']}}} {export.cluster} {at}}}"


def _go_map(held: dict[str, str]) -> str:
    return "map[" + " ".join(f"{k}:{v}" for k, v in sorted(held.items())) + "]"


def _timeout(export: Export) -> str:
    seconds = (export.affinity_config.get("clientIP") or {}).get("timeoutSeconds")
    return "" if seconds is None else str(seconds)


_FIELDS: tuple[tuple[str, str, Callable[[Export], str]], ...] = (
    ("type", "TypeConflict", lambda e: e.type),
    ("sessionAffinity", "SessionAffinityConflict", lambda e: e.affinity),
    ("sessionAffinityConfig.clientIP", "SessionAffinityConfigConflict", _timeout),
    ("annotations", "AnnotationsConflict", lambda e: _go_map(e.annotations)),
    ("labels", "LabelsConflict", lambda e: _go_map(e.labels)),
    ("internalTrafficPolicy", "InternalTrafficPolicyConflict", lambda e: e.internal),
)


def _fields(ordered: Sequence[Export]) -> tuple[str, str]:
    oldest = ordered[0]
    for export in ordered[1:]:
        for name, reason, read in _FIELDS:
            if read(export) == read(oldest):
                continue
            many = sum(read(e) != read(oldest) for e in ordered)
            return reason, (
                f'Conflicting {name}. {many}/{len(ordered)} clusters disagree. Using "{read(oldest)}" from oldest '
                f'service export in cluster "{oldest.cluster}".'
            )
    return NO_CONFLICTS, ""
