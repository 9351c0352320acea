"""The load room by keys: clients side by side, options, steady mode, requests with flows, kept runs, links back."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from meshtui.core.load.run import Run
from meshtui.core.load.spec import Answer, LoadSpec, Request, Tools
from meshtui.core.settings import Settings
from meshtui.mesh.load.runlog import RunLog
from meshtui.tui.flows.commands import FlowCommands
from meshtui.tui.load import rows
from meshtui.tui.load.form import LoadDialog
from meshtui.tui.load.requests import RequestDialog, RequestsDialog
from meshtui.tui.load.runs import RunsDialog
from meshtui.tui.load.specs import spec_for
from meshtui.tui.load.timeline import timeline
from tests.tui.conftest import Board, board_on
from tests.tui.fakes import NOW, answer, recorded_flows, timeout

TAGS = {"koornacht": ("K", 0), "tion": ("T", 1)}
XWING = "x-wing-689bd74994-8wv5f"


def text(lines) -> list[str]:
    return ["".join(span.text for span in line).rstrip() for line in lines]


async def finish(board: Board, *requests: Request, runs: int = 1) -> None:
    for request in requests:
        board.session.answers.put_nowait(request)
    for _ in range(runs):
        board.session.answers.put_nowait(None)
    await board.until(lambda: board.app.board.load_pane.front and not board.app.board.load_pane.running)


def told(board, pane):
    """The pane's text without the line on what `l` would do next."""
    return "\n".join(line for line in board.text(pane).splitlines() if "fires ten requests" not in line)


async def test_one_key_runs_from_all_clusters():
    async with board_on(size=(200, 50)) as board:
        await board.press("L")
        await board.until(lambda: len(board.session.specs) == 2)
        assert [spec.context for spec in board.session.specs] == ["koornacht", "tion"]
        await finish(board, runs=2)
        pane = board.app.board.load_pane
        await board.until(lambda: told(board, pane).count("x-wing → rebel-base") == 2)
        heads = [line for line in told(board, pane).splitlines() if "x-wing → rebel-base" in line]
        assert len(heads) == 1, "side by side where there is room"
    async with board_on(size=(80, 24)) as board:
        await board.press("L", "4")
        await finish(board, runs=2)
        pane = board.app.board.load_pane
        await board.until(lambda: told(board, pane).count("x-wing → rebel-base") == 2)
        assert pane.size.height > 15, "the pane has the whole screen"


async def test_steady_mode_shows_moves_and_stops(board: Board):
    await board.press("l")
    await finish(board, *(answer(n, "koornacht") for n in range(1, 11)))
    await board.press("4", "S")
    await board.until(lambda: len(board.session.specs) == 2)
    spec = board.session.specs[1]
    assert (spec.count, spec.rate, spec.context) == (0, 10.0, "koornacht")
    pane = board.app.board.load_pane
    for number in range(1, 21):
        board.session.answers.put_nowait(replace(answer(number, "koornacht"), at=NOW + number))
    board.session.answers.put_nowait(replace(timeout(21), at=NOW + 22))
    for number in range(22, 32):
        board.session.answers.put_nowait(replace(answer(number, "tion"), at=NOW + number))
    await board.until(lambda: "31/∞ at 10/s" in board.text(pane))
    shown = board.text(pane)
    assert "◌ running" in shown
    assert "KKKKKKKKKKKKKKKKKKKK" in shown
    assert "TTTTTTTTTT" in shown
    assert "koornacht answered last at" in shown
    assert "tion began to answer at" in shown
    assert "longest gap 2.0 s" in shown
    await board.press("x")
    await board.until(lambda: "! stopped" in board.text(pane))
    assert not pane.running


async def test_a_new_run_stops_the_one_before(board: Board):
    pane = board.app.board.load_pane
    await board.press("l")
    await board.until(lambda: board.session.specs)
    await board.press("l")
    await board.until(lambda: len(board.session.specs) == 2)
    await board.until(lambda: not pane.runs[0].running)
    assert pane.runs[0].cancelled
    assert pane.runs[1].running


async def test_options_choose_client_target_and_manner(board: Board):
    board.session.tools_found = {("tion", "default", "nobody"): Tools(why="no shell")}
    await board.press("4", "o")
    await board.until(lambda: isinstance(board.app.screen, LoadDialog))
    dialog = board.app.screen
    await board.until(lambda: "this machine" in board.text())
    dialog.inputs["count"].value = "many"
    await board.press("enter")
    await board.until(lambda: "requests cannot be 'many'" in board.text())
    assert not board.session.specs
    dialog.inputs["count"].value = "3"
    dialog.inputs["url"].value = "http://other.ns:8080/x"
    dialog.inputs["method"].value = "post"
    dialog.inputs["headers"].value = "X-A: 1; X-B: 2"
    dialog.inputs["body"].value = "hello"
    dialog.list.do_bottom()
    await board.press("enter")
    await board.until(lambda: board.session.specs)
    spec = board.session.specs[0]
    assert (spec.context, spec.http2, spec.count, spec.method, spec.url) == (
        "",
        True,
        3,
        "POST",
        "http://other.ns:8080/x",
    )
    assert (dict(spec.headers), spec.body) == ({"X-A": "1", "X-B": "2"}, "hello")
    await finish(board)
    assert "this machine → http://other.ns:8080/x" in board.text(board.app.board.load_pane)
    await board.press("r")
    await board.until(lambda: len(board.session.specs) == 2)
    assert board.session.specs[1] == spec


async def test_options_can_be_left(board: Board):
    await board.press("4", "o")
    await board.until(lambda: isinstance(board.app.screen, LoadDialog))
    await board.press("escape")
    assert not isinstance(board.app.screen, LoadDialog)
    assert not board.session.specs


