"""The dashboard as a person meets it: what it shows, what its keys do, and what it says when it will not."""

import asyncio

import pytest

from meshtui.core.changes.plan import Consent
from meshtui.core.errors import ConfigError, Conflict, Forbidden, Unreachable
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.settings import Settings
from meshtui.tui.changes.consent import ConsentDialog
from meshtui.tui.commands import PANES
from tests.tui.conftest import Board, board_on, make_app
from tests.tui.fakes import NOW, FakeSession, answer, recorded_flows, recorded_mesh, timeout

REBEL = "default/rebel-base"


async def test_everything_of_the_picture_is_on_the_screen(board: Board):
    text = board.text()
    for part in (
        "meshtui ▌koornacht⇄tion", "mesh ◌ waiting 0/2", "policy scope local-cluster", "19:36:28 UTC",
        "[K] koornacht  id 1  k8s 1.36.2  cilium 1.21", "koornacht-control-plane  ✔ Ready", "10.1.0.0/24",
        "link K→T ◌ ready, not proven yet · 1 shared", "link T→K", "default/rebel-base", "K → K 2, T 2", "T → T 2, K 2",
        "dropped ─ K 28/s  T 28/s ─ lost 0", "4 Load", "g global", "p policies", "? help", "q quit",
    ):  # fmt: skip
        assert part in text, part


async def test_the_screen_is_painted_before_there_is_a_session():
    gate = asyncio.Event()
    session = FakeSession(recorded_mesh())

    async def make() -> FakeSession:
        await gate.wait()
        return session

    app = make_app(make)
    async with app.run_test(size=(120, 40)) as pilot:
        board = Board(app, pilot, session)
        await board.until(lambda: "reading the kubeconfig" in board.text())
        assert "koornacht" not in board.text()
        await board.press("l", "g", "p", "y", "?", "escape")
        gate.set()
        await board.until(lambda: "koornacht" in board.text())
    assert session.stopped


async def test_no_session_is_a_sentence_with_a_next_step():
    def make() -> FakeSession:
        raise ConfigError("the kubeconfig has no contexts", hint="try `meshtui demo`")

    app = make_app(make)
    async with app.run_test(size=(120, 40)) as pilot:
        board = Board(app, pilot, FakeSession(s.Mesh()))
        await board.until(lambda: "✗ the kubeconfig has no contexts" in board.text(app.board.clusters))
        assert "→ try `meshtui demo`" in board.text(app.board.clusters)
        assert app.is_running


async def test_one_cluster_down_is_told_in_its_own_block_while_the_other_lives(board: Board):
    error = Unreachable("tion does not answer", context="tion", cause="connection refused", hint="is it running?")
    board.session.emit(s.ApiChanged("tion", s.Phase.FAILED, NOW, error=error))
    await board.until(lambda: "✗ failed" in board.text(board.app.board.clusters))
    text = board.text(board.app.board.clusters)
    assert "✗ tion does not answer: connection refused" in text
    assert "→ is it running?" in text
    assert "koornacht-control-plane  ✔ Ready" in text
    assert "mesh ✗ 1 API server away" in board.text()


async def test_one_resource_refused_is_told_and_the_rest_is_shown(board: Board):
    error = Forbidden("pods cannot be listed", context="tion", status=403, cause="no right to list", hint="ask")
    board.session.emit(s.WatchChanged("tion", r.PODS, s.Phase.FAILED, NOW, error))
    await board.until(lambda: "✗ pods cannot be listed: no right to list" in board.text(board.app.board.clusters))
    assert "tion-control-plane" in board.text(board.app.board.clusters)


async def test_global_is_pending_until_the_watch_confirms_it(board: Board):
    pane = board.app.board.services
    assert board.text(pane).splitlines()[1].split() == [REBEL, "K", "◉g", "◉s", "–", "·", "2/2"]
    await board.press("g")
    await board.until(lambda: board.session.performed, "performed")
    assert "pending" in board.text(pane).splitlines()[1]
    assert "◉g" in board.text(pane).splitlines()[1], "not before the watch says so"
    board.session.confirm()
    await board.until(lambda: "○g" in board.text(pane).splitlines()[1])
    assert "pending" not in board.text(pane)
    assert "K → K 2 ·" in board.text(pane).splitlines()[3]


async def test_capital_g_asks_for_all_clusters(board: Board):
    await board.press("G")
    await board.until(lambda: board.session.performed)
    assert {step.context for step in board.session.performed[0].steps} == {"koornacht", "tion"}


async def test_the_cursor_says_which_cluster_a_toggle_means(board: Board):
    await board.press("down", "a")
    await board.until(lambda: board.session.performed)
    (step,) = board.session.performed[0].steps
    assert (step.context, step.after) == ("tion", {"service.cilium.io/affinity": "local"})


async def test_a_conflict_is_told_with_cause_and_next_step(board: Board):
    board.session.outcome_error = Conflict("rebel-base changed meanwhile", context="koornacht", hint="look again")
    await board.press("s")
    await board.until(lambda: "✗ rebel-base changed meanwhile" in board.text())
    assert "→ look again" in board.text()


