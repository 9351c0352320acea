"""One service beside the list: what is observed, who reaches what and why not, what is written, endpoints, findings."""

from __future__ import annotations

from collections.abc import Sequence

from meshtui.core.reach import Reach, reaches
from meshtui.tui.beside import Details
from meshtui.tui.board import Board
from meshtui.tui.clusters.details import RenderOptions, statements, verdict_line
from meshtui.tui.services.detailrows import service_items
from meshtui.tui.widgets.paint import Line, Span, tag


def service_beside(board: Board, key: str, width: int) -> Details | None:
    """What is known without asking agents or going through the flows kept: `enter` does that."""
    mesh, session = board.mesh, board.session
    if mesh is None or session is None:
        return None
    judgement = session.judgement
    judged = judgement.service(key)
    options = RenderOptions(judgement, board.clock.now(), width, board.utc)
    lines: list[Line] = [verdict_line(judged, options), *statements(judged, options)]
    if judged.requests:
        told = f"   {judged.requests} recent requests, {judged.failed} of them failed"
        lines.append([Span(told, "bad" if judged.failed else "dim")])
    lines.append(())
    found = board.findings.of(key) if board.findings is not None else []
    reached = reaches(mesh, key, known=board.findings.reaches if board.findings is not None else None)
    alike = _alike(reached)
    first = [reached_by for reached_by, *_ in alike]
    others = {
        ("clients", one.route.context): [mesh.clusters[x.route.context] for x in rest] for one, *rest in alike if rest
    }
    for item, told_lines in service_items(mesh, key, None, found, None, width, utc=board.utc, reached=first):
        lines += told_lines
        if item in others:
            tags = [span for cluster in others[item] for span in (tag(cluster.tag, cluster.index), Span(" "))]
            lines.append([Span("   so do the clients of ", "dim"), *tags])
    return Details(f"Service {key}", lines)


def _alike(reached: Sequence[Reach]) -> list[list[Reach]]:
    """Clusters whose clients get the same answers for the same reasons, the first of them in front."""
    groups: dict[object, list[Reach]] = {}
    for found in reached:
        hops = frozenset((hop.backend.ip, hop.backend.port, hop.passes) for hop in found.hops)
        unused = frozenset((unused.context, unused.reason) for unused in found.route.unused)
        stops = frozenset(stop.text for stops in (*found.refused.values(), *found.unknown.values()) for stop in stops)
        groups.setdefault((hops, unused, stops, found.route.failover), []).append(found)
    return list(groups.values())
