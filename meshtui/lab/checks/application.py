"""Checks of the application: what is deployed, what is written on the Service, which policies are in force."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from meshtui.core.flows.flow import Direction, FlowRow, Verdict
from meshtui.core.model import resources as r
from meshtui.core.model.objects import Policy
from meshtui.core.model.state import Cluster, Phase
from meshtui.core.routing.annotations import KEYS, read
from meshtui.lab.checks.checkinput import Check, Checked, CheckInput, bad, good
from meshtui.lab.observe import SERVICE, WORKLOADS, policies
from meshtui.lab.script import CLIENT
from meshtui.lab.state import REPLICAS, Side, State, policy_name

_BILLION = 1_000_000_000
_WAYS = {Direction.EGRESS: "out", Direction.INGRESS: "in"}
FLOWS_COME = 6.0
"""Seconds until a flow must be here: a Relay holds one back for up to two."""


async def deployed(given: CheckInput) -> Checked:
    """The Service is there, and all pods of both workloads are ready in both clusters."""
    for cluster in given.clusters:
        if given.place.key(SERVICE) not in cluster.services:
            return bad(f"{cluster.name} has no service {given.place.key(SERVICE)}.")
        for name in WORKLOADS:
            if not (found := _ready(cluster, given.place.key(name), REPLICAS)).ok:
                return found
    return good(f"rebel-base and x-wing are ready in both clusters ({given.place.namespace}).")


def replicas(index: int, count: int) -> Check:
    """Exactly that many pods of rebel-base are ready in one cluster, and no more are wanted."""

    async def check(given: CheckInput) -> Checked:
        return _ready(given.clusters[index], given.place.key(SERVICE), count)

    return check


def _ready(cluster: Cluster, key: str, count: int) -> Checked:
    found = cluster.of(r.DEPLOYMENTS).get(key)
    if found is None:
        return bad(f"{cluster.name} has no deployment {key}.")
    there = found.status.ready_replicas
    if there != count or (found.spec.replicas is not None and found.spec.replicas != count):
        return bad(f"{there} pods of {key} are ready in {cluster.name}, {count} are due.")
    return good(f"{there} pods of {key} are ready in {cluster.name}.")


def written(state: State) -> Check:
    """The Service carries the state's annotations in both clusters, and no other of the three."""

    async def check(given: CheckInput) -> Checked:
        for cluster, side in zip(given.clusters, state.sides, strict=True):
            service = cluster.services.get(given.place.key(SERVICE))
            if service is None:
                return bad(f"{cluster.name} has no service {given.place.key(SERVICE)}.")
            for what, key in KEYS.items():
                value, want = read(service.annotations, key).value, side.annotations.get(what)
                if value != want:
                    return bad(f"{what} is {value or 'not written'} in {cluster.name}, {want or 'nothing'} is due.")
        return good(f"The Service says {_annotations(state.first.annotations)} in {given.place.first.name}"
                    f" and {_annotations(state.second.annotations)} in {given.place.second.name}.")  # fmt: skip

    return check


def _annotations(values: Mapping[str, str]) -> str:
    return ", ".join(f"{what}={value}" for what, value in values.items()) or "nothing"


def enforced(state: State) -> Check:
    """The state's policies, and no other of the lab's, are there and valid in both clusters."""

    async def check(given: CheckInput) -> Checked:
        for half, cluster, side in zip(given.place.halves, given.clusters, state.sides, strict=True):
            there = policies(cluster, given.place, half)
            if there != side.policies:
                return bad(_difference(cluster, there, side))
            for name in side.policies:
                problem = _invalid(cluster.of(r.CNPS)[given.place.key(policy_name(name))])
                if problem:
                    return bad(f"{name} in {cluster.name} is not valid: {problem}.")
        return good("The policies are in force.")

    return check


def _difference(cluster: Cluster, there: frozenset[str], side: Side) -> str:
    missing = sorted(side.policies - there)
    if missing:
        return f"{cluster.name} lacks the policy {missing[0]}."
    return f"{cluster.name} has the policy {sorted(there - side.policies)[0]}, which does not belong to this step."


def _invalid(policy: Policy) -> str:
    """Why Cilium does not accept a policy; empty while it has not said so."""
    conditions = (policy.status.conditions if policy.status else None) or ()
    return next((c.message or "unknown" for c in conditions if c.type == "Valid" and c.status == "False"), "")


def dropped(direction: Direction, *clusters: int) -> Check:
    """Hubble shows a packet from x-wing to rebel-base dropped on its way out or in, in these clusters.

    Flows come a moment after their packets, so they are waited for.
    """

    async def check(given: CheckInput) -> Checked:
        if not any(cluster.relay.link.phase is Phase.LIVE for cluster in given.clusters):
            return bad("No flows are read: neither a Relay nor an agent delivers any.")
        names = [given.place.halves[index].name for index in clusters]
        arrived = asyncio.Event()
        unsubscribe = given.session.subscribe_flows(arrived.set)
        try:
            async with asyncio.timeout(FLOWS_COME):
                while missing := _not_seen(given, direction, names):
                    arrived.clear()
                    await arrived.wait()
        except TimeoutError:
            return bad(
                f"No packet from x-wing to rebel-base was seen dropped on its way {_WAYS[direction]} in {missing[0]}."
            )
        finally:
            unsubscribe()
        return good(f"Hubble shows packets dropped on their way {_WAYS[direction]} in {' and '.join(names)}.")

    return check


def _not_seen(given: CheckInput, direction: Direction, names: Sequence[str]) -> list[str]:
    seen = {row.node.partition("/")[0] for row in given.session.flows if _is_drop(given, row, direction)}
    return [name for name in names if name not in seen]


def _is_drop(given: CheckInput, row: FlowRow, direction: Direction) -> bool:
    return (
        row.verdict == Verdict.DROPPED
        and row.direction == direction
        and row.time_ns >= given.since * _BILLION
        and row.source.namespace == row.destination.namespace == given.place.namespace
        and row.source.pod.startswith(CLIENT)
        and row.destination.pod.startswith(SERVICE)
    )
