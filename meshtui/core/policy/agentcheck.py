"""What an agent finds wrong with a rule, in its own words: a policy with one such rule is not imported at all.

Source: pkg/policy/api/rule_validation.go, pkg/k8s/apis/cilium.io/v2/cnp_types.go. Options of the cluster count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from meshtui.core.policy import selectorcheck
from meshtui.core.policy.ports import TYPES_V4, TYPES_V6, is_name, number
from meshtui.core.policy.reading import Reading

Raw = Mapping[str, Any]

SECTIONS = ("ingress", "ingressDeny", "egress", "egressDeny")
ENTITIES = (
    "all", "world", "world-ipv4", "world-ipv6", "cluster", "cluster-mesh", "host", "init", "ingress", "unmanaged",
    "remote-node", "health", "none", "kube-apiserver",
)  # fmt: skip
LONGEST_LIST = 40
NODES_NEED_OPTION = 'FromNodes/ToNodes rules can only be applied when the "enable-node-selector-labels" flag is set'
_MEMBERS = ("Endpoints", "CIDR", "CIDRSet", "Entities", "Nodes", "Groups")
_EGRESS_MEMBERS = ("CIDR", "CIDRSet", "Endpoints", "Entities", "Services", "FQDNs", "Groups", "Nodes")
_PROTOCOLS = ("TCP", "UDP", "SCTP", "ICMP", "ICMPV6", "VRRP", "IGMP", "ANY")
_NAMES = re.compile(r"^[-0-9A-Za-z_.]+$")
_PATTERNS = re.compile(r"^[-0-9A-Za-z_.*]+$")


class Refused(Exception):
    """The first thing that is wrong; its text is the agent's."""


def complaint(spec: Raw, reading: Reading) -> str:
    """The first thing an agent finds wrong with a spec, empty where there is nothing."""
    try:
        _rule(spec, reading)
    except Refused as refused:
        return str(refused)
    return ""


def _rule(spec: Raw, reading: Reading) -> None:
    if reading.does.sections_required and not any(spec.get(section) for section in SECTIONS):
        raise Refused("rule must have at least one of Ingress, IngressDeny, Egress, EgressDeny")
    pods, nodes = spec.get("endpointSelector"), spec.get("nodeSelector")
    if pods is None and nodes is None:
        raise Refused("rule must have one of EndpointSelector or NodeSelector")
    if pods is not None and nodes is not None:
        raise Refused("rule cannot have both EndpointSelector and NodeSelector")
    _selectors([pods if pods is not None else nodes or {}])
    for section in SECTIONS:
        for raw in spec.get(section) or ():
            _element(raw, section, reading, host=nodes is not None)


def _element(raw: Raw, section: str, reading: Reading, *, host: bool) -> None:
    ingress, deny = section.startswith("ingress"), section.endswith("Deny")
    word = "from" if ingress else "to"
    ports, icmps = raw.get("toPorts") or (), raw.get("icmps") or ()
    later = _peers(raw, word, reading)
    if not ingress and raw.get("toServices") and ports and not reading.does.services_with_ports:
        raise Refused("combining ToServices and ToPorts is not supported yet")
    if not deny:
        _l7(ports, reading, ingress=ingress, host=host)
    if icmps and not reading.icmp_rules:
        raise Refused('ICMP rules can only be applied when the "enable-icmp-rules" flag is set')
    if icmps and ports:
        raise Refused("the ICMPs block may only be present without ToPorts. Define a separate rule to use ToPorts")
    for item in ports:
        _ports(item, reading, ingress=ingress, deny=deny)
    for item in icmps:
        _icmp(item)
    for item in () if ingress or deny else raw.get("toFQDNs") or ():
        _fqdn(item)
    if later:
        raise Refused(later)


