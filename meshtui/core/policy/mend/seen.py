"""From flows to policies: the least that covers the drops, or all that was seen before everything else is denied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from meshtui.core.flows.connections import is_syn
from meshtui.core.flows.flow import Direction, EventType, FlowRow, Verdict
from meshtui.core.model.state import Mesh
from meshtui.core.policy.mend.asked import is_policy_drop, wanted_of_row
from meshtui.core.policy.mend.effect import identities
from meshtui.core.policy.mend.model import Proposal, Remedy, Wanted, unique
from meshtui.core.policy.mend.propose import Gap, propose
from meshtui.core.policy.model import TrafficDirection
from meshtui.core.policy.rulebook import Rulebook

_PASSED = (Verdict.FORWARDED, Verdict.REDIRECTED, Verdict.TRACED)


class Suggestion(Struct, frozen=True):
    """Policies, and what is to be said of them."""

    policies: tuple[Proposal, ...]
    covered: int
    """Connections of the evidence, by workload and port, that the policies let pass."""
    breaks: tuple[str, ...]
    """What would still be refused, or was not seen and would be."""
    wider: tuple[str, ...]
    """What passes beyond the evidence."""
    notes: tuple[str, ...] = ()


def suggest(mesh: Mesh, rows: Iterable[FlowRow], *, allow_seen: bool = False) -> Suggestion:
    """The least that lets pass what the flows show refused, or (`allow_seen`) what they show passing.

    Where a cluster's policies are not known, a drop counts for its own direction alone.
    """
    listed = list(rows)
    return _of_traffic(mesh, listed) if allow_seen else _of_drops(mesh, listed)


def _of_drops(mesh: Mesh, rows: Sequence[FlowRow]) -> Suggestion:
    book = Rulebook(mesh)
    judged: list[Wanted] = []
    gaps: dict[tuple[object, ...], Gap] = {}
    strange: set[str] = set()
    for row in rows:
        wanted = wanted_of_row(mesh, row) if is_policy_drop(row) else None
        if wanted is None:
            continue
        direction = TrafficDirection.INGRESS if row.direction == Direction.INGRESS else TrafficDirection.EGRESS
        if book.knows(wanted.ends(direction)[0].context):
            judged.append(wanted)
        elif wanted.ends(direction)[0].context:
            gaps.setdefault((*wanted.key, direction), (wanted, direction))
        else:
            strange.add(wanted.ends(direction)[0].cluster or row.node)
    known = propose(mesh, judged, book=book)
    blind = propose(mesh, [w for w, _ in gaps.values()], book=book, changes=False, gaps=list(gaps.values()))
    notes = []
    if gaps:
        notes.append("the policies of these clusters are not known: each drop counts for its own direction alone")
    if strange:
        notes.append(f"drops in clusters that are not here are left out: {', '.join(sorted(strange))}")
    if known.allowed:
        notes.append(f"{len(known.allowed)} of the connections that were dropped are allowed now")
    return _told((known, blind), len(unique([*judged, *(w for w, _ in gaps.values())])), (), notes)


def _of_traffic(mesh: Mesh, rows: Sequence[FlowRow]) -> Suggestion:
    seen: list[Wanted] = []
    unclear = 0
    for row in rows:
        if row.verdict not in _PASSED or row.l7 or not (row.source_ip and row.destination_ip):
            continue
        if not _begins(row):
            unclear += row.is_reply is None and row.event_type != EventType.TRACE_SOCK
            continue
        one = wanted_of_row(mesh, row)
        if one is not None:
            seen.append(one)
    wanted = unique(seen)
    gaps = [(each, direction) for each in wanted for direction in TrafficDirection if _selectable(each, direction)]
    remedy = propose(mesh, wanted, changes=False, gaps=gaps)
    notes = [f"{unclear} flows do not tell who began: they count for nothing"] if unclear else []
    return _told((remedy,), len(wanted), _silent(mesh, wanted, remedy), notes)


def _begins(row: FlowRow) -> bool:
    """Whether a flow shows who asked whom."""
    return row.is_reply is False or (row.is_reply is None and is_syn(row))


def _selectable(wanted: Wanted, direction: TrafficDirection) -> bool:
    """Whether a policy of a known cluster could refuse it; a pod's own node enters it always."""
    subject, peer = wanted.ends(direction)
    return subject.enforced and bool(subject.context) and not peer.labels.reserved("host")


def _silent(mesh: Mesh, seen: Sequence[Wanted], remedy: Remedy) -> tuple[str, ...]:
    """Workloads of the namespaces concerned that were not seen at all."""
    spaces = {(choice[0].context, choice[0].namespace) for choice in remedy.choices}
    met = {
        (party.context, frozenset(party.labels.exact.items()))
        for each in seen
        for party in (each.source, each.destination)
    }
    return tuple(
        f"{one.name} ({one.cluster}) was not seen: whatever it does would be refused by a default deny"
        for one in identities(mesh)
        if (one.context, one.labels.namespace) in spaces
        and (one.context, frozenset(one.labels.exact.items())) not in met
    )


def _told(remedies: Sequence[Remedy], covered: int, breaks: Sequence[str], notes: Sequence[str]) -> Suggestion:
    policies = tuple(each for remedy in remedies for each in remedy.best)
    obstacles = tuple(text for remedy in remedies for text in remedy.obstacles)
    wider = tuple(
        dict.fromkeys(f"{each.name} in {each.cluster}: {opening}" for each in policies for opening in each.beside)
    )
    closes = tuple(
        f"{each.name} in {each.cluster} switches default deny on for {pod}" for each in policies for pod in each.closes
    )
    return Suggestion(policies, covered, (*obstacles, *breaks), wider, (*notes, *closes))
