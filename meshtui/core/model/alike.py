"""What clusters of one mesh say alike is kept once: the same Service stands in each of them, word for word.

A global service has the same name, labels, selector and ports everywhere; of sixteen clusters' services and slices that
is a third of the memory. What is shared is equal, so that nobody can tell but by looking at memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import force_setattr

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.resources import Resource
from meshtui.core.model.slices import service_of
from meshtui.core.model.state import Cluster, Mesh


def share(mesh: Mesh, cluster: Cluster, resource: Resource, items: Mapping[str, Any]) -> None:
    """Let a cluster's new services or slices hold what another cluster's of the same Service hold, where it is equal.

    The objects must be new: nobody else may hold them as they were.
    """
    if resource is r.SERVICES:
        held = [each.services for each in mesh.clusters.values() if each is not cluster and each.services]
        for key, service in items.items():
            like = _first_with(held, key)
            if like is not None and service is not None:
                _of_service(service, like)
    elif resource is r.ENDPOINTSLICES:
        others = [
            (mesh.slices_of[each.context], each.endpointslices)
            for each in mesh.clusters.values()
            if each is not cluster and each.context in mesh.slices_of
        ]
        for item in items.values() if others else ():
            if service := service_of(item):
                _of_slice(item, _slice_of(others, service))


def _first_with(held: Sequence[Mapping[str, Any]], key: str) -> Any:
    for each in held:
        found = each.get(key)
        if found is not None:
            return found
    return None


def _slice_of(others: Sequence[tuple[Mapping[str, tuple[str, ...]], Mapping[str, Any]]], service: str) -> Any:
    """A slice of a Service in one of the other clusters."""
    for index, held in others:
        for key in index.get(service, ()):
            if key in held:
                return held[key]
    return None


def _of_service(service: o.Service, like: o.Service) -> None:
    _of_meta(service.metadata, like.metadata)
    force_setattr(service.metadata, "name", like.metadata.name)
    mine, theirs = service.spec, like.spec
    if mine.ports == theirs.ports:
        force_setattr(mine, "ports", theirs.ports)
    if mine.selector == theirs.selector:
        force_setattr(mine, "selector", theirs.selector)


def _of_slice(item: o.EndpointSlice, like: o.EndpointSlice | None) -> None:
    if like is None:
        return
    _of_meta(item.metadata, like.metadata)
    if item.ports == like.ports:
        force_setattr(item, "ports", like.ports)


def _of_meta(mine: o.Meta, theirs: o.Meta) -> None:
    if mine.labels and mine.labels == theirs.labels:
        force_setattr(mine, "labels", theirs.labels)
    if mine.annotations and mine.annotations == theirs.annotations:
        force_setattr(mine, "annotations", theirs.annotations)
