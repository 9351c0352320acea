"""The finding of a deny that wins over an allow: a rule that allows nothing because others deny all it allows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from meshtui.core.findings.model import Finding, Kind
from meshtui.core.findings.ofpolicy import entries, finding, listed, name
from meshtui.core.flows.flow import PolicyRef
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Cluster
from meshtui.core.policy.matching import Question, is_anybody, peers_match
from meshtui.core.policy.model import Entry, Party, Peer, PeerKind, Rule, TrafficDirection
from meshtui.core.policy.ports import PortRule
from meshtui.core.reach import Reaches

_MOST = 40
"""Workloads that are looked at on each side of a rule; of a rule that means more nothing is said."""
_WORLD = ("world", "all")


class _Denial(Struct, frozen=True):
    """One deny entry and whose it is."""

    policy: PolicyRef
    entry: Entry


_Denials = dict[tuple[str, TrafficDirection], list[_Denial]]


def overruled(asked: Reaches, cluster: Cluster) -> Iterator[list[Finding]]:
    """Allow entries all of whose peers are denied on all of its ports, to every pod that it is written for.

    A deny that takes a part out of what is allowed is what denies are for, and is not told. Source of the rule:
    pkg/policy/mapstate.go (a deny takes precedence whatever is allowed beside it).
    """
    denials = _denials(asked, cluster)
    if not denials:
        return
    for rule in asked.book.rules(cluster.context):
        yield list(_in_rule(asked, cluster, rule, denials))


def _in_rule(asked: Reaches, cluster: Cluster, rule: Rule, denials: _Denials) -> Iterator[Finding]:
    subjects = _some(asked, cluster.context, rule)
    for direction, entry in entries(rule, deny=False) if subjects else ():
        common = _common(denials, subjects, direction)
        by = _by(asked, cluster, subjects[0], direction, entry, [d for d in common if _covers(d.entry, entry)])
        if by:
            yield _told(cluster, rule, direction, by)


def _denials(asked: Reaches, cluster: Cluster) -> _Denials:
    """What is denied to each workload, by the first of its pods and the direction."""
    found: _Denials = {}
    for rule in asked.book.rules(cluster.context):
        for direction, entry in entries(rule, deny=True):
            for group in asked.pod_groups.of(cluster.context).fitting(rule.subject):
                found.setdefault((group.party.name, direction), []).append(_Denial(rule.policy, entry))
    return found


def _some(asked: Reaches, context: str, rule: Rule) -> list[Party]:
    """The workloads a rule is for; none where these are too many to look at each."""
    found = [group.party for group in islice(asked.pod_groups.of(context).fitting(rule.subject), _MOST + 1)]
    return found if len(found) <= _MOST else []


def _common(denials: _Denials, subjects: list[Party], direction: TrafficDirection) -> list[_Denial]:
    """What is denied to all of them."""
    first, *others = (denials.get((one.name, direction), []) for one in subjects)
    return [denial for denial in first if all(any(denial is each for each in other) for other in others)]


def _covers(denial: Entry, allow: Entry) -> bool:
    """Whether a deny is on every port of an allow."""
    if denial.ports is None:
        return True
    return allow.ports is not None and all(any(_within(port, each) for each in denial.ports) for port in allow.ports)


def _within(port: PortRule, other: PortRule) -> bool:
    if port.protocol != other.protocol:
        return False
    if port.name or other.name:
        return other.every or (port.name == other.name and bool(port.name))
    return other.every or (not port.every and other.covers(port.first) and other.covers(max(port.first, port.last)))


def _by(
    asked: Reaches, cluster: Cluster, subject: Party, direction: TrafficDirection, allow: Entry, denials: list[_Denial]
) -> list[PolicyRef]:
    """The policies that deny all that an entry allows; none where something passes, or may."""
    if not denials or not allow.peers:
        return []
    found: list[PolicyRef] = []
    for peer in allow.peers:
        by = [d.policy for d in denials if any(_wider(each, peer) for each in d.entry.peers)]
        if not by and peer.kind is PeerKind.SELECTOR:
            by = _each_denied(asked, cluster, subject, direction, peer, denials)
        if not by:
            return []
        found += by[:1]
    return list(dict.fromkeys(found))


def _wider(denied: Peer, allowed: Peer) -> bool:
    """Whether a denied peer is all of an allowed one, whoever is there."""
    if is_anybody(denied):
        return True
    if denied.kind is PeerKind.ENTITY:
        same = allowed.kind is PeerKind.ENTITY and allowed.name == denied.name
        outside = allowed.kind in (PeerKind.CIDR, PeerKind.FQDN) and denied.name in _WORLD
        return same or outside
    if denied.kind is PeerKind.CIDR and allowed.kind is PeerKind.CIDR and denied.network and allowed.network:
        one, other = allowed.network, denied.network
        inside = one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]
        return inside and not any(one.overlaps(hole) for hole in denied.excluded)
    return False


def _each_denied(
    asked: Reaches, cluster: Cluster, subject: Party, direction: TrafficDirection, peer: Peer, denials: list[_Denial]
) -> list[PolicyRef]:
    """The policies that deny every workload a selector fits; none where one is not denied, or none is there."""
    fitting = (g.party for context in asked.mesh.clusters for g in asked.pod_groups.of(context).fitting(peer.selector))
    parties = list(islice(fitting, _MOST + 1))
    if len(parties) > _MOST:
        return []
    found: list[PolicyRef] = []
    for one in parties:
        question = Question(asked.book.lookups, asked.book.reading(cluster.context), subject, one, direction, "TCP", 0)
        by = next((denial.policy for denial in denials if peers_match(denial.entry, question)), None)
        if by is None:
            return []
        found.append(by)
    return found


def _told(cluster: Cluster, rule: Rule, direction: TrafficDirection, by: list[PolicyRef]) -> Finding:
    denying = listed([name(ref) for ref in by])
    own = by == [rule.policy]
    whose = "its own denials" if own else f"{denying}, which"
    verb = "deny" if own or len(by) > 1 else "denies"
    return finding(
        Kind.POLICY_OVERRULED,
        Severity.WARNING,
        cluster,
        rule.policy,
        f"an {direction.value} rule of {cluster.name}'s policy {name(rule.policy)} lets nothing pass: "
        f"it loses to {whose} {verb} all that it allows",
        f"{cluster.name}: {denying} has {direction.value}Deny rules for the same pods and peers",
        f"a deny wins over every allow: narrow the {direction.value}Deny of {denying}, or take the rule out",
    )
