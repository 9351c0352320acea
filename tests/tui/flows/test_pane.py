"""The Flows room under a person's keys: views, presets, filters, details, search, export, gaps, hostile flows."""

from __future__ import annotations

import dataclasses
import json

import pytest
from msgspec import structs

from meshtui.core.flows.account.gaps import Gap, Missing
from meshtui.core.flows.flow import Verdict
from meshtui.core.model import state as s
from meshtui.core.settings import Settings
from meshtui.kube.clock import SystemClock
from meshtui.mesh.flows.replay import Replay
from meshtui.tui.app import MeshtuiApp
from meshtui.tui.flows.detail import FlowDialog
from meshtui.tui.flows.filterbar import FlowFilterDialog
from meshtui.tui.flows.terms import FlowTermsDialog
from meshtui.tui.start import opening
from tests.tui.conftest import Board, board_on
from tests.tui.fakes import NOW, RECORDINGS, recorded_flows, recorded_mesh

pytestmark = pytest.mark.timeout(60)


async def on_flows(board: Board, *keys: str) -> None:
    await board.press("3", *keys)


def pane_of(board: Board):
    return board.app.board.flows


async def test_sums_open_the_events_behind_a_row_and_esc_goes_back(board: Board):
    pane = pane_of(board)
    board.session.deliver(recorded_flows("dropped") + recorded_flows("others"))
    await on_flows(board, "a", "s")
    await board.until(lambda: "✗ Policy denied" in board.text(pane), "sums are made")
    assert "dropped first" in str(pane.border_subtitle)
    assert "K x-wing ⇄ T rebel-base:80" in board.text(pane)
    rows = {key: pane.listing.find(key).count for key in pane.items[1:]}
    assert sum(rows.values()) == 32
    ordered = [(key[3] == Verdict.DROPPED, rows[key]) for key in pane.items[1:]]
    assert ordered == sorted(ordered, reverse=True), "what was dropped first, then the most"
    await board.press("G")  # of a drop two events are one item: the verdict and the drop of one packet
    key = pane.selected
    await board.press("enter")
    await board.until(lambda: pane.kind == "events" and len(pane.items) == rows[key])
    assert "behind" in str(pane.border_subtitle)
    await board.press("escape")
    await board.until(lambda: pane.kind == "sums" and pane.selected == key)


async def test_sums_are_ordered_by_any_column(board: Board):
    pane = pane_of(board)
    board.session.deliver(recorded_flows("dropped") + recorded_flows("others"))
    await on_flows(board, "a", "s")
    await board.until(lambda: len(pane.items) > 3)
    seen = [pane.listing.column]
    for _ in range(9):
        await board.press("o")
        seen.append(pane.listing.column)
    assert len(set(seen)) == 10
    first = list(pane.items[1:])
    await board.press("O")
    assert list(pane.items[1:]) == first[::-1] or pane.listing.column in str(pane.border_subtitle)
    assert "↑" in str(pane.border_subtitle) or "↓" in str(pane.border_subtitle)


async def test_sums_count_what_comes_later_too(board: Board):
    pane = pane_of(board)
    board.session.deliver(recorded_flows("dropped"))
    await on_flows(board, "s")
    await board.until(lambda: len(pane.items) > 1)
    board.session.deliver(recorded_flows("dropped", 2)[12:])
    await board.until(lambda: sum(pane.listing.find(key).count for key in pane.items[1:]) == 24)


async def test_a_connection_unfolds_into_all_its_events(board: Board):
    pane = pane_of(board)
    board.session.deliver(recorded_flows("dropped") + recorded_flows("others"))
    await on_flows(board, "c")
    await board.until(lambda: pane.items)
    listed = len(pane.items)
    connection = pane.selected
    assert connection.verdict is Verdict.DROPPED
    assert "▸" in board.text(pane)
    await board.press("enter")
    await board.until(lambda: len(pane.items) == listed + len(connection.events))
    text = board.text(pane)
    assert "▾" in text
    assert "policy-verdict:none EGRESS" in text
    assert "Policy denied" in text
    await board.press("enter")
    await board.until(lambda: len(pane.items) == listed)


