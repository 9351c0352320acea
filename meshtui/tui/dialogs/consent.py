"""Asks before a change: where, what, before and after, what it does to traffic, and the kubectl command."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input

from meshtui.core.plan import Consent, Plan
from meshtui.core.state import Mesh
from meshtui.core.text import clean
from meshtui.tui.dialogs.base import Dialog, LineText
from meshtui.tui.rows.plan import plan_lines


class ConsentDialog(Dialog[str | None]):
    """Answers with what was typed (empty for a plain yes), or None.

    What has the focus at first changes nothing: Cancel, or an input that is still empty.
    """

    AUTO_FOCUS = "Input, #cancel"

    def __init__(self, plan: Plan, mesh: Mesh | None) -> None:
        super().__init__()
        self.plan = plan
        self.mesh = mesh

    @property
    def wanted(self) -> str:
        """The context's name that must be typed, or empty."""
        if self.plan.consent is not Consent.TYPE_NAME or self.mesh is None:
            return ""
        clusters = (self.mesh.clusters.get(step.context) for step in self.plan.steps)
        return next((cluster.context for cluster in clusters if cluster and cluster.protected), "")

    def compose(self) -> ComposeResult:
        """The plan, the input when a name must be typed, the buttons."""
        with Vertical(classes="dialog -danger") as box:
            box.border_title = self.entitle(clean(self.plan.title, 100))
            yield LineText(plan_lines(self.plan, self.mesh, 78))
            if self.plan.consent is Consent.TYPE_NAME:
                yield Input(placeholder=f"type {clean(self.wanted, 60)} to confirm")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button("Apply", id="apply", variant="warning")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Apply answers; anything else leaves."""
        if event.button.id != "apply":
            self.dismiss(None)
            return
        self._answer()

    def on_input_submitted(self) -> None:
        """Enter in the input is Apply."""
        self._answer()

    def _answer(self) -> None:
        if self.plan.consent is not Consent.TYPE_NAME:
            self.dismiss("")
            return
        typed = self.query_one(Input).value.strip()
        if typed == self.wanted:
            self.dismiss(typed)
        else:
            self.query_one(Input).placeholder = f"that is not {clean(self.wanted, 60)}"
            self.query_one(Input).value = ""
