"""The services pane: its list, marks, order, and the explanation with its evidence."""

import dataclasses

import msgspec

from meshtui.core.changes.plan import Outcome
from meshtui.core.errors import Forbidden
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import RealisedBackend, RealisedService
from meshtui.core.model.reduce import reduce
from meshtui.core.routing import annotations as a
from meshtui.core.services.evidence import Realised
from meshtui.tui.services import rows as services
from meshtui.tui.services.detail import ServiceDialog
from meshtui.tui.widgets.textdialog import TextDialog
from tests.core import meshes
from tests.core.meshes import GLOBAL
from tests.tui.conftest import Board, board_on
from tests.tui.fakes import NOW, answer, recorded_flows, recorded_mesh

REBEL = "default/rebel-base"


def shop(count=300, clusters=("a", "b")):
    """A mesh of many services, every third global."""
    mesh = meshes.mesh(*clusters)
    for context in clusters:
        found = {}
        for n in range(count):
            item = meshes.service(GLOBAL if n % 3 == 0 else {}, key=f"shop/s{n:04}")
            found[item.key] = item
        reduce(mesh, s.Listed(context, r.SERVICES, found, NOW))
    return mesh


# The list


async def test_a_long_list_is_made_in_portions_and_complete():
    async with board_on(shop()) as board:
        pane = board.app.board.services
        await board.until(lambda: len(pane.items) == 601)
        await board.until(lambda: "to come" not in str(pane.border_title))
        assert pane.items[1] == ("shop/s0000", "a")
        assert "300" in str(pane.border_title)
        await board.press("end")
        assert pane.selected == ("shop/s0299", "b")


async def test_the_list_is_made_while_another_pane_is_in_front():
    async with board_on(shop(), size=(80, 24)) as board:
        await board.press("3")
        await board.until(lambda: len(board.app.board.services.items) == 601)
        await board.until(lambda: board.app.board.findings.backlog == 0)


async def test_one_event_redraws_what_it_names_and_keeps_the_cursor():
    async with board_on(shop(50)) as board:
        pane = board.app.board.services
        await board.until(lambda: len(pane.items) == 101)
        await board.press("down", "down")
        before, items = pane.selected, pane.items
        board.session.emit(s.Changed("a", r.ENDPOINTSLICES, _slice("shop/s0000", True), NOW))
        await board.until(lambda: "· 1/1" in board.text(pane))
        assert pane.selected == before
        assert pane.items is items


def _slice(key, ready):
    item = meshes.endpointslice([meshes.endpoint("10.1.0.1", ready=ready)], key=key)
    return {item.key: item}


async def test_order_faults_mesh_and_filter_narrow_and_esc_widens_again():
    async with board_on(shop(30)) as board:
        pane = board.app.board.services
        await board.until(lambda: len(pane.items) == 61)
        await board.press("m")
        await board.until(lambda: len(pane.items) == 21)
        assert "mesh only" in str(pane.border_title)
        await board.press("slash")
        await board.until(lambda: "ann:affinity" in board.text(), "the grammar is in the box")
        await board.press(*"s0000", "enter")
        await board.until(lambda: len(pane.items) == 3)
        assert "1 of 30" in str(pane.border_title)
        await board.press("escape", "escape")
        await board.until(lambda: len(pane.items) == 61)
        await board.press("o")
        assert pane.items[3][0] == "shop/s0001"
        assert "by name" in str(pane.border_title)
        await board.press("e")
        await board.until(lambda: len(pane.items) == 21)


async def test_a_filter_that_cannot_be_says_what_can(board: Board):
    pane = board.app.board.services
    await board.until(lambda: len(pane.items) > 2)
    await board.press("slash", *"clutser")
    await board.until(lambda: len(pane.items) <= 2, "half of it is a name that nothing has")
    await board.press(*":K", "enter")
    wanted = ("no filter key 'clutser'", "did you mean cluster:")
    await board.until(lambda: all(words in board.text() for words in wanted))
    await board.until(lambda: len(pane.items) > 2, "it narrows nothing")


async def test_a_service_missing_in_one_cluster_is_shown_as_missing():
    mesh = shop(3)
    reduce(mesh, s.Changed("b", r.SERVICES, {"shop/s0000": None}, NOW))
    async with board_on(mesh) as board:
        pane = board.app.board.services
        await board.until(lambda: len(pane.items) == 7)
        assert "no Service here" in board.text(pane).splitlines()[2]
        await board.press("slash", *"missing:b", "enter")
        await board.until(lambda: {key for key, _ in pane.items[1:]} == {"shop/s0000"})


async def test_type_and_ports_stand_in_the_list(board: Board):
    assert "ClusterIP 80/TCP" in board.text(board.app.board.services)


def test_clusters_whose_clients_get_the_same_stand_together():
    mesh = meshes.mesh("a", "b", "c", "d")
    for context in "abc":
        meshes.web(mesh, context, GLOBAL, 2 if context == "a" else 0)
    line = "".join(span.text for span in services.route_line(mesh, meshes.KEY, 80))
    assert line.strip() == "A B C → A 2 · D → nobody: no Service here"


# Marks