async def test_the_map_marks_drops_and_borders(board: Board):
    pane = pane_of(board)
    board.session.deliver(recorded_flows("dropped") + recorded_flows("others"))
    await on_flows(board, "a", "m")
    await board.until(lambda: "▶" in board.text(pane))
    assert "⇄✗▶" in board.text(pane)
    await board.press("e")
    await board.until(lambda: pane.kind == "events" and len(pane.view.events()) == 32)


@pytest.mark.parametrize(
    ("key", "preset"), [("a", "all"), ("7", "l7"), ("5", "dns"), ("x", "cross-cluster"), ("d", "dropped")]
)
async def test_presets_are_keys(board: Board, key: str, preset: str):
    pane = pane_of(board)
    board.session.deliver(recorded_flows("dropped") + recorded_flows("others"))
    await on_flows(board, "a", key)
    assert pane.question.preset == preset
    wanted = [row for row in board.session.flows if pane.question.matches(row)]
    await board.until(lambda: pane.view.events() == wanted)
    assert [row for item in pane.items for row in pane.listing.rows_of(item)] == wanted


async def test_this_service_only_and_noise_switches(board: Board):
    pane = pane_of(board)
    board.session.deliver(recorded_flows("dropped") + recorded_flows("others"))
    await board.press("2", "home")
    await on_flows(board, "S")
    assert pane.question.preset == "service"
    assert "rebel-base" in pane.question.service
    await board.press("a", "P", "H", "D")
    assert pane.question.hidden == ("probes", "host", "kube-dns")
    assert "hide:probes" in str(pane.border_subtitle)
    shown = len(pane.items)
    await board.press("H", "P")
    assert len(pane.items) > shown


async def test_the_filter_bar_completes_judges_and_says_what_runs_where(board: Board):
    pane = pane_of(board)
    board.session.deliver(recorded_flows("dropped") + recorded_flows("others"))
    await on_flows(board, "slash")
    assert isinstance(board.app.screen, FlowFilterDialog)
    bar = board.app.screen
    await board.press(*"from-pod:default/x")
    await board.until(lambda: any("default/x-wing-" in offer for offer in bar.offers))
    await board.press("tab")
    assert bar.input.value.startswith("from-pod:default/x-wing-")
    await board.press(*"porrt:8")
    await board.until(lambda: "did you mean port" in board.text())
    await board.press("enter")
    assert board.app.screen is bar, "a filter that is not understood is not taken"
    for _ in "porrt:8":
        await board.press("backspace")
    await board.press(*"cross-cluster:yes")
    await board.until(
        lambda: "at the servers: from-pod" in board.text() and "here: verdict:DROPPED cross" in board.text()
    )
    await board.press("enter")
    await board.until(lambda: pane.question.text.endswith("cross-cluster:yes"))
    await board.until(lambda: board.session.flow_queries)
    assert "from-pod:default/x-wing-" in board.session.flow_queries[-1]
    assert all(row.source.pod.startswith("x-wing") for row in pane.items)
    await board.press("escape")
    assert pane.question.text == ""
    assert len(pane.view.events()) == 12


async def test_a_filter_is_built_by_choosing_a_cell(board: Board):
    pane = pane_of(board)
    board.session.deliver(recorded_flows("dropped") + recorded_flows("others"))
    await on_flows(board, "a", "G", "i")
    assert isinstance(board.app.screen, FlowTermsDialog)
    await board.until(lambda: board.app.screen.list.items)
    term = board.app.screen.terms[0][1]
    await board.press("enter")
    await board.until(lambda: pane.question.text)
    assert pane.question.typed.matches(pane.items[-1])
    await board.press("i", "down", "n")
    await board.until(lambda: "not " in pane.question.text)
    assert pane.question.text.startswith(term.split(":")[0])


