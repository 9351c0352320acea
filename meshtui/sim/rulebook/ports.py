"""Ports, port names and ICMP types of a policy, and how much of a packet the map's key for them fixes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshtui.sim.rulebook.versions import PORT_RANGE_FROM_0, Version

Object = dict[str, Any]
TRANSPORTS = ("TCP", "UDP", "SCTP")
"""What a port without protocol, or with ANY, stands for."""
HIGHEST = 65535
PROTOCOL_BITS, PORT_BITS = 8, 16
MOST_ICMP = 255
MOST_NAME = 15
"""Characters of a port's name (RFC 6335)."""
ICMP_NAMES: dict[str, dict[str, int]] = {
    "ICMPv4": {
        "EchoReply": 0, "DestinationUnreachable": 3, "Redirect": 5, "Echo": 8, "EchoRequest": 8,
        "RouterAdvertisement": 9, "RouterSelection": 10, "TimeExceeded": 11, "ParameterProblem": 12, "Timestamp": 13,
        "TimestampReply": 14, "Photuris": 40, "ExtendedEchoRequest": 42, "ExtendedEcho Reply": 43,
    },
    "ICMPv6": {
        "DestinationUnreachable": 1, "PacketTooBig": 2, "TimeExceeded": 3, "ParameterProblem": 4, "EchoRequest": 128,
        "EchoReply": 129, "MulticastListenerQuery": 130, "MulticastListenerReport": 131, "MulticastListenerDone": 132,
        "RouterSolicitation": 133, "RouterAdvertisement": 134, "NeighborSolicitation": 135,
        "NeighborAdvertisement": 136, "RedirectMessage": 137, "RouterRenumbering": 138,
        "ICMPNodeInformationQuery": 139, "ICMPNodeInformationResponse": 140,
        "InverseNeighborDiscoverySolicitation": 141, "InverseNeighborDiscoveryAdvertisement": 142,
        "HomeAgentAddressDiscoveryRequest": 144, "HomeAgentAddressDiscoveryReply": 145, "MobilePrefixSolicitation": 146,
        "MobilePrefixAdvertisement": 147, "DuplicateAddressRequestCodeSuffix": 157,
        "DuplicateAddressConfirmationCodeSuffix": 158, "ExtendedEchoRequest": 160, "ExtendedEchoReply": 161,
    },
}  # fmt: skip
"""Names of ICMP types (IANA)."""


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports of one protocol; `name` where the policy names the port, 0–65535 for all. Of ICMP, the type."""

    protocol: str
    low: int
    high: int
    name: str = ""
    from_zero: bool = False
    """Whether it is a range written from 0 on: a filter of its own, though it may hold every port."""

    def depth(self, port: int) -> int:
        """Bits of protocol and port that the key holding `port` fixes: a range is kept as aligned blocks."""
        low, high = (port, port) if self.name else (self.low, self.high)
        for bits in range(PORT_BITS):
            size = 1 << (PORT_BITS - bits)
            start = port - port % size
            if low <= start and start + size - 1 <= high:
                return PROTOCOL_BITS + bits
        return PROTOCOL_BITS + PORT_BITS


def is_name(text: str) -> bool:
    """Whether a port is a service name (RFC 6335): letters, digits, single inner hyphens, at least one letter."""
    inner = text.replace("-", "")
    return (
        0 < len(text) <= MOST_NAME
        and inner.isascii()
        and inner.isalnum()
        and any(c.isalpha() for c in inner)
        and not (text.startswith("-") or text.endswith("-") or "--" in text)
    )


def number(text: str) -> int:
    """A port as Go reads it: by its prefix, so that `010` is 8. Raises ValueError in Go's words."""
    wrong = f'strconv.ParseUint: parsing "{text}": invalid syntax'
    octal = len(text) > 1 and text.startswith("0")
    try:
        if not (text.isascii() and text.isdigit()):
            raise ValueError(wrong)
        found = int(text, 8 if octal else 10)
    except ValueError:
        raise ValueError(wrong) from None
    if found > HIGHEST:
        raise ValueError(f'strconv.ParseUint: parsing "{text}": value out of range')
    return found


def of_port(item: Object, version: Version) -> list[PortRange]:
    """One `ports` item; a protocol of ANY or none stands for all of TCP, UDP and SCTP."""
    protocol = str(item.get("protocol") or "ANY").upper()
    protocols = TRANSPORTS if protocol == "ANY" else (protocol,)
    text = str(item.get("port", "") or "0")
    if is_name(text):
        return [PortRange(p, 0, 0, text.lower()) for p in protocols]
    low, end = number(text), int(item.get("endPort") or 0)
    if low == 0 and (not end or not PORT_RANGE_FROM_0.at(version)):
        return [PortRange(p, 0, HIGHEST) for p in protocols]
    return [PortRange(p, low, max(low, end), from_zero=low == 0) for p in protocols]


def icmp_type(field: Object) -> int:
    """The number of an ICMP field's type, by name or as it is. Raises ValueError for a name of the other family."""
    names = ICMP_NAMES["ICMPv6" if field.get("family") == "IPv6" else "ICMPv4"]
    written = str(field.get("type", 0))
    kind = names[written] if written in names else int(written)
    if not 0 <= kind <= MOST_ICMP:
        raise ValueError(f"no ICMP type: {kind}")
    return kind


def of_icmp(field: Object) -> PortRange:
    """One ICMP field. Type 0 is, by an old mistake, every type (U #41304)."""
    protocol, kind = "ICMPv6" if field.get("family") == "IPv6" else "ICMPv4", icmp_type(field)
    return PortRange(protocol, 0, HIGHEST) if kind == 0 else PortRange(protocol, kind, kind)
