"""What one policy dropped and let through, as the flows name it or as a drop's explanation does."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct, field

from meshtui.core.flows.flow import FlowRow, PolicyRef, Verdict
from meshtui.core.flows.workload import workload_of_pod
from meshtui.core.policy.overview import PolicyRow

Explain = Callable[[FlowRow], Iterable[PolicyRef]]
"""The policies that a drop's explanation names."""


class Evidence(Struct):
    """Flows by who → whom:port, and how many of each."""

    dropped: dict[str, int] = field(default_factory=dict)
    passed: dict[str, int] = field(default_factory=dict)


def evidence(row: PolicyRow, flows: Iterable[FlowRow], explain: Explain) -> Evidence:
    """What the flows show of a policy."""
    found = Evidence()
    for flow in flows:
        if flow.verdict == Verdict.DROPPED:
            if any(_is(row, ref) for ref in (*flow.denied_by, *explain(flow))):
                _count(found.dropped, flow)
        elif flow.is_reply is not True and any(_is(row, ref) for ref in flow.allowed_by):
            _count(found.passed, flow)
    return found


def _is(row: PolicyRow, ref: PolicyRef) -> bool:
    return (ref.name, ref.namespace, ref.kind) == (row.name, row.namespace, row.resource.kind)


def _count(into: dict[str, int], flow: FlowRow) -> None:
    sides = []
    for peer, ip in ((flow.source, flow.source_ip), (flow.destination, flow.destination_ip)):
        name = peer.workload or workload_of_pod(peer.pod)
        sides.append(f"{peer.cluster} {peer.namespace}/{name}" if name else ip)
    key = f"{sides[0]} → {sides[1]}:{flow.destination_port}"
    into[key] = into.get(key, 0) + 1
