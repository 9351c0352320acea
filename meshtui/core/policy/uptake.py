"""Whether a change of policies has arrived: the API server shows it, the agents import it, the operator says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Mesh
from meshtui.core.policy.reading import reading_of
from meshtui.core.policy.standing import standing


@dataclass(frozen=True, slots=True)
class Uptake:
    """How far a change of one policy in one cluster is."""

    done: bool
    refused: bool
    words: str
    """Clean them: they may hold the cluster's own."""


def uptake(mesh: Mesh, context: str, resource: Resource, key: str, after: Mapping[str, Any] | None) -> Uptake:
    """How a policy stands that was applied (`after`) or deleted (None)."""
    cluster = mesh.clusters[context]
    policy: o.Policy | None = cluster.of(resource).get(key)
    if after is None:
        gone = policy is None
        return Uptake(gone, False, "gone" if gone else "still there")
    if policy is None or not _says(policy, after):
        return Uptake(False, False, "not seen yet as it was written")
    if resource is r.NETWORKPOLICIES:
        return Uptake(True, False, "in place; nothing in Kubernetes says whether agents have it")
    found = standing(policy, reading_of(cluster))
    if found.refusal is not None:
        return Uptake(True, True, f"refused by {found.refusal.by.value}: {found.refusal.words}")
    if found.marked_wrongly:
        return Uptake(True, False, f"enforced, although marked invalid: {found.marked}")
    conditions = (policy.status.conditions if policy.status else None) or ()
    if any(c.type == "Valid" and c.status == "True" for c in conditions):
        return Uptake(True, False, "valid")
    return Uptake(False, False, "the operator has not called it valid yet")


def _says(policy: o.Policy, after: Mapping[str, Any]) -> bool:
    """Whether it says all that was written; an API server may add defaults."""
    return all(_within(after.get(part), getattr(policy, part)) for part in ("spec", "specs"))


def _within(wanted: Any, there: Any) -> bool:
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        return all(_within(value, there.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(there, list):
        return len(wanted) == len(there) and all(map(_within, wanted, there))
    return json.dumps(wanted, sort_keys=True) == json.dumps(there, sort_keys=True)
