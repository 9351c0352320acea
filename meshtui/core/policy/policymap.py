"""What the policy map answers for one connection: which of the keys that cover it decides, and what its entry says."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from meshtui.core.policy import model as m
from meshtui.core.policy.ports import PROTOCOL_BITS

_NO_PROXY, _REQUIRES = 0, ("required", "test-always-fail")


class Value(Struct, frozen=True):
    """An entry of the map: denying, or allowing with a rank among allows and an authentication."""

    deny: bool = False
    rank: int = _NO_PROXY
    """0 without a proxy; above it, the higher decides."""
    authentication: str = ""
    """What a rule says of it, empty where none does."""

    def merged(self, other: Value) -> Value:
        """Two rules for one key: denying beats allowing, the proxy plain, what is said of authentication silence."""
        if self.deny or other.deny:
            return self if self.deny else other
        return Value(
            rank=max(self.rank, other.rank),
            authentication=max(self.authentication, other.authentication, key=_strength),
        )


class Contribution(Struct, frozen=True):
    """What one rule writes for a connection: where (filter and key) and what."""

    place: tuple[int, int, str] | None
    """First port, last port and name of the rule's port: one filter; None for every port and protocol."""
    peer: m.Peer | None
    """None for the wildcard identity."""
    bits: int
    """Bits of protocol and port that its key fixes."""
    value: Value


class Answer(Struct, frozen=True):
    """The deciding entry and the match type the datapath reports."""

    value: Value
    authenticate: bool
    match_type: int


_Keys = dict[int, Value]
"""Values by the bits that their key fixes."""


def lookup(contributions: Iterable[Contribution], *, ranked: bool) -> Answer | None:
    """The deciding entry, None when no key covers the connection.

    `ranked`: entries have a precedence, as since 1.18.

    Two keys are candidates, one of the peer's own identity and one of the wildcard; of each the longest prefix that no
    entry of a higher precedence covers. Source: pkg/policy/mapstate.go (insertWithChanges, lookup), bpf/lib/policy.h.
    """
    own, anybody = _keys(contributions)
    denied = _denied(own, anybody)
    if denied is not None:
        return denied
    specific, general = _candidate(own, ranked), _candidate(anybody, ranked)
    if specific is None or general is None:
        return _answer(specific, general)
    if ranked and specific[1].rank != general[1].rank:
        # Neither takes authentication from an entry of another precedence.
        return _answer(specific, None) if specific[1].rank > general[1].rank else _answer(None, general)
    if general[0] > specific[0]:
        return _answer(None, (general[0], _demanding(general[1], specific[1])))
    return _answer((specific[0], _demanding(specific[1], general[1])), None)


def _keys(contributions: Iterable[Contribution]) -> tuple[_Keys, _Keys]:
    """Entries by key, for the peer's identity and for the wildcard.

    In one filter an entry of the identity that says the same as the wildcard's is left out, unless it is about every
    port (pkg/policy/l4.go, toMapState).
    """
    filters: dict[tuple[int, int, str] | None, dict[m.Peer | None, tuple[int, Value]]] = {}
    for each in contributions:
        selectors = filters.setdefault(each.place, {})
        known = selectors.get(each.peer)
        selectors[each.peer] = each.bits, each.value if known is None else known[1].merged(each.value)
    own: _Keys = {}
    anybody: _Keys = {}
    for place, selectors in filters.items():
        wildcard = selectors.get(None)
        for peer, (bits, value) in selectors.items():
            same = wildcard is not None and wildcard[1] == value and place is not None and (place[0] != 0 or place[2])
            if peer is not None and same:
                continue
            keys = anybody if peer is None else own
            keys[bits] = value if bits not in keys else keys[bits].merged(value)
    return own, anybody


def _denied(own: _Keys, anybody: _Keys) -> Answer | None:
    """Of denying keys those remain that no other covers; of one of each identity the longer decides, the wildcard's."""
    general = min((bits for bits, value in anybody.items() if value.deny), default=None)
    if general is not None:
        return _answer(None, (general, anybody[general]))
    specific = min((bits for bits, value in own.items() if value.deny), default=None)
    return None if specific is None else _answer((specific, own[specific]), None)


def _candidate(keys: _Keys, ranked: bool) -> tuple[int, Value] | None:
    """The longest key that no shorter one outranks; one with an authentication of its own stays, and takes the rank."""
    covering = ""
    best: tuple[int, Value] | None = None
    for bits in sorted(keys):
        value = keys[bits]
        if best is not None and ranked and value.rank < best[1].rank:
            if not value.authentication:
                continue
            value = replace(value, rank=best[1].rank)
        if value.authentication:
            covering = value.authentication
        elif covering:
            value = replace(value, authentication=_derived(covering))
        best = bits, value
    return best


def _derived(authentication: str) -> str:
    return "" if authentication == "disabled" else authentication


def _demanding(chosen: Value, other: Value) -> Value:
    """An entry that says nothing of authentication takes the demand of the other that matches."""
    if not chosen.authentication and other.authentication in _REQUIRES:
        return replace(chosen, authentication=other.authentication)
    return chosen


def _strength(authentication: str) -> int:
    return ("", "disabled", "required", "test-always-fail").index(authentication) if authentication else 0


def _answer(specific: tuple[int, Value] | None, general: tuple[int, Value] | None) -> Answer | None:
    found = specific or general
    if found is None:
        return None
    bits, value = found
    own = specific is not None
    if bits == 0:
        kind = m.MATCH_L3 if own else m.MATCH_ALL
    elif bits == PROTOCOL_BITS:
        kind = m.MATCH_L3_PROTO if own else m.MATCH_PROTO
    else:
        kind = m.MATCH_L3_L4 if own else m.MATCH_L4
    return Answer(value, value.authentication in _REQUIRES and not value.deny, kind)
