"""Connections that flows showed, and what a change of policies does to each, and to whom services serve."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from meshtui.core.flows.flow import FlowRow, Verdict
from meshtui.core.flows.workload import workload_of_pod
from meshtui.core.model.slices import backed_by
from meshtui.core.model.state import Mesh
from meshtui.core.policy.effects import FATE
from meshtui.core.policy.evaluate import judge
from meshtui.core.policy.explain import explain_verdict
from meshtui.core.policy.model import Party
from meshtui.core.policy.parties import of_flow
from meshtui.core.policy.rulebook import Rulebook

_PORTS = frozenset(("TCP", "UDP", "SCTP"))


class Seen(Struct, frozen=True):
    """Connections of one client's workload to one server's port."""

    client: str
    """`cluster namespace/workload`, or a reserved identity."""
    server: str
    protocol: str
    port: int
    services: tuple[str, ...]
    """Keys of the services the server stands behind."""
    pairs: tuple[tuple[Party, Party], ...]
    """Each pair of pods once."""


def seen_in(mesh: Mesh, rows: Iterable[FlowRow]) -> list[Seen]:
    """Connections by workload, from requests alone: replies are as old as what they answer."""
    behind = _services_by_address(mesh)
    found: dict[tuple[str, str, str, int], dict[tuple[str, str], tuple[Party, Party]]] = {}
    services: dict[tuple[str, str, str, int], dict[str, None]] = {}
    for row in rows:
        if row.is_reply is True or row.protocol not in _PORTS or row.verdict == Verdict.TRANSLATED:
            continue
        if not (row.source.cluster or row.destination.cluster) or not row.destination_port:
            continue
        if _ephemeral_reply(row):
            continue
        client, server = _name(row, source=True), _name(row, source=False)
        key = (client, server, row.protocol, row.destination_port)
        addresses = (row.source_ip, row.destination_ip)
        if addresses not in found.setdefault(key, {}):
            parties = (
                of_flow(mesh, row.source, row.source_ip, row),
                of_flow(mesh, row.destination, row.destination_ip, row),
            )
            found[key][addresses] = parties
        named = dict.fromkeys(behind.get(row.destination_ip, ()))
        services.setdefault(key, {}).update(named)
    return [Seen(*key, tuple(services[key]), tuple(pairs.values())) for key, pairs in found.items()]


def _ephemeral_reply(row: FlowRow) -> bool:
    """An answer whose flow does not say that it is one: from a service's port to one that is given out."""
    return row.is_reply is None and row.source_port < 32768 <= row.destination_port


def _name(row: FlowRow, *, source: bool) -> str:
    peer, ip = (row.source, row.source_ip) if source else (row.destination, row.destination_ip)
    if not peer.pod:
        return next((label.partition(":")[2] for label in peer.labels if label.startswith("reserved:")), ip)
    name = peer.workload or workload_of_pod(peer.pod)
    return f"{peer.cluster} {peer.namespace}/{name}"


def _services_by_address(mesh: Mesh) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for cluster in mesh.clusters.values():
        for item in cluster.endpointslices.values():
            service = backed_by(item)
            if not service:
                continue
            for endpoint in item.endpoints or ():
                for address in endpoint.addresses:
                    found.setdefault(address, []).append(service)
    return found


class Changed(Struct, frozen=True):
    """What becomes of connections that were seen."""

    seen: Seen
    before: bool | None
    """Whether they passed: the worst of its pairs; None where that is not known."""
    after: bool | None
    why: str

    def __str__(self) -> str:
        what = f"{self.seen.client} → {self.seen.server} {self.seen.protocol} {self.seen.port}"
        return f"{what}: {FATE[self.before]} → {FATE[self.after]}; {self.why}"


def effect(before: Rulebook, after: Rulebook, seen: Iterable[Seen]) -> list[Changed]:
    """Connections whose fate another book changes, those that are cut first."""
    changed = []
    for each in seen:
        for pair in each.pairs:
            old = judge(before, *pair, each.protocol, each.port)
            new = judge(after, *pair, each.protocol, each.port)
            if old.passes is not new.passes:
                changed.append(Changed(each, old.passes, new.passes, explain_verdict(new).sentence))
                break
    return sorted(changed, key=lambda each: (each.after is not False, each.seen.client))


def clients(changed: Sequence[Changed], told_already: Callable[[str, str], bool] = lambda _, __: False) -> list[str]:
    """`default/rebel-base loses the client koornacht default/x-wing`: what services lose or gain, but for those told.

    `told_already`: whether a service and a client's `cluster namespace/workload` need no sentence any more.
    """
    lost: dict[str, dict[str, None]] = {}
    won: dict[str, dict[str, None]] = {}
    for each in changed:
        for service in each.seen.services:
            if told_already(service, each.seen.client):
                continue
            into = lost if each.after is False else won if each.after else {}
            into.setdefault(service, {})[each.seen.client] = None
    told = [f"{service} loses the client {', '.join(names)}" for service, names in sorted(lost.items())]
    return told + [f"{service} gains the client {', '.join(names)}" for service, names in sorted(won.items())]


def sentences(
    before: Mesh,
    after: Mesh,
    rows: Sequence[FlowRow],
    told_already: Callable[[str, str], bool] = lambda _, __: False,
    *,
    most: int = 12,
) -> tuple[str, ...]:
    """What a change of policies does to what was seen, in at most so many sentences and one of how many more."""
    seen = seen_in(before, rows)
    if not seen:
        return ("no flows were seen that could tell which connections change",)
    old = Rulebook(before)
    changed = effect(old, Rulebook(after, old), seen)
    told = [*clients(changed, told_already), *map(str, changed)]
    rest = f"and {len(told) - most} more" if len(told) > most else ""
    count = f"of {len(seen)} connections seen, {len(changed) or 'none'} change{'s' if len(changed) == 1 else ''}"
    return (count, *told[:most], *([rest] if rest else ()))
