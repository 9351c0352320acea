"""Builds the lab's kind clusters inside the dashboard, or removes them: what will be run, then its output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtui.core.clock import Clock
from meshtui.core.errors import MeshtuiError
from meshtui.lab.kind import commands as c
from meshtui.lab.kind import lab
from meshtui.lab.kind.commands import Command
from meshtui.lab.kind.machine import Machine
from meshtui.lab.kind.record import Records, design_of
from meshtui.lab.script import first_line
from meshtui.tui.widgets import status
from meshtui.tui.widgets.dialog import Dialog, LineText
from meshtui.tui.widgets.paint import Line, Span, safe, wrapped

_KEPT = 2000
"""Lines of output."""
_WIDTH = 92
"""Cells of a line in the dialog."""


def _command(text: str) -> Iterator[Line]:
    """`$ kind create …`, continued on lines of its own."""
    for number, piece in enumerate(wrapped(safe(first_line(text), 1000), _WIDTH, indent=2)):
        yield [Span("$ " if number == 0 else "  ", "dim"), Span(piece[2:], "info")]


class BuildDialog(Dialog[None]):
    """Enter begins. Esc closes, which interrupts what runs: the same key later goes on where it stood."""

    AUTO_FOCUS = "LineText"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "begin", show=False, priority=True)]

    def __init__(
        self, records: Records, clock: Clock, *, removes: bool = False, machine: Machine | None = None
    ) -> None:
        super().__init__()
        self._records = records
        self._clock = clock
        self._machine = machine or Machine()
        self.removes = removes
        self.running = False
        self.finished = False
        self._began = 0.0
        self.lines: list[Line] = list(self._plan())
        self.text = LineText(self.lines)
        self._box = Vertical(self.text, classes="dialog")

    def compose(self) -> ComposeResult:
        """The text in a frame."""
        yield self._box

    def on_mount(self) -> None:
        """Say what enter does, and let the clock run."""
        self._entitle()
        self.set_interval(1, self._entitle)

    def _plan(self) -> list[Line]:
        """The commands that enter runs."""
        try:
            if self.removes:
                texts = [command.text for command in c.down(design_of(self._records.one()))]
            else:
                made, record = lab.plan(lab.Wish(), self._records)
                done = set(record.done if record else ())
                every = c.up(made, self._records.directory(made.name), inherit=bool(record and record.inherit))
                texts = [command.text for command in every if command.id not in done]
        except MeshtuiError as error:
            self.finished = True
            return list(status.error_lines(error, _WIDTH))
        if not texts:
            self.finished = True
            return [[Span("The lab is up: nothing is left to do.", "ok")]]
        head = "Removes these clusters:" if self.removes else "Builds two kind clusters and meshes them:"
        return [[Span(head)], (), *(line for text in texts for line in _command(text))]

    def _entitle(self) -> None:
        title = "Remove the lab" if self.removes else "Build the lab"
        if self.running:
            seconds = int(self._clock.monotonic() - self._began)
            title = f"{title} ─ {seconds // 60:02}:{seconds % 60:02}"
        self._box.border_title = self.entitle(title)
        words = "esc interrupts" if self.running else "esc closes" if self.finished else "enter begins · esc closes"
        self._box.border_subtitle = self.entitle(words)

    def action_begin(self) -> None:
        """Begin, once."""
        if not self.running and not self.finished:
            self.running, self._began = True, self._clock.monotonic()
            self.lines.append(())
            self.run_worker(self._work(), group="build", exclusive=True, exit_on_error=False, description="lab")

    async def _work(self) -> None:
        try:
            if self.removes:
                gone = await lab.down(self._records, (), self._machine, self, self._clock)
                self._add([Span(f"✔ Removed: {', '.join(gone) or 'nothing was left'}.", "ok")])
            else:
                made = await lab.up(lab.Wish(), self._records, self._machine, self, self._clock)
                self._add([Span(f"✔ The lab is up. Open it: meshtui {' '.join(lab.dashboard(made))}", "ok")])
        except MeshtuiError as error:
            self._add(*status.error_lines(error, _WIDTH))
        finally:
            self.running, self.finished = False, True
            if self.is_attached:
                self._entitle()

    # What the builder tells

    def begin(self, command: Command, number: int, total: int) -> None:
        """A command begins."""
        self._add([Span(f"[{number}/{total}] $ {safe(command.text.splitlines()[0], 500)}", "key")])

    def line(self, text: str) -> None:
        """A line of its output."""
        self._add([Span(f"    {safe(text, 500)}", "dim")])

    def end(self, command: Command, seconds: float, skipped: bool) -> None:
        """It is done."""
        self._add([Span("    it was so already" if skipped else f"    done in {seconds:.0f} s", "dim")])

    def say(self, text: str) -> None:
        """Something else to know."""
        self._add([Span(safe(text, 500))])

    def _add(self, *lines: Sequence[Span]) -> None:
        self.lines.extend(lines)
        del self.lines[:-_KEPT]
        if self.is_attached:
            self.text.set_lines(self.lines)
            self.text.scroll_end(animate=False)
