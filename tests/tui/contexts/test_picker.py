"""More contexts than fit: a person narrows them down, marks some, and the dashboard opens on those."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from meshtui.core.settings import Settings
from meshtui.mesh.targets import Choice, choose
from meshtui.tui.app import MeshtuiApp
from meshtui.tui.contexts.picker import ContextPicker, narrowed
from meshtui.tui.start import opening
from tests.tui.conftest import Board, StillClock
from tests.tui.fakes import FakeSession, recorded_mesh

MANY = [
    Choice(f"prod-{n}", f"c{n}", f"https://10.0.0.{n}:6443", "", "u", n == 3, ("eu",) if n < 4 else ())
    for n in range(40)
]


def kubeconfig(path: Path, count: int) -> Path:
    names = [f"prod-{n:02}" for n in range(count)]
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": names[0],
        "clusters": [{"name": n, "cluster": {"server": f"https://127.0.0.1:{7000 + i}"}} for i, n in enumerate(names)],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": n, "context": {"cluster": n, "user": "u"}} for n in names],
    }  # fmt: skip
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize(
    ("text", "count"), [("", 40), ("prod-1", 11), ("eu", 4), ("prod-? eu", 4), ("10.0.0.39", 1), ("nothing", 0)]
)
def test_what_is_typed_narrows_the_list_down(text: str, count: int) -> None:
    assert len(narrowed(MANY, text)) == count


async def test_the_dashboard_opens_on_what_was_marked(tmp_path: Path) -> None:
    settings = Settings(utc=True, kubeconfig=kubeconfig(tmp_path / "config", 20))
    opened: list[tuple[str, ...]] = []

    def of_contexts(contexts: tuple[str, ...]):
        opened.append(contexts)
        return opening(FakeSession(recorded_mesh()))

    app = MeshtuiApp(opening(lambda: choose(settings, {})), settings, StillClock())  # type: ignore[arg-type,return-value]
    app.reopening = of_contexts
    async with app.run_test(size=(120, 40)) as pilot:
        board = Board(app, pilot, None)  # type: ignore[arg-type]
        await board.until(lambda: isinstance(app.screen, ContextPicker))
        await board.until(lambda: "prod-19" in board.text())
        assert "20 contexts: which ones?" in board.text()
        await board.press(*"prod-1", "tab", "tab")
        assert "2 marked" in board.text()
        await board.press("enter")
        await board.until(lambda: app.board.session is not None)
        assert opened == [("prod-10", "prod-11")]


async def test_esc_leaves_and_says_how_to_choose(tmp_path: Path) -> None:
    settings = Settings(utc=True, kubeconfig=kubeconfig(tmp_path / "config", 20))
    app = MeshtuiApp(opening(lambda: choose(settings, {})), settings, StillClock())  # type: ignore[arg-type,return-value]
    app.reopening = lambda contexts: opening(FakeSession(recorded_mesh()))
    async with app.run_test(size=(120, 40)) as pilot:
        board = Board(app, pilot, None)  # type: ignore[arg-type]
        await board.until(lambda: isinstance(app.screen, ContextPicker))
        await board.press("escape")
        await board.until(lambda: "too many to show at once" in board.text())
        assert "--context NAME" in board.text()
