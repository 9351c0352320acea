"""Evaluates FlowFilters, as plain dicts, over rows: the server's own rules (cilium/pkg/hubble/filters), here."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from meshtui.core.flows import compact, dropreason
from meshtui.core.flows.filter.labels import LabelSelector
from meshtui.core.flows.flow import Direction, EventType, FlowRow, Peer, Verdict

Matcher = Callable[[FlowRow], bool]
_UNSEARCHABLE = 8192
"""Longest text a regular expression is run over."""


def compile_filter(document: Mapping[str, Any]) -> Matcher:
    """One FlowFilter: its fields are ANDed, a field's values ORed. Fields only the server knows count as true."""
    matchers = [_field(name, values) for name, values in document.items() if name != "experimental"]
    if len(matchers) == 1:
        return matchers[0]
    return lambda row: all(matches(row) for matches in matchers)


def compile_lists(whitelist: Sequence[Mapping[str, Any]], blacklist: Sequence[Mapping[str, Any]]) -> Matcher:
    """As GetFlows does: an empty whitelist is everything, any match in the blacklist excludes."""
    white = [compile_filter(document) for document in whitelist]
    black = [compile_filter(document) for document in blacklist]
    if not black and len(white) == 1:
        return white[0]
    if not black:
        return lambda row: not white or any(matches(row) for matches in white)
    return lambda row: (
        (not white or any(matches(row) for matches in white)) and not any(matches(row) for matches in black)
    )


def _field(name: str, values: Any) -> Matcher:
    one_or_many = values if isinstance(values, list | tuple) else [values]
    alternatives = [_value(name, value) for value in one_or_many]
    if len(alternatives) == 1:
        return alternatives[0]
    return lambda row: any(matches(row) for matches in alternatives)


def _value(name: str, value: Any) -> Matcher:
    side, _, rest = name.partition("_")
    if side in ("source", "destination") and rest in _SIDED:
        return _SIDED[rest](side, value)
    build = _PLAIN.get(name)
    if build is None:
        raise ValueError(f"{name} is no field of a FlowFilter")
    return build(value)


# One side of a flow.


def _peer_of(side: str) -> Callable[[FlowRow], Peer]:
    return (lambda row: row.source) if side == "source" else (lambda row: row.destination)


def _pod(side: str, value: str) -> Matcher:
    peer_of = _peer_of(side)
    namespace, prefix = namespaced(value)

    def matches(row: FlowRow) -> bool:
        peer = peer_of(row)
        if not (peer.pod or peer.namespace):
            return False
        return (not namespace or peer.namespace == namespace) and peer.pod.startswith(prefix)

    return matches


def namespaced(value: str) -> tuple[str, str]:
    """`ns/prefix` → both; without a slash the namespace is `default`; an empty namespace is any."""
    namespace, slash, prefix = value.partition("/")
    return (namespace, prefix) if slash else ("default", value)


def _service(side: str, value: str) -> Matcher:
    attribute = f"{side}_service"
    namespace, prefix = namespaced(value)

    def matches(row: FlowRow) -> bool:
        its_namespace, slash, its_name = getattr(row, attribute).partition("/")
        return bool(slash) and (not namespace or its_namespace == namespace) and its_name.startswith(prefix)

    return matches


def _cluster(side: str, value: str) -> Matcher:
    peer_of = _peer_of(side)
    return lambda row: peer_of(row).cluster == value


def _identity(side: str, value: int) -> Matcher:
    peer_of = _peer_of(side)
    return lambda row: peer_of(row).identity == value


def _workload(side: str, value: Mapping[str, str]) -> Matcher:
    peer_of = _peer_of(side)
    name, kind = value.get("name", ""), value.get("kind", "")

    def matches(row: FlowRow) -> bool:
        peer = peer_of(row)
        return (not name or peer.workload == name) and (not kind or peer.workload_kind == kind)

    return matches


def _label(side: str, value: str) -> Matcher:
    peer_of = _peer_of(side)
    holds = _selector(value)
    return lambda row: holds(peer_of(row).labels)


def _selector(value: str) -> Callable[[tuple[str, ...]], bool]:
    """A selector over label tuples, each distinct tuple judged once."""
    return lru_cache(maxsize=4096)(LabelSelector.parse(value).matches)


def _port(side: str, value: str) -> Matcher:
    attribute, wanted = f"{side}_port", int(value)
    return lambda row: row.protocol in _WITH_PORTS and getattr(row, attribute) == wanted


_WITH_PORTS = frozenset({"TCP", "UDP", "SCTP"})


def _ip(side: str, value: str) -> Matcher:
    attribute, contains = f"{side}_ip", _network(value)
    return lambda row: contains(getattr(row, attribute))


def _network(value: str) -> Callable[[str], bool]:
    if "/" not in value:
        return lambda address: address == value
    network = ipaddress.ip_network(value, strict=False)

    @lru_cache(maxsize=4096)
    def contains(address: str) -> bool:
        try:
            return ipaddress.ip_address(address) in network
        except ValueError:
            return False

    return contains


def _fqdn(side: str, value: str) -> Matcher:
    attribute = f"{side}_names"
    pattern = _glob(value.strip().rstrip(".").lower())
    return lambda row: any(pattern.match(name.rstrip(".").lower()) for name in getattr(row, attribute))


def _glob(value: str) -> re.Pattern[str]:
    return re.compile("".join(".*" if part == "*" else re.escape(part) for part in re.split(r"(\*)", value)) + r"\Z")


