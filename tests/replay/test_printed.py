"""Every recorded step through the view: each row copies the hubble CLI's own line, in order of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from meshtui.core.settings import Settings
from meshtui.kube.clock import SystemClock
from meshtui.mesh.flows.replay import Replay
from meshtui.tui.app import MeshtuiApp
from meshtui.tui.flows.pane import FlowsPane
from meshtui.tui.start import opening
from tests.cli.conftest import Command
from tests.core.printed import FACTS, RECORDINGS, Flow, as_printed, last_seen, recorded, stamp
from tests.tui.conftest import Board

WIDTH, HEIGHT = 150, 48
DROP = 1
PAINTED = "10-default-deny"
"""Drops, denied and allowed verdicts, redirections, DNS, replies, hosts and pods of both clusters."""


@pytest.mark.parametrize("step", FACTS)
def test_the_two_recordings_of_a_step_differ_as_told(step: str) -> None:
    """What the other tests rest on: each flow has one line, lines left over came later, the order is the Relay's."""
    found, facts = recorded(step), FACTS[step]
    expected = [as_printed(flow) for flow in found.ordered]
    assert len(expected) == facts.flows
    assert not Counter(expected) - Counter(found.printed), "each flow has a line of its own"
    assert (len(found.printed), found.beyond.total()) == (facts.flows + facts.beyond, facts.beyond)
    last = last_seen(found.flows)
    for line in found.beyond:  # a probe of a node's own host, at or after the last flow this node is recorded with
        assert [stamp(line) >= end for host, end in last.items() if host in line] == [True], line
    common = found.common
    by_ms = sorted(common, key=stamp)
    assert sum(a != b for a, b in zip(common, by_ms, strict=True)) == facts.out_of_order
    assert sum(a != b for a, b in zip(by_ms, expected, strict=True)) == facts.within_ms
    assert [stamp(line) for line in by_ms] == [stamp(line) for line in expected]


@asynccontextmanager
async def replayed(path: Path) -> AsyncIterator[Board]:
    """The dashboard on a file as `meshtui --replay` opens it, all read, the flows pane showing each flow by itself."""
    settings = Settings(utc=True)
    replay = Replay(path, settings)
    app = MeshtuiApp(opening(lambda: replay), settings, SystemClock())
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        board = Board(app, pilot, None)
        await board.until(lambda: app.board.session is not None and replay.ended.is_set(), "the file is read")
        await board.press("a", "E")
        pane = app.board.flows
        await board.until(lambda: pane.items and len(pane.items) == len(replay.flows), "every flow is an item")
        yield board


def copied(pane: FlowsPane) -> list[str]:
    """What `y` takes from each row, from the first to the last."""
    lines = []
    for index in range(len(pane.items)):
        pane.move_to(index)
        lines += pane.row_text().splitlines()
    return lines


@pytest.mark.parametrize("step", FACTS)
@pytest.mark.timeout(60)
async def test_each_row_copies_the_line_the_cli_printed(step: str) -> None:
    found = recorded(step)
    expected = [as_printed(flow) for flow in found.ordered]
    async with replayed(RECORDINGS / step / "flows.jsonl.gz") as board:
        pane = board.app.board.flows
        assert pane.question is not None
        assert pane.question.preset == "all"
        lines = copied(pane)
        assert lines == expected
        assert [stamp(line) for line in lines] == sorted(map(stamp, found.common))
        if not FACTS[step].out_of_order and not FACTS[step].within_ms:
            assert lines == found.common, "where the CLI printed in order of time, the view is its output"
        for key, line in (("home", expected[0]), ("down", expected[1]), ("end", expected[-1])):
            await board.press(key, "y")
            assert board.app.clipboard == line
        await board.press("E")
        drops = sum(flow["event_type"]["type"] == DROP for flow in found.flows)
        await board.until(lambda: len(pane.items) == len(expected) - drops, "a drop and its verdict are one item")
        assert Counter(copied(pane)) == Counter(expected), "which copies both lines"


