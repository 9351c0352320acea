"""The one line on top: which clusters, does the mesh hold, what a policy selector reaches, what time it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from meshtui.core.health.model import Judgement
from meshtui.core.health.words import headline
from meshtui.core.model.state import Mesh
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, safe, tag, width_of


def header(
    mesh: Mesh | None,
    now: float,
    width: int,
    *,
    utc: bool,
    note: str = "",
    findings: int = 0,
    judgement: Judgement | None = None,
) -> Line:
    """`meshtui ▌koornacht⇄tion … mesh ✔ 2/2   policy scope local-cluster   12:03:04 UTC`.

    Where that is too long, what tells least gives way: policy scope, zone, clusters' names, their tags, the time.
    """
    judged = judgement or Judgement()
    known = mesh is not None and bool(mesh.clusters)
    state: list[Span] = [Span(note, "warn"), Span("   ")] if note else []
    if mesh is not None and known:
        if findings:
            words = "finding" if findings == 1 else "findings"
            state += [Span(f"{status.WARNING} {findings} {words}", "warn", "findings.open"), Span("   ")]
        state += [*_mesh_state(mesh, judged), Span("   ")]
    scope = _policy_scope(mesh) if mesh is not None and width >= 100 else ""
    line: list[Span] = []
    for shape in _SHAPES:
        left = [
            Span(" meshtui ", "brand"),
            Span("▌", "dim"),
            *(_names(mesh, judged, shape.names) if mesh and known else ()),
        ]
        right = list(state)
        if scope and shape.scope:
            right += [Span("policy scope ", "dim"), Span(scope), Span("   ")]
        if shape.time:
            right.append(Span(time_text(now, utc=utc, zone=shape.zone) + " ", "dim"))
        gap = width - width_of(left) - width_of(right)
        line = [*left, Span(" " * max(1, gap)), *right]
        if gap >= 1:
            break
    return line


class _Shape(NamedTuple):
    """What the line holds: clusters by name (2), by tag (1), counted (0)."""

    names: int = 2
    scope: bool = True
    zone: bool = True
    time: bool = True


_SHAPES = (
    _Shape(), _Shape(scope=False), _Shape(scope=False, zone=False), _Shape(1, scope=False), _Shape(0, scope=False),
    _Shape(0, scope=False, zone=False), _Shape(0, scope=False, time=False),
)  # fmt: skip


def _names(mesh: Mesh, judgement: Judgement, how: int) -> list[Span]:
    clusters = list(mesh.clusters.values())
    if not how:
        return [Span(f"{len(clusters)} clusters" if len(clusters) > 1 else safe(clusters[0].tag, 30))]
    spans: list[Span] = []
    before = ""
    for cluster in clusters:
        if spans:
            # Clusters of different meshes stand beside each other, with nothing between them.
            spans.append(Span(" │ " if judgement.strangers(before, cluster.context) else "⇄", "dim"))
        before = cluster.context
        label = safe(cluster.name, 30) if how > 1 else cluster.tag
        spans.append(Span(label, tag("", cluster.index).role))
    return spans


def _mesh_state(mesh: Mesh, judgement: Judgement) -> list[Span]:
    """What is failing, counted, or how many clusters are well."""
    if all(cluster.recorded for cluster in mesh.clusters.values()):
        return [Span("recorded flows", "info")]
    verdict, text = headline(judgement, {cluster.context: cluster.name for cluster in mesh.clusters.values()})
    several = len(judgement.meshes)
    return [Span(f"{several} meshes " if several > 1 else "mesh ", "dim"), status.verdict(verdict, text)]


def _policy_scope(mesh: Mesh) -> str:
    """What a policy selector without a cluster label reaches: the local cluster, any, or it depends."""
    scopes = {c.config.policy_default_local_cluster for c in mesh.clusters.values() if c.config}
    if not scopes:
        return ""
    if len(scopes) > 1:
        return "differs by cluster"
    return "local-cluster" if scopes.pop() else "any cluster"


def time_text(seconds: float, *, utc: bool, zone: bool = False, millis: bool = False) -> str:
    """Time of day, `12:03:04`, with milliseconds or its zone's name when asked."""
    try:
        moment = datetime.fromtimestamp(seconds, tz=UTC)
        moment = moment if utc else moment.astimezone()
    except (ValueError, OverflowError, OSError):
        return "--:--:--"
    text = moment.strftime("%H:%M:%S")
    if millis:
        text += f".{moment.microsecond // 1000:03d}"
    return f"{text} {'UTC' if utc else moment.strftime('%Z')}" if zone else text
