"""Changes of policies that nearly allow a connection: one cluster, port or peer more, or a copy of another's."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.policy.labels import CLUSTER
from meshtui.core.policy.matching import Question, peers_match, ports_match
from meshtui.core.policy.mend.draft import Draft, selector, whom_of
from meshtui.core.policy.mend.model import Manner
from meshtui.core.policy.model import PeerKind, Rule, TrafficDirection
from meshtui.core.policy.parties import as_seen
from meshtui.core.policy.ports import ICMP
from meshtui.core.policy.reading import Reading
from meshtui.core.policy.rulebook import Rulebook
from meshtui.core.policy.rules import compile_policy, specs_of
from meshtui.core.policy.selectors import Requirement, parse_key

MOST = 24
"""Changes that are tried; of policies that nearly allow it there are few."""
_WORD = {TrafficDirection.EGRESS: "to", TrafficDirection.INGRESS: "from"}


class Edit(Struct, frozen=True):
    """A policy that might allow what is wanted, and what was done to it."""

    manner: Manner
    policy: o.Policy
    resource: r.Resource
    before: o.Policy | None
    what: str


def edits(book: Rulebook, draft: Draft) -> Iterator[Edit]:
    """Changed policies to try for a draft's connections, the nearest first. They need not allow it."""
    wanted = draft.gaps[0]
    subject, peer = wanted.ends(draft.direction)
    question = Question(
        book.lookups,
        book.reading(subject.context),
        subject,
        as_seen(peer, subject),
        draft.direction,
        wanted.protocol,
        wanted.port,
    )
    yield from _copies(book, question)
    cluster = book.mesh.clusters[subject.context]
    found = []
    for resource in (r.CNPS, r.CCNPS):
        for _, policy in sorted(cluster.of(resource).items()):
            for rank, what, spec_at, at, changed in _of_policy(policy, question, draft):
                found.append(
                    (
                        rank,
                        what,
                        Edit(
                            Manner.CHANGE, _with(policy, draft.direction, spec_at, at, changed), resource, policy, what
                        ),
                    )
                )
    yield from (edit for _, _, edit in sorted(found, key=lambda each: each[:2])[:MOST])


def _copies(book: Rulebook, question: Question) -> Iterator[Edit]:
    """Policies that other clusters have, this one has not, and that would allow it here."""
    here = question.subject
    cluster = book.mesh.clusters[here.context]
    for context, other in book.mesh.clusters.items():
        if context == here.context:
            continue
        for rule in book.selecting_in(context, here, question.direction):
            ref = rule.policy
            if ref.kind == "NetworkPolicy" or not _would(rule, question):
                continue
            resource = r.CNPS if ref.namespace else r.CCNPS
            key = f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name
            policy = other.of(resource).get(key)
            if policy is not None and key not in cluster.of(resource):
                yield Edit(Manner.COPY, policy, resource, None, f"apply {ref.name} of {other.name} here, too")


def _would(rule: Rule, question: Question) -> bool:
    return any(
        not entry.deny and ports_match(entry, question) is True and peers_match(entry, question) is True
        for entry in rule.entries[question.direction]
    )


def _of_policy(
    policy: o.Policy, question: Question, draft: Draft
) -> Iterator[tuple[int, str, int, int, dict[str, Any]]]:
    """(rank, what, spec, element, changed element)s of one policy."""
    for spec_at, spec in enumerate(specs_of(policy)):
        if spec.get("endpointSelector") is None:
            continue
        for at, raw in enumerate(spec.get(question.direction.value) or ()):
            rules = _compiled(policy, {**_bare(spec), question.direction.value: [raw]}, question.reading)
            if not rules or not rules[0].subject.matches(question.subject.labels):
                continue
            for entry in rules[0].entries.get(question.direction, ()):
                port_fits, peer_fits = ports_match(entry, question), peers_match(entry, question)
                if peer_fits and port_fits is False and (more := _with_port(raw, question)):
                    yield 1, f"add {question.protocol} {question.port}", spec_at, at, more
                if port_fits and not peer_fits:
                    for rank, what, changed in _peer_changes(raw, rules[0], question, draft):
                        yield rank, what, spec_at, at, changed