async def test_details_show_every_field_identities_and_the_connection():
    async with board_on(recorded_mesh(10), size=(140, 60)) as board:
        board.session.deliver(recorded_flows("dropped") + recorded_flows("others"))
        await on_flows(board)
        await board.until(lambda: pane_of(board).items)
        await board.press("enter")
        await board.until(lambda: isinstance(board.app.screen, FlowDialog))
        text = board.text()
        row = board.app.screen.row
        for part in (
            row.uuid, row.node, "default-deny, no rule allows", "= cluster 1, number", "Policy denied (133)",
            "k8s:io.kubernetes.pod.namespace=default", "connection: ", "hubble observe --last 100 --from-pod",
        ):  # fmt: skip
            assert part in "\n".join("".join(s.text for s in line) for line in board.app.screen.lines), part
        assert "seen by" in text
        copied: list[str] = []
        board.app.copy_to_clipboard = copied.append
        await board.press("J", "Y", "y")
        uuids = [json.loads(line)["flow"]["uuid"] for line in copied[0].splitlines()]
        assert uuids == [event.uuid.removesuffix("-0") for event in board.app.screen.rows]
        assert copied[1].startswith("hubble observe")
        assert copied[2].startswith("Nov 23 19:36:")


async def test_search_goes_to_matches_and_says_when_there_is_none(board: Board):
    pane = pane_of(board)
    board.session.deliver(recorded_flows("dropped") + recorded_flows("others"))
    await on_flows(board, "a", "G", "F")
    await board.press(*"policy denied", "enter")
    await board.until(lambda: pane.row is not None and pane.row.drop_reason == 133)
    first = pane.row
    await board.press("n")
    await board.until(lambda: pane.row is not first)
    await board.press("N")
    await board.until(lambda: pane.row is first)
    await board.press("F", *"xyz", "enter")
    await board.until(lambda: "is in none of the" in board.text())


async def test_export_writes_what_is_shown_as_the_cli_does(board: Board, tmp_path):
    pane = pane_of(board)
    board.session.deliver(recorded_flows("dropped") + recorded_flows("others"))
    path = tmp_path / "shown.jsonl"
    await on_flows(board, "X")
    board.app.screen.query_one("Input").value = str(path)
    await board.press("enter")
    await board.until(lambda: "12 flows in" in board.text())
    written = [json.loads(line) for line in path.read_text().splitlines()]
    told = [json.loads(line) for line in (RECORDINGS / "10-default-deny/flows.dropped.jsonl").read_text().splitlines()]
    by_uuid = {document["flow"]["uuid"]: document for document in told}
    for document, row in zip(written, pane.view.events(), strict=True):
        assert document == by_uuid[row.uuid.removesuffix("-0")]
    await board.press("X")
    board.app.screen.query_one("Input").value = str(path)
    await board.press("enter")
    await board.until(lambda: "File exists" in board.text(), "nothing is overwritten")


async def test_what_is_missing_is_counted_in_the_row_the_title_and_among_the_sources(board: Board):
    pane = pane_of(board)
    rows = recorded_flows("dropped", 20)
    board.session.deliver(rows)
    store, start = board.session.flows, rows[100].time_ns
    counted = (Missing("tion/worker", 1200, 1200), Missing("tion/worker2", 40, 40))
    anew = (Missing("koornacht/a", 0, None, "its agent started anew"),)
    store.gaps += [
        Gap("tion", start, start + 12 * 10**9, counted=True, missing=counted),
        Gap("koornacht", start + 1, start + 2 * 10**9, lost=False, counted=True),
        Gap("koornacht", start + 3 * 10**9, start + 4 * 10**9, counted=True, missing=anew),
        Gap("koornacht", start + 5 * 10**9, start + 6 * 10**9, counted=True, silent=True, missing=counted[1:]),
        Gap("koornacht", start + 7 * 10**9, start + 8 * 10**9, counting=True),
    ]
    board.session.deliver(recorded_flows("dropped", 21)[240:])
    await on_flows(board)
    await board.until(lambda: sum(isinstance(item, Gap) for item in pane.items) == 5)
    gaps = [item for item in pane.items if isinstance(item, Gap)]
    told = ["".join(span.text for line in pane.item_lines(gap, 120) for span in line) for gap in gaps]
    assert "tion's source away for 12.0 s ┄┄    1,240 events missing: worker 1,200, worker2 40" in told[0]
    assert "koornacht's source away for 2.0 s ┄┄    nothing missing" in told[1]
    assert "not known of a: its agent started anew" in told[2]
    assert "koornacht, without a break ┄┄    40 events never came: worker2 40" in told[3]
    assert "being counted" in told[4]
    assert "missing 1,280" in str(pane.border_title)
    pane.listing.two_lines = False
    told = "".join(span.text for line in pane.listing.lines(gaps[0], pane._options()) for span in line)
    assert "tion's source away for 12.0 s: 1,240 events missing: worker 1,200, worker2 40 ┄┄" in told
    await board.press("b")
    await board.until(lambda: "1,240 events missing" in board.text(), "the gap's number is among the sources")


