"""The verdict: which rules select an endpoint, and what they make of a connection in each direction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from meshtui.core.flows.flow import PolicyRef
from meshtui.core.model.state import Mesh
from meshtui.core.policy import model as m
from meshtui.core.policy.matching import PROTOCOL_BITS, Question, fixed_bits, is_anybody, matching_ports, peers_match
from meshtui.core.policy.model import Decision, DirectionVerdict, Entry, Party, PeerKind, PolicyVerdict, Rule, Way
from meshtui.core.policy.nearmiss import near_misses
from meshtui.core.policy.parties import as_seen, of_pod
from meshtui.core.policy.rulebook import Rulebook


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
        direction(book, source, destination, Way.EGRESS, protocol, port),
        direction(book, destination, source, Way.INGRESS, protocol, port),
    )


@dataclass(slots=True)
class _Tally:
    """Entries that match, by what they would do."""

    denying: list[tuple[Rule, Entry]] = field(default_factory=list)
    plain: list[tuple[Rule, Entry]] = field(default_factory=list)
    proxied: list[tuple[Rule, Entry]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def direction(book: Rulebook, subject: Party, peer: Party, way: Way, protocol: str, port: int) -> DirectionVerdict:
    """One direction. Deny beats allow, whatever the order, kind or specificity; then allow; then default deny.

    Source: pkg/policy/mapstate.go, pkg/policy/repository.go (computePolicyEnforcementAndRules).
    """
    mode = book.mode(subject.context)
    rules = book.selecting(subject, way)
    always = mode == "always" and subject.enforced and subject.context in book.mesh.clusters
    if mode == "never" or not (rules or always):
        return DirectionVerdict(way, Decision.NOT_ENFORCED, subject.context, subject.cluster)
    question = Question(book.mesh, subject, as_seen(peer, subject), way, protocol, port)
    if way is Way.INGRESS and question.peer.labels.reserved("host"):
        note = "its own node may always enter a pod (kubelet's probes)"
        return DirectionVerdict(
            way, Decision.ALLOWED, subject.context, subject.cluster, match_type=m.MATCH_L3, notes=(note,)
        )
    tally = _tally(rules, question)
    default_denying = [rule for rule in rules if way in rule.default_deny]
    return _decide(book, question, rules, tally, default_denying, always)


def _decide(
    book: Rulebook,
    question: Question,
    rules: list[Rule],
    tally: _Tally,
    default_denying: list[Rule],
    always: bool,
) -> DirectionVerdict:
    subject, way, notes = question.subject, question.way, tuple(tally.notes)
    if tally.denying:
        return _verdict(question, Decision.DENIED, tally.denying, notes)
    if tally.plain:
        return _verdict(question, Decision.ALLOWED, tally.plain, notes, beside=tally.proxied)
    if tally.proxied:
        return _verdict(question, Decision.REDIRECTED, tally.proxied, notes)
    if default_denying or always:
        return DirectionVerdict(
            way,
            Decision.DEFAULT_DENY,
            subject.context,
            subject.cluster,
            _names(rule.policy for rule in default_denying),
            near=near_misses(book, question, rules),
            notes=notes,
        )
    return DirectionVerdict(
        way, Decision.ALLOWED, subject.context, subject.cluster, match_type=m.MATCH_ALL, notes=notes
    )


def _tally(rules: list[Rule], question: Question) -> _Tally:
    """Sort matching entries. A plain rule beside an L7 rule for the same traffic lets everything pass.

    Source: facts policy §6, additive L7.
    """
    tally = _Tally()
    for rule in rules:
        for entry in rule.entries[question.way]:
            ports = matching_ports(entry, question)
            if ports is not None and not ports:
                continue
            if not peers_match(entry, question):
                tally.notes += _unknowable(rule, entry, question)
                continue
            if entry.deny:
                tally.denying.append((rule, entry))
            elif ports is not None and all(port.l7 for port in ports):
                tally.proxied.append((rule, entry))
            else:
                tally.plain.append((rule, entry))
            if entry.authenticate:
                tally.notes.append(f"{rule.policy.name} requires mutual authentication")
    return tally


def _unknowable(rule: Rule, entry: Entry, question: Question) -> list[str]:
    kinds = {PeerKind.OPAQUE, PeerKind.FQDN}
    if not any(question.peer.labels.reserved(name) for name in ("world", "world-ipv4", "world-ipv6")):
        kinds = {PeerKind.OPAQUE}
    names = [peer.name for peer in entry.peers or () if peer.kind in kinds]
    act = "deny" if entry.deny else "allow"
    return [f"{rule.policy.name} might {act} it by {name}, which is not known here" for name in names]


def _verdict(
    question: Question,
    decision: Decision,
    found: list[tuple[Rule, Entry]],
    notes: tuple[str, ...],
    beside: Sequence[tuple[Rule, Entry]] = (),
) -> DirectionVerdict:
    """`beside`: entries that do not decide, but whose key may be the one that is found and reported."""
    return DirectionVerdict(
        question.way,
        decision,
        question.subject.context,
        question.subject.cluster,
        _names(rule.policy for rule, _ in (*found, *beside)),
        match_type=_match_type([entry for _, entry in (*found, *beside)], question),
        notes=notes,
    )


def _match_type(entries: list[Entry], question: Question) -> int:
    """The type the datapath reports: longer port prefix first, then the specific identity (bpf/lib/policy.h)."""
    fixed, specific = max((fixed_bits(entry, question), not is_anybody(entry)) for entry in entries)
    if fixed == 0:
        return m.MATCH_L3 if specific else m.MATCH_ALL
    if fixed == PROTOCOL_BITS:
        return m.MATCH_L3_PROTO if specific else m.MATCH_PROTO
    return m.MATCH_L3_L4 if specific else m.MATCH_L4


def _names(policies: Iterable[PolicyRef]) -> tuple[PolicyRef, ...]:
    return tuple(dict.fromkeys(policies))
