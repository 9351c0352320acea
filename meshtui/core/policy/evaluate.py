"""The verdict: which rules select an endpoint, and what they make of a connection in each direction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct, field
from msgspec.structs import replace

from meshtui.core.flows.flow import PolicyRef
from meshtui.core.model.state import Mesh
from meshtui.core.policy import model as m
from meshtui.core.policy.matching import Question, is_anybody, peer_matches, peers_of, port_matches
from meshtui.core.policy.model import (
    Decision,
    DirectionVerdict,
    Entry,
    Party,
    Peer,
    PolicyVerdict,
    Rule,
    TrafficDirection,
)
from meshtui.core.policy.nearmiss import near_misses
from meshtui.core.policy.parties import as_seen, of_pod
from meshtui.core.policy.policymap import Answer, Contribution, Value, lookup
from meshtui.core.policy.ports import OTHER_RANK, PortRule
from meshtui.core.policy.rulebook import Rulebook
from meshtui.core.policy.selectors import Requirement

HOST = Contribution(None, Peer(m.PeerKind.ENTITY, name="host"), 0, Value())
"""What lets a pod's own node enter (pkg/policy/mapstate.go, determineAllowLocalhostIngress)."""
OPEN = Contribution(None, None, 0, Value())
"""What is written where rules select an endpoint and none of them denies by default."""
OWN_NODE = "its own node may enter a pod where no rule denies that (kubelet's probes)"


def verdict(
    mesh: Mesh,
    source: m.PodRef,
    destination: m.PodRef,
    protocol: str,
    port: int,
    *,
    book: Rulebook | None = None,
) -> PolicyVerdict:
    """Whether `source` may connect to `destination`, each side judged by its own cluster's policies.

    `port` is the destination pod's own port, not the service's. `book`: a `Rulebook(mesh)` to judge many
    connections cheaply. Raises KeyError for a pod that is not in the mesh.
    """
    return judge(book or Rulebook(mesh), of_pod(mesh, source), of_pod(mesh, destination), protocol, port)


def judge(book: Rulebook, source: Party, destination: Party, protocol: str, port: int) -> PolicyVerdict:
    """As `verdict`, for parties that need not be pods."""
    return PolicyVerdict(
        source,
        destination,
        direction_verdict(book, source, destination, TrafficDirection.EGRESS, protocol, port),
        direction_verdict(book, destination, source, TrafficDirection.INGRESS, protocol, port),
    )


class _Found(Struct):
    """What matches, and what might."""

    allowing: list[PolicyRef] = field(default_factory=list)
    denying: list[PolicyRef] = field(default_factory=list)
    written: list[Contribution] = field(default_factory=list)
    doubts: list[tuple[bool, str]] = field(default_factory=list)
    """Whether it might deny, and the sentence."""
    notes: list[str] = field(default_factory=list)

    def doubted(self, *, deny: bool) -> tuple[str, ...]:
        return tuple(dict.fromkeys(text for denies, text in self.doubts if denies is deny))


def direction_verdict(
    book: Rulebook, subject: Party, peer: Party, direction: TrafficDirection, protocol: str, port: int
) -> DirectionVerdict:
    """One direction. Deny beats allow, whatever the order, kind or specificity; then allow; then default deny.

    What is not known decides nothing that is certain without it: a doubtful allow beside a certain one is allowed,
    beside a certain deny denied. Source: pkg/policy/mapstate.go, pkg/policy/repository.go.
    """
    reading = book.reading(subject.context)
    rules = book.selecting(subject, direction)
    always = reading.mode == "always" and subject.enforced and subject.context in book.mesh.clusters
    if reading.mode == "never" or not (rules or always):
        return DirectionVerdict(direction, Decision.NOT_ENFORCED, subject.context, subject.place)
    seen = as_seen(peer, subject)
    question = Question(book.lookups, reading, subject, seen, direction, protocol, port, _requires(rules, direction))
    closing = [rule.policy for rule in rules if direction in rule.default_deny]
    found = _found(rules, question)
    if not closing and not always:
        found.written.append(OPEN)
    if direction is TrafficDirection.INGRESS and seen.labels.reserved("host") and reading.localhost:
        found.written += _host(found.written, ranked=reading.does.ranked_entries)
        found.notes.append(OWN_NODE)
    return _decide(book, question, rules, found, closing)


def _host(written: Iterable[Contribution], *, ranked: bool) -> list[Contribution]:
    """What lets the own node enter. Before entries had ranks, it had a key of its own beside each of anybody's."""
    if ranked:
        return [HOST]
    beside = [
        replace(each, peer=HOST.peer, place=(*each.place[:2], "host"))
        for each in written
        if each.peer is None and each.place is not None and not each.value.deny
    ]
    return [HOST, *beside]


