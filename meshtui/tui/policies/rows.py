"""Policies as lines: what is in place in each cluster, and what is offered."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.state import Cluster, Mesh
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, fit, safe, tag

Row = tuple[Hashable, Line]


def is_choice(key: Hashable) -> bool:
    """Whether the cursor may rest there."""
    return isinstance(key, tuple) and key[0] in ("policy", "offer")


def policy_rows(mesh: Mesh, offers: Mapping[str, Sequence[Mapping[str, Any]]], width: int) -> list[Row]:
    """Headings and rows: `("policy", context, plural, namespace, name)` and `("offer", name)`."""
    rows: list[Row] = [(("head", "in place"), [Span(" In place", "strong")])]
    for cluster in mesh.clusters.values():
        found = [(resource, p) for resource in r.POLICIES for p in cluster.of(resource).values()]
        for resource, policy in sorted(found, key=lambda pair: pair[1].key):
            key = ("policy", cluster.context, resource.plural, policy.namespace, policy.name)
            rows.append((key, _in_place(cluster, resource.kind, policy, width)))
        if not found:
            line = [
                Span("   "),
                tag(cluster.tag, cluster.index),
                Span("  none: everything may talk to everything", "dim"),
            ]
            rows.append((("none", cluster.context), line))
    if offers:
        rows.append((("head", "offers"), [Span(" Can be applied", "strong")]))
    for name, manifests in offers.items():
        about = safe(_about(manifests), max(20, width - 40))
        rows.append((("offer", name), [Span(f"   {fit(safe(name), 34)} "), Span(about, "dim")]))
    return rows


def _in_place(cluster: Cluster, kind: str, policy: o.Policy, width: int) -> Line:
    line = [Span("   "), tag(cluster.tag, cluster.index), Span(f"  {fit(safe(policy.key), 36)} ")]
    problem = next(
        (c.message for c in (policy.status.conditions if policy.status else None) or () if c.status == "False"), ""
    )
    if problem:
        return [*line, Span(f"{status.BAD} invalid: {safe(problem, 80)}", "bad")]
    return [*line, Span(kind, "dim")]


def _about(manifests: Sequence[Mapping[str, Any]]) -> str:
    told = [(m.get("spec") or {}).get("description") or m.get("kind", "") for m in manifests]
    return ", ".join(str(text) for text in told)
