"""Messages as rows: recorded ones field by field, hostile ones without harm."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.core.flows.compact import compact_line
from meshtui.core.flows.flow import FlowRow, Peer
from meshtui.hubble import jsonlines
from meshtui.hubble.pb import flow_pb2, observer_pb2, skim_pb2
from meshtui.hubble.rows import Decoder, Lost, NodeStatus, Undecodable, full_response, row_from_response
from tests.core.flowrows import recorded
from tests.hubble.test_pb import recorded_responses


def test_a_recorded_relay_stream() -> None:
    decoder = Decoder("kind-koornacht")
    items = [decoder.decode(r.SerializeToString()) for r in recorded_responses()]
    assert isinstance(items[0], NodeStatus)
    assert set(items[0].nodes) == {"koornacht/koornacht-control-plane", "tion/tion-control-plane"}
    rows = [item for item in items[1:] if isinstance(item, FlowRow)]
    assert len(rows) == 500
    for row, response in zip(rows, recorded_responses()[1:], strict=True):
        flow = response.flow
        assert (row.uuid, row.verdict, row.summary) == (flow.uuid, flow.verdict, flow.Summary)
        assert row.time_ns == flow.time.ToNanoseconds()
        assert row.source.labels == tuple(flow.source.labels)
        assert row.destination.cluster == flow.destination.cluster_name
        assert (row.source_ip, row.destination_ip) == (flow.IP.source, flow.IP.destination)
        assert row.is_reply == (flow.is_reply.value if flow.HasField("is_reply") else None)
        assert full_response(row) == response


def test_rows_share_what_repeats() -> None:
    rows = recorded("10-default-deny")
    assert len({id(row.source) for row in rows} | {id(row.destination) for row in rows}) < 40


def test_policies_of_a_verdict() -> None:
    allowed = next(r for r in recorded("14-egress-any-cluster") if r.allowed_by and r.destination_port == 80)
    assert {p.kind for p in allowed.allowed_by} <= {"CiliumNetworkPolicy", ""}
    denied = next(r for r in recorded("10-default-deny") if r.event_type == 5 and r.verdict == 2)
    assert (denied.denied_by, denied.drop_reason, denied.match_type) == ((), 133, 0)


def test_a_dns_request() -> None:
    row = next(r for r in recorded("10-default-deny") if r.l7)
    assert (row.l7, row.dns_query) == ("dns-request proxy", "rebel-base.default.svc.cluster.local.")


def test_http_and_everything_rare() -> None:
    response = observer_pb2.GetFlowsResponse(node_name="k/n")
    flow = response.flow
    flow.time.seconds = 5
    flow.l7.type, flow.l7.latency_ns = flow_pb2.RESPONSE, 9
    flow.l7.http.code, flow.l7.http.method, flow.l7.http.url = 503, "GET", "http://rebel-base/x?y"
    flow.l7.http.headers.add(key="X", value="1")
    flow.IP.source, flow.IP.encrypted, flow.IP.source_xlated = "10.0.0.1", True, "1.2.3.4"
    flow.interface.name, flow.ip_trace_id.trace_id = "eth0", 77
    flow.trace_context.parent.trace_id = "abc"
    flow.source.workloads.add(name="w", kind="DaemonSet")
    flow.source_service.name, flow.source_service.namespace = "svc", "ns"
    flow.source_names.append("a.example")
    row = row_from_response(response, "c")
    assert (row.l7, row.http_status, row.node) == ("http-response", 503, "k/n")
    extra = row.extra
    assert (extra.http_method, extra.http_url, extra.http_headers) == ("GET", "http://rebel-base/x?y", (("X", "1"),))
    assert (extra.encrypted, extra.source_ip_xlated, extra.interface) == (True, "1.2.3.4", "eth0")
    assert (extra.ip_trace_id, extra.trace_id, extra.latency_ns) == (77, "abc", 9)
    assert (row.source.workload, row.source.workload_kind) == ("w", "DaemonSet")
    assert (row.source_service, row.source_names) == ("ns/svc", ("a.example",))


def test_missing_sub_messages() -> None:
    response = observer_pb2.GetFlowsResponse()
    response.flow.SetInParent()
    row = row_from_response(response, "c")
    assert (row.source, row.source_ip, row.protocol, row.time_ns) == (row.destination, "", "", 0)
    assert isinstance(row.source, Peer)
    assert compact_line(row) == "Jan  1 00:00:00.000:  (unknown) <>  (unknown) UNKNOWN VERDICT_UNKNOWN ()"


def test_hostile_values() -> None:
    response = observer_pb2.GetFlowsResponse()
    flow = response.flow
    flow.time.seconds, flow.verdict, flow.traffic_direction = 253402300799 * 9, 77, 99  # type: ignore[assignment]
    flow.source.pod_name = "\x1b]0;x\x07" + "p" * 65536
    flow.source.labels.extend(["\u202e=" * 1000] * 50)
    flow.event_type.type, flow.event_type.sub_type = -5, 2**31 - 1
    flow.l7.type = 42  # type: ignore[assignment]
    flow.l4.TCP.source_port = 2**32 - 1
    flow.IP.source = "not an address"
    row = row_from_response(response, "c")
    line = compact_line(row)
    assert line.isprintable()
    assert line.startswith("N/A: ")
    assert (row.verdict, row.l7) == (77, "l7-42")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    item = Decoder("c").decode(data)
    assert isinstance(item, FlowRow | NodeStatus | Lost | Undecodable)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_real_flow_with_flipped_bytes_does_no_harm(data: st.DataObject) -> None:
    raw = bytearray(recorded_responses()[data.draw(st.integers(1, 500))].SerializeToString())
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    item = Decoder("c").decode(bytes(raw))
    if isinstance(item, FlowRow):
        assert compact_line(item).isprintable()


def test_a_bytes_message_without_a_flow_is_refused() -> None:
    with pytest.raises(ValueError, match="not a flow"):
        row_from_response(b"", "c")
    with pytest.raises(ValueError, match="raw"):
        full_response(FlowRow(*([None] * 17)))  # type: ignore[arg-type]


def test_skim_has_flows_numbers() -> None:
    ours = skim_pb2.Flow.DESCRIPTOR.fields_by_name
    theirs = flow_pb2.Flow.DESCRIPTOR.fields_by_name
    assert {name: f.number for name, f in ours.items()} == {name: theirs[name].number for name in ours}
    assert all(f.is_repeated == theirs[name].is_repeated for name, f in ours.items())
    answer = observer_pb2.GetFlowsResponse.DESCRIPTOR.fields_by_name
    assert all(answer[n].number == f.number for n, f in skim_pb2.Response.DESCRIPTOR.fields_by_name.items())


# JSON lines.


def test_exported_lines_are_the_clis(recordings: Path) -> None:
    import gzip

    with gzip.open(recordings / "4-global" / "flows.jsonl.gz", "rt") as file:
        lines = file.read().splitlines()
    rows = recorded("4-global")
    assert [json.loads(jsonlines.as_line(row)) for row in rows] == [json.loads(line) for line in lines]


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_a_stream_cut_anywhere(recordings: Path, size: int) -> None:
    import gzip

    with gzip.open(recordings / "4-global" / "flows.jsonl.gz", "rb") as file:
        data = b"".join(file.readlines()[:20]).rstrip(b"\n")
    reader = jsonlines.JsonLines("c")
    items = [item for at in range(0, len(data), size) for item in reader.feed(data[at : at + size])]
    items += reader.finish()
    assert [item.uuid for item in items if isinstance(item, FlowRow)] == [r.uuid for r in recorded("4-global")[:20]]


def test_other_lines() -> None:
    reader = jsonlines.JsonLines("c")
    lost = reader.line('{"lost_events":{"source":"HUBBLE_RING_BUFFER","num_events_lost":"12"},"node_name":"k/n"}')
    assert lost == Lost(3, 12, "k/n")
    assert isinstance(lost, Lost)
    assert lost.where == "HUBBLE_RING_BUFFER"
    status = reader.line('{"node_status":{"state_change":"NODE_UNAVAILABLE","node_names":["k/n"]}}')
    assert status == NodeStatus(2, ("k/n",))
    legacy = reader.line('{"time":"2026-11-23T19:38:15Z","uuid":"u","verdict":"DROPPED","node_name":"k/n"}')
    assert isinstance(legacy, FlowRow)
    assert (legacy.uuid, legacy.node, legacy.verdict) == ("u", "k/n", 2)
    for bad in ("{", "[1]", "7", "{}", '{"flow":{"verdict":[]}}', '{"flow":' * 5000):
        fresh = jsonlines.JsonLines("c")  # what may be a document over several lines is judged at its end
        told = [*fresh.feed(f"{bad}\n".encode()), *fresh.finish()]
        assert told, bad
        assert all(isinstance(item, Undecodable) for item in told), bad
    assert reader.line("  \n") is None
    newer = reader.line('{"flow":{"uuid":"u","brand_new":{"x":1}},"node_name":"k/n"}')
    assert isinstance(newer, FlowRow)


def test_an_endless_line_is_dropped_and_told() -> None:
    reader = jsonlines.JsonLines("c", limit=1000)
    assert [type(item) for item in reader.feed(b"x" * 2000)] == [Undecodable]
    assert reader.feed(b"x" * 500 + b"\n") == []
    (item,) = reader.feed(b'{"flow":{"uuid":"u"}}\n')
    assert isinstance(item, FlowRow)


def test_a_mask_of_known_fields_only() -> None:
    from meshtui.core.errors import UsageError
    from meshtui.hubble.query import FlowQuery, request

    assert set(FlowQuery().mask) <= {field.name for field in flow_pb2.Flow.DESCRIPTOR.fields}
    message = request(FlowQuery([{"verdict": ["DROPPED"], "source_port": ["80"]}], since_ns=1_500_000_000))
    assert message.since.ToJsonString() == "1970-01-01T00:00:01.500Z"
    assert [f.source_port for f in message.whitelist] == [["80"]]
    with pytest.raises(UsageError):
        request(FlowQuery([{"verdict": ["NOPE"]}]))


# Rows are read when they are first asked for.


def test_an_unread_row_is_a_row_like_any_other() -> None:
    raw = recorded_responses()[5].SerializeToString()
    unread = Decoder("c").decode(raw)
    read = Decoder("c", keep_raw=False).decode(raw)
    assert isinstance(unread, FlowRow)
    assert isinstance(read, FlowRow)
    for field in dataclasses.fields(FlowRow):
        if field.name not in ("source", "destination", "raw"):
            assert getattr(unread, field.name) == getattr(read, field.name), field.name
    assert (unread.source.labels, unread.received, unread.raw) == (read.source.labels, "c", raw)
    assert dataclasses.replace(unread, uuid="other").summary == read.summary
    with pytest.raises(AttributeError):
        unread.nonsense  # type: ignore[attr-defined]  # noqa: B018


def test_a_part_that_cannot_be_read_says_so_when_it_is_asked_for() -> None:
    raw = skim_pb2.Response(flow=skim_pb2.Flow(uuid="u", verdict=2, source=b"\xff\xff")).SerializeToString()
    row = Decoder("c").decode(raw)
    assert isinstance(row, FlowRow)
    assert row.summary.startswith("undecodable flow")
    assert (row.uuid, row.verdict, row.received, row.raw) == ("u", 2, "c", raw)
    assert compact_line(row)
    assert isinstance(Decoder("c", keep_raw=False).decode(raw), Undecodable)


# What repeats from row to row is kept once.


def test_a_row_that_was_read_gives_its_bytes_as_they_came() -> None:
    decoder = Decoder("c")
    raws = [response.SerializeToString() for response in recorded_responses()[1:]]
    at_once = [decoder.decode(raw, whole=True) for raw in raws]
    later = [decoder.decode(raw) for raw in raws]
    for raw, first, second in zip(raws, at_once, later, strict=True):
        assert isinstance(first, FlowRow)
        assert isinstance(second, FlowRow)
        for field in dataclasses.fields(FlowRow):
            assert getattr(first, field.name) == getattr(second, field.name), field.name
        assert first.raw == second.raw == raw


def test_rows_keep_their_endpoints_once() -> None:
    decoder = Decoder("c")
    raws = [response.SerializeToString() for response in recorded_responses()[1:]]
    rows = [decoder.decode(raw, whole=True) for raw in raws]
    own = sum(len(row.rest) for row in rows)  # type: ignore[union-attr]
    shared = {id(row.ends): len(row.ends) for row in rows}  # type: ignore[union-attr]
    assert len(shared) < 60
    assert own + sum(shared.values()) < 0.6 * sum(map(len, raws))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_whatever_the_bytes_are_a_row_gives_them_again(data: st.DataObject) -> None:
    raw = bytearray(recorded_responses()[data.draw(st.integers(1, 500))].SerializeToString())
    for _ in range(data.draw(st.integers(0, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):  # the last one counts, wherever it stands
        again = skim_pb2.Flow(source=data.draw(st.binary(max_size=40)), destination=b"\x08\x01").SerializeToString()
        raw += skim_pb2.Response(flow=skim_pb2.Flow.FromString(again)).SerializeToString()
    for whole in (False, True):
        item = Decoder("c").decode(bytes(raw), whole=whole)
        if isinstance(item, FlowRow):
            assert item.summary is not None
            assert item.raw == bytes(raw)
