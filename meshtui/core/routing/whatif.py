"""The mesh as it would be after a change, and what that change does to traffic in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Mesh
from meshtui.core.routing.candidates import is_mirror, service_of
from meshtui.core.routing.decide import routes
from meshtui.core.routing.model import Route

Changes = Mapping[tuple[str, Resource], Mapping[str, o.Object | None]]
"""(context, resource) → key → the object as it would be, or None when it would be gone."""


def what_if(mesh: Mesh, changes: Changes) -> Mesh:
    """A view of `mesh` with objects replaced; `mesh` itself is untouched and everything else is shared.

    Costs a copy of one key table per (context, resource) named. Raises KeyError for an unknown context.
    """
    clusters = dict(mesh.clusters)
    slices_of = dict(mesh.slices_of)
    for (context, resource), items in changes.items():
        cluster = clusters[context]
        table = dict(cluster.of(resource))
        if resource == r.ENDPOINTSLICES:
            slices_of[context] = _reindex(slices_of.get(context, {}), table, items)
        for key, item in items.items():
            if item is None:
                table.pop(key, None)
            else:
                table[key] = item
        clusters[context] = replace(cluster, objects={**cluster.objects, resource: table})
    return Mesh(clusters=clusters, generation=mesh.generation, slices_of=slices_of)


def emptied(mesh: Mesh, context: str, service_key: str) -> Changes:
    """The change that scaling a service's workload to zero makes: its own slices without endpoints."""
    cluster = mesh.clusters[context]
    keys = mesh.slices_of.get(context, {}).get(service_key, ())
    found = {key: cluster.endpointslices[key] for key in keys if key in cluster.endpointslices}
    return {
        (context, r.ENDPOINTSLICES): {key: msgspec.structs.replace(item, endpoints=[]) for key, item in found.items()}
    }


def _reindex(
    index: Mapping[str, tuple[str, ...]], table: Mapping[str, o.Object], items: Mapping[str, o.Object | None]
) -> dict[str, tuple[str, ...]]:
    copy = dict(index)
    for key, item in items.items():
        for entry in (table.get(key), item):
            if not isinstance(entry, o.EndpointSlice) or is_mirror(entry):
                continue
            service = service_of(entry)
            others = tuple(each for each in copy.get(service, ()) if each != key)
            copy[service] = others if item is None else (*others, key)
    return copy


def effect_sentences(before: Sequence[Route], after: Sequence[Route]) -> tuple[str, ...]:
    """One sentence per client cluster: `koornacht's clients: K 2, T 2 → K 2`, or that nothing changes.

    Both sequences hold routes of the same clusters, as `routes` gives them, before and after.
    """
    then = {(a.context, a.service): a for a in after}
    sentences = []
    for old in before:
        new = then.get((old.context, old.service))
        if new is None:
            continue
        moved = old.summary != new.summary or {b.ip for b in old.backends} != {b.ip for b in new.backends}
        change = f"{old.summary} → {new.summary}" if moved else f"{old.summary}, unchanged"
        sentences.append(f"{old.cluster}'s clients: {change}")
    return tuple(sentences)


def effects(before: Mesh, after: Mesh, service_keys: Iterable[str]) -> tuple[str, ...]:
    """What a change does to the traffic of some services, for every cluster's clients.

    With more than one service each sentence begins with the service's key.
    """
    keys = list(service_keys)
    result: list[str] = []
    for key in keys:
        sentences = effect_sentences(routes(before, key), routes(after, key))
        result += [f"{key}: {s}" for s in sentences] if len(keys) > 1 else sentences
    return tuple(result)
