"""Why requests for one service go where they go: the full explanation behind the one-line summary."""

from __future__ import annotations

from meshtui.core.routing import Route, route
from meshtui.core.state import Cluster, Mesh
from meshtui.tui.rows import status
from meshtui.tui.rows.paint import Line, Span, safe, tag


def explain(mesh: Mesh, key: str) -> list[Line]:
    """For the clients of each cluster: every backend in rotation with its share, and why not the others."""
    lines: list[Line] = []
    for cluster in mesh.clusters.values():
        if lines:
            lines.append(())
        lines += _clients(cluster, route(mesh, cluster.context, key), mesh)
    return lines


def _clients(cluster: Cluster, found: Route, mesh: Mesh) -> list[Line]:
    head = [tag(cluster.tag, cluster.index, bracket=True), Span(f" {safe(cluster.name)}'s clients → ", "strong")]
    lines: list[Line] = [[*head, Span(safe(found.summary), "ok" if found.backends else "bad")]]
    share = 1 / len(found.backends) if found.backends else 0.0
    for backend in found.backends:
        owner = mesh.clusters[backend.context]
        state = Span("  its node does not answer", "bad") if backend.stale else Span("")
        lines.append(
            [
                Span(f"   {status.OK} ", "ok"),
                tag(owner.tag, owner.index),
                Span(f" {share:4.0%}  {safe(backend.pod or backend.ip, 60)}"),
                Span(f"  {safe(backend.ip)}:{backend.port}", "dim"),
                state,
            ]
        )
    lines += [
        [Span(f"   {status.NOTHING} {unused.reason.value}: ", "warn"), Span(safe(unused.text), "dim")]
        for unused in found.unused
    ]
    lines += [[Span(f"   · {safe(note)}", "dim")] for note in found.notes]
    return lines