def _bare(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in spec.items() if k in ("endpointSelector", "enableDefaultDeny")}


def _compiled(policy: o.Policy, spec: dict[str, Any], reading: Reading) -> list[Rule]:
    return compile_policy(msgspec.structs.replace(policy, spec=spec, specs=None), reading)


def _with_port(raw: Mapping[str, Any], question: Question) -> dict[str, Any] | None:
    """One port more, where there is one plain list of ports."""
    listed: Sequence[Any] = raw.get("toPorts") or ()
    if len(listed) != 1 or set(listed[0]) != {"ports"} or question.port <= 0:
        return None
    if question.protocol in ICMP:
        return None
    more = {"port": str(question.port), "protocol": question.protocol}
    return {**raw, "toPorts": [{"ports": [*listed[0]["ports"], more]}]}


def _peer_changes(
    raw: Mapping[str, Any], rule: Rule, question: Question, draft: Draft
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """A selector that means one cluster more, or one selector more, where all but one thing fits."""
    member = f"{_WORD[question.direction]}Endpoints"
    selectors = raw.get(member) or ()
    peers = [p for entry in rule.entries[question.direction] for p in entry.peers if p.kind is PeerKind.SELECTOR]
    for at, (written, peer) in enumerate(zip(selectors, peers, strict=False)):
        failing = [q for q in peer.selector.requirements if not q.holds(question.peer.labels)]
        if len(failing) != 1:
            continue
        there = question.peer.labels.cluster
        if failing[0].key == CLUSTER and there:
            clusters = sorted(
                {there, *(each.ends(draft.direction)[1].cluster for each in draft.gaps), *_meant(failing[0])}
            )
            changed = _in_clusters(written, clusters)
            if changed is not None:
                what = f"let its selector mean {' and '.join(clusters)}"
                yield 0, what, {**raw, member: [*selectors[:at], changed, *selectors[at + 1 :]]}
        elif more := _one_more(question, draft):
            yield (
                (2 if failing[0] is peer.selector.implied_namespace else 3),
                "add one selector",
                {**raw, member: [*selectors, more]},
            )


def _meant(requirement: Requirement) -> Sequence[str]:
    return requirement.values if requirement.operator == "In" else ()


def _in_clusters(written: Mapping[str, Any] | None, clusters: Sequence[str]) -> dict[str, Any] | None:
    """A selector with its clusters written out; None where they are written in a way that cannot be added to."""
    found = dict(written or {})
    labels = {k: v for k, v in (found.get("matchLabels") or {}).items() if parse_key(k)[1] != CLUSTER}
    expressions = []
    for item in found.get("matchExpressions") or ():
        if parse_key(str(item.get("key")))[1] != CLUSTER:
            expressions.append(item)
        elif item.get("operator") != "In":
            return None
    expressions.append({"key": CLUSTER, "operator": "In", "values": list(clusters)})
    return {**({"matchLabels": labels} if labels else {}), "matchExpressions": expressions}


def _one_more(question: Question, draft: Draft) -> dict[str, Any] | None:
    """The wanted peer as a selector of its own."""
    whom, _ = whom_of(question.peer, draft.gaps[0])
    if whom is None or not (whom.namespace or whom.labels):
        return None
    clusters = sorted({each.ends(draft.direction)[1].cluster for each in draft.gaps})
    # Every change of a peer names its namespace where the policy's own is another one, or none.
    return selector(
        whom, clusters, draft.place.namespace if draft.place.namespace == whom.namespace else "", question.reading
    )


def _with(policy: o.Policy, direction: TrafficDirection, spec_at: int, at: int, changed: dict[str, Any]) -> o.Policy:
    """The policy with one element replaced."""
    specs = copy.deepcopy([dict(spec) for spec in specs_of(policy)])
    specs[spec_at][direction.value] = [
        *specs[spec_at][direction.value][:at],
        changed,
        *specs[spec_at][direction.value][at + 1 :],
    ]
    if policy.spec is None:
        return msgspec.structs.replace(policy, specs=specs, status=None)
    return msgspec.structs.replace(policy, spec=specs[0], specs=specs[1:] or policy.specs, status=None)
