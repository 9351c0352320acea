"""Flows as people keep them: read, or refused with a count (reports 01, 02, 15, 16)."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtui.cli.main import run
from meshtui.core.flows.flow import FlowRow
from meshtui.hubble.jsonlines import JsonLines, as_document, as_line, read
from meshtui.hubble.pb import observer_pb2
from meshtui.hubble.rows import Undecodable, row_from_response

REPORTS = Path(__file__).parent.parent / "recordings" / "reports"
PLAIN = REPORTS / "15-own-json" / "a.jsonl"
VENDOR = REPORTS / "02-vendor-extension" / "flows.jsonl"


def items(path: Path) -> list[object]:
    with path.open("rb") as file:
        return list(read(file, "file"))


@pytest.mark.parametrize(
    "name",
    [
        "15-own-json/array.json",
        "15-own-json/pretty.json",
        "15-own-json/grpcurl.json",
        "16-silent-replay/07-grep-prefix.jsonl",
        "16-silent-replay/08-cri-prefix.jsonl",
    ],
)
def test_every_form_holds_the_same_two_flows(name):
    found = items(REPORTS / name)
    assert [as_line(row) for row in found] == [as_line(row) for row in items(PLAIN)]


@pytest.mark.parametrize("form", ["json", "jsonl", "yaml"])
@pytest.mark.parametrize("path", [PLAIN, VENDOR])
def test_what_is_printed_is_read_again(form, path, tmp_path, capsys):
    assert run(["flows", "--input-file", str(path), "-o", form]) == 0
    written = tmp_path / f"again.{form}"
    written.write_text(capsys.readouterr().out)
    assert [as_line(row) for row in items(written)] == [as_line(row) for row in items(path)]


def test_a_vendors_extension_costs_itself_and_is_told_of(capsys):
    assert run(["flows", "--input-file", str(VENDOR)]) == 0
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 3
    assert "2 flows carry a vendor's extension, which cannot be read and is left out" in told.err


def test_an_extension_that_came_as_bytes_is_written_and_read_again():
    response = observer_pb2.GetFlowsResponse(node_name="k/n")
    response.flow.uuid = "u1"
    response.flow.extensions.type_url = "type.googleapis.com/utils.RetinaMetadata"
    response.flow.extensions.value = b"\x08\x3c"
    row = row_from_response(response, "k")
    assert as_document(row)["flow"]["extensions"] == {
        "@type": "type.googleapis.com/utils.RetinaMetadata",
        "value": "CDw=",
    }
    (again,) = JsonLines("file").feed(as_line(row).encode() + b"\n")
    assert isinstance(again, FlowRow)
    assert observer_pb2.GetFlowsResponse.FromString(again.raw) == response


def test_a_document_that_is_cut_off_costs_itself_and_is_counted():
    whole = PLAIN.read_bytes().splitlines()
    cut = whole[0][: len(whole[0]) // 2]
    found = [*(reader := JsonLines("file")).feed(cut + b"\n" + whole[1] + b"\n"), *reader.finish()]
    assert [type(item) for item in found[:1]] == [Undecodable]
    assert [row.uuid for row in found if isinstance(row, FlowRow)] == ["11111111-0000-4000-8000-000000000002"]
    ended = [*(reader := JsonLines("file")).feed(whole[0] + b"\n" + cut), *reader.finish()]
    assert [isinstance(item, FlowRow) for item in ended] == [True, False]


def test_what_is_no_flow_is_counted_of_all(capsys, tmp_path):
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_bytes(b"Handling connection for 4245\n" + PLAIN.read_bytes() + b'{"a": 1}\n')
    assert run(["flows", "--input-file", str(mixed)]) == 1
    told = capsys.readouterr()
    assert "2 of 4 are no flows" in told.err
    assert len(told.out.splitlines()) == 2


def test_a_pod_of_cilium_before_1_18_is_known_by_its_label():
    response = observer_pb2.GetFlowsResponse(node_name="tion/n")
    response.flow.source.labels.append("k8s:io.cilium.k8s.policy.cluster=tion")
    assert row_from_response(response, "t").source.cluster == "tion"
