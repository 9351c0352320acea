"""The generated code is what proto/ says, and reads what a real Relay sent."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from meshtui.hubble.pb import flow_pb2, observer_pb2, relay_pb2

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = ROOT / "tests" / "recordings" / "protocol"


@pytest.mark.skipif(importlib.util.find_spec("grpc_tools") is None, reason="needs grpcio-tools")
def test_generated_code_is_current(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(ROOT / "proto" / "regenerate.py"), str(tmp_path / "pb")], check=True)
    committed = ROOT / "meshtui" / "hubble" / "pb"
    names = sorted(p.name for p in committed.iterdir() if p.is_file())
    assert names == sorted(p.name for p in (tmp_path / "pb").iterdir())
    for name in names:
        assert (committed / name).read_text() == (tmp_path / "pb" / name).read_text(), name


def unknown_fields(message: Message) -> list[tuple[str, int]]:
    found = [(message.DESCRIPTOR.full_name, field.field_number) for field in UnknownFieldSet(message)]
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if field.is_repeated else [value]:
                found += unknown_fields(inner)
    return found


def recorded_responses() -> list[observer_pb2.GetFlowsResponse]:
    data = (PROTOCOL / "getflows.delimited.bin").read_bytes()
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(observer_pb2.GetFlowsResponse.FromString(data[at + 4 : at + 4 + size]))
        at += 4 + size
    return found


def test_knows_every_field_a_real_relay_sends() -> None:
    responses = recorded_responses()
    assert {r.WhichOneof("response_types") for r in responses} >= {"flow", "node_status"}
    assert [f for r in responses for f in unknown_fields(r)] == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ServerStatus", observer_pb2.ServerStatusResponse),
        ("GetNodes", observer_pb2.GetNodesResponse),
        ("GetNamespaces", observer_pb2.GetNamespacesResponse),
    ],
)
def test_knows_every_field_of_the_unary_answers(name: str, kind: type[Message]) -> None:
    data = (PROTOCOL / f"{name}.bin").read_bytes()
    message = kind.FromString(data)
    assert unknown_fields(message) == []
    assert message.SerializeToString(deterministic=True) == data or message.ByteSize() == len(data)


def test_numbers_that_the_rest_relies_on() -> None:
    assert flow_pb2.Flow.DESCRIPTOR.fields_by_name["Summary"].number == 100000
    assert flow_pb2.Flow.DESCRIPTOR.fields_by_name["ingress_denied_by"].number == 21005
    assert flow_pb2.DropReason.Value("POLICY_DENIED") == 133
    assert flow_pb2.TraceObservationPoint.Value("TO_ENDPOINT") == 101
    assert relay_pb2.NODE_ERROR == 4
    assert set(observer_pb2.DESCRIPTOR.services_by_name) == {"Observer"}
