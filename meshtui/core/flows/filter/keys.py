"""The filter bar's vocabulary: `hubble observe`'s flags without their dashes, and what each sets in a FlowFilter."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from meshtui.core import spelling
from meshtui.core.errors import UsageError
from meshtui.core.flows import compact, dropreason
from meshtui.core.flows.filter.labels import LabelSelector
from meshtui.core.model import identity


class FilterError(UsageError):
    """A filter's text is not understood; `at` is where in it."""

    def __init__(self, title: str, *, at: int = 0, cause: str = "", hint: str = "") -> None:
        super().__init__(title, cause=cause, hint=hint)
        self.at = at


class Key(Struct, frozen=True):
    """One word of the vocabulary. `left` and `right` are the FlowFilter fields it sets in the two halves.

    A key that means one side sets the same field in both halves; one that means either side (`pod`) sets the
    source's field in the left half and the destination's in the right, as the CLI does.
    """

    name: str
    left: str
    right: str
    read: Callable[[str], Any]
    """Value as typed → value in the FlowFilter. Raises ValueError with what is wrong."""
    help: str
    values: tuple[str, ...] = ()
    """What it takes, when that is a closed list."""
    bare: str = ""
    """The value it has when none is given: `encrypted` alone."""

    @property
    def either(self) -> bool:
        """Whether it means the source or the destination."""
        return self.left != self.right


def nearest(word: str, known: list[str]) -> str:
    """` — did you mean X?`, or nothing when no known word is close."""
    close = spelling.nearest(word.lower(), [k.lower() for k in known], 0.5)
    found = next((k for k in known if k.lower() == close), "")
    return f" — did you mean {found}?" if found else ""


def _choice(what: str, choices: dict[str, Any]) -> Callable[[str], Any]:
    lowered = {name.lower(): value for name, value in choices.items()}

    def read(value: str) -> Any:
        found = lowered.get(value.lower())
        if found is None:
            raise ValueError(f"{what} cannot be {value!r}{nearest(value, list(choices))}")
        return found

    return read


def _text(value: str) -> str:
    if not value:
        raise ValueError("it needs a value")
    return value


def _port(value: str) -> str:
    if not value.isdecimal() or int(value) > 65535:
        raise ValueError(f"a port is a number from 0 to 65535, not {value!r}")
    return str(int(value))


def _address(value: str) -> str:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f"{value} is neither an IP address nor a CIDR") from None
    return value


def _identity(value: str) -> int:
    if value.isdecimal():
        return int(value)
    name = value.removeprefix("reserved:").lower()
    return int(_choice("identity (a number or a reserved name)", dict(identity.RESERVED_NUMBERS))(name))


def _label(value: str) -> str:
    LabelSelector.parse(_text(value))
    return value


def _regex(value: str) -> str:
    try:
        re.compile(_text(value))
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return value


def _workload(value: str) -> dict[str, str]:
    kind, slash, name = _text(value).rpartition("/")
    return {"kind": kind, "name": name} if slash else {"name": name}


TYPES = MappingProxyType(
    {"drop": 1, "debug": 2, "capture": 3, "trace": 4, "policy-verdict": 5, "trace-sock": 7, "l7": 129}
)
_REASONS = {name: number for number, name in dropreason.NAMES.items()}


def _event_type(value: str) -> dict[str, Any]:
    name, colon, sub = value.partition(":")
    kind = int(name) if name.isdecimal() else _choice("event type", dict(TYPES))(name)
    if not colon:
        return {"type": kind}
    if sub.isdecimal():
        number = int(sub)
    elif kind == TYPES["trace"]:
        number = _choice("observation point", {p: n for n, p in enumerate(compact.TRACE_POINTS)})(sub)
    elif kind == TYPES["drop"]:
        number = _choice("drop reason", _REASONS)(sub)
    else:
        raise ValueError(f"{name} has no sub-types")
    return {"type": kind, "match_sub_type": True, "sub_type": number}


TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "NS")


