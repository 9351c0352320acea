"""One sentence for a refused flow: who refused it, by which policies, and what nearly allowed it."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from meshtui.core.flows.flow import Direction, FlowRow, PolicyRef, Verdict
from meshtui.core.model.state import Mesh
from meshtui.core.policy.evaluate import direction_verdict, judge
from meshtui.core.policy.model import Decision, DirectionVerdict, Party, PolicyVerdict, TrafficDirection
from meshtui.core.policy.parties import of_flow
from meshtui.core.policy.rulebook import Rulebook

DEFAULT_DENIED, DENIED, NO_BACKEND, AUTH_REQUIRED = 133, 181, 158, 189
"""Drop reasons a policy or a service gives (hubble's flow.DropReason)."""


class Basis(Enum):
    """Which policies an explanation speaks of, beside those that `at_ns` found in force."""

    THEN = "then"
    """Those in force at the time of the flow, or of now where no other are kept."""
    FIRST = "first"
    """The flow is older than what is known: the first known, `at_ns` is when they were read."""
    BEFORE = "before"
    """Those that were in force until `at_ns`, before the flow: a change takes a while to reach the datapath."""
    AFTER = "after"
    """Those seen from `at_ns` on, after the flow: word of a change takes a while to come here."""


class Explanation(Struct, frozen=True):
    """Why, in words. Text holds names as the clusters sent them: clean it before it reaches a screen."""

    sentence: str
    policies: tuple[PolicyRef, ...] = ()
    fix: str = ""
    """What to change to let it pass, empty when nothing is known."""
    notes: tuple[str, ...] = ()
    afterwards: str = ""
    """What refuses it next, once this is allowed; empty when nothing does, or that is not known."""
    basis: Basis = Basis.THEN
    at_ns: int = 0


class Case(Struct, frozen=True):
    """What a dropped flow asks of the policies."""

    direction: TrafficDirection
    subject: Party
    peer: Party
    protocol: str
    port: int

    def judge(self, book: Rulebook) -> DirectionVerdict:
        """What the policies of a book make of it."""
        return direction_verdict(book, self.subject, self.peer, self.direction, self.protocol, self.port)

    def afterwards(self, book: Rulebook) -> str:
        """What refuses the connection on its other side, in a sentence; empty when that lets it pass or is unknown."""
        other = TrafficDirection.INGRESS if self.direction is TrafficDirection.EGRESS else TrafficDirection.EGRESS
        if not self.peer.context:
            return ""
        found = direction_verdict(book, self.peer, self.subject, other, self.protocol, self.port)
        if not found.refused:
            return ""
        return f"once this is allowed, {_explain(found).sentence}"


class Since(Struct, frozen=True):
    """What became of the policies after a flow."""

    removed: frozenset[PolicyRef] = frozenset()
    allowed: bool = False
    """The policies of now would let the flow pass."""


NOTHING_SINCE = Since()


def explain_by_policy(mesh: Mesh, row: FlowRow, book: Rulebook) -> Explanation:
    """Why a flow was dropped, from the policies of `book`; an empty sentence for others.

    A default deny leaves the flow's own policy names empty, so they are computed. Pods that are not known any
    more are judged by the labels the flow carries. `PolicyHistory.explain` takes the policies of the flow's time.
    """
    told = without_policies(row)
    if told is not None:
        return told
    case = case_of(mesh, row)
    if not case.subject.context:
        return unknown(row)
    found = case.judge(book)
    if found.allowed and not names_its_denial(row):
        where = f"{case.direction.value} at {case.subject.place}"
        return Explanation(f"{where} was denied then; the policies of now would allow it", found.policies)
    told = explain_denial(row, found)
    return replace(told, afterwards=case.afterwards(book))


def denying(book: Rulebook, row: FlowRow) -> tuple[PolicyRef, ...]:
    """The policies that a policy's drop is due to, by the flow's own word or by `book`; empty where that is not known.

    A default deny is due to all that select the endpoint in that direction, as none of them allows it.
    """
    if names_its_denial(row):
        return row.denied_by
    case = case_of(book.mesh, row)
    if row.l7 or not case.subject.context or not book.knows(case.subject.context):
        return ()
    found = _settled(case.judge(book), row)
    return found.policies if found.refused else ()


def without_policies(row: FlowRow) -> Explanation | None:
    """The explanation of what no policy decided, or none that can be computed; None for a policy's drop."""
    if row.verdict != Verdict.DROPPED:
        return Explanation("")
    if row.drop_reason == NO_BACKEND:
        service = row.destination_service or f"{row.destination_ip}:{row.destination_port}"
        return Explanation(f"no backend: {service} has nobody to answer")
    if row.drop_reason not in (DEFAULT_DENIED, DENIED, AUTH_REQUIRED):
        return Explanation(row.summary)
    return Explanation("an L7 rule refused the request", row.denied_by) if row.l7 else None


def case_of(mesh: Mesh, row: FlowRow) -> Case:
    """Who was refused by whose policies, and on which port; the subject has no context outside the session."""
    direction = TrafficDirection.INGRESS if row.direction == Direction.INGRESS else TrafficDirection.EGRESS
    source = of_flow(mesh, row.source, row.source_ip, row)
    destination = of_flow(mesh, row.destination, row.destination_ip, row)
    subject, peer = (destination, source) if direction is TrafficDirection.INGRESS else (source, destination)
    return Case(direction, subject, peer, row.protocol, row.source_port if row.is_reply else row.destination_port)


def names_its_denial(row: FlowRow) -> bool:
    """Whether the flow itself says which policies denied it."""
    return row.drop_reason == DENIED and bool(row.denied_by)


def unknown(row: FlowRow) -> Explanation:
    """For a subject whose policies are not known."""
    what = "denied by a deny rule" if row.drop_reason == DENIED else "default-deny, no rule allows it"
    return Explanation(f"{what}; its cluster's policies are not known here", row.denied_by)


def explain_denial(row: FlowRow, found: DirectionVerdict, since: Since = NOTHING_SINCE) -> Explanation:
    """A refused flow in words, by what a book's policies make of it and what became of them."""
    if names_its_denial(row):
        where = f"{found.direction.value} at {found.cluster}"
        sentence = f"{where} denied by {_list(row.denied_by, since)}{_now(since)}"
        return Explanation(sentence, row.denied_by, notes=found.notes)
    return _explain(_settled(found, row), since)


def _settled(found: DirectionVerdict, row: FlowRow) -> DirectionVerdict:
    """What is not known of a connection is known of its drop: the rule that might have allowed it did not."""
    if not found.unknown:
        return found
    if row.drop_reason == DENIED:
        return replace(found, decision=Decision.DENIED, policies=())
    return replace(found, decision=Decision.DEFAULT_DENY)


def explain_connection(
    mesh: Mesh, source: Party, destination: Party, protocol: str, port: int, *, book: Rulebook | None = None
) -> tuple[PolicyVerdict, Explanation]:
    """The verdict on a connection not yet made, and its explanation."""
    found = judge(book or Rulebook(mesh), source, destination, protocol, port)
    return found, explain_verdict(found)


def explain_verdict(found: PolicyVerdict) -> Explanation:
    """In words: allowed and by what, refused, where and why, or not known and because of what."""
    if not found.allowed:
        return _explain(found.deciding)
    parts = [_allowed(found.egress), _allowed(found.ingress)]
    policies = tuple(dict.fromkeys((*found.egress.policies, *found.ingress.policies)))
    return Explanation("; ".join(parts), policies, notes=(*found.egress.notes, *found.ingress.notes))


def explain_direction(found: DirectionVerdict) -> Explanation:
    """One direction that does not let pass, in words."""
    return _explain(found)


def _allowed(found: DirectionVerdict) -> str:
    where = f"{found.direction.value} at {found.cluster or 'nobody'}"
    by = f" by {_list(found.policies)}" if found.policies else ""
    once = " once both sides have authenticated each other" if found.authenticate else ""
    return f"{where}: {found.decision.value}{once}{by}"


def _explain(found: DirectionVerdict, since: Since = NOTHING_SINCE) -> Explanation:
    where = f"{found.direction.value} at {found.cluster}"
    if found.unknown:
        return Explanation(f"{where}: {found.decision.value}; {found.doubts[0]}", found.policies, notes=found.notes)
    if found.decision is Decision.DENIED:
        sentence = f"{where} denied by {_list(found.policies, since)}{_now(since)}"
        return Explanation(sentence, found.policies, notes=found.notes)
    denying = f" ({_list(found.policies, since)})" if found.policies else " (enable-policy=always)"
    sentence = f"{where}: {found.decision.value}{denying}{_now(since)}"
    if found.near:
        sentence += f"; {found.near[0].text}"
    fix = "" if since.allowed else found.near[0].fix if found.near else _fallback(found)
    return Explanation(sentence, found.policies, fix, (*found.notes, *(miss.text for miss in found.near[1:])))


def _fallback(found: DirectionVerdict) -> str:
    return f"add a policy in {found.cluster} whose {found.direction.value} rule allows this peer"


def _list(policies: tuple[PolicyRef, ...], since: Since = NOTHING_SINCE) -> str:
    return ", ".join(p.name + " since removed" * (p in since.removed) for p in policies) or "a policy"


def _now(since: Since) -> str:
    return "; allowed now" if since.allowed else ""
