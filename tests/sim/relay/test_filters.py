"""Every field of a FlowFilter: what it lets through, alone in a whitelist and alone in a blacklist."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from meshtui.hubble.pb import flow_pb2
from meshtui.sim.relay.filters import BadFilter, FlowMatcher
from meshtui.sim.relay.ring import Event, Template

UUID = "12345678-1234-4234-8234-123456789abc"
SYN = {"SYN": True}
FLOW = Template(
    ParseDict(
        {
            "node_name": "koornacht/worker2",
            "node_labels": ["kubernetes.io/os=linux"],
            "verdict": "DROPPED",
            "drop_reason_desc": "POLICY_DENIED",
            "IP": {
                "source": "10.1.0.27",
                "destination": "10.2.0.4",
                "source_xlated": "172.18.0.2",
                "ipVersion": "IPv4",
            },
            "l4": {"TCP": {"source_port": 40000, "destination_port": 80, "flags": {"SYN": True, "ACK": True}}},
            "source": {
                "identity": 70000,
                "namespace": "default",
                "pod_name": "x-wing-5b79ffc867-abcde",
                "labels": ["k8s:name=x-wing", "k8s:tier=front"],
                "workloads": [{"name": "x-wing", "kind": "Deployment"}],
                "cluster_name": "koornacht",
            },
            "destination": {
                "identity": 140000,
                "namespace": "team-a",
                "pod_name": "rebel-base-0",
                "labels": ["k8s:name=rebel-base"],
                "workloads": [{"name": "rebel-base", "kind": "StatefulSet"}],
                "cluster_name": "tion",
            },
            "source_names": ["x-wing.example.org"],
            "destination_names": ["api.example.org"],
            "source_service": {"name": "fleet", "namespace": "default"},
            "destination_service": {"name": "rebel-base", "namespace": "team-a"},
            "event_type": {"type": 129, "sub_type": 0},
            "traffic_direction": "EGRESS",
            "trace_context": {"parent": {"trace_id": "cafe"}},
            "ip_trace_id": {"trace_id": 7},
            "interface": {"index": 3, "name": "eth0"},
            "l7": {
                "type": "REQUEST",
                "http": {
                    "code": 404,
                    "method": "GET",
                    "url": "http://rebel-base/plans?id=1",
                    "headers": [{"key": "X-Request-Id", "value": "42"}],
                },
            },
        },
        flow_pb2.Flow(),
    )
)
LOOKUP = Template(ParseDict({"l7": {"dns": {"query": "rebel-base.default.svc."}}}, flow_pb2.Flow()))
CASES: dict[str, tuple[list[Any], list[Any]]] = {
    "source_ip": (["10.1.0.27", "10.1.0.0/24"], ["10.1.0.2", "10.2.0.0/16"]),
    "destination_ip": (["10.2.0.4", "10.0.0.0/8"], ["10.1.0.27"]),
    "source_ip_xlated": (["172.18.0.2"], ["172.18.0.3"]),
    "source_pod": (["x-wing", "default/x-w", "default/", "/x-wing", "/"], ["team-a/x-wing", "wing", "y"]),
    "destination_pod": (["team-a/rebel", "/rebel-base-0"], ["rebel-base", "team-a/base"]),
    "source_service": (["fleet", "default/fl"], ["team-a/fleet"]),
    "destination_service": (["team-a/rebel-base"], ["rebel-base"]),
    "source_fqdn": (["x-wing.example.org", "*.example.org"], ["example.org", "api.example.org"]),
    "destination_fqdn": (["api.*", "API.example.org."], ["x-wing.example.org"]),
    "source_label": (
        ["name=x-wing", "k8s:name=x-wing", "any:name", "tier in (front,back)", "name=x-wing,tier=front", "!canary"],
        ["name=y-wing", "reserved:name=x-wing", "tier notin (front)", "name=x-wing,tier=back", "canary"],
    ),
    "destination_label": (["name=rebel-base", "name!=x-wing"], ["name=x-wing", "!name"]),
    "node_labels": (["kubernetes.io/os=linux"], ["kubernetes.io/os=windows"]),
    "source_identity": ([70000], [140000]),
    "destination_identity": ([140000], [1]),
    "source_workload": (
        [{"name": "x-wing"}, {"kind": "Deployment"}, {"name": "x-wing", "kind": "Deployment"}],
        [{"name": "x"}, {"name": "x-wing", "kind": "DaemonSet"}],
    ),
    "destination_workload": ([{"kind": "StatefulSet"}], [{"kind": "Deployment"}]),
    "source_cluster_name": (["koornacht"], ["Koornacht", "koorn*", "tion"]),
    "destination_cluster_name": (["tion"], ["koornacht"]),
    "source_port": (["40000"], ["80"]),
    "destination_port": (["80"], ["8080"]),
    "node_name": (
        ["koornacht/worker2", "worker2", "worker*", "koornacht/", "koornacht/*", "*/worker2"],
        ["tion/", "worker", "default/worker2"],
    ),
    "verdict": (["DROPPED"], ["FORWARDED", "AUDIT"]),
    "drop_reason_desc": (["POLICY_DENIED"], ["POLICY_DENY"]),
    "traffic_direction": (["EGRESS"], ["INGRESS"]),
    "ip_version": (["IPv4"], ["IPv6"]),
    "uuid": ([UUID], [UUID.replace("1", "2")]),
    "trace_id": (["cafe"], ["beef"]),
    "ip_trace_id": ([7], [8]),
    "encrypted": ([False], [True]),
    "event_type": (
        [{"type": 0}, {"type": 129}, {"type": 129, "match_sub_type": True}, {"type": 129, "sub_type": 9}],
        [{"type": 4}, {"type": 129, "match_sub_type": True, "sub_type": 9}],
    ),
    "protocol": (["tcp", "TCP", "http"], ["udp", "dns", "icmp"]),
    "reply": ([False], [True]),
    "tcp_flags": ([SYN, {"SYN": True, "ACK": True}], [{"FIN": True}, {"SYN": True, "FIN": True}]),
    "interface": ([{"name": "eth0"}, {"index": 3}], [{"name": "eth1"}, {"index": 3, "name": "eth1"}]),
    "http_status_code": (["404", "4+", "40+"], ["200", "5+"]),
    "http_method": (["GET", "get"], ["POST"]),
    "http_path": (["^/plans$", "pl"], ["^/$", "id=1"]),
    "http_url": (["id=1", "^http://rebel-base/"], ["^https:"]),
    "http_header": ([{"key": "X-Request-Id", "value": "42"}], [{"key": "X-Request-Id", "value": "43"}]),
    "dns_query": ([], ["rebel-base"]),
}
SINGLE = [
    (field, value, hit) for field, pair in CASES.items() for hit, held in ((1, pair[0]), (0, pair[1])) for value in held
]


def wanted(**fields: Any) -> flow_pb2.FlowFilter:
    """A filter."""
    return ParseDict(fields, flow_pb2.FlowFilter())


def passes(*, allow: list[Any] | None = None, deny: list[Any] | None = None, template: Template = FLOW) -> bool:
    """Whether an event of the flow is delivered."""
    return FlowMatcher(allow or [], deny or []).matches(Event(1, template, UUID))


def test_every_field_there_is_has_its_cases() -> None:
    assert set(CASES) == {f.name for f in flow_pb2.FlowFilter.DESCRIPTOR.fields} - {"experimental"}


@pytest.mark.parametrize(("field", "value", "hit"), SINGLE)
def test_a_value_alone_lets_through_or_keeps_out(field: str, value: Any, hit: int) -> None:
    only = wanted(**{field: [value]})
    assert passes(allow=[only]) is bool(hit)
    assert passes(deny=[only]) is not bool(hit)


def test_values_of_a_field_are_alternatives_and_fields_all_have_to_hold() -> None:
    assert passes(allow=[wanted(source_port=["1", "40000"])])
    assert not passes(allow=[wanted(source_port=["40000"], destination_port=["1"])])
    assert passes(allow=[wanted(destination_port=["1"]), wanted(source_port=["40000"])])
    assert not passes(allow=[wanted(source_port=["40000"])], deny=[wanted(verdict=["DROPPED"])])
    assert passes()


def test_dns_queries_are_searched() -> None:
    assert passes(allow=[wanted(dns_query=["^rebel-base\\."])], template=LOOKUP)
    assert not passes(allow=[wanted(dns_query=["^base"])], template=LOOKUP)
    assert passes(allow=[wanted(protocol=["dns"])], template=LOOKUP)


def test_an_unknown_reply_matches_nothing_but_counts_as_false_when_dropped() -> None:
    unknown = Template(flow_pb2.Flow(verdict=flow_pb2.FORWARDED))
    assert not passes(allow=[wanted(reply=[False])], template=unknown)
    assert not passes(allow=[wanted(reply=[True])], template=unknown)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"source_ip": ["10.1.0.0/99"]}, "invalid IP address or CIDR"),
        ({"source_pod": [""]}, "must not be empty"),
        ({"protocol": ["pigeon"]}, "unknown protocol: pigeon"),
        ({"source_port": ["http"]}, "invalid port"),
        ({"dns_query": ["("]}, "failed to compile regexp"),
        ({"source_label": ["=x"]}, "invalid label filter"),
        ({"http_status_code": ["teapot"]}, "invalid http status code"),
        ({"http_method": ["GET"], "event_type": [{"type": 4}]}, "requires the event type filter to include L7"),
        ({"experimental": {"cel_expression": ["true"]}}, "experimental is not supported"),
    ],
)
def test_what_is_not_a_filter_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(BadFilter, match=why):
        FlowMatcher([wanted(**fields)], [])
