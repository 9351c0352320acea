"""Writes the policies: one for each workload and direction, with as little in it as covers what is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct, field

from meshtui.core.policy.labels import CLUSTER, NAMESPACE
from meshtui.core.policy.mend.model import Wanted
from meshtui.core.policy.mend.telling import short_name, telling_labels
from meshtui.core.policy.model import Party, TrafficDirection
from meshtui.core.policy.parties import as_seen
from meshtui.core.policy.ports import ICMP
from meshtui.core.policy.reading import Reading

LONGEST_NAME = 63
_WORD = {TrafficDirection.EGRESS: "to", TrafficDirection.INGRESS: "from"}
_ENTITIES = ("kube-apiserver", "host", "remote-node", "health", "ingress", "init", "unmanaged")

Labels = tuple[tuple[str, str], ...]
Port = tuple[str, int]


class Whom(Struct, frozen=True):
    """A peer as a rule names it: pods by namespace and labels, an entity, or an address."""

    namespace: str = ""
    labels: Labels = ()
    entity: str = ""
    cidr: str = ""


class Place(Struct, frozen=True, order=True):
    """Where a policy is to stand, and whom it selects."""

    context: str
    namespace: str
    labels: Labels
    direction: str


class Draft(Struct):
    """A policy in the making."""

    place: Place
    subject: Party
    gaps: list[Wanted] = field(default_factory=list)
    peers: dict[tuple[Whom, bool], tuple[set[str], set[Port]]] = field(default_factory=dict)
    """Whom, and whether by ICMP, which no element names beside ports → in which clusters, on which ports."""

    @property
    def direction(self) -> TrafficDirection:
        """The direction."""
        return TrafficDirection(self.place.direction)

    def add(self, wanted: Wanted) -> str:
        """Cover one connection more; the reason where no rule can name it."""
        subject, peer = wanted.ends(self.direction)
        whom, why = whom_of(as_seen(peer, subject), wanted)
        if whom is None:
            return why
        clusters, ports = self.peers.setdefault((whom, wanted.protocol in ICMP), (set(), set()))
        clusters.add(peer.cluster)
        ports.add((wanted.protocol, wanted.port))
        self.gaps.append(wanted)
        return ""

    def manifest(self, reading: Reading, taken: Iterable[str], *, open_besides: bool = False) -> dict[str, Any]:
        """The policy. `open_besides`: it must not switch default deny on for what it selects."""
        spec: dict[str, Any] = {
            "endpointSelector": {"matchLabels": dict(self.place.labels)} if self.place.labels else {}
        }
        if open_besides:
            spec["enableDefaultDeny"] = {self.direction.value: False}
        spec[self.direction.value] = [self._element(reading, *group) for group in self._groups()]
        meta = {"name": self.name(taken), "namespace": self.place.namespace}
        return {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": meta, "spec": spec}

    def name(self, taken: Iterable[str]) -> str:
        """`x-wing-to-rebel-base`, with a number where there is one already."""
        peers = list(dict.fromkeys(short_name(each.ends(self.direction)[1]) for each in self.gaps))
        tail = f"{_WORD[self.direction]}-{peers[0]}" if len(peers) == 1 else self.direction.value
        stem = f"{short_name(self.subject)}-{tail}"[: LONGEST_NAME - 4].strip("-")
        used, name, number = set(taken), stem, 2
        while name in used:
            name, number = f"{stem}-{number}", number + 1
        return name

    def _groups(self) -> list[tuple[str, list[tuple[Whom, tuple[str, ...]]], tuple[Port, ...]]]:
        """Peers of one kind with the same ports stand in one element."""
        groups: dict[tuple[str, tuple[Port, ...]], list[tuple[Whom, tuple[str, ...]]]] = {}
        for (whom, _), (clusters, ports) in self.peers.items():
            kind = "Entities" if whom.entity else "CIDR" if whom.cidr else "Endpoints"
            groups.setdefault((kind, tuple(sorted(ports))), []).append((whom, tuple(sorted(clusters))))
        return [(kind, peers, ports) for (kind, ports), peers in groups.items()]

    def _element(
        self, reading: Reading, kind: str, peers: Sequence[tuple[Whom, tuple[str, ...]]], ports: Sequence[Port]
    ) -> dict[str, Any]:
        word = _WORD[self.direction] + kind
        if kind == "Endpoints":
            named: list[Any] = [selector(whom, clusters, self.place.namespace, reading) for whom, clusters in peers]
        else:
            named = [whom.entity or whom.cidr for whom, _ in peers]
        return {word: named, **ports_of(ports)}


def selector(whom: Whom, clusters: Sequence[str], namespace: str, reading: Reading) -> dict[str, Any]:
    """A peer selector: a namespace where it is another one, clusters where none named would mean others."""
    labels = dict(whom.labels)
    expressions = []
    if whom.namespace != namespace:
        labels[NAMESPACE] = whom.namespace
    elif not labels:
        labels[NAMESPACE] = namespace
    if tuple(clusters) != (reading.local,):
        if len(clusters) == 1:
            labels[CLUSTER] = clusters[0]
        else:
            expressions = [{"key": CLUSTER, "operator": "In", "values": list(clusters)}]
    return {"matchLabels": labels, **({"matchExpressions": expressions} if expressions else {})}


def ports_of(ports: Iterable[Port]) -> dict[str, Any]:
    """The `toPorts` or `icmps` of (protocol, port)s; one of both."""
    listed = list(ports)
    if listed and listed[0][0] in ICMP:
        fields = [{"family": f"IPv{protocol[-1]}", "type": number} for protocol, number in listed]
        return {"icmps": [{"fields": fields}]}
    return {"toPorts": [{"ports": [{"port": str(number), "protocol": protocol} for protocol, number in listed]}]}


def whom_of(peer: Party, wanted: Wanted) -> tuple[Whom | None, str]:
    """How a rule names a peer as its subject's cluster sees it, or why it cannot."""
    known = wanted.protocol in ("TCP", "UDP", "SCTP") or wanted.protocol in ICMP
    if not known or wanted.port <= 0:
        return None, f"{wanted}: the port or the kind of ICMP message is not known"
    if peer.hidden and peer.labels.is_outside:
        return None, f"{wanted}: {peer.cluster} does not export the namespace of {peer.name}, so no rule can name it"
    if not peer.labels.is_reserved and peer.labels.namespace:
        return Whom(peer.labels.namespace, tuple(telling_labels(peer).items())), ""
    for entity in _ENTITIES:
        if peer.labels.reserved(entity):
            return Whom(entity=entity), ""
    if peer.labels.is_outside and peer.ip:
        return Whom(cidr=f"{peer.ip}/{128 if ':' in peer.ip else 32}"), ""
    return None, f"{wanted}: who {peer.name or 'the other side'} is, is not known"
