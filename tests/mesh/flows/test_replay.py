"""Files of flows: what the hubble CLI wrote is read whole, what a session records is read again as it was."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from meshtui.core.errors import UsageError
from meshtui.core.flows.compact import compact_line
from meshtui.core.model import state as s
from meshtui.core.settings import Settings
from meshtui.hubble.rows import full_response
from meshtui.mesh.flows.recorder import Recorder
from meshtui.mesh.flows.replay import Replay, clusters_in
from meshtui.mesh.scope import Scope
from tests.mesh.conftest import NewLab
from tests.mesh.waiting import until
from tests.waiting import GUARD

RECORDINGS = Path(__file__).parents[2] / "recordings"
STEPS = {"4-global": 387, "10-default-deny": 1744}
GLOBAL = RECORDINGS / "4-global" / "flows.jsonl.gz"


async def replayed(path: Path) -> Replay:
    """A replay that has read its whole file."""
    replay = Replay(path, Settings())
    async with replay:
        async with asyncio.timeout(GUARD):
            await replay.ended.wait()
    return replay


@pytest.mark.parametrize("step", STEPS)
async def test_what_the_cli_recorded_reads_as_the_cli_printed_it(step: str) -> None:
    replay = await replayed(RECORDINGS / step / "flows.jsonl.gz")
    with gzip.open(RECORDINGS / step / "flows.compact.txt.gz", "rt") as file:
        printed = Counter(file.read().splitlines())
    ours = Counter(compact_line(row) for row in replay.flows)
    assert ours.total() == STEPS[step]
    assert ours <= printed
    assert list(replay.mesh.clusters) == ["koornacht", "tion"]
    assert {c.relay.source for c in replay.mesh.clusters.values()} == {s.FlowSource.REPLAY}
    times = [row.time_ns for row in replay.flows]
    assert times == sorted(times)


async def test_lines_that_are_no_flows_are_counted_and_told(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    with gzip.open(GLOBAL, "rt") as file:
        good = file.readlines()[:5]
    lost = {"lost_events": {"source": "HUBBLE_RING_BUFFER", "num_events_lost": "7"}, "node_name": "tion/t1"}
    path.write_text("".join([*good, "not json\n", '{"a": 1}\n', json.dumps(lost)]))
    replay = await replayed(path)
    assert len(replay.flows) == 5
    assert sum(c.relay.lost for c in replay.mesh.clusters.values()) == 7
    errors = [c.relay.link.error for c in replay.mesh.clusters.values() if c.relay.link.error]
    assert [error.title for error in errors] == [f"2 of 8 in {path} are no flows"]


def test_a_file_that_cannot_be_read_is_a_stated_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        clusters_in(tmp_path / "none.jsonl")
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(GLOBAL.read_bytes()[:500])
    with pytest.raises(UsageError, match="cannot read"):
        clusters_in(cut)
    (tmp_path / "there").write_text("")
    with pytest.raises(UsageError, match="cannot record"):
        Recorder(tmp_path / "there")


async def test_a_session_is_recorded_to_the_last_flow_and_replayed_the_same(new_lab: NewLab, tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    scope = Scope((), status=False, access=False)
    async with new_lab(relays=True, flow_rate=50) as lab, lab.session(scope=scope) as session:
        missed = {row.uuid for row in session.flows}
        session.record(path)
        await until(session, lambda: len(session.flows) > 200)
        assert session.recording.startswith("recording ")
    replay = await replayed(path)
    kept = [row for row in session.flows if row.uuid not in missed]
    assert [compact_line(row) for row in replay.flows] == [compact_line(row) for row in kept]
    assert [full_response(row) for row in replay.flows] == [full_response(row) for row in kept]