async def dropped_request(board: Board) -> Request:
    """A request from K's x-wing that timed out while its SYN was dropped, as recorded."""
    drop = next(row for row in recorded_flows() if row.source.pod == XWING)
    board.session.deliver(recorded_flows())
    return Request(1, drop.time_ns / 1e9 + 2, Answer.TIMED_OUT, 28, 0, 2.0, local_port=drop.source_port)


async def test_requests_and_flows_link_both_ways():
    async with board_on() as board:
        request = await dropped_request(board)
        await board.press("l")
        await board.until(lambda: board.app.board.load_pane.front)
        run = board.app.board.load_pane.front[0]
        await finish(board, request)
        run.pod = f"default/{XWING}"
        run.cluster = "koornacht"
        await board.press("4", "enter")
        await board.until(lambda: isinstance(board.app.screen, RequestsDialog))
        await board.until(lambda: "timed out" in board.text())
        await board.press("enter")
        await board.until(lambda: isinstance(board.app.screen, RequestDialog))
        await board.until(lambda: "flows of its connection" in board.text())
        assert "DROPPED" in board.text() or "denied" in board.text()
        await board.press("enter")
        await board.until(lambda: "uuid" in board.text())
        await board.press("escape", "escape", "escape")
        row = next(row for row in board.session.flows if row.source_port == request.local_port)
        linked = "\n".join(text(board.app.board.load_pane.link_of(row)))
        assert "load test  koornacht/x-wing → rebel-base" in linked
        assert "timed out" in linked
        FlowCommands(board.app.board.flows).open_flow(row)
        await board.until(lambda: "load test  koornacht/x-wing → rebel-base" in board.text())
        other = next(row for row in board.session.flows if row.source_port != request.local_port)
        assert board.app.board.load_pane.link_of(other) == []


async def test_kept_runs_are_listed_compared_and_outlive_the_dashboard(tmp_path):
    for cluster in ("koornacht", "tion"):
        async with board_on() as board:
            board.session.runs = RunLog(tmp_path)
            await board.press("l")
            await finish(board, *(answer(n, cluster) for n in range(1, 11)))
    # Neither dashboard waited for the run's flows: runs are kept all the same.
    async with board_on() as board:
        board.session.runs = RunLog(tmp_path)
        await board.press("4", "H")
        await board.until(lambda: isinstance(board.app.screen, RunsDialog))
        await board.until(lambda: "Runs ─ 2 kept" in board.text())
        await board.press("down", "space", "up", "enter")
        await board.until(lambda: "by tion" in board.text())
        assert "by koornacht" in board.text()
        assert "changed in between" in board.text()


async def test_runs_are_exported_as_json(board: Board, tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    await board.press("l", "4")
    await finish(board, answer(1, "koornacht"))
    await board.press("e")
    await board.until(lambda: "exported to" in board.text())
    (path,) = tmp_path.glob("meshtui-load-*.json")
    (document,) = json.loads(path.read_text())
    assert document["summary"]["by_cluster"] == {"koornacht": 1}
    await board.press("e")
    await board.until(lambda: "could not be exported" in board.text())


async def test_a_thousand_answers_a_second_stay_on_the_screen(board: Board):
    """Every answer is counted; what is painted is bounded."""
    await board.press("l")
    await board.until(lambda: board.session.specs)
    for number in range(1, 3001):
        board.session.answers.put_nowait(answer(number, "koornacht" if number % 2 else "tion"))
    await board.until(lambda: "3000/10" in board.text(board.app.board.load_pane))
    await finish(board)


def run_of(requests, **more) -> Run:
    return Run(LoadSpec("http://x", rate=10, count=0), "koornacht", "x", requests=requests, **more)


def test_the_timeline_has_a_column_for_every_second():
    ends = [replace(answer(n, "koornacht"), at=100.0 + n) for n in range(5)]
    ends += [replace(timeout(6), at=106.0), replace(answer(7, "tion"), at=108.0)]
    bars, names = text(timeline(run_of(ends), TAGS, 40, utc=True))[:2]
    assert bars == "  █████·✗·█"
    assert names == "  KKKKK   T"
    bars, _ = text(timeline(run_of(ends), TAGS, 12, utc=True))[:2]
    assert bars == "  ███·✗·█"[:2] + "████·✗·█"


def test_columns_stand_beside_each_other_only_where_there_is_room():
    blocks = [[[rows.Span("a" * 80)]], [[rows.Span("b")], [rows.Span("c")]]]
    wide = text(rows.beside(blocks, 100))
    assert len(wide) == 2
    assert wide[0].startswith("aaaa")
    assert wide[0].endswith("b")
    assert wide[1].strip() == "c"
    assert len(text(rows.beside(blocks, 80))) == 4


def test_the_spec_of_a_key_press_names_service_and_port():
    from tests.tui.fakes import recorded_mesh

    spec = spec_for(recorded_mesh(), "tion", "default/rebel-base", Settings())
    assert (spec.context, spec.url, spec.count) == ("tion", "http://rebel-base", 10)


async def test_the_pane_names_what_l_would_do_for_the_service_under_the_cursor(board: Board):
    pane = board.app.board.load_pane
    assert "l fires ten requests from K x-wing → rebel-base" in board.text(pane)
    await board.press("down")
    assert "l fires ten requests from T x-wing → rebel-base" in board.text(pane)
    await board.press("end")
    await board.until(lambda: "l cannot ask this: kube-dns speaks DNS on port 53, not HTTP" in board.text(pane))
    await board.press("l")
    assert not board.session.specs
    assert "kube-dns speaks DNS" in board.text()
