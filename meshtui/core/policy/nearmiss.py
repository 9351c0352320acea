"""Which allow rule nearly lets a refused connection pass, what it lacks, and what to write instead."""

from __future__ import annotations

from meshtui.core.policy.labels import CLUSTER, NAMESPACE
from meshtui.core.policy.matching import Question, peers_match, ports_match
from meshtui.core.policy.model import Entry, NearMiss, Peer, PeerKind, Rule, TrafficDirection
from meshtui.core.policy.ports import told
from meshtui.core.policy.rulebook import Rulebook
from meshtui.core.policy.selectors import Requirement

CLUSTER_SCOPE, ELSEWHERE, PORT, NAMESPACE_SCOPE, LABEL = range(5)
"""Ranks: the nearest first."""

_LIMIT = 3


def near_misses(book: Rulebook, question: Question, rules: list[Rule]) -> tuple[NearMiss, ...]:
    """Up to three allow rules that almost match, nearest first, then by policy name."""
    found: list[NearMiss] = []
    for rule in rules:
        for entry in rule.entries[question.direction]:
            if not entry.deny:
                found += _misses(rule, entry, question)
    found += _elsewhere(book, question, rules)
    unique = {(miss.policy, miss.text): miss for miss in found}
    ordered = sorted(unique.values(), key=lambda miss: (miss.rank, miss.policy.name, miss.policy.namespace, miss.text))
    return tuple(ordered[:_LIMIT])


def _misses(rule: Rule, entry: Entry, question: Question) -> list[NearMiss]:
    port_fits = ports_match(entry, question)
    if peers_match(entry, question):
        return [] if port_fits is not False or not entry.ports else [_wrong_port(rule, entry, question)]
    if not port_fits:
        return []
    missing = [_missing(rule, peer, question) for peer in entry.peers or () if peer.kind is PeerKind.SELECTOR]
    missing += [_entity(rule, peer, question) for peer in entry.peers or () if peer.kind is PeerKind.ENTITY]
    return [miss for miss in missing if miss is not None]


def _wrong_port(rule: Rule, entry: Entry, question: Question) -> NearMiss:
    listed = told(entry.ports or ())
    asked = f"{question.protocol} {question.port}"
    why = "the pod's own port counts"
    if any(port.covers(question.port) and not port.every for port in entry.ports or () if not port.name):
        why = "the port is right, the protocol is not"
    text = f"{rule.policy.name} allows this peer on {listed} only, not on {asked} ({why})"
    return NearMiss(PORT, rule.policy, text, f"add {asked} to its toPorts")


def _entity(rule: Rule, peer: Peer, question: Question) -> NearMiss | None:
    """The entity `cluster` means one cluster's pods; `cluster-mesh` all (pkg/policy/api/entity.go)."""
    there = question.peer.labels.cluster
    if peer.name != "cluster" or not there or there == question.subject.cluster:
        return None
    side = "to" if question.direction is TrafficDirection.EGRESS else "from"
    text = f"{rule.policy.name} allows the entity cluster, which means {question.subject.cluster} only, not {there}"
    if question.reading.does.cluster_mesh_entity:
        return NearMiss(CLUSTER_SCOPE, rule.policy, text, f"{side}Entities: [cluster-mesh] means all clusters")
    fix = f"name the pods in {side}Endpoints, with {CLUSTER}: {there}"
    return NearMiss(CLUSTER_SCOPE, rule.policy, text, fix)


def _missing(rule: Rule, peer: Peer, question: Question) -> NearMiss | None:
    """The one requirement a selector fails on; a selector that fails on several is no near miss."""
    selector, labels = peer.selector, question.peer.labels
    failing = [q for q in selector.requirements if not q.holds(labels)]
    if len(failing) != 1:
        return None
    requirement = failing[0]
    if requirement is selector.implied_cluster:
        return _cluster_scope(rule, question)
    if requirement is selector.implied_namespace:
        return _namespace_scope(rule, question, requirement)
    return _label(rule, question, requirement)


def _cluster_scope(rule: Rule, question: Question) -> NearMiss:
    """The finding of Cilium 1.19 and later: no cluster label means the local cluster only."""
    side = "to" if question.direction is TrafficDirection.EGRESS else "from"
    text = (
        f"{rule.policy.name} would allow it, but its selector means {question.subject.cluster} only "
        f"(policy-default-local-cluster=true)"
    )
    here = question.subject.cluster
    selector = widened(here, question.peer.labels.cluster or question.peer.cluster)
    fix = f"in {here}, add to the {side}Endpoints selector of {rule.policy.name}: {selector}"
    return NearMiss(CLUSTER_SCOPE, rule.policy, text, fix)


def widened(here: str, there: str) -> str:
    """What to write so that a selector means two clusters; the label alone would leave the local one out."""
    return (
        f"matchExpressions {{key: {CLUSTER}, operator: In, values: [{here}, {there}]}} "
        "(or operator Exists for every cluster)"
    )


def _namespace_scope(rule: Rule, question: Question, requirement: Requirement) -> NearMiss:
    means = f"namespace {requirement.values[0]}" if requirement.values else "pods"
    text = f"{rule.policy.name} would allow it, but its selector means {means} only"
    namespace = question.peer.labels.namespace
    fix = f"add {NAMESPACE}: {namespace} to the selector" if namespace else ""
    return NearMiss(NAMESPACE_SCOPE, rule.policy, text, fix)


def _label(rule: Rule, question: Question, requirement: Requirement) -> NearMiss:
    value = question.peer.labels.get(requirement.source, requirement.key)
    has = f"has {requirement.key}={value}" if value is not None else f"has no label {requirement.key}"
    text = f"{rule.policy.name} wants {requirement}, but {question.peer.name} {has}"
    if requirement.key == CLUSTER and value is not None:
        fix = f"let its selector name cluster {value} too"
        return NearMiss(CLUSTER_SCOPE, rule.policy, text, fix)
    return NearMiss(LABEL, rule.policy, text, "")


def _elsewhere(book: Rulebook, question: Question, rules: list[Rule]) -> list[NearMiss]:
    """Policies of other clusters that would allow it here: each cluster enforces its own policies only."""
    here = question.subject
    present = book.named(here.context)
    found = []
    for context, cluster in book.mesh.clusters.items():
        if context == here.context:
            continue
        for rule in book.selecting_in(context, here, question.direction):
            ref = rule.policy
            if (ref.kind, ref.namespace, ref.name) in present:
                continue
            if any(_allows(entry, question) for entry in rule.entries[question.direction]):
                text = f"{ref.name} in {cluster.name} would allow it, but {here.cluster} has no such policy"
                found.append(NearMiss(ELSEWHERE, ref, text, f"apply {ref.name} in {here.cluster} too"))
    return found


def _allows(entry: Entry, question: Question) -> bool:
    return not entry.deny and ports_match(entry, question) is True and peers_match(entry, question) is True
