"""The Services pane's lines: one line per cluster for each service, and where its clients' requests go."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from meshtui.core import annotations as a
from meshtui.core import objects as o
from meshtui.core import resources as r
from meshtui.core.routing import route
from meshtui.core.state import Cluster, Mesh
from meshtui.tui.rows import status
from meshtui.tui.rows.paint import Line, Span, fit, joined, safe, tag

Cell = tuple[str, str]
"""`(service key, context)`: what the cursor of the pane is on."""


def service_keys(mesh: Mesh, namespaces: Collection[str] = (), text: str = "", *, mesh_only: bool = False) -> list[str]:
    """Services of all clusters that pass the filters: meshed first, the system's own last, else by name."""
    return choose(known(mesh), namespaces, text, mesh_only=mesh_only)


def known(mesh: Mesh) -> dict[str, bool]:
    """Every service key of all clusters → whether any of its services is part of the mesh."""
    found: dict[str, bool] = {}
    for cluster in mesh.clusters.values():
        for key, service in cluster.services.items():
            if not found.get(key):
                found[key] = bool(service.metadata.annotations) and is_meshed(service)
    return found


def known_one(mesh: Mesh, key: str) -> bool | None:
    """What `known` holds for one key, None when no cluster has it."""
    found = [c.services[key] for c in mesh.clusters.values() if key in c.services]
    return any(is_meshed(service) for service in found) if found else None


def choose(keys: Mapping[str, bool], namespaces: Collection[str], text: str, *, mesh_only: bool) -> list[str]:
    """The keys that pass the filters, sorted; `keys` as from `known`."""
    needle = text.casefold()
    chosen = [
        key
        for key, meshed in keys.items()
        if (not namespaces or key.partition("/")[0] in namespaces)
        and (meshed or not mesh_only)
        and needle in key.casefold()
    ]
    return sorted(chosen, key=lambda key: (not keys[key], _rank(key), key))


def explains(key: str) -> bool:
    """Whether a service gets a line on where its requests go even outside the mesh: those that people deployed."""
    return _rank(key) == 0


def _rank(key: str) -> int:
    namespace = key.partition("/")[0]
    return 2 if namespace.startswith(("kube-", "cilium")) else 1 if key == "default/kubernetes" else 0


def is_meshed(service: o.Service) -> bool:
    """Whether the service carries any of the annotations that Cluster Mesh reads."""
    annotations = service.annotations
    return any(a.read(annotations, key).value is not None for key in a.KEYS.values())


def endpoints(mesh: Mesh, cluster: Cluster, key: str) -> tuple[int, int]:
    """Ready and all endpoints of one cluster's own service; mirrored remote ones do not count."""
    ready = total = 0
    seen: set[str] = set()
    for slice_key in mesh.slices_of.get(cluster.context, {}).get(key, ()):
        found = cluster.endpointslices.get(slice_key)
        for endpoint in (found.endpoints if found else None) or ():
            address = endpoint.addresses[0] if endpoint.addresses else ""
            if address in seen:
                continue
            seen.add(address)
            total += 1
            ready += endpoint.conditions.ready is not False
    return ready, total


def cell_line(mesh: Mesh, cell: Cell, width: int, *, first: bool, pending: bool) -> Line:
    """One cluster's line of a service; its name stands before the first of them."""
    key, context = cell
    cluster = mesh.clusters[context]
    room = max(14, min(36, width - 31))
    name = fit(safe(key) if first else "", room)
    line = [Span(f" {name} ", "strong"), tag(fit(cluster.tag, 2), cluster.index), Span(" ")]
    service = cluster.services.get(key)
    if service is None:
        known = r.SERVICES in cluster.objects
        return [*line, Span("–  no Service here" if known else f"{status.WAITING}  not known yet", "dim")]
    effective = a.effective(service, cluster.namespaces.get(service.namespace), cluster.config)
    line += [*marks(effective), Span(" ")]
    if pending:
        return [*line, Span(f"{status.WAITING} pending", "pending")]
    line += _ready(mesh, cluster, key)
    if width > room + 42:
        line.append(Span(f"  {_ports(service)}", "dim"))
    return line


def marks(effective: a.Effective) -> list[Span]:
    """`◉g ◉s local`: filled when in effect, struck through when written but not read."""
    shared_off = effective.inactive("shared")
    spans = [Span("◉g" if effective.global_ else "○g", "ok" if effective.global_ else "dim"), Span(" ")]
    if shared_off:
        spans.append(Span("◉s" if a.is_true(effective.written_shared.value) else "○s", "struck"))
    else:
        role = "ok" if effective.shared else "warn" if effective.global_ else "dim"
        spans.append(Span("◉s" if effective.shared else "○s", role))
    return [*spans, Span(" "), _affinity(effective)]


def _affinity(effective: a.Effective) -> Span:
    written = effective.written_affinity.value
    if written is None:
        return Span(fit("–", 8), "dim")
    word = fit(safe(written, 24) or "–", 8)
    if effective.inactive("affinity"):
        return Span(word, "struck")
    if effective.affinity is a.Affinity.DROPS_REMOTE:
        return Span(fit(f"!{safe(written, 24)}", 8), "bad")
    return Span(word, "info" if a.affinity_known(written) else "warn")


def _ready(mesh: Mesh, cluster: Cluster, key: str) -> list[Span]:
    if r.ENDPOINTSLICES not in cluster.objects:
        return [Span(f"{status.WAITING}   ", "dim")]
    ready, total = endpoints(mesh, cluster, key)
    if total == 0:
        return [Span("– 0/0", "dim")]
    glyph, role = (status.OK, "ok") if ready == total else (status.BAD if not ready else status.WARNING, "bad")
    return [Span(f"{glyph} {ready}/{total}", role if ready in (0, total) else "warn")]


def _ports(service: o.Service) -> str:
    ports = service.spec.ports or []
    shown = ",".join(f"{p.port}" for p in ports[:3]) + ("…" if len(ports) > 3 else "")
    kind = "headless" if a.is_headless(service) else service.spec.type
    return safe(f"{kind} {shown}", 30)


def route_line(mesh: Mesh, key: str, width: int) -> Line:
    """`K's clients → K 2 · T's clients → K 2, T 2`: predicted from every cluster's own objects."""
    clusters = list(mesh.clusters.values())
    parts: list[Line] = []
    terse = len(clusters) > 3 or width < 64
    for cluster in clusters:
        found = route(mesh, cluster.context, key)
        owner = "" if terse else "'s clients"
        role = "ok" if found.answering and not found.silent else "bad" if not found.answering else "warn"
        if key not in cluster.services:
            role = "dim"
        parts.append([tag(cluster.tag, cluster.index), Span(f"{owner} → ", "dim"), Span(safe(found.summary), role)])
    return [Span("   "), *joined(parts)]


def index_of_clusters(mesh: Mesh) -> Mapping[str, tuple[str, int]]:
    """Cilium's cluster name → (tag, colour index)."""
    return {c.name: (c.tag, c.index) for c in mesh.clusters.values()}
