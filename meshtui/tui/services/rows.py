"""The Services pane's lines: one line per cluster for each service, and where its clients' requests go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from meshtui.core.findings import Finding, Severity
from meshtui.core.health.model import ServiceHealth, Verdict
from meshtui.core.model.state import Cluster, Mesh, Phase
from meshtui.core.reach import Reach, Reaches
from meshtui.core.routing import Surroundings
from meshtui.core.routing import annotations as a
from meshtui.core.services import row as core
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, fit, joined, safe, tag, width_of

Cell = tuple[str, str]
"""`(service key, context)`: what the cursor of the pane is on."""
_MARKS = 20
"""Cells that a line takes before and behind the name until readiness: mark, tag, annotations."""
_NAME = 36
"""Cells for a name where type and ports have a column."""
AFFINITY, _SHORT_AFFINITY = 8, 6
"""Cells of a word for affinity; the short one has room for what Cilium knows."""
COUNTS, _AGE = 9, 10
"""Cells of readiness where type and ports have no column: `⚠ 10/12`, `◌ pending`; `⚠ 12 s old` of a stale cluster."""
READY = 8
"""Cells of readiness and the space behind it, where type and ports follow."""
_EACH = 5
"""Of more clusters than this, those that answer alike are counted."""
_STALE = 18
"""Cells that readiness takes with its age."""
_DETAIL = 26
"""Cells that type and ports want."""


def explains(row: core.Row) -> bool:
    """Whether a service gets a line on where its requests go: those that people deployed, and all that are meshed."""
    return row.meshed or not row.system


def tells_ports(width: int) -> bool:
    """Whether type and ports have a column of their own in a pane of `width`."""
    return width > _NAME + _MARKS + _DETAIL + 2


class NameWidths(NamedTuple):
    """Cells for a name and for the word on affinity."""

    name: int
    affinity: int


def name_widths(mesh: Mesh, width: int, longest: int) -> NameWidths:
    """What a pane of `width` has for both: the name gets what its `longest` needs of what the rest can spare now."""
    if tells_ports(width):
        return NameWidths(max(_NAME, min(longest, width - _MARKS - _DETAIL - 2)), AFFINITY)
    stale = any(cluster.api.phase is Phase.STALE for cluster in mesh.clusters.values())
    spare = width - _MARKS - (_AGE if stale else COUNTS)
    # Type and ports stand where a name stood.
    wanted = max(longest, _DETAIL)
    if wanted <= spare:
        return NameWidths(wanted, AFFINITY)
    return NameWidths(max(14, min(wanted, spare + AFFINITY - _SHORT_AFFINITY)), _SHORT_AFFINITY)


def cell_line(
    cluster: Cluster,
    row: core.Row,
    width: int,
    *,
    room: NameWidths,
    first: bool,
    name: str = "",
    pending: bool = False,
    marked: bool = False,
    health: ServiceHealth | None = None,
    age: float | None = None,
) -> Line:
    """One cluster's line of a service: the name before the first, type and ports at the end or where a name stood.

    `name`: how it is told from the others in the `room` there is. `age`: seconds since its cluster
    was heard, when it is not now.
    """
    cell = next(cell for cell in row.cells if cell.context == cluster.context)
    wide = tells_ports(width)
    detail = "" if wide or first or not cell.present else f"  {_detail(cell, room.name - 2)}"
    told = name or safe(row.key)
    head = Span(f"{fit(told if first else detail, room.name)} ", "strong" if first else "dim")
    mark = Span("▪", "key") if marked else Span(" ")
    line = [mark, head, tag(fit(cluster.tag, 2), cluster.index), Span(" ")]
    if not cell.present or cell.effective is None:
        return [*line, Span("–  no Service here" if cell.known else f"{status.WAITING}  not known yet", "dim")]
    line += [*marks(cell.effective, room.affinity), Span(" ")]
    if pending:
        return [*line, Span(f"{status.WAITING} pending", "pending")]
    ready = _ready(cell, health, age, wide=wide or width - width_of(line) > _STALE)
    if not wide:
        return [*line, *ready]
    line += [*ready, Span(" " * max(2, READY - width_of(ready)))]
    return [*line, Span(_detail(cell, width - width_of(line)), "dim")]


def marks(effective: a.Effective, room: int) -> list[Span]:
    """`◉g ◉s local`: filled when in effect, struck through when written but not read; `room`: cells for affinity."""
    shared_off = effective.inactive("shared")
    spans = [Span("◉g" if effective.global_ else "○g", "ok" if effective.global_ else "dim"), Span(" ")]
    if shared_off:
        spans.append(Span("◉s" if a.is_true(effective.written_shared.value) else "○s", "struck"))
    else:
        role = "ok" if effective.exported else "warn" if effective.global_ else "dim"
        spans.append(Span("◉s" if effective.shared else "○s", role))
    return [*spans, Span(" "), _affinity(effective, room)]


def _affinity(effective: a.Effective, room: int) -> Span:
    written = effective.written_affinity.value
    if written is None:
        return Span(fit("–", room), "dim")
    word = fit(safe(written, 24) or "–", room)
    if effective.inactive("affinity"):
        return Span(word, "struck")
    if effective.affinity is a.Affinity.DROPS_REMOTE:
        return Span(fit(f"!{safe(written, 24)}", room), "bad")
    return Span(word, "info" if a.affinity_known(written) else "warn")


def _ready(cell: core.Cell, health: ServiceHealth | None, age: float | None, *, wide: bool) -> list[Span]:
    """How many of its endpoints are ready; green only while requests are seen to get through. Of what is stale the age
    comes before the number where there is no room for both.
    """
    if age is not None:
        told = f"{cell.ready}/{cell.total} stale {age:.0f} s" if wide else f"{age:.0f} s old"
        return [Span(f"{status.WARNING} {told}", "warn")]
    if not cell.counted:
        return [Span(f"{status.WAITING}   ", "dim")]
    verdict = health.verdict if health is not None else Verdict.UNKNOWN
    if cell.total == 0:
        nobody = cell.effective is not None and cell.effective.global_
        return [Span(f"{status.WARNING} 0/0", "warn") if nobody else Span("– 0/0", "dim")]
    if not cell.ready:
        glyph, role = status.BAD, "bad"
    elif cell.ready < cell.total:
        glyph, role = status.WARNING, "warn"
    elif verdict.bad:
        glyph, role = status.BAD, "bad"
    elif verdict is Verdict.WELL:
        glyph, role = status.OK, "ok"
    else:
        glyph, role = "·", ""
    return [Span(f"{glyph} {cell.ready}/{cell.total}", role)]


def _detail(cell: core.Cell, width: int) -> str:
    """Type and ports: `ClusterIP http 80/TCP`, or `ClusterIP 80` where there is no room."""
    kind = "headless" if cell.kind == "Headless" else cell.kind
    full = safe(f"{kind} {cell.ports}".strip(), 80)
    if len(full) <= width:
        return full
    numbers = ",".join(part.split()[-1].partition("/")[0] for part in cell.ports.split(",") if part.split())
    return fit(safe(f"{kind} {numbers}", 80), max(8, width)).rstrip()


def route_line(
    mesh: Mesh,
    key: str,
    width: int,
    around: Mapping[str, Surroundings] | None = None,
    found: Sequence[Finding] = (),
    health: ServiceHealth | None = None,
    since: str = "",
    reaches: Reaches | None = None,
) -> Line:
    """`K's clients → K 2 · T's clients ✗ denied at tion (default-deny)`: by routes and policies; then the findings.

    With more than three clusters, those whose clients get the same stand together: `K T N → K 2, T 2`.
    """
    clusters = list(mesh.clusters.values())
    findings = _findings(found)
    many = len(clusters) > 3
    owner = "" if many or width < 64 + (14 if findings else 0) else "'s clients"
    asked = reaches or Reaches(mesh)
    groups: dict[object, tuple[Reach, list[Cluster]]] = {}
    for number, cluster in enumerate(clusters):
        found_reach = asked.of(cluster.context, key, around=around.get(cluster.context) if around else None)
        taken = found_reach.route
        told = found_reach.summary if not taken.backends or not found_reach.open else ""
        alike = (frozenset(taken.counts.items()), taken.failover, taken.silent, told)
        groups.setdefault(alike if many else number, (found_reach, []))[1].append(cluster)
    parts: list[Line] = []
    for who, clients in groups.values():
        # A prediction is green only while requests are seen to get through.
        good = "ok" if health is not None and health.verdict is Verdict.WELL else ""
        role = reach_role(who, good)
        if all(key not in cluster.services for cluster in clients):
            role = "dim"
        names = [span for cluster in clients for span in (tag(cluster.tag, cluster.index), Span(" "))][:-1]
        parts.append([*names, Span(f"{owner} → ", "dim"), Span(reach_text(who), role)])
    return [Span("   "), *_truth(health, since), *findings, *joined(parts)]


def reach_role(found: Reach, good: str) -> str:
    """`good` only where everybody in rotation will answer; bad where nobody will."""
    if not found.answering and not found.unknown:
        return "bad"
    return good if found.open and not found.route.silent else "warn"


def reach_text(found: Reach) -> str:
    """The summary, with a glyph before what policies refuse or leave open."""
    counts = found.route.counts
    if found.open and len(counts) > _EACH and len(set(counts.values())) == 1:
        return f"{next(iter(counts.values()))} in each of {len(counts)}"
    glyph = "" if found.open else f"{status.BAD} " if found.refused_share else f"{status.WARNING} "
    return glyph + safe(found.summary)


def _truth(health: ServiceHealth | None, since: str) -> list[Span]:
    """What is observed, where it is not well: `✗ all requests denied by policy at K, 34 drops since 12:03:04`."""
    if health is None or not health.verdict.bad:
        return []
    words = f"{health.words} since {since}" if since else health.words
    return [status.verdict(health.verdict, words), Span(" · ", "dim")]


def _findings(found: Sequence[Finding]) -> list[Span]:
    serious = [finding for finding in found if finding.severity is not Severity.INFO]
    if not serious:
        return []
    role = "bad" if serious[0].severity is Severity.ERROR else "warn"
    glyph = status.BAD if serious[0].severity is Severity.ERROR else status.WARNING
    words = "finding" if len(serious) == 1 else "findings"
    return [Span(f"{glyph} {len(serious)} {words}", role), Span(" · ", "dim")]


def index_of_clusters(mesh: Mesh) -> Mapping[str, tuple[str, int]]:
    """Cilium's cluster name → (tag, colour index)."""
    return {c.name: (c.tag, c.index) for c in mesh.clusters.values()}
