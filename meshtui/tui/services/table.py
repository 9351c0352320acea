"""The Services pane for many clusters: one line a service under column heads, a line a cluster under the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from meshtui.core.findings import Finding
from meshtui.core.health.model import ServiceHealth, Verdict
from meshtui.core.model.state import Cluster, Mesh, Phase
from meshtui.core.reach import Reaches
from meshtui.core.routing import Surroundings
from meshtui.core.services import row as core
from meshtui.tui.services.rows import (
    AFFINITY,
    COUNTS,
    READY,
    marks,
    name_widths,
    reach_text,
    tells_ports,
)
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, clip, fit, joined, safe, tag, width_of

_COUNTED = 7
"""Cells of `all 16`."""
_NAME = 24
"""Cells that a name is given before affinity, then the words for global and shared, stay."""
_REACH = 13
"""Cells that `each → itself` takes: names leave that much."""
REACHES = ("who reaches what", "reach")
HEADER = ("", "")
"""The heads' item: never a service's."""


class Widths(NamedTuple):
    """Cells of each column; 0 where it has given way."""

    name: int
    where: int
    annotation: int
    affinity: int
    ready: int
    reach: int


def widths(mesh: Mesh, width: int, longest: int) -> Widths:
    """Names get the spare cells first, then who reaches what; affinity gives way before global and shared."""
    where = len(mesh.clusters)
    where = max(2, where) if where <= width // 4 and _single(mesh) else _COUNTED
    annotation, affinity, ready = 7, 9, 10
    fixed = 3 + where + 1 + 2 * annotation + affinity + ready
    wanted = min(longest, _NAME) + 1 + _REACH
    if width - fixed < wanted:
        affinity = 0
        fixed -= 9
    if width - fixed < wanted:
        annotation, ready, fixed = 2, 7, fixed - 13
    left = max(12, width - fixed)
    name = max(14, min(longest, left - _REACH - 1))
    return Widths(name, where, annotation, affinity, ready, max(0, left - name - 1))


def widths_each(mesh: Mesh, width: int, longest: int) -> Widths:
    """Of a line for each cluster, as `cell_line` makes it."""
    name, affinity = name_widths(mesh, width, longest)
    if not tells_ports(width):
        return Widths(name, 2, 3, affinity + 1, COUNTS, 0)
    return Widths(name, 2, 3, affinity + 1, READY, max(0, width - name - READY - 12 - affinity))


def heads(
    at: Widths, sort: str, keys: Mapping[str, str], *, reverse: bool, lead: int = 3, last: tuple[str, str] = REACHES
) -> Line:
    """The columns' names, the key that orders by each in it; the one that orders carries an arrow; a click orders.

    `lead`: cells before the first column; `last`: what the last column tells, and its name when it orders.
    """
    arrow = "▼" if reverse else "▲"

    def head(text: str, name: str, width: int) -> list[Span]:
        if width < 1:
            return []
        orders = bool(name) and name == sort
        role = "strong" if orders else "dim"
        parts = [part._replace(cell=name) for part in _keyed(text, keys.get(name, ""), role, width - 1)]
        parts += [Span(arrow, role, "", name)] if orders else []
        return [*clip(parts, width), Span(" " * max(0, width - width_of(parts)), "", "", name)]

    narrow = at.annotation < 6
    spans = [Span(" " * lead), *head("service", "name", at.name), Span(" "), *head("in", "in", at.where), Span(" ")]
    spans += head("g" if narrow else "global", "global", at.annotation)
    spans += head("s" if narrow else "shared", "shared", at.annotation)
    if at.affinity:
        spans += head("affinity" if at.affinity > 8 else "affin", "affinity", at.affinity)
    return [*spans, *head("ready", "ready", at.ready), *head(*last, at.reach)]


def _keyed(text: str, key: str, role: str, room: int) -> list[Span]:
    """`gloBal`: a letter that is the key stands out; another key stands behind the name, where there is room."""
    at = text.find(key.lower()) if len(key) == 1 and key.isupper() else -1
    if at >= 0:
        return [Span(text[:at], role), Span(key, "key"), Span(text[at + 1 :], role)]
    if key and len(text) + 1 + len(key) <= room:
        return [Span(f"{text} ", role), Span(key, "key")]
    return [Span(text, role)]


def service_line(
    mesh: Mesh, row: core.Row, at: Widths, health: ServiceHealth, reach: Line, name: str, *, pending: bool, marked: bool
) -> Line:
    """One service over all clusters; `name`: as it is told from the others in the room there is."""
    glyph = status.verdict(health.verdict, "") if health.verdict is not Verdict.UNKNOWN else Span("·", "dim")
    mark = Span("▪", "key") if marked else Span(" ")
    line = [mark, Span(f"{glyph.text.strip() or '·':<2}", glyph.role)]
    line += [Span(f"{fit(name, at.name)} ", "strong"), *_where(mesh, row, at.where), Span(" ")]
    cells = [cell.effective for cell in row.present if cell.effective is not None]
    line.append(_all_or_some([x.global_ for x in cells], at.annotation))
    line.append(_all_or_some([x.shared and x.global_ for x in cells], at.annotation))
    if at.affinity:
        words = {(x.written_affinity.value or "–").lower() if x.global_ else "–" for x in cells}
        word = words.pop() if len(words) == 1 else "mixed"
        line.append(Span(fit(safe(word, 20), at.affinity), "dim" if word == "–" else "info"))
    if pending:
        return [*line, Span(f"{status.WAITING} pending", "pending")]
    old = any(mesh.clusters[cell.context].api.phase is Phase.STALE for cell in row.present)
    return [*line, _ready(row, at.ready, old=old), *reach]


def _single(mesh: Mesh) -> bool:
    """Whether every cluster's tag is one letter: others cannot be read when they stand side by side."""
    return all(len(cluster.tag) <= 1 for cluster in mesh.clusters.values())


