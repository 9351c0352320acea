"""One service in full: where requests go from each cluster and why not elsewhere, evidence, policies, findings."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import groupby

from meshtui.core.findings import Finding
from meshtui.core.model.objects import Endpoint
from meshtui.core.model.slices import is_mirror
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.reach import Reach, reaches
from meshtui.core.routing import Unused, ready_counts
from meshtui.core.routing import annotations as a
from meshtui.core.routing.candidates import pod_key, slices
from meshtui.core.services.evidence import Evidence
from meshtui.tui.findings.rows import finding_lines
from meshtui.tui.services.evidencerows import evidence_lines
from meshtui.tui.services.rows import reach_role, reach_text
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, fit, safe, tag, wrapped

Item = tuple[Hashable, list[Line]]
"""What the cursor can be on, and its lines. Findings are their own keys."""
_MOST = 60
"""Endpoints and reasons told one by one; the rest is counted."""


def service_items(
    mesh: Mesh,
    key: str,
    evidence: Evidence | None,
    findings: Sequence[Finding],
    policy_findings: Sequence[Finding] | None,
    width: int,
    *,
    utc: bool,
    reached: Sequence[Reach] | None = None,
) -> list[Item]:
    """Everything known of `key`, in the order a person asks: where to, is it so, why not elsewhere, what is wrong.

    `reached`: who answers each cluster's clients, by default worked out here. What is None was not looked at, and
    nothing is said of it.
    """
    items: list[Item] = []
    for found in reaches(mesh, key) if reached is None else reached:
        items += _clients(mesh, found, evidence, width, utc=utc)
    items.append(("written", [(), [Span(" As written", "strong")], *written_lines(mesh, key)]))
    items.append((("endpoints",), [(), [Span(" Endpoints", "strong")]]))
    for cluster in mesh.clusters.values():
        items += _endpoints(mesh, cluster, key)
    if policy_findings is not None:
        items.append(("policies", [(), [Span(" Policies", "strong")], *_policies(policy_findings, mesh, width)]))
    items.append(("findings", [(), [Span(f" Findings {len(findings)}", "strong")], *_well(findings)]))
    items += [(finding, finding_lines(finding, mesh, width, utc=utc)) for finding in findings]
    return items


def _clients(mesh: Mesh, reached: Reach, evidence: Evidence | None, width: int, *, utc: bool) -> list[Item]:
    found = reached.route
    cluster = mesh.clusters[found.context]
    head: list[Line] = [()] if cluster.index else []
    role = reach_role(reached, "ok")
    name = Span(f" {safe(cluster.name, 60)}'s clients → ", "strong")
    state = "  failover: the side that affinity prefers has no ready backend" if found.failover else ""
    head.append(
        [
            Span(" "),
            tag(cluster.tag, cluster.index, bracket=True),
            name,
            Span(reach_text(reached), role),
            Span(state, "warn"),
        ]
    )
    if not reached.open:
        head += _policies_say(reached, width)
    beside = evidence_lines(mesh, found, evidence, width, utc=utc) if evidence is not None else []
    items: list[Item] = [(("clients", found.context), head + beside)]
    share = 1 / len(found.backends) if found.backends else 0.0
    for number, hop in enumerate(reached.hops[:_MOST]):
        backend = hop.backend
        owner = mesh.clusters[backend.context]
        line: list[Span] = [
            _PASSES[hop.passes],
            tag(fit(owner.tag, 2), owner.index),
            Span(f" {share:4.0%}  {safe(backend.pod or backend.ip, 60)}"),
            Span(f"  {safe(backend.ip)}:{backend.port}  {safe(backend.node, 40)}", "dim"),
        ]
        if backend.stale:
            line.append(Span("  its node does not answer", "bad"))
        items.append((("backend", found.context, number), [line]))
    if len(found.backends) > _MOST:
        items.append((("more", found.context), [[Span(f"     and {len(found.backends) - _MOST} more", "dim")]]))
    items += [
        (("unused", found.context, number), _reason(text, unused, width))
        for number, (unused, text) in enumerate(_reasons(found.unused))
    ]
    notes: list[Line] = [
        [Span(part, "dim")] for note in found.notes for part in wrapped(f"· {safe(note)}", width, indent=3)
    ]
    if notes:
        items.append((("notes", found.context), notes))
    return items


_PASSES = {
    True: Span(f"   {status.OK} ", "ok"),
    False: Span(f"   {status.BAD} ", "bad"),
    None: Span(f"   {status.WARNING} ", "warn"),
}


def _policies_say(reached: Reach, width: int) -> list[Line]:
    """Who stands for the clients, over which port, and a sentence for each thing that refuses or may."""
    lines: list[Line] = [[Span(f"   asked by {safe(reached.clients.words)}, port {safe(reached.port)}", "dim")]]
    stops = [(stop, "bad") for found in reached.refused.values() for stop in found]
    stops += [(stop, "warn") for found in reached.unknown.values() for stop in found]
    told = dict.fromkeys(stops)
    for stop, role in told:
        glyph = status.BAD if role == "bad" else status.WARNING
        fix = f"; {stop.fix}" if stop.fix else ""
        lines += [[Span(part, role)] for part in wrapped(f"{glyph} {safe(stop.text + fix, 600)}", width, indent=3)]
    return lines


def _reasons(unused: Sequence[Unused]) -> list[tuple[Unused, str]]:
    """One entry per cluster and reason; backends that share it are counted after the first."""
    result = []
    ordered = sorted(unused, key=lambda u: (u.context, u.reason.value))
    for _, group in groupby(ordered, key=lambda u: (u.context, u.reason)):
        alike = list(group)
        more = f" (and {len(alike) - 1} more)" if len(alike) > 1 else ""
        result.append((alike[0], alike[0].text + more))
    return result[:_MOST]


def _reason(text: str, unused: Unused, width: int) -> list[Line]:
    label = f"{status.NOTHING} {unused.reason.value}: "
    first, *rest = wrapped(f"{label}{safe(text)}", width, indent=3)
    head = [Span(first[: 3 + len(label)], "warn"), Span(first[3 + len(label) :], "dim")]
    return [head, *([Span(f"  {part}", "dim")] for part in rest)]


def written_lines(mesh: Mesh, key: str) -> list[Line]:
    """What each cluster's annotations say and amount to: `global true · shared – (on) · affinity local (not read)`."""
    lines: list[Line] = []
    for cluster in mesh.clusters.values():
        head: list[Span] = [Span("   "), tag(fit(cluster.tag, 2), cluster.index), Span(" ")]
        service = cluster.services.get(key)
        if service is None:
            lines.append([*head, Span("no Service here", "dim")])
            continue
        effective = a.effective(service, cluster.namespaces.get(service.namespace), cluster.config)
        for what in a.KEYS:
            head += _written(effective, what)
        if not effective.namespace_global:
            head.append(Span(" namespace not exported", "warn"))
        lines.append(head)
    return lines


