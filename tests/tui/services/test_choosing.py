"""Marks, orders, namespaces and saved filters of the Services pane."""

from __future__ import annotations

import pytest

from meshtui.core import savedfilters
from meshtui.core.errors import UsageError
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.services import filter as servicefilter
from meshtui.core.settings import Settings
from meshtui.tui import commands as c
from meshtui.tui.services.namespaces import NamespacePicker
from tests.core import meshes
from tests.tui.conftest import board_on
from tests.tui.fakes import NOW
from tests.tui.test_many import KEYS, judged, mesh_of

SAVED = {"carts": "ns:shop cart", "drops": "verdict:dropped cross-cluster:yes", "shared": "ann:shared=false"}


def on(number: int = 6, *, broken: bool = False, filters: dict[str, str] | None = None):
    mesh = mesh_of(number)
    settings = Settings(utc=True, filters=filters or {})
    return board_on(mesh, (160, 50), settings, judged(mesh, broken=broken))


async def test_marks_stay_while_the_list_is_filtered_and_all_of_them_are_changed() -> None:
    async with on() as board:
        pane = board.app.board.services
        await board.press("space")
        assert pane.cell == (KEYS[1], "koornacht"), "it goes on to the next"
        await board.press("slash", *"checkout", "enter")
        await board.until(lambda: pane.items[1:] == [KEYS[2]])
        await board.press("right", "space")
        assert "2 marked, 1 of them not shown" in str(pane.border_title)
        assert "▪" in board.text(pane).splitlines()[1]
        await board.press("N", "a")
        await board.until(lambda: board.session.performed)
        (plan,) = board.session.performed
        assert [(x.context, x.key) for x in plan.steps] == [("koornacht", KEYS[0]), ("tion", KEYS[2])]
        board.session.confirm()
        await board.press("escape")
        assert "marked" not in str(pane.border_title)
        assert pane.view.filter.text == "checkout", "esc forgets marks first"


async def test_all_that_is_shown_is_marked_and_only_marked_is_shown() -> None:
    async with on() as board:
        pane = board.app.board.services
        await board.press("slash", *"ns:shop", "enter")
        await board.until(lambda: len(pane.items) == 3)
        await board.press("asterisk")
        assert list(pane.marks) == [(KEYS[1], "koornacht"), (KEYS[2], "koornacht")]
        await board.press("escape", "escape", "ampersand")
        assert "nothing is marked: space marks" in board.text()
        await board.press("space", "ampersand")
        assert pane.items[1:] == [KEYS[1]]
        assert "marked only" in str(pane.border_title)
        await board.press("ampersand")
        assert len(pane.items) == 4
        await board.press("asterisk", "asterisk")
        assert not pane.marks


async def test_a_marked_service_that_is_deleted_is_marked_no_more() -> None:
    async with on() as board:
        pane = board.app.board.services
        await board.press("space")
        board.session.emit(s.Changed("koornacht", r.SERVICES, {KEYS[0]: None}, NOW))
        await board.until(lambda: not pane.marks)


@pytest.mark.parametrize("number", [2, 6])
async def test_every_column_orders_by_its_key_both_ways(number: int) -> None:
    """The keys are in the registry, in `?`, and each stands in its column's head."""
    async with on(number) as board:
        mesh, pane = board.session.mesh, board.app.board.services
        contexts = list(mesh.clusters)
        meshes.put(mesh, contexts[1], meshes.service({}, key=KEYS[0]))
        meshes.put(
            mesh, contexts[0], meshes.service({**meshes.GLOBAL, "service.cilium.io/affinity": "local"}, key=KEYS[1])
        )
        board.app.board.apply(s.Delta(objects={(x, r.SERVICES): set(KEYS) for x in contexts}))
        await board.until(lambda: pane.table is not None and not pane.table.backlog)
        keys = [command.keys[0] for command in c.COMMANDS if command.id.startswith("services.sort-")]
        assert sorted(keys) == list("BEFINRW")
        for key in keys:
            await board.press(key)
            once = pane.table.keys  # type: ignore[union-attr]
            await board.press(key)
            assert pane.table.keys == once[::-1], key  # type: ignore[union-attr]
            assert "turned round" in str(pane.border_title)
        await board.press("B")
        assert pane.table.keys[-1] == KEYS[0]  # type: ignore[union-attr]
        await board.press("F")
        assert pane.table.keys[0] == KEYS[1]  # type: ignore[union-attr]
        await board.press("question_mark")
        for key in keys:
            assert any(line.strip(" │").startswith(f"{key} ") for line in board.text().splitlines()), key


