"""The command line on the dashboard: a k9s user's reflexes go to places and change nothing."""

import pytest

from meshtui.tui.palette.dialog import CommandLine
from tests.tui.conftest import Board, board_on
from tests.tui.fakes import recorded_mesh

REFLEXES = (
    [*":svc", "enter"], [*":ns x", "enter", "escape"], [*":ns default", "enter"], [*"/rebel", "enter"], ["0"], ["d"],
    ["escape"], ["y"], ["l"], ["s"], ["escape"], ["ctrl+d"], ["shift+n"], ["N"], [*":po", "enter"], ["escape"],
    [*":deploy", "enter"], ["escape"], [*":ctx", "enter"], [*":ctx tion", "enter"], ["question_mark"], ["escape"],
)  # fmt: skip


def keys(reflex: list[str]) -> list[str]:
    names = {":": "colon", "/": "slash", " ": "space"}
    return [names.get(key, key) for key in reflex]


@pytest.mark.parametrize(("step", "lab"), [(3, True), (4, False)])
async def test_no_reflex_of_a_k9s_user_changes_a_cluster(step: int, lab: bool) -> None:
    """`s` is a toggle here: on a service that is not global, and outside a lab, it asks first.

    A minute's typing, key by key: it takes some seconds.
    """
    mesh = recorded_mesh(step, trusted=lab)
    async with board_on(mesh) as board:
        before = {c.context: dict(c.services) for c in board.session.mesh.clusters.values()}
        for reflex in REFLEXES:
            await board.press(*keys(reflex))
        assert board.session.performed == []
        assert {c.context: dict(c.services) for c in board.session.mesh.clusters.values()} == before


async def test_a_place_is_gone_to_and_a_namespace_is_chosen(board: Board) -> None:
    await board.press(*keys([*":flows", "enter"]))
    assert board.app.board.current == "flows"
    await board.press(*keys([*":ns kube-system", "enter"]))
    assert board.app.board.current == "services"
    assert {key.partition("/")[0] for key, _ in board.app.board.services.items[1:]} == {"kube-system"}
    assert "kube-system" in str(board.app.board.services.border_title)
    await board.press("0")
    assert len({key.partition("/")[0] for key, _ in board.app.board.services.items[1:]}) > 1


async def test_an_unknown_namespace_keeps_the_line_and_says_so(board: Board) -> None:
    await board.press(*keys([*":ns defalt", "enter"]))
    assert isinstance(board.app.screen, CommandLine)
    assert "there is no namespace defalt; did you mean default?" in board.text()
    await board.press("escape")
    assert not isinstance(board.app.screen, CommandLine)


async def test_a_change_runs_when_typed_in_full_or_chosen_and_never_as_the_best_guess(board: Board) -> None:
    await board.press(*keys([*":toggle gl", "enter"]))
    assert isinstance(board.app.screen, CommandLine)
    assert board.session.performed == []
    await board.press(*keys(list("obal")), "escape")
    await board.press(*keys([*":services: toggle global", "enter"]))
    await board.until(lambda: board.session.performed)
    board.session.confirm()
    await board.press(*keys([*":toggle gl", "down", "enter"]))
    await board.until(lambda: len(board.session.performed) == 2)


async def test_every_command_is_listed_with_its_key(board: Board) -> None:
    await board.press("colon")
    await board.until(lambda: "Toggle global" in board.text())
    line = next(line for line in board.text().splitlines() if "services: Toggle global " in line)
    assert line.partition("services: Toggle global")[0].split("│")[-1].split()[0] == "g"
    assert "!" in line, "what changes a cluster is marked"


async def test_what_is_typed_before_the_line_is_drawn_is_not_lost() -> None:
    async with board_on() as board:
        board.app.board.set_focus(board.app.board.services)
        await board.app.action_run("app.palette")
        board.app.simulate_key("s")
        board.app.simulate_key("v")
        await board.press("c", "enter")
        assert board.app.board.current == "services"
        assert not isinstance(board.app.screen, CommandLine)


async def test_keys_in_quick_succession_queue(board: Board) -> None:
    """`g` thrice while the server is slow: each is planned when the one before is seen."""
    await board.press("g", "g", "g")
    for made in (1, 2, 3):
        await board.until(lambda made=made: len(board.session.performed) == made)
        assert board.session.pending
        board.session.confirm()
    values = [step.after for plan in board.session.performed for step in plan.steps]
    assert [next(iter(after.values())) for after in values if after] == [None, "true", None] or len(values) == 3
