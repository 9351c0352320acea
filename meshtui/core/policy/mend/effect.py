"""What a policy would let pass, or close, beyond what the policies of now do: identity by identity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from meshtui.core.model.state import Mesh
from meshtui.core.policy.evaluate import direction_verdict
from meshtui.core.policy.matching import Question, any_of, is_anybody, peer_matches
from meshtui.core.policy.mend.model import Opening, Wanted
from meshtui.core.policy.model import Entry, Party, Peer, PeerKind, Rule, TrafficDirection
from meshtui.core.policy.parties import as_seen, party
from meshtui.core.policy.ports import ICMP, PortRule
from meshtui.core.policy.rulebook import Rulebook


def identities(mesh: Mesh) -> list[Party]:
    """One pod of every security identity of the mesh; host-network pods are none."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], Party] = {}
    for cluster in mesh.clusters.values():
        for pod in cluster.pods.values():
            if not pod.spec.host_network:
                one = party(cluster, pod)
                found.setdefault((one.context, frozenset(one.labels.exact.items())), one)
    return list(found.values())


class Difference(Struct, frozen=True):
    """A policy's rules in a cluster, before and after a change, in the books of both."""

    then: Rulebook
    now: Rulebook
    context: str
    before: Sequence[Rule]
    after: Sequence[Rule]

    def openings(self, everybody: Sequence[Party], wanted: Sequence[Wanted]) -> tuple[Opening, ...]:
        """What passes after and not before. Where ports are many, what may have passed before is told, too."""
        found: dict[tuple[object, ...], Opening] = {}
        for subject in everybody:
            if subject.context != self.context:
                continue
            for direction in TrafficDirection:
                there = self._there(subject, direction)
                for entry in self._added(subject, direction, there):
                    for opening in self._of_entry(subject, direction, entry, everybody, wanted):
                        if opening.peer is not None and self._passed(there, opening):
                            continue
                        key = (direction, opening.subject.name, opening.peer_text, opening.ports)
                        found.setdefault(key, opening)
        return tuple(found.values())

    def closes(self, everybody: Iterable[Party]) -> tuple[str, ...]:
        """Pods that no policy closed in a direction, and this one does."""
        found: dict[str, None] = {}
        for subject in everybody:
            if subject.context != self.context:
                continue
            for direction in TrafficDirection:
                closed = any(direction in rule.default_deny for rule in self.then.selecting(subject, direction))
                closing = any(direction in rule.default_deny for rule in self.now.selecting(subject, direction))
                if closing and not closed:
                    found[f"{subject.name} ({direction.value})"] = None
        return tuple(found)

    def _there(self, subject: Party, direction: TrafficDirection) -> list[Entry]:
        """The policy's own elements before that say something about a pod."""
        rules = (rule for rule in self.before if rule.subject.matches(subject.labels))
        return [entry for rule in rules for entry in rule.entries.get(direction, ())]

    def _added(self, subject: Party, direction: TrafficDirection, there: Sequence[Entry]) -> Iterator[Entry]:
        for rule in self.after:
            if rule.subject.matches(subject.labels):
                for entry in rule.entries.get(direction, ()):
                    if entry not in there and not entry.deny:
                        yield entry

    def _passed(self, there: Sequence[Entry], opening: Opening) -> bool:
        """Whether the policy allowed the very same before, by an element that was changed."""
        assert opening.peer is not None
        return any(
            not entry.deny
            and (entry.ports is None or entry.ports == opening.ports)
            and any(
                self._matches(each, opening.subject, opening.peer, opening.direction) is True for each in entry.peers
            )
            for entry in there
        )

    def _of_entry(
        self,
        subject: Party,
        direction: TrafficDirection,
        entry: Entry,
        everybody: Sequence[Party],
        wanted: Sequence[Wanted],
    ) -> Iterator[Opening]:
        for peer in everybody:
            if any_of(self._matches(each, subject, peer, direction) for each in entry.peers) is not False:
                ports = self._opened(subject, peer, direction, entry)
                if ports is None or ports:
                    name = f"{peer.name} ({peer.cluster})"
                    yield Opening(
                        direction, subject, peer, name, ports, _is_asked(subject, peer, direction, ports, wanted)
                    )
        for each in entry.peers:
            if each.kind is not PeerKind.SELECTOR or is_anybody(each):
                asked = _names_asked(each.name, subject, direction, entry, wanted)
                yield Opening(direction, subject, None, each.name or each.kind.value, entry.ports, asked)

    def _matches(self, each: Peer, subject: Party, peer: Party, direction: TrafficDirection) -> bool | None:
        seen = as_seen(peer, subject)
        question = Question(self.now.lookups, self.now.reading(self.context), subject, seen, direction, "TCP", 0)
        return peer_matches(each, question)

    def _opened(
        self, subject: Party, peer: Party, direction: TrafficDirection, entry: Entry
    ) -> tuple[PortRule, ...] | None:
        """The ports of an entry that were closed to a peer; None for every port."""
        if entry.ports is None:
            return None
        return tuple(rule for rule in entry.ports if not _single(rule) or self._turns(subject, peer, direction, rule))

    def _turns(self, subject: Party, peer: Party, direction: TrafficDirection, rule: PortRule) -> bool:
        before = direction_verdict(self.then, subject, peer, direction, rule.protocol, rule.first)
        return (
            not before.allowed
            and direction_verdict(self.now, subject, peer, direction, rule.protocol, rule.first).allowed
        )


def _single(rule: PortRule) -> bool:
    return not rule.name and rule.first > 0 and rule.last <= rule.first and rule.protocol not in ICMP


def _is_asked(
    subject: Party,
    peer: Party,
    direction: TrafficDirection,
    ports: tuple[PortRule, ...] | None,
    wanted: Sequence[Wanted],
) -> bool:
    """Whether every port of it is wanted between the two identities."""
    if ports is None:
        return False
    asked = {
        (each.protocol, each.port)
        for each in wanted
        if _same(each.ends(direction)[0], subject) and _same(each.ends(direction)[1], peer)
    }
    return all(not rule.name and rule.last <= rule.first and (rule.protocol, rule.first) in asked for rule in ports)


def _same(one: Party, other: Party) -> bool:
    return one.context == other.context and one.labels.exact == other.labels.exact


def _names_asked(
    name: str, subject: Party, direction: TrafficDirection, entry: Entry, wanted: Sequence[Wanted]
) -> bool:
    """Whether an address is wanted itself, on these ports: an entity is more than one peer."""
    asked = {
        (each.protocol, each.port)
        for each in wanted
        if _same(each.ends(direction)[0], subject)
        and each.ends(direction)[1].ip
        and name.partition("/")[0] == each.ends(direction)[1].ip
    }
    return bool(entry.ports) and all((rule.protocol, rule.first) in asked for rule in entry.ports or ())
