"""Ports, their names, and ICMP types in rules: how they are read, and the prefix a policy map keeps of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from meshtui.core.policy.reading import Behaviours

Raw = Mapping[str, Any]

ANY_PROTOCOL = ("TCP", "UDP", "SCTP")
ICMP = ("ICMPv4", "ICMPv6")
PROTOCOL_BITS, PORT_BITS, LAST_PORT = 8, 16, 65535

_SERVICE_NAME = re.compile(r"^(?=.{1,15}$)(?=.*[A-Za-z])[A-Za-z0-9]+(-[A-Za-z0-9]+)*$")

TYPES_V4 = {
    "EchoReply": 0, "DestinationUnreachable": 3, "Redirect": 5, "Echo": 8, "EchoRequest": 8,
    "RouterAdvertisement": 9, "RouterSelection": 10, "TimeExceeded": 11, "ParameterProblem": 12, "Timestamp": 13,
    "TimestampReply": 14, "Photuris": 40, "ExtendedEchoRequest": 42, "ExtendedEchoReply": 43,
}  # fmt: skip
"""ICMP's types by the names policies may use (IANA; pkg/policy/api/icmp.go)."""
TYPES_V6 = {
    "DestinationUnreachable": 1, "PacketTooBig": 2, "TimeExceeded": 3, "ParameterProblem": 4, "EchoRequest": 128,
    "EchoReply": 129, "MulticastListenerQuery": 130, "MulticastListenerReport": 131, "MulticastListenerDone": 132,
    "RouterSolicitation": 133, "RouterAdvertisement": 134, "NeighborSolicitation": 135,
    "NeighborAdvertisement": 136, "RedirectMessage": 137, "RouterRenumbering": 138, "ICMPNodeInformationQuery": 139,
    "ICMPNodeInformationResponse": 140, "InverseNeighborDiscoverySolicitation": 141,
    "InverseNeighborDiscoveryAdvertisement": 142, "HomeAgentAddressDiscoveryRequest": 144,
    "HomeAgentAddressDiscoveryReply": 145, "MobilePrefixSolicitation": 146, "MobilePrefixAdvertisement": 147,
    "DuplicateAddressRequestCodeSuffix": 157, "DuplicateAddressConfirmationCodeSuffix": 158,
    "ExtendedEchoRequest": 160, "ExtendedEchoReply": 161,
}  # fmt: skip


class Redirect(Struct, frozen=True):
    """Traffic goes through a proxy: its parser, and its rank among others (a lower one decides)."""

    parser: str
    """`http`, `kafka`, `tls`, `dns`, `crd` for a listener, or the name of another L7 protocol."""
    rank: int
    names: tuple[str, ...] = ()
    """Of DNS: patterns of the names that may be asked for."""


RANKS = {"http": 101, "kafka": 106, "tls": 116, "dns": 121, "crd": 126}
OTHER_RANK = 127
"""pkg/policy/l4.go, defaultPriority."""


class PortRule(Struct, frozen=True):
    """One protocol and port of a rule. `first` 0 alone is every port; `name` instead of a number for named ports.

    For ICMP the port is the type, and type 0 is every type, as for ports (cilium #41304).
    """

    protocol: str
    first: int = 0
    last: int = 0
    name: str = ""
    redirect: Redirect | None = None

    @property
    def every(self) -> bool:
        """Whether it means every port of its protocol."""
        return not self.name and self.first == 0 and self.last in (0, LAST_PORT)

    def covers(self, port: int) -> bool:
        """Whether a port number is meant; an end before the start means the start alone."""
        return self.every or self.first <= port <= max(self.first, self.last)

    def bits(self, port: int) -> int:
        """Bits of protocol (8) and port (16) that the policy map's key for this port fixes.

        A range is a set of aligned blocks, each a prefix. Source: pkg/policy/portrange.go, bpf/lib/policy.h.
        """
        if self.every:
            return PROTOCOL_BITS
        length = PORT_BITS
        last = max(self.first, self.last)
        while length and not self.name:
            mask = (1 << (PORT_BITS - length + 1)) - 1
            if port & ~mask < self.first or port | mask > last:
                break
            length -= 1
        return PROTOCOL_BITS + length

    def __str__(self) -> str:
        if self.protocol in ICMP:
            return self.protocol if self.every else f"{self.protocol} type {self.first}"
        if self.every:
            return f"{self.protocol} any port"
        port = self.name or (str(self.first) if self.last <= self.first else f"{self.first}-{self.last}")
        return f"{self.protocol} {port}"