async def test_the_verb_prints_the_same_lines_in_the_files_order(tmp_path: Path) -> None:
    """One file of all steps: gzip files may be put end to end."""
    path = tmp_path / "every-step.jsonl.gz"
    path.write_bytes(b"".join((RECORDINGS / step / "flows.jsonl.gz").read_bytes() for step in FACTS))
    ran = await Command()("flows", "--input-file", str(path), "-o", "compact")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    for step in FACTS:
        found = recorded(step)
        here, lines = lines[: len(found.flows)], lines[len(found.flows) :]
        assert here == [as_printed(flow) for flow in found.flows]
        assert not Counter(here) - Counter(found.printed)
    assert not lines


def painted(board: Board) -> list[str]:
    """Every line of the pane from top to bottom, as it is painted while scrolling through."""
    pane = board.app.board.flows
    lines: list[str] = []
    while len(lines) < pane.total:
        pane.scroll_to(y=len(lines), animate=False, force=True)
        skipped = len(lines) - pane.scroll_offset.y  # the last page reaches back
        lines += board.text(pane).splitlines()[skipped:]
    return [" ".join(line.split()) for line in lines]


def as_shown(flow: Flow) -> list[str]:
    """A flow's two lines: time, who to whom in which clusters and which node; verdict, where, reason, flags."""
    node = flow["node_name"].split("/")[0]
    server = "source" if flow.get("is_reply") else "destination"
    sides = [_peer(flow, side, port=side == server) for side in ("source", "destination")]
    first = f"{flow['time'][11:23]} {' → '.join(sides)} on control-plane"
    dropped = flow["verdict"] == "DROPPED"
    word = flow["verdict"]
    if flow["event_type"]["type"] == 5:
        word = "denied" if dropped else "allowed"
    glyph = {"DROPPED": "✗", "FORWARDED": "✔", "REDIRECTED": "↪"}[flow["verdict"]]
    told = [f"{glyph} {flow['traffic_direction']} {word} at {node[0].upper()}"]
    told += ["Policy denied"] if flow["event_type"]["type"] == 1 else []
    told += [flow["Summary"]] if "l7" in flow else []
    protocol, layer = next(iter(flow["l4"].items()))
    flags = [name for name in ("SYN", "ACK", "RST", "FIN", "PSH") if layer.get("flags", {}).get(name)]
    second = " · ".join([*told, ", ".join(flags) or protocol])
    return [first, " ".join(second.split())]


def _peer(flow: Flow, side: str, *, port: bool) -> str:
    peer = flow[side]
    number = f":{next(iter(flow['l4'].values()))[f'{side}_port']}" if port else ""
    if "pod_name" not in peer:
        return f"{flow['IP'][side]} (host){number}"
    workload, _, tail = peer["pod_name"].rsplit("-", 2)
    where = "" if peer["namespace"] == "default" else f"{peer['namespace']}/"
    return f"{peer['cluster_name'][0].upper()} {where}{workload}-…{tail}{number}"


@pytest.mark.timeout(60)
async def test_each_row_shows_time_ends_and_verdict_as_recorded() -> None:
    flows = recorded(PAINTED).ordered
    async with replayed(RECORDINGS / PAINTED / "flows.jsonl.gz") as board:
        lines = painted(board)
        header = board.text().splitlines()[0]
    assert "recorded flows" in header
    assert "mesh" not in header.replace("meshtui", ""), "a file knows nothing of the mesh"
    assert len(lines) == 2 * len(flows)
    for flow, first, second in zip(flows, lines[::2], lines[1::2], strict=True):
        expected, verdict = as_shown(flow)
        assert first == expected
        if flow["verdict"] == "DROPPED":  # what the policies say of it comes after
            assert second.endswith("no rule allows it; its cluster's policies are not known here")
            second = second[: len(verdict)]
        assert second == verdict