async def test_a_gap_is_a_row_with_its_length_and_sources_are_told(board: Board):
    pane = pane_of(board)
    rows = recorded_flows("dropped", 20)
    board.session.deliver(rows)
    start = rows[100].time_ns
    board.session.flows.open_gap("tion", start, "connection refused")
    board.session.deliver(recorded_flows("dropped", 21)[240:])
    await on_flows(board)
    await board.until(lambda: len(pane.items) == 127, "the drops of 126 packets, and the gap")
    board.session.flows.close_gap("tion", start + 12 * 10**9)
    board.session.emit(
        s.RelayChanged(
            "tion",
            NOW,
            s.Phase.LIVE,
            lost=7,
            lost_where=(("tion/t1: HUBBLE_RING_BUFFER", 7),),
            nodes_unavailable=("tion/t2",),
        )
    )
    board.session.deliver(recorded_flows("dropped", 22)[252:])
    await board.until(lambda: any("away for 12.0 s" in "".join(x.text for x in line)
                                  for item in pane.items for line in pane.item_lines(item, 100)))  # fmt: skip
    assert "lost 7" in str(pane.border_title)
    assert "1 node away" in str(pane.border_title)
    await board.press("b")
    text = board.text()
    for part in ("tion/t1: HUBBLE_RING_BUFFER", "tion/t2", "tion: 12.0 s, events may be missing", "came twice"):
        assert part in text, part


async def test_flows_come_from_agents_when_asked(board: Board):
    board.session.deliver(recorded_flows("dropped"))
    await on_flows(board, "r")
    assert board.session.flow_source == "agents"
    await board.press("r")
    assert board.session.flow_source == "auto"


async def test_hostile_flows_are_shown_safely_in_every_view(board: Board):
    pane = pane_of(board)
    evil = "[bold red]\x1b[2J\x07\u202e" + "A" * 65_536
    rows = []
    for at, row in enumerate(recorded_flows("dropped")):
        peer = structs.replace(row.source, pod=evil, namespace=evil, cluster=evil, labels=(evil,))
        rows.append(
            dataclasses.replace(
                row,
                uuid=f"evil-{at}",
                source=peer,
                summary=evil,
                node=evil,
                verdict=[2, 99][at % 2],
                event_type=77,
                drop_reason=4242,
                direction=9,
                source_names=(evil,),
                time_ns=[row.time_ns, 2**62, -1][at % 3],
            )
        )
    board.session.deliver(rows)
    await on_flows(board, "a")
    for key in ("e", "s", "c", "m", "e"):
        await board.press(key)
        await board.until(lambda: pane.items)
        text = board.text()
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\u202e" not in text
    await board.press("G", "enter")
    assert "\x1b" not in board.text()
    await board.press("escape", "i")
    assert "\x1b" not in board.text()


async def test_a_file_is_replayed_through_the_same_view(tmp_path):
    path = RECORDINGS / "10-default-deny/flows.dropped.jsonl"
    app = MeshtuiApp(opening(lambda: Replay(path, Settings(utc=True))), Settings(utc=True), SystemClock())
    async with app.run_test(size=(120, 40)) as pilot:
        board = Board(app, pilot, None)
        pane = app.board.flows
        await board.until(lambda: len(pane.items) == 6)
        assert "K x-wing-…8wv5f → T rebel-base-…jqgrf:80" in board.text(pane)
        assert "K file" in str(pane.border_title)
        assert app.board.current == "flows"
