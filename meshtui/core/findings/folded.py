"""What is told once for a whole cluster instead of once for each of its nodes."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from meshtui.core.findings.model import Finding
from meshtui.core.model.order import natural
from meshtui.core.model.state import Mesh

LEAST = 3
"""As many nodes of one cluster with the same trouble are told together."""
_NAMED = 4
"""Nodes that are called by name; the rest is counted."""


class Fold(Struct, frozen=True):
    """Findings that say the same of several nodes of one cluster."""

    told: Finding
    """All of them in one: since the first of them, with the first one's evidence and command."""
    members: tuple[Finding, ...]


def folded(findings: Sequence[Finding], mesh: Mesh) -> list[Finding | Fold]:
    """In the order given; a fold stands where the first of its members stood."""
    groups: dict[object, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(_alike(finding, mesh), []).append(finding)
    result: list[Finding | Fold] = []
    for members in groups.values():
        if len(members) < LEAST:
            result += members
        else:
            result.append(_fold(members, mesh))
    return result


def _alike(finding: Finding, mesh: Mesh) -> object:
    """Equal for what is told together; another object for each finding that stands alone."""
    node = node_of(finding, mesh)
    if not node or finding.fixes:
        return finding
    return finding.kind, finding.severity, finding.contexts, finding.because


def node_of(finding: Finding, mesh: Mesh) -> str:
    """The node that a finding is about, empty for one about something else."""
    cluster = mesh.clusters.get(finding.contexts[0]) if len(finding.contexts) == 1 else None
    name = finding.object.rpartition("/")[2]
    known = cluster is not None and (name in cluster.nodes or name in cluster.agents or name in cluster.agent_errors)
    return name if known else ""


def _fold(members: Sequence[Finding], mesh: Mesh) -> Fold:
    first = members[0]
    names = sorted((node_of(member, mesh) for member in members), key=natural)
    more = len(names) - _NAMED
    told = ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    cluster = mesh.clusters[first.contexts[0]].name
    since = min((member.since for member in members if member.since), default=0.0)
    sentence = f"{len(members)} nodes of {cluster}: {told}"
    evidence = (f"of the first: {first.sentence}", *first.evidence[:1])
    whole = replace(first, object=f"{cluster}, {len(members)} nodes", sentence=sentence, evidence=evidence, since=since)
    return Fold(whole, tuple(sorted(members, key=lambda member: natural(member.object))))
