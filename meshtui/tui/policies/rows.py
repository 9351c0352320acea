"""Policies as lines: a row over all clusters, its details in words, and what selects a workload."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from meshtui.core.apart import ShortNames
from meshtui.core.model import resources as r
from meshtui.core.model.state import Mesh, Phase
from meshtui.core.policy.evidence import Evidence
from meshtui.core.policy.overview import PolicyCell, PolicyRow, PolicyState, counted
from meshtui.core.policy.workload import Selected
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, fit, safe, tag, width_of, wrapped

_SHORT = {r.CNPS: "CNP", r.CCNPS: "CCNP", r.NETWORKPOLICIES: "NetPol"}
_STANDS = {
    PolicyState.PRESENT: (status.OK, "ok"),
    PolicyState.DIFFERS: ("≠", "warn"),
    PolicyState.MISSING: (status.NOTHING, "dim"),
    PolicyState.REFUSED: (status.BAD, "bad"),
    PolicyState.UNKNOWN: (status.WAITING, "dim"),
}
_NARROW = 100


def head(mesh: Mesh, width: int) -> Line:
    """What the columns are."""
    name, where = _widths(mesh, width)
    return [
        Span(
            f" {fit('policy', name)} {'kind':<6} {fit('clusters', where)} {'pods':>5} {'closes':<6} what it does", "dim"
        )
    ]


def _widths(mesh: Mesh, width: int) -> tuple[int, int]:
    """Cells of the name and of the clusters."""
    where = max(8, sum(len(cluster.tag) + 6 for cluster in mesh.clusters.values()))
    return (28 if width < _NARROW else 38), min(where, max(8, width // 4))


def line(mesh: Mesh, row: PolicyRow, width: int, now: float, names: ShortNames) -> Line:
    """One policy: name, kind, a cell per cluster, pods, directions, and what it does as far as there is room."""
    name, where = _widths(mesh, width)
    cells: list[Span] = []
    for cell in row.cells:
        cluster = mesh.clusters[cell.context]
        glyph, role = (status.WARNING, "warn") if cluster.api.phase is Phase.STALE else _STANDS[cell.stand]
        cells += [tag(cluster.tag, cluster.index), Span(f"{glyph}{age(cell.created, now):<4}", role), Span(" ")]
    pad = where - width_of(cells)
    shown = cells if pad >= 0 else [Span(fit(_counts(row), where), "warn" if row.trouble else "ok")]
    directions = "".join(direction.value[0] for direction in row.closes)
    closes = {"ie": "in out", "i": "in", "e": "out"}.get(directions, status.NOTHING)
    return [
        Span(f" {fit(safe(names.of(row.text, name)), name)} "),
        Span(f"{_SHORT[row.resource]:<6} ", "dim"),
        *shown,
        Span(f"{' ' * max(0, pad)} {row.selected:>5} {closes:<6} "),
        Span(safe(_gist(row), 300), "bad" if row.trouble == 3 else "dim"),
    ]


def stale(mesh: Mesh, now: float) -> str:
    """`tion stale 12 s`: the clusters whose policies are shown as they were; empty while all are heard."""
    old = [cluster for cluster in mesh.clusters.values() if cluster.api.phase is Phase.STALE]
    return ", ".join(f"{safe(c.name, 40)} stale {max(0.0, now - c.api.since):.0f} s" for c in old)


def _counts(row: PolicyRow) -> str:
    """For many clusters: how many have it, and how many of them otherwise."""
    odd = sum(cell.stand in (PolicyState.REFUSED, PolicyState.DIFFERS) for cell in row.cells)
    return f"{len(row.there)}/{len(row.cells)}" + (f" {odd} odd" if odd else "")


def _gist(row: PolicyRow) -> str:
    refused = next((cell for cell in row.cells if cell.stand is PolicyState.REFUSED), None)
    return f"refused at {refused.cluster} by {refused.message}" if refused else "; ".join(row.does)


def age(created: str, now: float) -> str:
    """`5s`, `12m`, `3h`, `40d`; empty where it is not known."""
    try:
        seconds = max(0, int(now - datetime.fromisoformat(created).timestamp()))
    except ValueError:
        return ""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def details(mesh: Mesh, row: PolicyRow, width: int, now: float) -> list[Line]:
    """A policy in words: where it stands how, whom it selects, what it lets in and out."""
    lines: list[Line] = [[Span(f" {safe(row.resource.kind)} ", "dim"), Span(safe(row.text), "strong")]]
    if row.description:
        lines += _told("", row.description, width, "dim")
    lines += _told("selects", f"{row.subject} (pods: {counted(row)})", width)
    closed = " and ".join(direction.value for direction in row.closes)
    lines += _told("closes", f"{closed}: what no rule allows is dropped" if closed else "nothing", width)
    for sentence in row.does or ("nothing",):
        lines += _told("", sentence, width)
    return [*lines, *(part for cell in row.cells for part in _cell(mesh, cell, width, now))]


def _cell(mesh: Mesh, cell: PolicyCell, width: int, now: float) -> list[Line]:
    cluster = mesh.clusters[cell.context]
    glyph, role = _STANDS[cell.stand]
    since = f" for {age(cell.created, now)}" if cell.created and cell.stand is not PolicyState.MISSING else ""
    first: Line = [
        Span(" "), tag(cluster.tag, cluster.index), Span(f" {safe(cell.cluster)} "),
        Span(f"{glyph} {cell.stand.value}{since}", role),
    ]  # fmt: skip
    return [first, *(_told("", cell.message, width, role) if cell.message else [])]


def _told(name: str, text: str, width: int, role: str = "") -> list[Line]:
    parts = wrapped(safe(text, 2000), max(20, width - 12))
    return [[Span(f" {name if not n else '':<9} ", "dim"), Span(part, role)] for n, part in enumerate(parts)]


def pods(mesh: Mesh, row: PolicyRow, width: int, most: int = 20) -> list[Line]:
    """Whom it selects, by name."""
    lines: list[Line] = [[Span(" Selects", "strong")]]
    for cell in row.there:
        rest = f" and {len(cell.selects) - most} more" if len(cell.selects) > most else ""
        lines += _told(mesh.clusters[cell.context].tag, (", ".join(cell.selects[:most]) or "no pod") + rest, width)
    return lines


def flows(found: Evidence, width: int, most: int = 12) -> list[Line]:
    """What it dropped and let through."""
    lines: list[Line] = [[Span(" Flows kept here", "strong")]]
    for name, counts, role in (("dropped", found.dropped, "bad"), ("let pass", found.passed, "ok")):
        told = sorted(counts.items(), key=lambda pair: -pair[1])
        for what, count in told[:most]:
            lines += _told(name, f"{count} × {what}", width, role)
        if len(told) > most:
            lines += _told("", f"and {len(told) - most} more", width, "dim")
        if not told:
            lines += _told(name, "nothing", width, "dim")
    return lines


def changed(diff: Sequence[str]) -> list[Line]:
    """A difference, line by line."""
    roles = {"+": "ok", "-": "bad"}
    return [[Span(f"   {safe(part, 400)}", roles.get(part[:1], "dim"))] for part in diff]


def workload(found: Sequence[Selected], width: int) -> list[Line]:
    """For each workload and direction: enforced or not, and by which policies."""
    lines: list[Line] = []
    for each in found:
        policies = ", ".join(each.policies) or "no policy"
        if each.enforced:
            text = f"{each.direction.value} enforced: closed by {', '.join(each.closing)}; selected by {policies}"
        else:
            text = f"{each.direction.value} not enforced: selected by {policies}"
        if not lines or each.direction.value == "ingress":
            named = f" {safe(each.cluster)} {safe(each.workload)}"
            lines.append([Span(named, "strong"), Span(f"  {each.pods} pods", "dim")])
        lines += _told("", text, width, "warn" if each.enforced else "")
    return lines or [[Span(" no workload of that name", "dim")]]