_SIDED: dict[str, Callable[[str, Any], Matcher]] = {
    "pod": _pod,
    "service": _service,
    "cluster_name": _cluster,
    "identity": _identity,
    "workload": _workload,
    "label": _label,
    "port": _port,
    "ip": _ip,
    "fqdn": _fqdn,
}

# The flow as a whole.


def _verdict(value: str) -> Matcher:
    wanted = int(Verdict[value]) if value in Verdict.__members__ else 0
    return lambda row: row.verdict == wanted


def _event_type(value: Mapping[str, Any]) -> Matcher:
    kind, sub = value.get("type", 0), value.get("sub_type", 0)
    with_sub = value.get("match_sub_type", False)
    return lambda row: (not kind or row.event_type == kind) and (not with_sub or row.sub_type == sub)


def _protocol(value: str) -> Matcher:
    name = value.lower()
    match name:
        case "icmp":
            return lambda row: row.protocol in ("ICMPv4", "ICMPv6")
        case "dns" | "http" | "kafka":
            return lambda row: row.l7.startswith(f"{name}-")
        case _:
            return lambda row: row.protocol.lower() == name


def _reply(value: bool) -> Matcher:
    def matches(row: FlowRow) -> bool:
        if row.is_reply is None:
            return row.verdict == Verdict.DROPPED and not value
        return row.is_reply == value

    return matches


def _node_name(value: str) -> Matcher:
    cluster, slash, node = value.partition("/")
    if not slash:
        cluster, node = "*", value
    pattern = _glob(f"{cluster or '*'}/{node or '*'}")
    return lambda row: bool(pattern.match(row.node if "/" in row.node else f"default/{row.node}"))


def _node_label(value: str) -> Matcher:
    holds = _selector(value)
    return lambda row: holds(row.node_labels)


def _regex(read: Callable[[FlowRow], str]) -> Callable[[str], Matcher]:
    def build(value: str) -> Matcher:
        pattern = re.compile(value)

        def matches(row: FlowRow) -> bool:
            text = read(row)
            return bool(text) and len(text) <= _UNSEARCHABLE and bool(pattern.search(text))

        return matches

    return build


def _http_path(row: FlowRow) -> str:
    try:
        return urlsplit(row.extra.http_url).path
    except ValueError:
        return ""


def _http_status(value: str) -> Matcher:
    if value.endswith("+"):
        prefix = value[:-1]
        return lambda row: bool(row.http_status) and str(row.http_status).startswith(prefix)
    return lambda row: bool(row.http_status) and str(row.http_status) == value


def _tcp_flags(value: Mapping[str, bool]) -> Matcher:
    wanted = {flag for flag, is_set in value.items() if is_set}
    return lambda row: row.protocol == "TCP" and wanted <= set(row.flags.split(", "))


def _drop_reason(value: str) -> Matcher:
    wanted = dropreason.NUMBERS.get(value, -1)
    return lambda row: row.drop_reason == wanted


def _ip_version(value: str) -> Matcher:
    def version(row: FlowRow) -> str:
        if not row.source_ip:
            return "IP_NOT_USED"
        return "IPv6" if ":" in row.source_ip else "IPv4"

    return lambda row: version(row) == value


def _snat_ip(value: str) -> Matcher:
    contains = _network(value)
    return lambda row: contains(row.extra.source_ip_xlated)


def _http_header(value: Mapping[str, str]) -> Matcher:
    wanted = (value.get("key", ""), value.get("value", ""))
    return lambda row: wanted in row.extra.http_headers


def _equal(read: Callable[[FlowRow], Any]) -> Callable[[Any], Matcher]:
    return lambda value: lambda row: bool(read(row) == value)


def _cross_cluster(value: bool) -> Matcher:
    return lambda row: crosses(row) == value


def crosses(row: FlowRow) -> bool:
    """Whether the two sides are in different clusters, both known."""
    return bool(row.source.cluster and row.destination.cluster) and row.source.cluster != row.destination.cluster


_WITH_NODE = compact.Form(node=True)


def _text(value: str) -> Matcher:
    return lambda row: value in compact.compact_line(row, _WITH_NODE).lower()


_PLAIN: dict[str, Callable[[Any], Matcher]] = {
    "verdict": _verdict,
    "event_type": _event_type,
    "protocol": _protocol,
    "reply": _reply,
    "node_name": _node_name,
    "node_labels": _node_label,
    "dns_query": _regex(lambda row: row.dns_query),
    "http_path": _regex(_http_path),
    "http_url": _regex(lambda row: row.extra.http_url),
    "http_status_code": _http_status,
    "http_method": lambda value: lambda row: row.extra.http_method.lower() == value.lower(),
    "http_header": _http_header,
    "tcp_flags": _tcp_flags,
    "drop_reason_desc": _drop_reason,
    "traffic_direction": lambda value: lambda row: row.direction == Direction[value],
    "ip_version": _ip_version,
    "source_ip_xlated": _snat_ip,
    "interface": lambda value: lambda row: row.extra.interface == value.get("name", ""),
    "encrypted": _equal(lambda row: row.extra.encrypted),
    "uuid": _equal(lambda row: row.uuid),
    "trace_id": _equal(lambda row: row.extra.trace_id),
    "ip_trace_id": _equal(lambda row: row.extra.ip_trace_id),
    "cross_cluster": _cross_cluster,
    "text": _text,
}

L7 = int(EventType.L7)
