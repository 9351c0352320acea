"""FlowFilters as an agent evaluates them: fields ANDed, values of a field ORed, filters of a list ORed."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

from meshtui.hubble.pb import flow_pb2 as pb
from meshtui.sim.relay.labels import LabelSelector
from meshtui.sim.relay.ring import Event, Template

Check = Callable[[pb.Flow], bool]
PROTOCOLS = ("tcp", "udp", "sctp", "icmp", "icmpv4", "icmpv6", "vrrp", "igmp", "dns", "http")


class BadFilter(ValueError):
    """A filter the server refuses, as InvalidArgument."""


class FlowMatcher:
    """A whitelist and a blacklist, with results kept per template where they do not depend on the event."""

    def __init__(self, whitelist: Iterable[pb.FlowFilter], blacklist: Iterable[pb.FlowFilter]) -> None:
        allow, deny = list(whitelist), list(blacklist)
        self._allow = [compile_filter(f) for f in allow]
        self._deny = [compile_filter(f) for f in deny]
        self._uuids = [(set(f.uuid), f) for f in (*allow, *deny) if f.uuid]
        self._allow_uuid = [frozenset(f.uuid) for f in allow]
        self._deny_uuid = [frozenset(f.uuid) for f in deny]
        self._kept: dict[int, tuple[Template, bool]] = {}

    def matches(self, event: Event) -> bool:
        """Whether an event is wanted; a gap always is."""
        template = event.what
        if not isinstance(template, Template):
            return True
        if self._uuids:
            return self._evaluate(template.flow, event.uuid)
        held = self._kept.get(id(template))
        if held is not None and held[0] is template:
            return held[1]
        verdict = self._evaluate(template.flow, event.uuid)
        if len(self._kept) > 8192:
            self._kept.clear()
        self._kept[id(template)] = (template, verdict)
        return verdict

    def _evaluate(self, flow: pb.Flow, uuid: str) -> bool:
        if self._allow and not _any(self._allow, self._allow_uuid, flow, uuid):
            return False
        return not _any(self._deny, self._deny_uuid, flow, uuid)


def _any(filters: list[list[Check]], uuids: list[frozenset[str]], flow: pb.Flow, uuid: str) -> bool:
    return any(
        (not wanted or uuid in wanted) and all(check(flow) for check in checks)
        for checks, wanted in zip(filters, uuids, strict=True)
    )


def compile_filter(wanted: pb.FlowFilter) -> list[Check]:
    """Checks of one filter, all of which must hold; `uuid` is left to the matcher. Raises BadFilter."""
    checks: list[Check] = []
    for field, values in wanted.ListFields():
        if field.name == "uuid":
            continue
        make = FIELDS.get(field.name)
        if make is None:
            raise BadFilter(f"filter {field.name} is not supported")
        checks.append(make(list(values) if field.is_repeated else [values]))
    types = {t.type for t in wanted.event_type}
    if types and 129 not in types and 0 not in types:
        for name in ("http_status_code", "http_method", "http_path", "http_url", "http_header"):
            if getattr(wanted, name):
                raise BadFilter(f"{name} filter requires the event type filter to include L7")
    return checks


def _equal(get: Callable[[pb.Flow], object]) -> Callable[[Sequence[object]], Check]:
    def make(values: Sequence[object]) -> Check:
        wanted = set(values)
        return lambda flow: get(flow) in wanted

    return make


def _ip(get: Callable[[pb.Flow], str]) -> Callable[[Sequence[str]], Check]:
    def make(values: Sequence[str]) -> Check:
        exact = {v for v in values if "/" not in v}
        try:
            networks = [ipaddress.ip_network(v, strict=False) for v in values if "/" in v]
            for value in exact:
                ipaddress.ip_address(value)
        except ValueError as error:
            raise BadFilter(f"invalid IP address or CIDR: {error}") from error

        def check(flow: pb.Flow) -> bool:
            text = get(flow)
            if text in exact:
                return True
            return bool(networks and text) and any(ipaddress.ip_address(text) in n for n in networks)

        return check

    return make


def _named(get: Callable[[pb.Flow], tuple[str, str]]) -> Callable[[Sequence[str]], Check]:
    """`ns/prefix`; without a slash the namespace is default, an empty one is any."""

    def make(values: Sequence[str]) -> Check:
        wanted = []
        for value in values:
            if not value:
                raise BadFilter("pod or service filter must not be empty")
            namespace, slash, prefix = value.partition("/")
            wanted.append((namespace, prefix) if slash else ("default", value))

        def check(flow: pb.Flow) -> bool:
            namespace, name = get(flow)
            return bool(namespace or name) and any((not n or n == namespace) and name.startswith(p) for n, p in wanted)

        return check

    return make


def _glob(get: Callable[[pb.Flow], Iterable[str]]) -> Callable[[Sequence[str]], Check]:
    def make(values: Sequence[str]) -> Check:
        patterns = [re.compile(fnmatch.translate(v.rstrip(".").lower())) for v in values]
        return lambda flow: any(p.match(name.rstrip(".").lower()) for name in get(flow) for p in patterns)

    return make


def _regex(get: Callable[[pb.Flow], str]) -> Callable[[Sequence[str]], Check]:
    def make(values: Sequence[str]) -> Check:
        try:
            patterns = [re.compile(v) for v in values]
        except re.error as error:
            raise BadFilter(f"failed to compile regexp: {error}") from error
        return lambda flow: any(p.search(get(flow)) for p in patterns)

    return make


def _labels(get: Callable[[pb.Flow], Sequence[str]]) -> Callable[[Sequence[str]], Check]:
    def make(values: Sequence[str]) -> Check:
        try:
            chosen = [LabelSelector(v) for v in values]
        except ValueError as error:
            raise BadFilter(f"invalid label filter: {error}") from error
        return lambda flow: any(s.matches(get(flow)) for s in chosen)

    return make


def _ports(get: Callable[[pb.Flow], int]) -> Callable[[Sequence[str]], Check]:
    def make(values: Sequence[str]) -> Check:
        if not all(v.isdigit() and int(v) < 65536 for v in values):
            raise BadFilter("invalid port")
        wanted = {int(v) for v in values}
        return lambda flow: get(flow) in wanted

    return make


def port(flow: pb.Flow, side: str) -> int:
    """Source or destination port, 0 where there is none."""
    kind = flow.l4.WhichOneof("protocol")
    return int(getattr(getattr(flow.l4, kind), f"{side}_port")) if kind in ("TCP", "UDP", "SCTP") else 0


def _event_type(values: Sequence[pb.EventTypeFilter]) -> Check:
    def check(flow: pb.Flow) -> bool:
        return any(
            v.type == 0
            or (v.type == flow.event_type.type and (not v.match_sub_type or v.sub_type == flow.event_type.sub_type))
            for v in values
        )

    return check


def _protocol(values: Sequence[str]) -> Check:
    wanted = {v.lower() for v in values}
    if wanted - set(PROTOCOLS):
        raise BadFilter(f"unknown protocol: {', '.join(sorted(wanted - set(PROTOCOLS)))}")

    def check(flow: pb.Flow) -> bool:
        found = {(flow.l4.WhichOneof("protocol") or "").lower(), (flow.l7.WhichOneof("record") or "").lower()}
        if found & {"icmpv4", "icmpv6"}:
            found.add("icmp")
        return bool(found & wanted)

    return check


def _reply(values: Sequence[bool]) -> Check:
    """Unknown matches nothing, but counts as false on drops."""

    def check(flow: pb.Flow) -> bool:
        if flow.HasField("is_reply"):
            return flow.is_reply.value in values
        return flow.verdict == pb.DROPPED and False in values

    return check


def _tcp_flags(values: Sequence[pb.TCPFlags]) -> Check:
    wanted = [{f.name for f, on in v.ListFields() if on} for v in values]

    def check(flow: pb.Flow) -> bool:
        found = {f.name for f, on in flow.l4.TCP.flags.ListFields() if on}
        return flow.l4.HasField("TCP") and any(w <= found for w in wanted)

    return check


def _node_name(values: Sequence[str]) -> Check:
    """`cluster/node` globs; without a slash any cluster, with nothing behind it any node."""
    patterns = []
    for value in values:
        cluster, slash, node = value.partition("/")
        if not slash:
            cluster, node = "*", value
        patterns.append((cluster or "*", node or "*"))

    def check(flow: pb.Flow) -> bool:
        cluster, _, node = flow.node_name.partition("/")
        return any(fnmatch.fnmatchcase(cluster, c) and fnmatch.fnmatchcase(node, n) for c, n in patterns)

    return check


def _workload(get: Callable[[pb.Flow], Sequence[pb.Workload]]) -> Callable[[Sequence[pb.Workload]], Check]:
    def make(values: Sequence[pb.Workload]) -> Check:
        return lambda flow: any(
            (not v.name or v.name == w.name) and (not v.kind or v.kind == w.kind) for v in values for w in get(flow)
        )

    return make


def _status(values: Sequence[str]) -> Check:
    for value in values:
        if not re.fullmatch(r"[1-5][0-9]{0,2}\+?|[1-5][0-9]{2}", value):
            raise BadFilter(f"invalid http status code: {value}")

    def check(flow: pb.Flow) -> bool:
        code = str(flow.l7.http.code) if flow.l7.http.code else ""
        return bool(code) and any(code.startswith(v.rstrip("+")) if v.endswith("+") else code == v for v in values)

    return check


def _header(values: Sequence[pb.HTTPHeader]) -> Check:
    wanted = {(v.key, v.value) for v in values}
    return lambda flow: any((h.key, h.value) in wanted for h in flow.l7.http.headers)


def _interface(values: Sequence[pb.NetworkInterface]) -> Check:
    return lambda flow: any(
        (not v.name or v.name == flow.interface.name) and (not v.index or v.index == flow.interface.index)
        for v in values
    )


FIELDS: dict[str, Callable[..., Check]] = {
    "source_ip": _ip(lambda f: f.IP.source),
    "destination_ip": _ip(lambda f: f.IP.destination),
    "source_ip_xlated": _ip(lambda f: f.IP.source_xlated),
    "source_pod": _named(lambda f: (f.source.namespace, f.source.pod_name)),
    "destination_pod": _named(lambda f: (f.destination.namespace, f.destination.pod_name)),
    "source_service": _named(lambda f: (f.source_service.namespace, f.source_service.name)),
    "destination_service": _named(lambda f: (f.destination_service.namespace, f.destination_service.name)),
    "source_fqdn": _glob(lambda f: f.source_names),
    "destination_fqdn": _glob(lambda f: f.destination_names),
    "dns_query": _regex(lambda f: f.l7.dns.query),
    "source_label": _labels(lambda f: f.source.labels),
    "destination_label": _labels(lambda f: f.destination.labels),
    "node_labels": _labels(lambda f: f.node_labels),
    "source_identity": _equal(lambda f: f.source.identity),
    "destination_identity": _equal(lambda f: f.destination.identity),
    "source_workload": _workload(lambda f: f.source.workloads),
    "destination_workload": _workload(lambda f: f.destination.workloads),
    "source_cluster_name": _equal(lambda f: f.source.cluster_name),
    "destination_cluster_name": _equal(lambda f: f.destination.cluster_name),
    "source_port": _ports(lambda f: port(f, "source")),
    "destination_port": _ports(lambda f: port(f, "destination")),
    "verdict": _equal(lambda f: f.verdict),
    "drop_reason_desc": _equal(lambda f: f.drop_reason_desc),
    "traffic_direction": _equal(lambda f: f.traffic_direction),
    "ip_version": _equal(lambda f: f.IP.ipVersion),
    "trace_id": _equal(lambda f: f.trace_context.parent.trace_id),
    "ip_trace_id": _equal(lambda f: f.ip_trace_id.trace_id),
    "encrypted": _equal(lambda f: f.IP.encrypted),
    "event_type": _event_type,
    "protocol": _protocol,
    "reply": _reply,
    "tcp_flags": _tcp_flags,
    "node_name": _node_name,
    "interface": _interface,
    "http_status_code": _status,
    "http_method": lambda values: lambda f: f.l7.http.method.lower() in {v.lower() for v in values},
    "http_path": _regex(lambda f: urlsplit(f.l7.http.url).path if f.l7.http.url else ""),
    "http_url": _regex(lambda f: f.l7.http.url),
    "http_header": _header,
}
