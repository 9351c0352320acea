"""Our JSON of a flow has Hubble's order and Go's characters. test_jsonparts has the recorded lines."""

from __future__ import annotations

import json

from google.protobuf import json_format

from meshtui.hubble import jsontext
from meshtui.hubble.jsonlines import as_line
from meshtui.hubble.pb import flow_pb2, observer_pb2
from meshtui.hubble.rows import row_from_response

FLOW = [
    *("time", "uuid", "emitter", "verdict", "drop_reason", "auth_type", "ethernet", "IP", "l4", "tunnel", "source"),
    *(
        "destination",
        "Type",
        "node_name",
        "node_labels",
        "source_names",
        "destination_names",
        "l7",
        "reply",
        "event_type",
    ),
    *("source_service", "destination_service", "traffic_direction", "policy_match_type", "trace_observation_point"),
    *("trace_reason", "file", "ip_trace_id", "drop_reason_desc", "is_reply", "debug_capture_point", "interface"),
    *("proxy_port", "trace_context", "sock_xlate_point", "socket_cookie", "cgroup_id", "Summary", "egress_allowed_by"),
    *("ingress_allowed_by", "egress_denied_by", "ingress_denied_by", "policy_log", "aggregate"),
]


def whole() -> flow_pb2.Flow:
    """A flow with every field but `extensions` set."""
    flow = flow_pb2.Flow(
        uuid="u",
        node_name="k/n",
        Summary="s",
        reply=True,
        **dict.fromkeys(("node_labels", "source_names", "destination_names", "policy_log"), ("a",)),
        **dict.fromkeys(("verdict", "drop_reason", "auth_type", "Type", "traffic_direction", "policy_match_type"), 1),
        **dict.fromkeys(("trace_observation_point", "trace_reason", "proxy_port", "sock_xlate_point"), 1),
        **dict.fromkeys(("socket_cookie", "cgroup_id"), 1),
        drop_reason_desc=133,
        debug_capture_point=4,
    )
    for name in (
        *("time", "emitter", "ethernet", "IP", "l4", "tunnel", "source", "destination", "l7", "event_type", "file"),
        *(
            "source_service",
            "destination_service",
            "ip_trace_id",
            "is_reply",
            "interface",
            "trace_context",
            "aggregate",
        ),
    ):
        getattr(flow, name).SetInParent()
    for name in ("egress_allowed_by", "ingress_allowed_by", "egress_denied_by", "ingress_denied_by"):
        getattr(flow, name).add(kind="CiliumNetworkPolicy", revision=7, name="p", labels=["x"])
    flow.source.CopyFrom(
        flow_pb2.Endpoint(ID=1, identity=2, cluster_name="k", namespace="d", labels=["y"], pod_name="p")
    )
    flow.source.workloads.add(kind="Deployment", name="w")
    return flow


def test_every_field_has_its_place() -> None:
    response = observer_pb2.GetFlowsResponse(flow=whole(), node_name="k/n")
    response.time.seconds = 1
    found = jsontext.document(response)
    assert list(found) == ["flow", "node_name", "time"]
    assert list(found["flow"]) == FLOW
    assert set(FLOW) | {"extensions"} == {field.name for field in flow_pb2.Flow.DESCRIPTOR.fields}
    assert list(found["flow"]["source"]) == [
        "ID",
        "identity",
        "cluster_name",
        "namespace",
        "labels",
        "pod_name",
        "workloads",
    ]
    assert list(found["flow"]["egress_denied_by"][0]) == ["name", "labels", "revision", "kind"]
    assert list(found["flow"]["source"]["workloads"][0]) == ["name", "kind"]
    assert found == json_format.MessageToDict(response, preserving_proto_field_name=True)


def test_what_go_escapes_and_what_could_harm_a_terminal() -> None:
    evil = 'a<b>&c\x1b[2J\u202e\u2028\x7fé"\\'
    line = as_line(
        row_from_response(observer_pb2.GetFlowsResponse(flow=flow_pb2.Flow(Summary=evil, time={"seconds": 1})), "c")
    )
    assert r"a\u003cb\u003e\u0026c\u001b[2J\u202e\u2028" in line
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["flow"]["Summary"] == evil


def test_what_has_a_json_form_of_its_own_stays_as_it_is() -> None:
    response = observer_pb2.GetFlowsResponse(flow=flow_pb2.Flow(uuid="u"))
    response.flow.extensions.Pack(flow_pb2.Endpoint(pod_name="p", ID=1))
    found = jsontext.document(response)["flow"]["extensions"]
    assert found == {"@type": "type.googleapis.com/flow.Endpoint", "ID": 1, "pod_name": "p"}