def _where(mesh: Mesh, row: core.Row, width: int) -> Iterable[Span]:
    """The letters of the clusters that have it, a dot where one has it not; counted where there is no room for
    letters, or one letter does not tell clusters apart.
    """
    clusters = list(mesh.clusters.values())
    there = {cell.context for cell in row.present}
    if len(clusters) > width or not _single(mesh):
        missing = [cluster.tag for cluster in clusters if cluster.context not in there]
        words = f"all {len(clusters)}" if not missing else f"{len(there)}/{len(clusters)}"
        yield Span(fit(words if len(missing) != 1 else f"not {missing[0]}", width), "dim" if not missing else "")
        return
    used = 0
    for cluster in clusters:
        wide = max(1, len(cluster.tag))
        used += wide
        yield tag(cluster.tag, cluster.index) if cluster.context in there else Span("·" * wide, "dim")
    if used < width:
        yield Span(" " * (width - used))


def _all_or_some(values: Sequence[bool], width: int) -> Span:
    """`◉` in all, `◐ 4/6` in some, `○` in none."""
    yes = sum(values)
    if not yes:
        return Span(fit("○", width), "dim")
    if yes == len(values):
        return Span(fit("◉", width), "ok")
    return Span(fit(f"◐ {yes}/{len(values)}", width), "warn")


def _ready(row: core.Row, width: int, *, old: bool) -> Span:
    """`4/4`; `!4/4` while a cluster that has it is stale."""
    ready = sum(cell.ready for cell in row.present)
    total = sum(cell.total for cell in row.present)
    if not all(cell.counted for cell in row.present):
        return Span(fit(status.WAITING, width), "dim")
    if old:
        return Span(fit(f"{status.WARNING}{ready}/{total}", width), "warn")
    role = "bad" if total and not ready else "warn" if ready < total else "dim" if not total else ""
    return Span(fit(f"{ready}/{total}", width), role)


