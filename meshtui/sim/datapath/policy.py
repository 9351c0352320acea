"""Does a connection pass one cluster's policies in one direction, by what kind of match, thanks to which policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from meshtui.sim.datapath.fqdns import names_of
from meshtui.sim.datapath.identity import HOST, WORLD, Party
from meshtui.sim.datapath.policybook import Book, book_of, port_list
from meshtui.sim.datapath.view import View
from meshtui.sim.rulebook import selectors
from meshtui.sim.rulebook.peers import Peers, Seen, reserved
from meshtui.sim.rulebook.ports import PROTOCOL_BITS, PortRange
from meshtui.sim.rulebook.rules import INGRESS, Entry, Source
from meshtui.sim.rulebook.versions import CLUSTERWIDE_PORT_NAMES, HOST_KEYS_PER_PORT, REDIRECT_FIRST

Object = dict[str, Any]
DENIED_BY_DEFAULT, DENIED_BY_RULE, AUTH_REQUIRED = 133, 181, 189
NO_MATCH, L3_ONLY, L3_L4, L4_ONLY, MATCH_ALL, L3_PROTO, PROTO_ONLY = 0, 1, 2, 3, 4, 5, 6
DERIVED = "reserved:io.cilium.policy.derived-from="
_REQUIRED = ("required", "test-always-fail")
_OWN_KEY = {L4_ONLY: L3_L4, PROTO_ONLY: L3_PROTO}


@dataclass(frozen=True)
class Decision:
    """What the policy program says of a new connection."""

    allowed: bool
    enforced: bool = True
    """Whether the endpoint has policy in that direction: only then a verdict is reported."""
    reason: int = 0
    """133, 181 or 189 when it does not pass."""
    match: int = NO_MATCH
    sources: tuple[Source, ...] = ()
    derived: str = ""
    """Label of an implicit rule, without name or kind."""
    proxied: bool = False
    """Whether what passes is redirected to the proxy."""
    l7: tuple[Object, ...] = ()
    """L7 rules the proxy holds requests against; none where a plain rule allows the same traffic."""


OPEN = Decision(allowed=True, enforced=False)


@dataclass(frozen=True)
class Hit:
    """An entry that matches, and the key of the policy map by which it does."""

    entry: Entry
    port: PortRange | None
    anybody: bool
    """Whether the key has the wildcard identity. Where a port's name is looked up for each peer it has not."""

    def depth(self, port: int) -> int:
        """How many bits of protocol and port the key fixes."""
        return self.port.depth(port) if self.port else 0

    @property
    def verdict(self) -> tuple[bool, bool, str, str]:
        """What the key says, apart from whom and which port it is about."""
        return self.entry.deny, self.entry.proxied, self.entry.auth, str(self.entry.l7)

    def match(self, port: int) -> int:
        """The match type that is reported when this entry wins."""
        depth = self.depth(port)
        if depth == 0:
            return MATCH_ALL if self.anybody else L3_ONLY
        if depth == PROTOCOL_BITS:
            return PROTO_ONLY if self.anybody else L3_PROTO
        return L4_ONLY if self.anybody else L3_L4


_LOCALHOST = Source("", "", "", "")


def decide(known: View, direction: str, subject: Party, peer: Party, protocol: str, port: int) -> Decision:
    """The decision of `subject`'s node for a connection with `peer`; `port` is the destination's, after translation.

    Of ICMP (`ICMPv4`, `ICMPv6`) the type stands in the port's place.
    """
    book = book_of(known)
    if not subject.is_pod or book.mode == "never":
        return OPEN
    rules = book.selecting(subject.labels, direction)
    always = book.mode == "always"
    if not rules and not always:
        return OPEN
    who = seen(book, known, peer)
    required = tuple(r for rule in rules for r in rule.required)
    names = _Names(book, known, subject, peer, ingress=direction == INGRESS)
    hits = [
        Hit(entry, found, entry.peers.everybody and not (names.per_identity and found and found.name))
        for rule in rules
        for entry in rule.entries
        for found in _ports(entry, names, protocol, port)
        if entry.peers.meant(who, required)
    ]
    if direction == INGRESS and peer.identity == HOST:
        localhost = Entry(_LOCALHOST, INGRESS, False, Peers(entities=(reserved("host"),)), None)
        hits.append(Hit(localhost, None, anybody=False))
    if hits:
        found = _found(hits, port, by_precedence=REDIRECT_FIRST.at(known.version))
        per_port = (
            found.allowed and peer.identity == HOST and direction == INGRESS and HOST_KEYS_PER_PORT.at(known.version)
        )
        return replace(found, match=_OWN_KEY.get(found.match, found.match)) if per_port else found
    if always or any(r.default_deny for r in rules):
        return Decision(False, reason=DENIED_BY_DEFAULT)
    return Decision(True, match=MATCH_ALL, derived=f"{DERIVED}allow-any-{direction}")