def _peers(raw: Raw, word: str, reading: Reading) -> str:
    """Raises for what is wrong with the members; what only the lack of an option makes wrong is said last."""
    members = _MEMBERS if word == "from" else _EGRESS_MEMBERS
    given = [word.capitalize() + member for member in members if raw.get(word + member)]
    if len(given) > 1:
        raise Refused(f"combining {given[0]} and {given[1]} is not supported yet")
    nodes = raw.get(f"{word}Nodes") or ()
    later = NODES_NEED_OPTION if nodes and not reading.node_selectors else ""
    try:
        _selectors(raw.get(f"{word}Endpoints") or ())
        if reading.does.requires:
            _selectors(raw.get(f"{word}Requires") or ())
        _selectors(nodes)
        for text in raw.get(f"{word}CIDR") or ():
            _cidr(str(text))
        for item in raw.get(f"{word}CIDRSet") or ():
            _cidr_set(item)
        for entity in raw.get(f"{word}Entities") or ():
            if entity not in ENTITIES or (entity == "cluster-mesh" and not reading.does.cluster_mesh_entity):
                raise Refused(f"unsupported entity: {entity}")
    except Refused as refused:
        raise Refused(f"{refused}\n{later}" if later else str(refused)) from None
    return later


def _selectors(found: Iterable[Raw | None], source: str = "") -> None:
    for raw in found:
        why = selectorcheck.complaint(raw, source=source)
        if why:
            raise Refused(why)


def _l7(ports: Sequence[Raw], reading: Reading, *, ingress: bool, host: bool) -> None:
    """Which L7 protocols may stand where: no DNS in ingress, for hosts DNS in egress only."""
    kinds = _kinds(ports)
    if kinds is None:
        return
    if ingress and host:
        raise Refused("L7 policy is not supported on host ingress yet")
    if not reading.l7_proxy:
        raise Refused("L7 policy is not supported since L7 proxy is not enabled")
    if ingress and kinds["DNS"]:
        raise Refused("L7 protocol DNS is not supported on ingress yet")
    for kind in ("HTTP", "Kafka") if host else ():
        if kinds[kind]:
            raise Refused(f"L7 protocol {kind} is not supported on host egress yet")


def _kinds(ports: Sequence[Raw]) -> dict[str, int] | None:
    kinds = None
    for item in ports:
        rules = item.get("rules") or {}
        if any(rules.get(key) for key in ("http", "kafka", "dns", "l7")):
            kinds = kinds or {"DNS": 0, "HTTP": 0, "Kafka": 0}
            for key in kinds:
                kinds[key] += len(rules.get(key.lower()) or ())
    return kinds


def _ports(item: Raw, reading: Reading, *, ingress: bool, deny: bool) -> None:
    rules, listed = {} if deny else item.get("rules") or {}, item.get("ports") or ()
    names, listener = (None, None) if deny else (item.get("serverNames"), item.get("listener"))
    any_rule = any(rules.get(key) for key in ("http", "kafka", "dns", "l7"))
    if ingress and rules.get("dns"):
        raise Refused("DNS rules are not allowed on ingress")
    if names and any_rule and not item.get("terminatingTLS"):
        raise Refused("ServerNames are not allowed with L7 rules without TLS termination")
    if names and "" in names:
        raise Refused("Empty server name is not allowed")
    if len(listed) > LONGEST_LIST:
        raise Refused(f"too many ports, the max is {LONGEST_LIST}")
    zero = False
    for port in listed:
        zero |= _port(port, reading, dns=bool(rules.get("dns")))
        protocol = str(port.get("protocol") or "ANY").upper()
        if any_rule and not rules.get("dns") and protocol != "TCP":
            raise Refused(f"L7 rules can only apply to TCP (not {protocol}) except for DNS rules")
    if listener and ingress:
        raise Refused(f"Listener is not allowed on ingress ({listener.get('name', '')})")
    if listener and any_rule:
        raise Refused(f"Listener is not allowed with L7 rules ({listener.get('name', '')})")
    if any_rule and zero:
        raise Refused("L7 rules can not be used when a port is 0")
    if any_rule:
        _rules(rules, listed)


def _rules(rules: Raw, listed: Sequence[Raw]) -> None:
    if rules.get("dns") is not None and not listed:
        raise Refused("port 53 must be specified for DNS rules")
    for item in rules.get("dns") or ():
        _fqdn(item)
    if rules.get("l7") is not None and not rules.get("l7proto"):
        raise Refused("'l7' may only be specified when a 'l7proto' is also specified")
    if sum((rules.get(key) is not None for key in ("http", "kafka", "dns")), bool(rules.get("l7proto"))) > 1:
        raise Refused("multiple L7 protocol rule types specified in single rule")