async def test_outside_a_lab_a_dialog_shows_the_plan_and_cancel_is_in_focus():
    async with board_on(recorded_mesh(trusted=False)) as board:
        await board.press("g")
        await board.until(lambda: isinstance(board.app.screen, ConsentDialog))
        await board.pilot.pause()
        text = board.text()
        assert board.app.focused is not None
        assert board.app.focused.id == "cancel"
        for part in ("[K] koornacht", "context koornacht", "service.cilium.io/global  true → absent",
                     "K 2, T 2 → K 2", "kubectl"):  # fmt: skip
            assert part in text, part
        await board.press("enter")
        assert not board.session.performed
        await board.press("g")
        await board.until(lambda: isinstance(board.app.screen, ConsentDialog))
        await board.press("y")
        await board.until(lambda: board.session.performed)


async def test_a_protected_context_wants_its_name():
    mesh = recorded_mesh(trusted=False)
    mesh.clusters["koornacht"].protected = True
    async with board_on(mesh) as board:
        await board.press("g")
        await board.until(lambda: isinstance(board.app.screen, ConsentDialog))
        screen = board.app.screen
        assert isinstance(screen, ConsentDialog)
        assert screen.plan.consent is Consent.TYPE_NAME
        await board.press("w", "r", "o", "n", "g", "enter")
        assert not board.session.performed
        await board.press(*"koornacht", "enter")
        await board.until(lambda: board.session.performed)


async def test_read_only_refuses_with_the_reason():
    mesh = recorded_mesh()
    mesh.clusters["koornacht"].read_only = True
    async with board_on(mesh) as board:
        await board.press("g")
        assert "Toggle global: koornacht is read-only" in board.text()
        assert not board.session.performed


async def test_ten_curls_leave_one_mark_each_as_they_arrive(board: Board):
    pane = board.app.board.load_pane
    await board.press("l")
    await board.until(lambda: board.session.specs)
    assert board.session.specs[0].url == "http://rebel-base"
    assert board.session.specs[0].context == "koornacht"
    board.session.answers.put_nowait(answer(1, "koornacht"))
    await board.until(lambda: "1/10" in board.text(pane))
    assert "●K· · · · · · · · ·" in board.text(pane)
    for number in range(2, 10):
        board.session.answers.put_nowait(answer(number, "tion", 0.003))
    board.session.answers.put_nowait(timeout(10))
    board.session.answers.put_nowait(None)
    await board.until(lambda: "✔ done" in board.text(pane))
    text = board.text(pane)
    assert "●K●T●T●T●T●T●T●T●T✗" in text
    for part in ("K 50%", "T 50%", "tion 8", "koornacht 1", "timed out 1"):
        assert part in text
    assert "p50 3.0 ms  p90 3.0 ms  p95 3.0 ms  p99 3.0 ms  max 2.0 s" in text
    assert "last run" in text


async def test_a_run_can_be_stopped(board: Board):
    await board.press("l", "4")
    board.session.answers.put_nowait(answer(1, "koornacht"))
    await board.until(lambda: "1/10" in board.text(board.app.board.load_pane))
    await board.press("x")
    await board.until(lambda: "! stopped" in board.text(board.app.board.load_pane))
    await board.press("x")
    assert "Stop the run: nothing is running" in board.text()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50), (60, 16)])
async def test_every_size_shows_the_pane_in_front_and_never_overflows(size):
    async with board_on(size=size) as board:
        board.session.deliver(recorded_flows("dropped"))
        for key, pane in zip("1234", map(board.app.board.panes.get, PANES), strict=True):
            await board.press(key)
            assert board.app.board.focused is pane
            assert pane.region.area > 0
            lines = board.text().splitlines()
            assert len(lines) == size[1]
            assert all(len(line) <= size[0] for line in lines)


async def test_80_by_24_has_tabs_and_a_click_on_one_goes_there():
    async with board_on(size=(80, 24)) as board:
        text = board.text()
        assert " 1 Clusters ▌2 Services  3 Flows  4 Load" in text
        assert "3 Flows ─" not in text
        await board.pilot.click(board.app.board.tabs, offset=(26, 0))
        await board.until(lambda: board.app.board.current == "flows")
        assert "▌3 Flows" in board.text()


async def test_below_60_by_16_it_says_so_and_keeps_running():
    async with board_on(size=(50, 14)) as board:
        assert "50×14 is too small" in board.text()
        board.session.deliver(recorded_flows("dropped"))
        await board.pilot.resize_terminal(120, 40)
        await board.until(lambda: "default/rebel-base" in board.text())
        await board.until(lambda: "EGRESS denied" in board.text())


async def test_zoom_and_escape(board: Board):
    assert "1 Clusters" in board.text()
    await board.press("z")
    assert "1 Clusters" not in board.text()
    assert "2 Services" in board.text()
    await board.press("escape")
    assert "1 Clusters" in board.text()
    await board.press("escape", "escape")
    assert board.app.is_running