def seen(book: Book, known: View, peer: Party) -> Seen:
    """A peer as rules see it: an address outside also bears what CIDR groups and DNS answers say of it."""
    labels = selectors.parsed(peer.labels)
    outside = peer.identity == WORLD or any(s == "reserved" and k.startswith("world") for s, k, _ in labels)
    if not outside:
        return Seen(labels, peer.ip)
    return Seen((*labels, *book.outside_labels(peer.ip)), peer.ip, outside=True, names=names_of(known, peer.ip))


@dataclass(frozen=True)
class _Names:
    """What port names mean for one connection."""

    book: Book
    known: View
    subject: Party
    peer: Party
    ingress: bool

    @property
    def per_identity(self) -> bool:
        """Whether a name is looked up anew for each peer."""
        return not self.ingress and not CLUSTERWIDE_PORT_NAMES.at(self.known.version)

    def number(self, name: str, protocol: str) -> int:
        """The number, 0 where there is none. Inbound the pod's own; outbound see versions: ports of other clusters'
        pods are not known, and a name that stands for two numbers stands for none.
        """
        if self.ingress:
            return named_port(self.subject.pod_object, name, protocol)
        if CLUSTERWIDE_PORT_NAMES.at(self.known.version):
            found = self.book.port_names(self.known)
        elif self.peer.is_pod and self.peer.cluster == self.known.name:
            found = self.book.port_names(self.known, self.peer.labels)
        else:
            return 0
        numbers = found.get((name, protocol), set())
        return next(iter(numbers)) if len(numbers) == 1 else 0


def _ports(entry: Entry, names: _Names, protocol: str, port: int) -> list[PortRange | None]:
    """The keys of an entry that hold the port; nothing where it is about other traffic."""
    if entry.ports is None:
        return [None]
    return [
        wanted
        for wanted in entry.ports
        if wanted.protocol == protocol
        and (names.number(wanted.name, protocol) == port if wanted.name else wanted.low <= port <= wanted.high)
    ]


def named_port(pod: Object | None, name: str, protocol: str) -> int:
    """The container port of that name, 0 when there is none."""
    return next((number for n, p, number in port_list(pod) if (n, p) == (name, protocol)), 0)


def _found(hits: list[Hit], port: int, *, by_precedence: bool) -> Decision:
    """What the policy map says: deny before redirect before allow, whatever is the more specific; without precedence
    the more specific of the last two.
    """
    denied = [hit for hit in hits if hit.entry.deny]
    if denied:
        winners = _winners(_uncovered(denied, port), port)
        return Decision(False, reason=DENIED_BY_RULE, match=winners[0].match(port), sources=(winners[0].entry.source,))
    proxied = [hit for hit in hits if hit.entry.proxied]
    winners = _winners(proxied if proxied and by_precedence else hits, port)
    if not any(hit.entry.proxied for hit in winners):
        proxied = []
    sources = tuple(dict.fromkeys(h.entry.source for h in winners if h.entry.source is not _LOCALHOST))
    derived = "" if sources else f"{DERIVED}allow-localhost-ingress"
    match = winners[0].match(port)
    if _authenticated(hits, port):
        return Decision(False, reason=AUTH_REQUIRED, match=match, proxied=bool(proxied))
    l7 = tuple(hit.entry.l7 for hit in proxied if hit.entry.l7)
    if any(not hit.entry.l7 for hit in hits):  # one plain rule lets everything pass in the proxy, too
        l7 = tuple({kind: [] for kind in rules} for rules in l7)
    return Decision(True, match=match, sources=sources, derived=derived, proxied=bool(proxied), l7=l7)


def _uncovered(denied: list[Hit], port: int) -> list[Hit]:
    """A deny that lies within a wider one is no key of its own."""

    def within(hit: Hit, wider: Hit) -> bool:
        less = wider.depth(port) < hit.depth(port) or (wider.depth(port) == hit.depth(port) and not hit.anybody)
        return less and (wider.anybody or (not hit.anybody and wider.depth(port) < hit.depth(port)))

    return [hit for hit in denied if not any(within(hit, wider) for wider in denied)]


def _winners(hits: list[Hit], port: int) -> list[Hit]:
    """The longest port prefix wins, then the specific identity (bpf/lib/policy.h). A key of a specific identity that
    says what the one of anybody on the same port says is left out (pkg/policy/l4.go).
    """
    open_to_all = {(hit.port, hit.verdict) for hit in hits if hit.anybody and hit.port}
    kept = [hit for hit in hits if hit.anybody or (hit.port, hit.verdict) not in open_to_all]
    best = max((hit.depth(port), not hit.anybody) for hit in kept)
    return [hit for hit in kept if (hit.depth(port), not hit.anybody) == best]


def _authenticated(hits: Sequence[Hit], port: int) -> bool:
    """Whether the peer must have authenticated itself: the most specific key on which a mode is written decides."""
    said = [hit for hit in hits if hit.entry.auth]
    if not said:
        return False
    best = max((hit.depth(port), not hit.anybody) for hit in said)
    return any(hit.entry.auth in _REQUIRED for hit in said if (hit.depth(port), not hit.anybody) == best)