def _tcp_flags(value: str) -> dict[str, bool]:
    read = _choice("TCP flag", {flag: flag for flag in TCP_FLAGS})
    return {read(flag): True for flag in value.split(",")}


def _http_status(value: str) -> str:
    if not re.fullmatch(r"\d{3}|\d{1,2}\+", value):
        raise ValueError(f"{value} is not an HTTP status: write 404, or a prefix such as 4+")
    return value


def _http_header(value: str) -> dict[str, str]:
    key, colon, rest = value.partition(":")
    if not colon:
        raise ValueError(f"{value} is not a header: write KEY:VALUE")
    return {"key": key, "value": rest}


def _truth(value: str) -> bool:
    return bool(_choice("yes or no", {"true": 1, "false": 0, "yes": 1, "no": 0, "": 1})(value))


def _json(value: str) -> dict[str, Any]:
    try:
        document = json.loads(value)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    return document


_PROTOCOLS = ("tcp", "udp", "sctp", "icmp", "icmpv4", "icmpv6", "vrrp", "igmp", "dns", "http", "kafka")
_VERDICTS = tuple(name for number, name in compact.VERDICTS.items() if number)
_IP_VERSIONS = {"none": "IP_NOT_USED", "v4": "IPv4", "v6": "IPv6", "4": "IPv4", "6": "IPv6"}
CLIENT_FIELDS = frozenset({"cross_cluster", "text"})
"""Fields that no FlowFilter has: evaluated here only."""
SERVER_FIELDS = frozenset({"cel_expression"})
"""Fields that only the server can evaluate."""


def _sided(name: str, field: str, read: Callable[[str], Any], text: str) -> list[Key]:
    source, destination = f"source_{field}", f"destination_{field}"
    return [
        Key(name, source, destination, read, f"either side: {text}"),
        Key(f"from-{name}", source, source, read, f"source: {text}"),
        Key(f"to-{name}", destination, destination, read, f"destination: {text}"),
    ]


def _plain(
    name: str, field: str, read: Callable[[str], Any], text: str, values: tuple[str, ...] = (), bare: str = ""
) -> Key:
    return Key(name, field, field, read, text, values, bare)


def _vocabulary() -> list[Key]:
    """All keys, the commonest first: completion offers them in this order."""
    truth = ("yes", "no")
    return [
        _plain(
            "verdict",
            "verdict",
            _choice("verdict", {v: v for v in _VERDICTS}),
            "the verdict of the datapath: forwarded, dropped, …",
            _VERDICTS,
        ),
        *_sided("pod", "pod", _text, "pod, `namespace/prefix`; without a namespace: default"),
        *_sided("namespace", "namespace", _text, "Kubernetes namespace"),
        *_sided("cluster", "cluster_name", _text, "cluster, its exact name"),
        *_sided("label", "label", _label, "labels, as a Kubernetes selector"),
        *_sided("port", "port", _port, "port"),
        _plain("type", "event_type", _event_type, "event type, `TYPE[:SUBTYPE]`", tuple(TYPES)),
        *_sided("service", "service", _text, "service, `namespace/prefix`"),
        *_sided("workload", "workload", _workload, "workload, `[kind/]name`"),
        *_sided("ip", "ip", _address, "IP address or CIDR"),
        *_sided("identity", "identity", _identity, "security identity, a number or a reserved name"),
        *_sided("fqdn", "fqdn", _text, "DNS name, `*` matches anything"),
        _plain("drop-reason-desc", "drop_reason_desc", _reason_name, "why it was dropped", tuple(dropreason.NUMBERS)),
        _plain("protocol", "protocol", _choice("protocol", {p: p for p in _PROTOCOLS}), "protocol", _PROTOCOLS),
        _plain(
            "traffic-direction",
            "traffic_direction",
            _choice("direction", {"ingress": "INGRESS", "egress": "EGRESS"}),
            "seen entering or leaving an endpoint",
            ("ingress", "egress"),
        ),
        _plain("tcp-flags", "tcp_flags", _tcp_flags, "TCP flags that must all be set, `syn,ack`", TCP_FLAGS),
        _plain("reply", "reply", _truth, "a reply, or not", truth, "true"),
        _plain("http-status", "http_status_code", _http_status, "HTTP status, `404` or `4+`"),
        _plain("http-method", "http_method", _text, "HTTP method"),
        _plain("http-path", "http_path", _regex, "HTTP path, a regular expression"),
        _plain("http-url", "http_url", _regex, "URL, a regular expression"),
        _plain("http-header", "http_header", _http_header, "HTTP header, `KEY:VALUE`"),
        _plain("dns-query", "dns_query", _regex, "DNS query, a regular expression"),
        _plain("node-name", "node_name", _text, "observing node, `cluster/node` with `*`"),
        _plain("node-label", "node_labels", _label, "observing node's labels, a selector"),
        _plain("ip-version", "ip_version", _choice("IP version", _IP_VERSIONS), "IP version", ("none", "v4", "v6")),
        _plain("snat-ip", "source_ip_xlated", _address, "source address after masquerading"),
        _plain("interface", "interface", lambda v: {"name": _text(v)}, "network interface"),
        _plain("encrypted", "encrypted", _truth, "encrypted on the wire", truth, "true"),
        _plain("uuid", "uuid", _text, "one event by its uuid"),
        _plain("trace-id", "trace_id", _text, "HTTP trace id"),
        _plain("ip-trace-id", "ip_trace_id", _number, "IP option trace id"),
        _plain("cel-expression", "cel_expression", _text, "CEL over `_flow`; only the server can"),
        _plain("cross-cluster", "cross_cluster", _truth, "from one cluster to another; only here", truth, "true"),
        _plain("text", "text", lambda v: _text(v).lower(), "words of the compact line; only here"),
    ]


