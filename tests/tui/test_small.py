"""On 80×24: a key's result shows wherever its pane is not in sight, buttons are never cut, nothing reads the same."""

from __future__ import annotations

import pytest
from textual.widgets import Button

from meshtui.core.settings import Settings
from meshtui.tui import theme
from meshtui.tui.changes.consent import ConsentDialog
from meshtui.tui.flows.rows import because, without_place
from meshtui.tui.widgets.paint import Span, width_of, wrapped_spans
from tests.core import meshes
from tests.tui.conftest import board_on
from tests.tui.fakes import answer, recorded_flows, recorded_mesh, timeout
from tests.tui.test_many import judged, mesh_of

SMALL = (80, 24)


async def test_what_came_of_a_run_is_said_where_its_pane_is_not_in_sight() -> None:
    async with board_on(size=SMALL) as board:
        await board.press("l")
        await board.until(lambda: "asking rebel-base: koornacht/x-wing" in board.text())
        for number in range(1, 10):
            board.session.answers.put_nowait(answer(number, "tion"))
        board.session.answers.put_nowait(timeout(10))
        board.session.answers.put_nowait(None)
        await board.until(lambda: "9 of 10 answered (tion 9)" in " ".join(board.text().split()))
        await board.until(lambda: "4 shows more" in " ".join(board.text().split()))
        await board.press("down", "down")
        assert "9 of 10 answered" in " ".join(board.text().split()), "it stays until there is something else to say"
    async with board_on(size=(120, 40)) as board:
        await board.press("l")
        board.session.answers.put_nowait(None)
        await board.until(lambda: not board.app.board.load_pane.running)
        assert "asking" not in board.text(), "where the pane is in sight it tells by itself"


async def test_a_run_nobody_answered_has_no_percentiles() -> None:
    async with board_on(size=SMALL) as board:
        await board.press("l", "4")
        for number in range(1, 4):
            board.session.answers.put_nowait(timeout(number))
        board.session.answers.put_nowait(None)
        await board.until(lambda: "nobody answered" in board.text())
        assert "p95" not in board.text()
        assert "0.0 ms" not in board.text()


async def test_a_long_message_takes_the_lines_it_needs_and_gives_them_back() -> None:
    async with board_on(size=SMALL) as board:
        words = "a sentence that is so long that a line of eighty cells cannot hold it, and its last word is end"
        board.app.board.say(words)
        await board.pilot.pause()
        assert words in " ".join(board.text().split())
        assert board.app.board.message.size.height == 2
        board.app.board.say("short")
        await board.pilot.pause()
        assert board.app.board.message.size.height == 1


async def test_the_focused_drop_says_its_whole_reason() -> None:
    async with board_on(recorded_mesh(step=10), SMALL) as board:
        board.session.deliver(recorded_flows("dropped"))
        await board.press("3")
        flows = board.app.board.flows
        await board.until(lambda: len(flows.items) > 3)
        await board.press("up", "up", "up")
        assert flows.row is not None
        why = flows.explain(flows.row)
        assert why is not None
        shown = without_place(because(why, utc=True))

        def message() -> str:
            return "".join(span.text for span in board.app.board.message.line)

        await board.until(lambda: shown in " ".join(board.text(flows).split()), shown)
        assert why.sentence not in message(), "its own row tells it"
        index = flows.cursor
        assert flows.top_of(index + 1) - flows.top_of(index) > 2
        assert flows.top_of(index) - flows.top_of(index - 1) == 2, "others keep their two lines"
        middle = flows.top_of(index) + 2 - flows.scroll_offset.y
        await board.pilot.click(flows, offset=(5, middle + 1))
        assert flows.cursor == index, "a line that goes on is its item's"
        await board.press("w")
        await board.press("up", "down")
        await board.until(lambda: why.sentence in message())


async def test_connections_tell_their_verdict_first() -> None:
    async with board_on(size=SMALL) as board:
        board.session.deliver(recorded_flows("dropped"))
        await board.press("3", "c")
        await board.until(lambda: "✗ DROPPED" in board.text(board.app.board.flows))
        line = next(x for x in board.text(board.app.board.flows).splitlines() if "DROPPED" in x)
        assert line.index("✗ DROPPED") < 6


@pytest.mark.parametrize("size", [SMALL, (100, 30)])
async def test_buttons_are_in_sight_however_much_a_change_touches(size: tuple[int, int]) -> None:
    mesh = mesh_of(16)
    for context in mesh.clusters:
        mesh.clusters[context].trusted = False
        for n in range(12):
            meshes.put(mesh, context, meshes.service(meshes.GLOBAL, key=f"shop/a-service-of-a-long-name-{n:02}"))
    async with board_on(mesh, size, judgement=judged(mesh, broken=False)) as board:
        await board.until(lambda: len(board.app.board.services.items) > 12)
        await board.press("asterisk", "A")
        await board.until(lambda: isinstance(board.app.screen, ConsentDialog))
        await board.pilot.pause()
        for button in board.app.screen.query(Button):
            region = button.region
            assert region.height == 3
            assert 0 <= region.y < size[1] - 2
            assert region.right <= size[0]
            assert str(button.label) in board.text()
        assert board.session.performed == []


@pytest.mark.parametrize(
    "different", ["-{}", "-{}-frontend-to-the-cart-and-the-checkout", "{}-may-ask-the-cart-and-checkout"]
)
async def test_two_policies_never_read_the_same(different: str) -> None:
    mesh = recorded_mesh()
    stem = "the-shop-of-team-number-one" if different.startswith("-") else ""
    names = [stem + different.format(word) for word in ("alpha", "gamma")]
    for name in names:
        meshes.put(mesh, "koornacht", meshes.policy({"endpointSelector": {}, "ingress": [{}]}, name))
    async with board_on(mesh, SMALL) as board:
        await board.press("p")
        await board.until(lambda: "Policies" in board.text())
        lines = [board.app.screen.line(row.key, 74) for row in board.app.screen.shown.values() if row.name in names]  # type: ignore[attr-defined]
        told = {"".join(span.text for span in line) for line in lines}
        assert len(told) == len(lines) == 2, told


def test_words_are_wrapped_with_their_colours() -> None:
    line = [Span(" ✗ first part of it", "bad"), Span("  → and the next step last", "dim")]
    lines = wrapped_spans(line, 20)
    assert all(width_of(each) <= 20 for each in lines)
    told = " ".join("".join(span.text for each in lines for span in each).split())
    assert told == "✗ first part of it → and the next step last"
    assert {span.role for span in lines[-1] if span.text.strip()} == {"dim"}
    assert wrapped_spans(line, 100) == [line]


@pytest.mark.parametrize(("variable", "few"), [("xterm", True), ("screen", True), ("xterm-256color", False)])
async def test_sixteen_colours_are_the_terminals_own(variable: str, few: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours come down to colours of which some cannot be told from the ground, on the cursor's line above all."""
    monkeypatch.setenv("TERM", variable)
    monkeypatch.delenv("COLORTERM", raising=False)
    async with board_on(settings=Settings(utc=True, theme="light")) as board:
        assert (board.app.theme == theme.NAMES["ansi"]) is few
        await board.press("f8")
        assert ("sixteen colours" in board.text()) is few
