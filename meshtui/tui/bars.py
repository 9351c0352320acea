"""The one-line strips: header, tabs, message line and footer."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from meshtui.core.errors import MeshtuiError
from meshtui.tui import commands as c
from meshtui.tui.board import Board
from meshtui.tui.header import header
from meshtui.tui.widgets import status
from meshtui.tui.widgets.lines import Bar
from meshtui.tui.widgets.paint import Line, Span, fit, joined, safe, width_of, wrapped_spans


class _OnDashboard(Bar):
    @property
    def dashboard(self) -> Board:
        """The screen this bar is part of."""
        return cast("Board", self.screen)


class HeaderBar(_OnDashboard):
    """Clusters, mesh state, policy scope, clock."""

    def content(self, width: int) -> list[Line]:
        """The header line."""
        board = self.dashboard
        return [
            header(
                board.mesh,
                board.clock.now(),
                width,
                utc=board.utc,
                note=board.progress,
                findings=board.finding_count,
                judgement=board.session.judgement if board.session else None,
            )
        ]


class TabBar(_OnDashboard):
    """Names of the panes, for screens that show one at a time; a click goes there."""

    def content(self, width: int) -> list[Line]:
        """`1 Clusters  2 Services …`, the one shown marked."""
        spans: list[Span] = [Span(" ")]
        for number, pane in enumerate(c.PANES, 1):
            here = pane == self.dashboard.current
            text = f"▌{number} {pane.title()} " if here else f" {number} {pane.title()} "
            spans.append(Span(text, "key" if here else "dim", f"pane.{pane}"))
        return [spans]


MESSAGE_LINES = 3
"""So many lines a message takes at most."""


class MessageBar(_OnDashboard):
    """The last thing there was to say; stays until there is something else, and takes the lines it needs."""

    def __init__(self) -> None:
        super().__init__(id="message")
        self.line: Line = ()
        self.heard: set[Callable[[], None]] = set()
        """Told of every sentence: screens that lie over this line show it themselves."""

    def say(self, text: str, role: str = "dim", glyph: str = "·") -> None:
        """Show a sentence."""
        self._show([Span(f" {glyph} {safe(text, 1000)}", role)])

    def error(self, error: MeshtuiError) -> None:
        """Show a failure with its cause and next step."""
        hint = [Span(f"  → {safe(error.hint)}", "dim")] if error.hint else []
        self._show([Span(f" {status.BAD} {status.error_text(error)}", "bad"), *hint])

    def _show(self, line: Line) -> None:
        self.line = line
        self.fit()
        for hear in tuple(self.heard):
            hear()

    def on_resize(self) -> None:
        """It may need another number of lines now."""
        self.fit()

    def fit(self) -> None:
        """As many lines as it needs, one at least."""
        wanted = min(MESSAGE_LINES, max(1, len(self.content(self.size.width or self.app.size.width))))
        if self.styles.height is None or self.styles.height.value != wanted:
            self.styles.height = wanted
        self.refresh()

    def content(self, width: int) -> list[Line]:
        """The message; over several lines where it is too long for one."""
        return wrapped_spans(self.line, max(20, width - 1))


class FooterBar(_OnDashboard):
    """Keys that matter where the focus is, from the registry; a click runs them."""

    def content(self, width: int) -> list[Line]:
        """`g global  s shared … ? help  q quit`."""
        board = self.dashboard
        here = set(c.in_scope(board.current))
        wanted = [x for x in c.COMMANDS if x.footer and x in here]
        spans = [Span(" ")]
        last = [x for x in wanted if x.id in ("app.palette", "app.help", "app.quit")]
        first = [x for x in wanted if x not in last]
        tail = [span for command in last for span in self._entry(command)]
        for command in first:
            entry = self._entry(command)
            if width_of(spans) + width_of(entry) + width_of(tail) > width:
                break
            spans += entry
        gap = width - width_of(spans) - width_of(tail)
        return [[*spans, Span(" " * max(0, gap)), *tail]]

    def _entry(self, command: c.Command) -> list[Span]:
        keys = c.keys_of(command, self.dashboard.keymap)
        key = c.key_text(keys[0]) if keys else "–"
        refused = self.dashboard.why_not(command)
        word = "struck" if refused else "dim"
        struck = Span(command.footer, word, command.id)
        gap = Span("  ", "dim", command.id)
        return [Span(key, "dim" if refused else "key", command.id), Span(" ", "dim", command.id), struck, gap]


class GuideBar(_OnDashboard):
    """Four first steps for whoever opens the demo; each is ticked off as its key is used, and then the strip goes."""

    STEPS = (
        ("load.run", "l", "requests"), ("services.global-all", "G", "share"), ("load.run", "l", "again"),
        ("policies.open", "p", "policies"),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__(id="guide")
        self.done = 0
        self.display = False

    def begin(self) -> None:
        """Show it, and open the flows added up: that is read at first sight."""
        self.display = True
        self.dashboard.flows.add_up()

    def used(self, command_id: str) -> None:
        """A command was run: the next step is done when it is the one."""
        if self.display and self.STEPS[self.done][0] == command_id:
            self.done += 1
            self.display = self.done < len(self.STEPS)
            self.refresh()

    def content(self, width: int) -> list[Line]:
        """`first steps  ✔ requests · G share · l again · p policies`."""
        parts: list[Line] = []
        for number, (command, key, word) in enumerate(self.STEPS):
            if number < self.done:
                parts.append([Span(f"{status.OK} {word}", "ok")])
            else:
                role = "strong" if number == self.done else "dim"
                parts.append([Span(key, "key", command), Span(f" {word}", role)])
        return [[Span(" first steps  ", "dim"), *joined(parts), Span("   esc hides this", "dim")]]


class TooSmall(Bar):
    """Says that the terminal is too small, while everything behind it keeps running."""

    def content(self, width: int) -> list[Line]:
        """A sentence in the middle."""
        size = self.app.size
        lines: list[Line] = [()] * max(0, self.size.height // 2 - 1)
        text = f"{size.width}×{size.height} is too small"
        lines.append([Span(fit(text.center(width), width), "warn")])
        lines.append([Span(fit("meshtui needs 60×16; it keeps running".center(width), width), "dim")])
        return lines
