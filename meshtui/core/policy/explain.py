"""One sentence for a refused flow: who refused it, by which policies, and what nearly allowed it."""

from __future__ import annotations

from dataclasses import dataclass

from meshtui.core.flow import Direction, FlowRow, PolicyRef, Verdict
from meshtui.core.policy.evaluate import direction, judge
from meshtui.core.policy.model import Decision, DirectionVerdict, Party, PolicyVerdict, Way
from meshtui.core.policy.parties import of_flow
from meshtui.core.policy.rulebook import Rulebook
from meshtui.core.state import Mesh

DEFAULT_DENIED, DENIED, NO_BACKEND, AUTH_REQUIRED = 133, 181, 158, 189
"""Drop reasons a policy or a service gives (hubble's flow.DropReason)."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why, in words. Text holds names as the clusters sent them: clean it before it reaches a screen."""

    sentence: str
    policies: tuple[PolicyRef, ...] = ()
    fix: str = ""
    """What to change to let it pass, empty when nothing is known."""
    notes: tuple[str, ...] = ()


def explain_flow(mesh: Mesh, row: FlowRow, *, book: Rulebook | None = None) -> Explanation:
    """Why a flow was dropped, from the policies as they are NOW; an empty sentence for flows that were not.

    A default deny leaves the flow's own policy names empty, so they are computed. Pods that are not known any
    more are judged by the labels the flow carries.
    """
    if row.verdict != Verdict.DROPPED:
        return Explanation("")
    if row.drop_reason == NO_BACKEND:
        service = row.destination_service or f"{row.destination_ip}:{row.destination_port}"
        return Explanation(f"no backend: {service} has nobody to answer")
    if row.drop_reason not in (DEFAULT_DENIED, DENIED, AUTH_REQUIRED):
        return Explanation(row.summary)
    if row.l7:
        return Explanation("an L7 rule refused the request", row.denied_by)
    return _explain_policy(book or Rulebook(mesh), mesh, row)


def _explain_policy(book: Rulebook, mesh: Mesh, row: FlowRow) -> Explanation:
    way = Way.INGRESS if row.direction == Direction.INGRESS else Way.EGRESS
    source = of_flow(mesh, row.source, row.source_ip, row)
    destination = of_flow(mesh, row.destination, row.destination_ip, row)
    subject, peer = (destination, source) if way is Way.INGRESS else (source, destination)
    port = row.destination_port
    if row.is_reply:
        peer_port = row.source_port
        port = peer_port
    if not subject.context:
        what = "denied by a deny rule" if row.drop_reason == DENIED else "default-deny, no rule allows it"
        return Explanation(f"{way.value} {what}; its cluster's policies are not known here", row.denied_by)
    found = direction(book, subject, peer, way, row.protocol, port)
    if row.drop_reason == DENIED and row.denied_by:
        names = _list(row.denied_by)
        return Explanation(f"{way.value} at {subject.cluster} denied by {names}", row.denied_by, notes=found.notes)
    if found.allowed:
        return Explanation(
            f"{way.value} at {subject.cluster} was denied then; the policies of now would allow it", found.policies
        )
    return _explain(found)


def explain_connection(
    mesh: Mesh, source: Party, destination: Party, protocol: str, port: int, *, book: Rulebook | None = None
) -> tuple[PolicyVerdict, Explanation]:
    """The verdict on a connection not yet made, and its explanation."""
    found = judge(book or Rulebook(mesh), source, destination, protocol, port)
    return found, explain_verdict(found)


def explain_verdict(found: PolicyVerdict) -> Explanation:
    """In words: allowed and by what, or refused, where and why."""
    if not found.allowed:
        return _explain(found.deciding)
    parts = [_allowed(found.egress), _allowed(found.ingress)]
    policies = tuple(dict.fromkeys((*found.egress.policies, *found.ingress.policies)))
    return Explanation("; ".join(parts), policies, notes=(*found.egress.notes, *found.ingress.notes))


def _allowed(found: DirectionVerdict) -> str:
    where = f"{found.way.value} at {found.cluster or 'nobody'}"
    by = f" by {_list(found.policies)}" if found.policies else ""
    return f"{where}: {found.decision.value}{by}"


def _explain(found: DirectionVerdict) -> Explanation:
    where = f"{found.way.value} at {found.cluster}"
    if found.decision is Decision.DENIED:
        return Explanation(f"{where} denied by {_list(found.policies)}", found.policies, notes=found.notes)
    denying = f" ({_list(found.policies)})" if found.policies else " (enable-policy=always)"
    sentence = f"{where}: {found.decision.value}{denying}"
    if found.near:
        sentence += f"; {found.near[0].text}"
    fix = found.near[0].fix if found.near else _fallback(found)
    return Explanation(sentence, found.policies, fix, (*found.notes, *(miss.text for miss in found.near[1:])))


def _fallback(found: DirectionVerdict) -> str:
    return f"add a policy in {found.cluster} whose {found.way.value} rule allows this peer"


def _list(policies: tuple[PolicyRef, ...]) -> str:
    return ", ".join(policy.name for policy in policies) or "a policy"