def reach_line(
    mesh: Mesh,
    key: str,
    health: ServiceHealth,
    around: Mapping[str, Surroundings] | None = None,
    found: Sequence[Finding] = (),
    reaches: Reaches | None = None,
) -> Line:
    """What is observed where it is not well; then `all → all`, or who gets whom and who is refused by what."""
    asked = reaches or Reaches(mesh)
    parts: list[Line] = []
    if health.verdict.bad:
        parts.append([status.verdict(health.verdict, health.words)])
    groups: dict[frozenset[str], list[Cluster]] = {}
    nobody: list[Cluster] = []
    refused: dict[str, list[Cluster]] = {}
    clients = [cluster for cluster in mesh.clusters.values() if key in cluster.services]
    for cluster in clients:
        reached = asked.of(cluster.context, key, around=around.get(cluster.context) if around else None)
        taken = reached.route
        if taken.counts and not reached.open:
            refused.setdefault(reach_text(reached), []).append(cluster)
        elif taken.counts:
            groups.setdefault(frozenset(taken.counts), []).append(cluster)
        else:
            nobody.append(cluster)
    everybody = frozenset(cluster.name for cluster in clients)
    role = "ok" if health.verdict is Verdict.WELL else ""
    for names, members in sorted(groups.items(), key=lambda one: -len(one[1])):
        who = [Span("all", role)] if len(members) == len(clients) else _tags(members)
        own = all(names == {member.name} for member in members) and len(members) == 1
        to = [Span("all", role)] if names == everybody and len(names) > 1 else _tags(mesh.by_name(n) for n in names)
        parts.append([*who, Span(" → ", "dim"), *([Span("itself", role)] if own else to)])
    if len(groups) == len(clients) > 1 and all(len(names) == 1 for names in groups):
        parts = [*parts[: 1 if health.verdict.bad else 0], [Span("each → itself", role)]]
    for words, members in refused.items():
        who = [Span("all", "bad")] if len(members) == len(clients) else _tags(members)
        parts.append([*who, Span(" → ", "dim"), Span(words, "bad" if words.startswith(status.BAD) else "warn")])
    if nobody:
        parts.append([*_tags(nobody), Span(" → nobody", "bad")])
    if found:
        parts.append([Span(f"{len(found)} finding{'s' if len(found) > 1 else ''}", "warn")])
    return list(joined(parts))


def _tags(clusters: Iterable[Cluster | None]) -> list[Span]:
    known = sorted((cluster for cluster in clusters if cluster is not None), key=lambda cluster: cluster.index)
    return [tag(cluster.tag, cluster.index) for cluster in known]


def cluster_line(
    cluster: Cluster, row: core.Row, at: Widths, reach: Line, *, chosen: bool, pending: bool, marked: bool = False
) -> Line:
    """One cluster's line beneath the service under the cursor; `chosen`: what g, s and a act on."""
    cell = next(cell for cell in row.cells if cell.context == cluster.context)
    point = Span(" ▸ " if chosen else "   ", "key")
    name = fit(f"{safe(cluster.name, 40)}", max(6, at.name - 3))
    line = [Span(" ▪ " if marked else "   ", "key"), point, tag(name, cluster.index), Span(" " * (at.where + 2))]
    if not cell.present or cell.effective is None:
        return [*line, Span("–  no Service here" if cell.known else f"{status.WAITING}  not known yet", "dim")]
    line += _under_heads(marks(cell.effective, AFFINITY), at)
    if pending:
        return [*line, Span(f"{status.WAITING} pending", "pending")]
    role = "bad" if cell.total and not cell.ready else "warn" if cell.ready < cell.total else ""
    return [*line, Span(fit(f"{cell.ready}/{cell.total}", at.ready), role), *reach]


def _under_heads(found: Sequence[Span], at: Widths) -> list[Span]:
    """The marks of one cluster, each under its column's head; where heads are letters, without theirs."""
    shown, shared, affinity = (span for span in found if span.text.strip())
    written = affinity.text.strip() != status.NOTHING
    if at.annotation < 6:
        short = [span._replace(text=span.text[:1]) for span in (shown, shared)]
        return [short[0], Span(" "), short[1], Span(" "), *([affinity, Span(" ")] if written else [])]
    if not at.affinity:
        shared = shared._replace(text=f"{shared.text} {affinity.text[:3]}") if written else shared
    wide = [(shown, at.annotation), (shared, at.annotation), *([(affinity, at.affinity)] if at.affinity else [])]
    return [part for span, width in wide for part in (span, Span(" " * max(0, width - width_of([span]))))]