def _requires(
    rules: Iterable[Rule], direction: TrafficDirection
) -> tuple[tuple[Requirement, ...], tuple[Requirement, ...]]:
    """FromRequires and toRequires of all rules together, for allowing and for denying selectors."""
    asked: tuple[list[Requirement], list[Requirement]] = ([], [])
    for rule in rules:
        for (of_way, deny), requirements in rule.requires.items():
            if of_way is direction:
                asked[deny].extend(requirements)
    return tuple(asked[0]), tuple(asked[1])


def _found(rules: Iterable[Rule], question: Question) -> _Found:
    found = _Found()
    for rule in rules:
        for entry in rule.entries[question.direction]:
            written = list(_contributions(rule, entry, question, found))
            if not written:
                continue
            found.written += written
            (found.denying if entry.deny else found.allowing).append(rule.policy)
            if entry.authentication in ("required", "test-always-fail"):
                found.notes.append(f"{rule.policy.name} requires mutual authentication")
    return found


def _contributions(rule: Rule, entry: Entry, question: Question, found: _Found) -> Iterator[Contribution]:
    """What an entry certainly writes; what it might is noted as a doubt."""
    ports: list[tuple[PortRule | None, bool | None]] = [(None, True)]
    if entry.ports is not None:
        asked = ((port, port_matches(port, question)) for port in entry.ports)
        ports = [(port, answer) for port, answer in asked if answer is not False]
    if not ports:
        return
    for peer in peers_of(entry, question):
        here = peer_matches(peer, question, deny=entry.deny)
        if here is False:
            continue
        for port, there in ports:
            if here and there:
                yield _contribution(entry, peer, port, question)
            else:
                found.doubts.append((entry.deny, _doubt(rule, entry, peer if here is None else None, port)))


def _contribution(entry: Entry, peer: Peer, port: PortRule | None, question: Question) -> Contribution:
    redirect = port.redirect if port is not None and not entry.deny else None
    rank = OTHER_RANK + 1 - redirect.rank if redirect is not None else 0
    value = Value(entry.deny, rank, entry.authentication)
    named = port is not None and bool(port.name) and question.direction is TrafficDirection.EGRESS
    # Where a name means each destination's own number it is written for each of them, never for the wildcard.
    own = named and question.reading.does.named_ports_by_destination
    whom = None if is_anybody(peer) and not own else peer
    if port is None:
        return Contribution(None, whom, 0, value)
    return Contribution((port.first, port.last, port.name), whom, port.bits(question.port), value)


def _doubt(rule: Rule, entry: Entry, peer: Peer | None, port: PortRule | None) -> str:
    act = "deny" if entry.deny else "allow"
    if peer is not None:
        by = peer.name or "labels"
    else:
        by = f"port {port.name}" if port is not None and port.name else "ICMP type"
    return f"{rule.policy.name} might {act} it by {by}, which is not known here"


def _decide(
    book: Rulebook, question: Question, rules: list[Rule], found: _Found, closing: list[PolicyRef]
) -> DirectionVerdict:
    """The certain decision, unless what is not known could turn it."""
    answer = lookup(found.written, ranked=question.reading.does.ranked_entries)
    might_allow, might_deny = found.doubted(deny=False), found.doubted(deny=True)
    if answer is not None and answer.value.deny:
        return _verdict(question, Decision.DENIED, found.denying, answer)
    if answer is not None:
        if might_deny:
            return _unknown(book, question, rules, found, closing, might_deny)
        decision = Decision.REDIRECTED if answer.value.rank else Decision.ALLOWED
        return _verdict(question, decision, found.allowing, answer, tuple(found.notes))
    if might_allow:
        return _unknown(book, question, rules, found, closing, (*might_allow, *might_deny))
    return DirectionVerdict(
        question.direction,
        Decision.DEFAULT_DENY,
        question.subject.context,
        question.subject.place,
        _names(closing),
        near=near_misses(book, question, rules),
    )


def _unknown(
    book: Rulebook,
    question: Question,
    rules: list[Rule],
    found: _Found,
    closing: list[PolicyRef],
    doubts: tuple[str, ...],
) -> DirectionVerdict:
    return DirectionVerdict(
        question.direction,
        Decision.UNKNOWN,
        question.subject.context,
        question.subject.place,
        _names(found.allowing or closing),
        near=() if found.allowing else near_misses(book, question, rules),
        notes=(*found.notes, *doubts),
        doubts=doubts,
    )


def _verdict(
    question: Question, decision: Decision, policies: Iterable[PolicyRef], answer: Answer, notes: tuple[str, ...] = ()
) -> DirectionVerdict:
    return DirectionVerdict(
        question.direction,
        decision,
        question.subject.context,
        question.subject.place,
        _names(policies),
        match_type=answer.match_type,
        notes=notes,
        authenticate=answer.authenticate,
    )


def _names(policies: Iterable[PolicyRef]) -> tuple[PolicyRef, ...]:
    return tuple(dict.fromkeys(policies))
