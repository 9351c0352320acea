"""Asks before a change: where, what, before and after, what it does to traffic, and the kubectl command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input

from meshtui.core.changes.plan import Consent, Outcome, Plan
from meshtui.core.errors import MeshtuiError
from meshtui.core.model.state import Mesh
from meshtui.core.text import clean
from meshtui.tui.changes.historyrows import outcome_lines
from meshtui.tui.changes.planrows import plan_lines
from meshtui.tui.clipboard import copy
from meshtui.tui.widgets import status
from meshtui.tui.widgets.dialog import Dialog, LineText
from meshtui.tui.widgets.paint import Line, Span

Rehearse = Callable[[Plan], Awaitable[tuple[Outcome, ...]]]
"""Lets the API servers check a plan without changing anything."""
WIDEST = 96


class ConsentDialog(Dialog[str | None]):
    """Answers with what was typed (empty for a plain yes), or None.

    What has the focus at first changes nothing: Cancel, or an input that is still empty. `y` says yes from anywhere.
    """

    AUTO_FOCUS = "Input, #cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "agree", "Apply", show=False),
        Binding("d", "rehearse", "Dry run", show=False),
        Binding("c", "copy", "Copy the kubectl lines", show=False),
        Binding("pagedown", "scroll(1)", show=False),
        Binding("pageup", "scroll(-1)", show=False),
    ]

    def __init__(self, plan: Plan, mesh: Mesh | None, rehearse: Rehearse | None = None) -> None:
        super().__init__()
        self.plan = plan
        self.mesh = mesh
        self.rehearse = rehearse
        self.text = LineText(())
        self._tried: list[Line] = []

    @property
    def wanted(self) -> tuple[str, ...]:
        """The contexts' names that must be typed."""
        if self.plan.consent is not Consent.TYPE_NAME or self.mesh is None:
            return ()
        clusters = (self.mesh.clusters.get(step.context) for step in self.plan.steps)
        return tuple(dict.fromkeys(cluster.context for cluster in clusters if cluster and cluster.protected))

    def compose(self) -> ComposeResult:
        """The plan, the input when a name must be typed, the buttons."""
        names = clean(" ".join(self.wanted), 100)
        with Vertical(classes="dialog -danger") as box:
            box.border_title = self.entitle(clean(self.plan.title, 100))
            keys = ["y applies"] if not names else []
            keys += ["d dry run"] if self.rehearse and not names else []
            keys += ["c copies kubectl"] if self.plan.commands and not names else []
            box.border_subtitle = self.entitle(" · ".join([*keys, "pgup/pgdn scroll", "esc cancels"]))
            yield self.text
            if self.plan.consent is Consent.TYPE_NAME:
                yield Input(placeholder=f"type {names} to confirm")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                if self.rehearse is not None:
                    yield Button("Dry run", id="rehearse")
                yield Button("Apply", id="apply", variant="warning")

    def on_mount(self) -> None:
        """Fill it."""
        self.refill()

    def on_resize(self) -> None:
        """Lines depend on the width."""
        self.refill()

    def refill(self) -> None:
        """The plan, and what a dry run said."""
        width = min(WIDEST, int(self.app.size.width * 0.96)) - 5
        self.text.set_lines([*plan_lines(self.plan, self.mesh, width), *self._tried])

    def action_agree(self) -> None:
        """Yes, by a key that is nobody's habit: enter, which is, meets Cancel. Where a name is asked for it is text."""
        if self.plan.consent is not Consent.TYPE_NAME:
            self._answer()

    def action_copy(self) -> None:
        """The kubectl lines as they are pasted."""
        if self.plan.commands:
            self._tried = [(), [Span(copy(self.app, "\n".join([*self.plan.commands, ""])), "dim")]]
            self.refill()
            self.text.scroll_end(animate=False)

    def action_scroll(self, pages: int) -> None:
        """Scroll the plan, wherever the focus is."""
        self.text.scroll_relative(y=pages * max(1, self.text.size.height - 1), animate=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Apply answers, Dry run tries; anything else leaves."""
        if event.button.id == "apply":
            self._answer()
        elif event.button.id == "rehearse":
            self.action_rehearse()
        else:
            self.dismiss(None)

    def on_input_submitted(self) -> None:
        """Enter in the input is Apply."""
        self._answer()

    def action_rehearse(self) -> None:
        """Let the API servers check the change, and show what each said."""
        if self.rehearse is not None:
            self._tried = [(), [Span(f"{status.WAITING} dry run …", "info")]]
            self.refill()
            self.run_worker(self._rehearse(self.rehearse), group="rehearse", exclusive=True, exit_on_error=False)

    async def _rehearse(self, rehearse: Rehearse) -> None:
        try:
            outcomes = await rehearse(self.plan)
        except MeshtuiError as error:
            self._tried = [(), *status.error_lines(error, 76)]
        else:
            self._tried = [(), [Span("Dry run: nothing was changed", "strong")]]
            for outcome in outcomes:
                self._tried += outcome_lines(outcome, self.mesh, 76, done="would be accepted")
        self.refill()
        self.text.scroll_end(animate=False)

    def _answer(self) -> None:
        if self.plan.consent is not Consent.TYPE_NAME:
            self.dismiss("")
            return
        field = self.query_one(Input)
        if set(field.value.replace(",", " ").split()) == set(self.wanted):
            self.dismiss(" ".join(self.wanted))
        else:
            field.placeholder = f"that is not {clean(' '.join(self.wanted), 100)}"
            field.value = ""
