"""Server-side tables: what `kubectl get` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from meshtui.sim.api.columns import default
from meshtui.sim.api.columns_cilium import CILIUM
from meshtui.sim.api.columns_core import CORE
from meshtui.sim.api.registry import ApiResource
from meshtui.sim.store import Entry


@dataclass(frozen=True, slots=True)
class Shape:
    """The form of an answer: `kind` empty for whole objects, `Table`, or `PartialObjectMetadata`."""

    kind: str = ""
    include: str = "Metadata"
    """What a table's rows carry of their objects: Metadata, Object or None."""


def shape_of(accept: str, include: str) -> Shape:
    """The first form in an Accept header that this server can give."""
    for offer in accept.split(","):
        parameters = dict(p.strip().partition("=")[::2] for p in offer.split(";")[1:])
        if parameters.get("as") == "Table":
            return Shape("Table", include or "Metadata")
        if parameters.get("as", "").startswith("PartialObjectMetadata"):
            return Shape("PartialObjectMetadata")
    return Shape()


def table_of(
    resource: ApiResource, entries: Sequence[Entry], shape: Shape, now: float, rv: str, *, headers: bool = True
) -> dict[str, Any]:
    """A Table of these objects."""
    kind = CORE.get(resource.gvr) or CILIUM.get(resource.gvr) or default()
    definitions = [c.definition() for c in kind.columns] if headers else None
    rows = [{"cells": kind.row(entry.obj, now), "object": _object(entry, shape)} for entry in entries]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": rv},
        "columnDefinitions": definitions,
        "rows": rows,
    }


def _object(entry: Entry, shape: Shape) -> Any:
    if shape.include == "None":
        return None
    if shape.include == "Object":
        return entry.obj
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": entry.obj["metadata"],
    }