async def test_heads_show_the_keys_and_order_by_a_click() -> None:
    async with on() as board:
        pane = board.app.board.services
        head = board.text(pane).splitlines()[0]
        assert head.split()[:8] == ["service", "N", "In", "gloBal", "sharEd", "aFfinity", "Ready", "Who"]
        for word, told in (("gloBal", "global first"), ("Who", "faults first"), ("aFf", "affinity first")):
            await board.pilot.click(pane, offset=(head.index(word) + 2, 1))
            await board.pilot.pause()
            assert told in str(pane.border_title)
        assert "▲" in board.text(pane).splitlines()[0]


async def test_remapped_keys_stand_in_the_heads() -> None:
    mesh = mesh_of(6)
    settings = Settings(utc=True, keymap={"services.sort-global": "f5"})
    async with board_on(mesh, (200, 50), settings, judged(mesh, broken=False)) as board:
        assert "gloBal" not in board.text(board.app.board.services).splitlines()[0]


async def test_namespaces_are_picked_from_a_list() -> None:
    async with on(broken=True) as board:
        board.app.board.apply(s.Delta(status=set(board.session.mesh.clusters)))
        await board.press("n")
        await board.until(lambda: isinstance(board.app.screen, NamespacePicker))
        await board.until(lambda: "shop" in board.text())
        lines = [line for line in board.text().splitlines() if "services" in line and "in the mesh" in line]
        assert "shop" in lines[0], "a namespace with what fails stands first"
        assert "2 services" in " ".join(lines[0].split())
        assert "1 failing" in lines[0]
        await board.press(*"def", "enter")
        pane = board.app.board.services
        await board.until(lambda: pane.items[1:] == [KEYS[0]])
        await board.press("n")
        await board.until(lambda: "shown now" in board.text())
        await board.press("down", "tab", "tab", "enter")
        await board.until(lambda: len(pane.items) == 4)
        assert board.app.board.namespaces == ("shop", "default")
        await board.press("n", "enter")
        await board.until(lambda: board.app.board.namespaces == ())
        await board.press("n", *"zzz")
        await board.until(lambda: "no namespace has that" in board.text())
        await board.press("enter")
        assert isinstance(board.app.screen, NamespacePicker), "nothing is chosen"
        await board.press("escape")
        assert board.app.board.namespaces == ()


async def test_a_saved_filter_is_offered_completed_and_used() -> None:
    async with on(filters=SAVED) as board:
        pane = board.app.board.services
        await board.press("slash")
        await board.until(lambda: "@ lists those for here" in board.text())
        await board.press("at")
        await board.until(lambda: "@carts" in board.text())
        assert "ns:shop cart" in board.text()
        assert "@drops" not in board.text().replace("@carts @drops", ""), "flows have a language of their own"
        assert "✗" not in board.text().splitlines()[-3], "half a name is no mistake"
        await board.press("tab")
        assert board.app.screen.input.value == "@carts "  # type: ignore[attr-defined]
        await board.press("enter")
        await board.until(lambda: pane.items[1:] == [KEYS[1]])
        assert pane.view.filter.text == "ns:shop cart"
        await board.press("escape", "slash", *"@crats", "enter")
        await board.until(lambda: "no saved filter '@crats' → did you mean @carts?" in board.text())
        await board.press("escape", "3", "slash", *"@dr")
        await board.until(lambda: "verdict:dropped cross-cluster:yes" in board.text())
        await board.press("tab", "enter")
        assert board.app.board.flows.question.text == "verdict:dropped cross-cluster:yes"  # type: ignore[union-attr]
        await board.press("colon", *"svc", "space", *"@carts", "enter")
        await board.until(lambda: pane.view.filter.text == "ns:shop cart")


def test_names_are_replaced_wherever_they_stand() -> None:
    assert savedfilters.expanded("is:global @carts !x", SAVED) == "is:global ns:shop cart !x"
    assert savedfilters.expanded("plain words", {}) == "plain words"
    with pytest.raises(UsageError, match="no saved filter '@none'"):
        savedfilters.expanded("@none", SAVED)
    assert savedfilters.taken("is:global @ca", "@carts") == "is:global @carts "


def test_only_what_is_understood_is_offered() -> None:
    mesh = mesh_of(2)
    offered = savedfilters.offers("x @", SAVED, lambda text: servicefilter.parse(text, mesh))
    assert [name for name, _ in offered] == ["@carts", "@shared"]
    assert savedfilters.offers("x", SAVED, lambda text: text) == []