def told(rules: Iterable[PortRule]) -> str:
    """Port rules in words; one for each protocol of ANY is one `ANY`."""
    ports: dict[str, list[str]] = {}
    for rule in rules:
        protocol, _, port = str(rule).partition(" ")
        ports.setdefault(port, []).append(protocol)
    words = []
    for port, protocols in ports.items():
        named = ["ANY"] if set(ANY_PROTOCOL) <= set(protocols) else list(dict.fromkeys(protocols))
        words += [f"{protocol} {port}".rstrip() for protocol in named]
    return ", ".join(words)


def is_name(text: str) -> bool:
    """Whether a port is a name: an IANA service name, so that `0x10` is one (pkg/iana)."""
    return _SERVICE_NAME.match(text) is not None


def number(text: str) -> int | None:
    """A port number as Go's ParseUint reads it in base 0 (`010` is eight), or None."""
    try:
        value = int(text, 8) if len(text) > 1 and text[0] == "0" and text.isdigit() else int(text, 0)
    except ValueError:
        return None
    return value if 0 <= value <= LAST_PORT else None


def port_rules(raw: Raw, does: Behaviours) -> tuple[PortRule, ...] | None:
    """The toPorts and icmps of a rule's element; None: every port and protocol, ICMP included.

    An element of toPorts or icmps without any port in it is no rule, and allows nothing. Source: pkg/policy/rule.go.
    """
    ports, icmps = _list(raw, "toPorts"), _list(raw, "icmps")
    if not ports and not icmps:
        return None
    found: list[PortRule] = []
    for item in ports:
        for port in item.get("ports") or ():
            found += _rules(port, item, does)
    for item in icmps:
        found += [_icmp(field) for field in item.get("fields") or ()]
    return tuple(dict.fromkeys(found))


def _rules(raw: Raw, item: Raw, does: Behaviours) -> list[PortRule]:
    """An entry of `ports`, once for each protocol it means."""
    wanted = str(raw.get("protocol") or "ANY").upper()
    protocols = ANY_PROTOCOL if wanted == "ANY" else (wanted,)
    text = str(raw.get("port") or "0")
    if is_name(text):
        return [PortRule(p, name=text.lower(), redirect=_redirect(item, p, does)) for p in protocols]
    first = number(text) or 0
    last = 0 if first == 0 and not does.range_from_zero else int(raw.get("endPort") or 0)
    return [PortRule(p, first, last, redirect=_redirect(item, p, does)) for p in protocols]


def _redirect(item: Raw, protocol: str, does: Behaviours) -> Redirect | None:
    """The proxy that a toPorts element asks for: L7 rules, server names, TLS, or a listener of its own.

    Source: pkg/policy/l4.go, createL4Filter.
    """
    parser, rules = "", item.get("rules") or {}
    if item.get("serverNames") or item.get("terminatingTLS") or item.get("originatingTLS"):
        parser = "tls"
    if rules.get("dns"):
        parser = "dns"
    elif protocol == "TCP":
        older = () if not does.other_l7 else ("kafka",)
        kinds = [kind for kind in ("http", *older) if rules.get(kind)]
        parser = kinds[0] if kinds else str((rules.get("l7proto") if does.other_l7 else "") or parser)
    listener = item.get("listener")
    if listener:
        return Redirect("crd", int(listener.get("priority") or RANKS["crd"]))
    if parser == "dns":
        asked = [rule for rule in _list(rules, "dns") if isinstance(rule, Mapping)]
        found = tuple(str(rule.get("matchName") or rule.get("matchPattern") or "*") for rule in asked)
        return Redirect(parser, RANKS[parser], found)
    return Redirect(parser, RANKS.get(parser, OTHER_RANK)) if parser else None


def _icmp(field: Raw) -> PortRule:
    six = field.get("family") == "IPv6"
    named = TYPES_V6 if six else TYPES_V4
    text = str(field.get("type", 0))
    return PortRule(ICMP[six], named[text] if text in named else number(text) or 0)


def k8s_port_rule(raw: Raw) -> PortRule:
    """One port of a Kubernetes NetworkPolicy; without protocol TCP, without port every one."""
    protocol, port = str(raw.get("protocol") or "TCP").upper(), raw.get("port")
    if port is None:
        return PortRule(protocol)
    if is_name(str(port)):
        return PortRule(protocol, name=str(port).lower())
    return PortRule(protocol, number(str(port)) or 0, int(raw.get("endPort") or 0))


def _list(raw: Raw, key: str) -> Sequence[Any]:
    value = raw.get(key)
    return value if isinstance(value, list) else ()