def _port(port: Raw, reading: Reading, *, dns: bool) -> bool:
    """Whether it is port 0."""
    text, protocol, value = str(port.get("port") or ""), str(port.get("protocol") or "ANY").upper(), None
    if not text and not reading.other_protocols:
        raise Refused("port must be specified")
    if text and not is_name(text):
        if text != "0" and protocol in ("VRRP", "IGMP"):
            raise Refused("port must be empty or 0")
        value = number(text)
        if value is None:
            why = "value out of range" if text.isdigit() and not text.startswith("0") else "invalid syntax"
            raise Refused(f'unable to parse port: strconv.ParseUint: parsing "{text}": {why}')
        if dns and int(port.get("endPort") or 0) > value:
            raise Refused("DNS rules do not support port ranges")
    if protocol not in _PROTOCOLS:
        raise Refused(f'invalid protocol "{protocol}", must be {{ tcp | udp | sctp | icmp | icmpv6 | any }}')
    return value == 0


def _icmp(item: Raw) -> None:
    fields = item.get("fields") or ()
    if len(fields) > LONGEST_LIST:
        raise Refused(f"too many types, the max is {LONGEST_LIST}")
    for field in fields:
        family, kind = str(field.get("family") or ""), str(field.get("type", 0))
        if family not in ("IPv4", "IPv6", ""):
            raise Refused(f"wrong family: {family}")
        if not kind.isdigit() and kind not in (TYPES_V6 if family == "IPv6" else TYPES_V4):
            raise Refused(f"ICMP type {kind} not found in {family or 'IPv4'}")


def _fqdn(item: Raw) -> None:
    name, pattern = str(item.get("matchName") or ""), str(item.get("matchPattern") or "")
    if not name and not pattern:
        raise Refused("one of MatchName or MatchPattern is required")
    if name and pattern:
        raise Refused("only one of MatchName or MatchPattern is allowed in an FQDNSelector")
    for word, text, allowed in (("MatchName", name, _NAMES), ("MatchPattern", pattern, _PATTERNS)):
        if text and not allowed.match(text):
            raise Refused(f'Invalid characters in {word}: "{text}"')


def _cidr(text: str) -> None:
    """A prefix or one address."""
    if not text:
        raise Refused("IP must be specified")
    if _prefix(text) is None and _address(text) is None:
        raise Refused(f'unable to parse CIDR: netip.ParseAddr("{text}"): unable to parse IP')


def _cidr_set(item: Raw) -> None:
    """One of three ways to name addresses; exceptions lie in what they are exceptions of."""
    selector, cidr = item.get("cidrGroupSelector"), str(item.get("cidr") or "")
    given = [bool(item.get("cidrGroupRef")), bool(cidr), selector is not None]
    if selector is not None:
        why = selectorcheck.complaint(selector, source="cidrgroup")
        if why:
            raise Refused(f"failed to sanitize cidrGroupSelector: {why}")
    if not any(given):
        raise Refused("one of cidr, cidrGroupRef, or cidrGroupSelector is required")
    if sum(given) > 1:
        raise Refused("more than one of cidr, cidrGroupRef, or cidrGroupSelector may not be set")
    if not cidr:
        return
    if _prefix(cidr) is None:
        raise Refused(f'unable to parse CIDRRule "{cidr}": netip.ParsePrefix("{cidr}"): no \'/\'')
    network = ip_network(cidr, strict=False)
    for hole in map(str, item.get("except") or ()):
        first = _prefix(hole)
        if first is None:
            raise Refused(f"netip.ParsePrefix(\"{hole}\"): no '/'")
        if first not in network:
            raise Refused(f"allow CIDR prefix {cidr} does not contain exclude CIDR prefix {hole}")


def _prefix(text: str) -> IPv4Address | IPv6Address | None:
    """The address of `address/bits`, None for other text (netip.ParsePrefix: no netmasks, no bare address)."""
    start, slash, bits = text.partition("/")
    address = _address(start)
    if not slash or address is None or not bits.isdigit() or (bits != "0" and bits.startswith("0")):
        return None
    return address if int(bits) <= address.max_prefixlen else None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
