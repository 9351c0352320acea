"""Files that name no cluster, or hold no flows, make a session that says so (reports 01, 16)."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtui.core.settings import Settings
from meshtui.mesh.flows.recorder import Recorder
from meshtui.mesh.flows.replay import Replay, clusters_in
from tests.hubble.test_documents import REPORTS, VENDOR, items


@pytest.mark.parametrize(
    ("name", "rows", "problem"),
    [
        ("01-replay-no-cluster/flows.jsonl", 2, ""),
        ("01-replay-no-cluster/fieldmask.jsonl", 3, ""),
        ("01-replay-no-cluster/empty.jsonl", 0, "holds no flows"),
        ("01-replay-no-cluster/compact.txt", 0, "1 of 1 in"),
        ("16-silent-replay/07-grep-prefix.jsonl", 2, ""),
    ],
)
async def test_a_file_is_a_session_with_a_cluster_and_a_word(name, rows, problem):
    async with Replay(REPORTS / name, Settings()) as session:
        await session.ended.wait()
        assert list(session.mesh.clusters) == ["default"]
        session.mesh_flows._take()
        assert len(session.flows) == rows
        error = session.mesh.clusters["default"].relay.link.error
        assert (problem in str(error)) if problem else error is None


def test_clusters_are_found_in_every_spelling(tmp_path):
    for text in ('{"nodeName":"a/n"}', "node_name: a/n", '"clusterName": "a"', '"k8s:io.cilium.k8s.policy.cluster=a",'):
        path = tmp_path / "f"
        path.write_text(text)
        assert clusters_in(path) == ["a"], text


def test_a_flow_that_cannot_be_written_costs_itself_and_not_the_recording(tmp_path: Path):
    rows = items(VENDOR)
    broken = items(VENDOR)[0]
    broken.raw = b"\xff"
    recorder = Recorder(tmp_path / "r.jsonl")
    recorder.take([broken, *rows])
    recorder.close()
    assert recorder.told == "recording 3, 1 left out"
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == 3