async def test_marked_services_change_in_one_plan_and_results_are_told_apart():
    mesh = shop(6)
    for cluster in mesh.clusters.values():
        cluster.trusted = True
    async with board_on(mesh) as board:
        pane = board.app.board.services
        await board.until(lambda: len(pane.items) == 13)
        await board.press("space", "space")
        assert "2 marked" in str(pane.border_title)
        assert board.text(pane).splitlines()[1].startswith("▪shop/s0000")

        async def perform(plan, **_):
            error = Forbidden("no", context="a", status=403, cause="not yours", hint="ask")
            return tuple(Outcome(step, error if n else None) for n, step in enumerate(plan.steps))

        board.session.perform = perform
        await board.press("a")
        await board.shown(TextDialog)
        text = board.text()
        assert "1 of 2 done" in text
        assert "✔ A  shop/s0000" in text
        assert "✗ A  shop/s0003" in text
        assert "not yours" in text
        await board.press("escape", "escape")
        assert "marked" not in str(pane.border_title)


async def test_the_list_narrows_down_while_one_types_and_former_filters_come_back():
    async with board_on(shop(30)) as board:
        pane = board.app.board.services
        await board.until(lambda: len(pane.items) == 61)
        await board.press("slash", *"s0007")
        await board.until(lambda: len(pane.items) == 3, "it is narrowed down before enter")
        await board.press("enter", "slash", *["backspace"] * 5, *"clutser:a")
        await board.until(lambda: "no filter key 'clutser'" in board.text())
        await board.press("enter")
        assert "clutser:a" in board.text(), "a bad term keeps the text"
        await board.press("up")
        assert board.app.screen.input.value == "s0007"
        await board.press(*["backspace"] * 5, *"s0008")
        await board.until(lambda: [key for key, _ in pane.items[1:2]] == ["shop/s0008"])
        await board.press("escape")
        await board.until(lambda: [key for key, _ in pane.items[1:2]] == ["shop/s0007"], "the filter there was")


# Explanation and evidence


def tables(*ips):
    backends = tuple(RealisedBackend(ip, 80, "active") for ip in ips)
    return Realised(
        "node-1", (RealisedService("default", "rebel-base", "ClusterIP", "172.20.0.1", 80, "TCP", backends),)
    )


async def test_the_explanation_has_prediction_evidence_reasons_endpoints_and_policies():
    async with board_on(recorded_mesh(5)) as board:
        await board.press("enter")
        await board.shown(ServiceDialog)
        await board.until(lambda: "in the tables of" in board.text() or "no such frontend" in board.text())
        text = board.text()
        for part in ("koornacht's clients → K 2", "predicted  K 100%", "– not shared: tion's", "As written",
                     "no connection seen since the last change"):  # fmt: skip
            assert part in text, part
        await board.press("end")
        await board.until(lambda: "Findings" in board.text())


async def test_what_agents_have_otherwise_is_flagged(board: Board):
    board.session.realises = {"koornacht": tables("10.99.0.1"), "tion": tables("10.99.0.1")}
    await board.press("enter")
    await board.shown(ServiceDialog)
    await board.until(lambda: "agent's tables disagree" in board.text())


async def test_agents_that_do_not_answer_are_told_and_asked_again(board: Board):
    error = Forbidden("exec is not allowed", context="koornacht", status=403, cause="no right", hint="ask")
    board.session.realises = {"koornacht": Realised(error=error)}
    await board.press("enter")
    await board.shown(ServiceDialog)
    await board.until(lambda: "✗ exec is not allowed: no right" in board.text())
    board.session.realises = {}
    await board.press("r")
    await board.until(lambda: "exec is not allowed" not in board.text())


async def test_flows_and_the_last_run_are_shown_beside_the_prediction():
    async with board_on(recorded_mesh(4)) as board:
        mesh = board.session.mesh
        rows = recorded_flows("dropped")
        moved = [dataclasses.replace(row, time_ns=int((NOW - 5) * 1e9) + n) for n, row in enumerate(rows)]
        board.session.deliver(moved)
        await board.press("l")
        await board.until(lambda: board.session.specs)
        for number in range(1, 5):
            board.session.answers.put_nowait(answer(number, "koornacht"))
        board.session.answers.put_nowait(None)
        await board.until(lambda: not board.app.board.load_pane.running)
        await board.press("2", "enter")
        await board.shown(ServiceDialog)
        await board.until(lambda: "4 of 4 answered" in board.text())
        await board.until(lambda: "dropped" in board.text() and "connections since" in board.text())
        assert mesh is board.session.mesh


async def test_evidence_from_before_the_last_change_does_not_count(board: Board):
    await board.press("l")
    await board.until(lambda: board.session.specs)
    board.session.answers.put_nowait(answer(1, "koornacht"))
    board.session.answers.put_nowait(None)
    await board.until(lambda: not board.app.board.load_pane.running)
    mesh = board.session.mesh
    service = a.changed(mesh.clusters["tion"].services[REBEL], {a.SHARED: "false"})
    meta = msgspec.structs.replace(service.metadata, resource_version="999999")
    board.session.emit(s.Changed("tion", r.SERVICES, {REBEL: msgspec.structs.replace(service, metadata=meta)}, NOW))
    await board.until(lambda: board.app.board.services.changed_at(REBEL))
    await board.press("2", "enter")
    await board.shown(ServiceDialog)
    await board.until(lambda: "koornacht's clients → K 2" in board.text())
    assert "answered at" not in board.text()
