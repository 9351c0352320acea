"""The mesh as it would be after a change."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.resources import Resource
from meshtui.core.model.slices import backed_by
from meshtui.core.model.state import Mesh

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
            service = backed_by(entry) if isinstance(entry, o.EndpointSlice) else ""
            if not service:
                continue
            others = tuple(each for each in copy.get(service, ()) if each != key)
            copy[service] = others if item is None else (*others, key)
    return copy