async def test_q_quits_with_zero(board: Board):
    await board.press("q")
    await board.until(lambda: not board.app.is_running)
    assert board.app.return_value == 0


async def test_filter_narrows_services_and_escape_clears_it(board: Board):
    pane = board.app.board.services
    await board.press("slash", *"hubble", "enter")
    assert {key for key, _ in pane.items[1:]} == {"kube-system/hubble-peer", "kube-system/hubble-relay"}
    assert "/hubble" in str(pane.border_title)
    await board.press("escape")
    assert len(pane.items) == 15


async def test_help_lists_the_keys_of_the_pane_in_front(board: Board):
    await board.press("3", "question_mark")
    text = board.text()
    assert "Keys in flows" in text
    assert "Hold the flows still" in text
    assert "Toggle global" not in text
    await board.press("escape")
    assert "Keys in flows" not in board.text()


async def test_the_palette_runs_a_command_of_another_pane(board: Board):
    pane = board.app.board.flows
    board.session.deliver(recorded_flows("dropped"))
    await board.press("colon")
    await board.press(*"flows: pause", "enter")
    await board.until(lambda: "paused" in str(pane.border_title))


async def test_remapped_keys_work_and_are_shown():
    settings = Settings(utc=True, keymap={"load.run": "f5", "nonsense": "x"})
    async with board_on(settings=settings) as board:
        assert "the keymap names no command called nonsense" in board.text()
        assert "f5 load 10" in board.text()
        await board.press("l")
        assert not board.session.specs
        await board.press("f5")
        await board.until(lambda: board.session.specs)


async def test_a_click_on_the_footer_runs_the_command(board: Board):
    footer = board.app.board.footer
    x = footer.render_line(0).text.index("load 10")
    await board.pilot.click(footer, offset=(x, 0))
    await board.until(lambda: board.session.specs)


async def test_a_click_on_a_row_puts_the_cursor_there(board: Board):
    await board.pilot.click(board.app.board.services, offset=(10, 3))
    assert board.app.board.services.cell == (REBEL, "tion")


async def test_details_explain_the_service(board: Board):
    await board.press("enter")
    text = board.text()
    assert "[K] koornacht's clients → K 2, T 2" in text
    assert "25%" in text
    await board.press("q")
    assert "25%" not in board.text()
    assert board.app.is_running, "q in a dialog only closes it"


async def test_copying_a_row_says_what_was_copied(board: Board):
    await board.press("y")
    assert board.app.clipboard.startswith(REBEL)
    assert "copied: default/rebel-base" in board.text()


async def test_services_of_chosen_namespaces_only():
    async with board_on(settings=Settings(utc=True, namespaces=("default",))) as board:
        assert {key for key, _ in board.app.board.services.items[1:]} == {REBEL, "default/kubernetes"}


async def test_findings_tell_a_trap_and_enter_fixes_it(board: Board):
    await board.press("g")
    await board.until(lambda: board.session.performed)
    board.session.confirm()
    await board.until(lambda: "! 1 finding" in board.text().splitlines()[0])
    await board.press("f")
    await board.until(lambda: "Findings ─" in board.text())
    await board.until(lambda: "global in one cluster only" in board.text())
    assert "default/rebel-base" in board.text()
    await board.press("enter")
    await board.until(lambda: len(board.session.performed) == 2)
    assert board.session.performed[1].steps


async def test_no_color_paints_without_any_colour():
    async with board_on(settings=Settings(utc=True, color=False)) as board:
        board.session.deliver(recorded_flows("dropped"))
        await board.until(lambda: board.app.board.flows.items)
        colours = {
            segment.style.color.name
            for strip in board.app.screen._compositor.render_strips()
            for segment in strip
            if segment.style and segment.style.color
        }
        assert colours <= {"default"}
        assert "✗ EGRESS denied" in board.text()


@pytest.mark.parametrize("theme", ["dark", "light", "ansi", "no-such-theme"])
async def test_every_theme_paints(theme):
    async with board_on(settings=Settings(utc=True, theme=theme)) as board:
        assert "◉g" in board.text()
        await board.press("f8")
        assert "theme " in board.text()


async def test_a_mistake_of_ours_is_told_and_ends_nothing(board: Board, monkeypatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(board.session, "plan_toggle", broken)
    await board.press("g")
    await board.until(lambda: "✗ meshtui made a mistake: ZeroDivisionError: inside" in board.text())
    assert board.app.is_running


async def test_empty_panes_say_why(board: Board):
    assert "no dropped flows so far · v shows all verdicts" in board.text(board.app.board.flows)
    await board.press("slash", *"nothing-like-it", "enter")
    assert "no service matches" in board.text(board.app.board.services)


async def test_a_narrow_footer_keeps_what_matters_most():
    async with board_on(size=(80, 24)) as board:
        footer = board.app.board.footer.render_line(0).text
        for part in ("g global", "s shared", "a affinity", "u undo", "l load 10", "? help", "q quit"):
            assert part in footer
