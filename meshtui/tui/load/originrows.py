"""The lines of the list of clients a load test can start from."""

from __future__ import annotations

from collections.abc import Sequence

from meshtui.core.load.origins import Origin
from meshtui.core.load.spec import Tools
from meshtui.core.model.state import Mesh
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, joined, safe, tag


def origin_lines(origin: Origin, mesh: Mesh, tools: Sequence[Tools | None]) -> list[Line]:
    """`K T default/x-wing  2 pods  ✔ curl`; `tools` in the order of the clusters, None while unknown."""
    clusters = [mesh.clusters[context] for context in origin.contexts if context in mesh.clusters]
    tags: list[Line] = [[tag(cluster.tag, cluster.index)] for cluster in clusters]
    line = [Span(" "), *joined(tags, " "), Span(f" {safe(origin.name, 60)}", "strong")]
    if len(clusters) > 1:
        line.append(Span("  side by side", "dim"))
    line.append(Span(f"  {origin.ready} pod{'s' if origin.ready != 1 else ''}  ", "dim"))
    return [[*line, *_tools(tools)]]


def _tools(tools: Sequence[Tools | None]) -> list[Span]:
    known = [found for found in tools if found is not None]
    if len(known) < len(tools):
        return []
    lacking = next((found for found in known if not found.usable), None)
    if lacking is not None:
        return [Span(f"{status.BAD} {safe(lacking.why, 60)}", "bad")]
    if all(found.curl for found in known):
        return [Span(f"{status.OK} curl", "ok")]
    return [Span(f"{status.WARNING} wget only: plain GETs, no source port", "warn")]


def direct_lines(name: object) -> list[Line]:
    """Requests from this machine."""
    over = "HTTP/2" if "HTTP/2" in str(name) else "HTTP/1.1"
    return [[Span("   this machine", "strong"), Span(f"  direct over {over}, to a URL: an ingress, a NodePort", "dim")]]