def _written(effective: a.Effective, what: str) -> list[Span]:
    written = effective.written(what)
    value = status.NOTHING if written.value is None else safe(written.value, 24) or '""'
    amounts = {
        "global": "on" if effective.global_ else "off",
        "shared": "on" if effective.shared else "off",
    }.get(what, effective.affinity.value)
    off = effective.inactive(what)
    note = "not read" if off else amounts
    spans = [Span(f"{what} ", "dim"), Span(value, "struck" if off else ""), Span(f" ({note})   ", "dim")]
    if written.ignored is not None:
        spans.append(Span(f"alias {safe(written.ignored[1], 24)} not read   ", "warn"))
    return spans


def _endpoints(mesh: Mesh, cluster: Cluster, key: str) -> list[Item]:
    ready, total = ready_counts(mesh, cluster, key)
    role = "dim" if not total else "ok" if ready == total else "warn" if ready else "bad"
    head = [Span("   "), tag(fit(cluster.tag, 2), cluster.index), Span(f" {ready}/{total} ready", role)]
    items: list[Item] = [(("ready", cluster.context), [head])]
    found = [e for s in slices(mesh, cluster, key) if not is_mirror(s) for e in s.endpoints or ()]
    for number, endpoint in enumerate(found[:_MOST]):
        items.append((("endpoint", cluster.context, number), [_endpoint(endpoint)]))
    if len(found) > _MOST:
        items.append((("endpoints", cluster.context), [[Span(f"      and {len(found) - _MOST} more", "dim")]]))
    return items


def _endpoint(endpoint: Endpoint) -> Line:
    conditions = endpoint.conditions
    glyph, word, role = status.OK, "ready", "ok"
    if conditions.ready is False:
        serving = bool(conditions.serving and conditions.terminating)
        glyph, role = (status.WARNING, "warn") if serving else (status.BAD, "bad")
        word = "terminating, still serving" if serving else "terminating" if conditions.terminating else "not ready"
    name = pod_key(endpoint) or ", ".join(endpoint.addresses)
    return [
        Span(f"      {glyph} ", role),
        Span(safe(name, 70)),
        Span(f"  {safe(', '.join(endpoint.addresses), 60)}  {safe(endpoint.node_name or '', 40)}  {word}", "dim"),
    ]


def _policies(findings: Sequence[Finding], mesh: Mesh, width: int) -> list[Line]:
    if not findings:
        return [[Span(f"   {status.OK} no policy keeps a remote cluster out by mistake", "ok")]]
    return [line for finding in findings for line in finding_lines(finding, mesh, width)]


def _well(findings: Sequence[Finding]) -> list[Line]:
    return [] if findings else [[Span(f"   {status.OK} none", "ok")]]
