"""The one line on top: which clusters, does the mesh hold, what a policy selector reaches, what time it is."""

from __future__ import annotations

from datetime import UTC, datetime

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
    """`meshtui ▌koornacht⇄tion … mesh ✔ 2/2   policy scope local-cluster   12:03:04 UTC`."""
    left = [Span(" meshtui ", "brand"), Span("▌", "dim")]
    right: list[Span] = []
    if mesh is not None and mesh.clusters:
        left += _names(mesh, judgement or Judgement(), width)
        right = [*_mesh_state(mesh, judgement or Judgement()), Span("   ")]
        if findings:
            words = "finding" if findings == 1 else "findings"
            right = [Span(f"{status.WARNING} {findings} {words}", "warn", "findings.open"), Span("   "), *right]
        scope = _policy_scope(mesh)
        if scope and width >= 100:
            right += [Span("policy scope ", "dim"), Span(scope), Span("   ")]
    if note:
        right = [Span(note, "warn"), Span("   "), *right]
    right.append(Span(time_text(now, utc=utc, zone=True) + " ", "dim"))
    gap = max(1, width - width_of(left) - width_of(right))
    return [*left, Span(" " * gap), *right]


def _names(mesh: Mesh, judgement: Judgement, width: int) -> list[Span]:
    clusters = list(mesh.clusters.values())
    if sum(len(c.tag) + 1 for c in clusters) > width - 50:
        return [Span(f"{len(clusters)} clusters")]
    spans: list[Span] = []
    full = sum(len(c.name) + 1 for c in clusters) < width - 60
    before = ""
    for cluster in clusters:
        if spans:
            # Clusters of different meshes stand beside each other, with nothing between them.
            spans.append(Span(" │ " if judgement.strangers(before, cluster.context) else "⇄", "dim"))
        before = cluster.context
        label = safe(cluster.name, 30) if full else cluster.tag
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
