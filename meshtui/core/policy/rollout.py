"""Whether a change of policies has arrived: the API server shows it, the operator says so, the agents have it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Mesh
from meshtui.core.policy.reading import reading_of
from meshtui.core.policy.standing import standing

_TOLD = 3
"""Agents that are told of by name."""


class RolloutState(Struct, frozen=True):
    """How far a change of one policy in one cluster is."""

    done: bool
    refused: bool
    words: str
    """Clean them: they may hold the cluster's own."""
    agents: int = 0
    """Agents that were asked; 0 where none could be."""


def rollout_state(
    mesh: Mesh, context: str, resource: Resource, key: str, after: Mapping[str, Any] | None
) -> RolloutState:
    """How a policy stands that was applied (`after`) or deleted (None)."""
    cluster = mesh.clusters[context]
    policy: o.Policy | None = cluster.of(resource).get(key)
    if after is None:
        gone = policy is None
        return RolloutState(gone, False, "gone" if gone else "still there")
    if policy is None or not _says(policy, after):
        return RolloutState(False, False, "not seen yet as it was written")
    if resource is r.NETWORKPOLICIES:
        return RolloutState(True, False, "in place")
    found = standing(policy, reading_of(cluster))
    if found.refusal is not None:
        return RolloutState(True, True, f"refused by {found.refusal.by.value}: {found.refusal.words}")
    if found.marked_wrongly:
        return RolloutState(True, False, f"enforced, although marked invalid: {found.marked}")
    conditions = (policy.status.conditions if policy.status else None) or ()
    if any(c.type == "Valid" and c.status == "True" for c in conditions):
        return RolloutState(True, False, "valid")
    return RolloutState(False, False, "the operator has not called it valid yet")


def on_agents(known: RolloutState, agents: int, late: Mapping[str, str], unheard: str, *, gone: bool) -> RolloutState:
    """With what the agents of the cluster say, of which there are so many. `late`: node → why its agent is not done.

    `unheard`: why none can be asked; then what the API server and the operator say is all there is.
    """
    if known.refused:
        return known
    if unheard or not agents:
        return RolloutState(
            known.done, False, f"{known.words}; whether agents have it is not known: {unheard or 'no agent'}"
        )
    have = "have dropped it" if gone else "have it"
    told = f"{known.words}; {agents - len(late)} of {agents} agents {have}"
    if late:
        told += ": " + "; ".join(f"{node} {why}" for node, why in list(late.items())[:_TOLD])
        told += f"; and {len(late) - _TOLD} more" if len(late) > _TOLD else ""
    return RolloutState(known.done and not late, False, told, agents)


Named = tuple[str, str, str]
"""Kind, namespace and name of a policy, as agents label what they make of it."""


class AgentPolicy(Struct, frozen=True):
    """What one agent says of its policies."""

    revision: int
    """Grows with every policy it imports or drops."""
    held: frozenset[Named] | None
    """The policies it has; None where its answer does not name them."""
    endpoints: tuple[int, ...]
    """The revision that each of its endpoints' programs are at."""


class Wanted(Struct, frozen=True):
    """One change of a policy, as agents are to have it."""

    named: Named
    gone: bool
    new: bool
    """Whether it was not there before: an agent that names it has it then."""


def missing(wanted: Wanted, before: AgentPolicy | None, now: AgentPolicy) -> str:
    """Why an agent has not taken a change up, in words; empty where it has.

    What an agent names is believed. A policy that was there before is named either way, and so is one where the agent
    does not say: then the revision must have grown since `before`, where that was read.
    """
    if now.held is not None:
        if wanted.gone:
            return f"still has it at revision {now.revision}" if wanted.named in now.held else ""
        if wanted.named not in now.held:
            return f"has not got it at revision {now.revision}"
        if wanted.new:
            return ""
    if before is not None and now.revision <= before.revision:
        return f"is still at revision {now.revision}"
    return ""


def behind(now: AgentPolicy, revision: int) -> str:
    """How many of an agent's endpoints are not at a revision yet; empty where all are."""
    late = sum(1 for at in now.endpoints if at < revision)
    if not late:
        return ""
    return f"is at revision {now.revision}, {late} of its {len(now.endpoints)} endpoints not yet at {revision}"


def _says(policy: o.Policy, after: Mapping[str, Any]) -> bool:
    """Whether it says all that was written; an API server may add defaults."""
    return all(_within(after.get(part), getattr(policy, part)) for part in ("spec", "specs"))


def _within(wanted: Any, there: Any) -> bool:
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        return all(_within(value, there.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(there, list):
        return len(wanted) == len(there) and all(map(_within, wanted, there))
    return json.dumps(wanted, sort_keys=True) == json.dumps(there, sort_keys=True)
