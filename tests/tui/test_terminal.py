"""The terminal that plugins borrow, and last words without the values of local variables."""

from __future__ import annotations

import pytest
from textual.app import App

from meshtui.core.errors import LoginAwaited, MeshtuiError
from meshtui.core.settings import Settings
from meshtui.tui.app import MeshtuiApp
from meshtui.tui.terminal import Screen
from meshtui.tui.widgets import status


async def test_a_terminal_that_cannot_be_lent_says_so() -> None:
    app: App[int] = App()
    async with app.run_test():
        with pytest.raises(MeshtuiError, match="this terminal cannot be lent to it") as caught:
            async with Screen(app).lend("ask logs in to k"):
                pass
    assert "log in from a shell first" in caught.value.hint


async def test_the_screen_comes_back_after_a_login_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    app: App[int] = App()
    calls: list[str] = []
    async with app.run_test() as pilot:
        driver = type(app._driver)
        monkeypatch.setattr(driver, "can_suspend", True)
        monkeypatch.setattr(driver, "suspend_application_mode", lambda _: calls.append("away"))
        monkeypatch.setattr(driver, "resume_application_mode", lambda _: calls.append("back"))

        async def log_in() -> None:
            async with Screen(app).lend("ask logs in to k"):
                assert app._batch_count  # nothing is painted meanwhile
                raise ValueError("wrong password")

        with pytest.raises(ValueError, match="wrong password"):
            await log_in()
        await pilot.pause()
        assert calls == ["away", "back"]
        assert not app._batch_count


async def test_what_breaks_the_dashboard_is_kept_for_the_command_line_and_textual_says_nothing() -> None:
    async def opening(*_: object) -> object:
        raise MeshtuiError("no session here")

    app = MeshtuiApp(opening, Settings())  # type: ignore[arg-type]
    broken = RuntimeError("a mistake")
    with pytest.raises(RuntimeError):
        async with app.run_test():
            app._handle_exception(broken)
    assert app.broken is broken
    assert app._exit_renderables == []


def test_what_a_plugin_asks_is_never_cut() -> None:
    asked = (
        "To sign in, use a web browser to open the page https://login.example.test/device\nand enter the code ABC-123"
    )
    error = LoginAwaited("k: kubelogin is logging in", context="k", cause=asked, hint="do what it says")
    lines = status.error_lines(error, 30, most=2)
    text = ["".join(span.text for span in line) for line in lines]
    assert text[0].strip().startswith(status.WAITING)
    assert "ABC-123" in " ".join(text)
    assert "\\n" not in " ".join(text)
    assert {span.role for line in lines[:-1] for span in line} == {"warn"}