def _reason_name(value: str) -> str:
    if value.isdecimal() and int(value) in dropreason.NAMES:
        return dropreason.NAMES[int(value)]
    return str(_choice("drop reason", {name: name for name in dropreason.NUMBERS})(value))


def _number(value: str) -> int:
    if not value.isdecimal():
        raise ValueError(f"{value} is not a number")
    return int(value)


KEYS = MappingProxyType({key.name: key for key in _vocabulary()})
"""Name → key, the commonest first."""
ALIASES = MappingProxyType(
    {
        "n": "namespace",
        "ns": "namespace",
        "l": "label",
        "t": "type",
        "reason": "drop-reason-desc",
        "direction": "traffic-direction",
        "status": "http-status",
        "method": "http-method",
        "path": "http-path",
        "node": "node-name",
        "flags": "tcp-flags",
        "cel": "cel-expression",
    }
)
SHORTHANDS = MappingProxyType(
    {
        "ipv4": ("ip-version", "v4"),
        "4": ("ip-version", "v4"),
        "ipv6": ("ip-version", "v6"),
        "6": ("ip-version", "v6"),
        "not-reply": ("reply", "false"),
        "unencrypted": ("encrypted", "false"),
    }
)
"""Flags that are a key and a value in one."""
WITHOUT_FLAG = frozenset({"dns-query"})
"""Keys the server's FlowFilter has and `hubble observe` gives no flag for."""
read_json = _json

_ONE_OF = tuple(
    frozenset({f"{side}-fqdn", f"{side}-ip", "ip", "fqdn", *rest})
    for side in ("from", "to")
    for rest in ((f"{side}-namespace", "namespace"), (f"{side}-pod", "pod"))
)
_NOT_WITH = (
    *((frozenset({f"{side}-{what}"}), "namespace") for side in ("from", "to") for what in ("pod", "service")),
    *(
        (frozenset({f"from-{name}", f"to-{name}"}), name)
        for name in ("label", "service", "port", "identity", "workload")
    ),
)


def conflict(names: list[str]) -> tuple[str, str] | None:
    """Two of `names` that cannot stand together, as `hubble observe` has it; None when all can."""
    present = set(names)
    for group in _ONE_OF:
        together = sorted(present & group)
        if len(together) > 1:
            return together[0], together[1]
    for several, one in _NOT_WITH:
        if one in present and several & present:
            return min(several & present), one
    return None
